package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/regentdb/regent/controller"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// Code is the machine-readable kind of an error.
type Code string

// Codes. Each belongs to one HTTP status.
const (
	CodeBadRequest   Code = "bad_request"  // 400: the request is incomplete or contradicts itself
	CodeUnauthorized Code = "unauthorized" // 401: no valid token
	CodeForbidden    Code = "forbidden"    // 403: the token lacks a role
	CodeNotFound     Code = "not_found"    // 404: no such path, cluster, server or report
	CodeStale        Code = "stale"        // 409: the world changed since the preview
	CodeRefused      Code = "refused"      // 422: policy or safety forbids it
	CodeHeld         Code = "held"         // 422: it was begun, and waits for something that is missing
	CodeNoLeader     Code = "no_leader"    // 503: nobody can decide right now
	CodeUnavailable  Code = "unavailable"  // 503: this node cannot answer that right now
	CodeTimeout      Code = "timeout"      // 503: committed, and not finished within the time
	CodeInternal     Code = "internal"     // 500: a defect
)

// status is the HTTP status of the code.
func (c Code) status() int {
	switch c {
	case CodeBadRequest:
		return http.StatusBadRequest
	case CodeUnauthorized:
		return http.StatusUnauthorized
	case CodeForbidden:
		return http.StatusForbidden
	case CodeNotFound:
		return http.StatusNotFound
	case CodeStale:
		return http.StatusConflict
	case CodeRefused, CodeHeld:
		return http.StatusUnprocessableEntity
	case CodeNoLeader, CodeUnavailable, CodeTimeout:
		return http.StatusServiceUnavailable
	case CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// Error is an answer that says what is wrong and what to do next.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Details any    `json:"details,omitempty"`
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// errorBody is the shape of every error answer.
type errorBody struct {
	Error *Error `json:"error"`
}

// Errors that implementations of the interfaces of this package may wrap.
var (
	// ErrNotLeader means that this node cannot decide: it is not, or is no longer, the leader.
	ErrNotLeader = errors.New("api: this node is not the leader")
	// ErrNoReport means that a report's files are not, or not yet, on this node.
	ErrNoReport = errors.New("api: the report's files are not here")

	errNameless = errors.New("api: the identity has no name")
)

func failure(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// classify gives any error its code; what nobody planned for is internal, and its text stays in the log.
func classify(err error) *Error {
	var own *Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &large):
		return failure(CodeBadRequest, "the request is larger than %d bytes; send less at once", large.Limit)
	case errors.Is(err, failover.ErrBadOrder):
		return failure(CodeBadRequest, "%s", err)
	case errors.Is(err, failover.ErrUnknownObject), errors.Is(err, fsm.ErrNotFound):
		return failure(CodeNotFound, "%s", err)
	case errors.Is(err, failover.ErrRefused):
		return failure(CodeRefused, "%s", err)
	case errors.Is(err, fsm.ErrStale):
		return failure(CodeStale, "the state changed while the request was under way, and nothing was done; ask for a new preview and confirm that")
	case errors.Is(err, ErrNotLeader), errors.Is(err, controller.ErrNotLeader):
		return noLeader()
	case errors.Is(err, ErrNoReport):
		return failure(CodeUnavailable, "%s; `regent report list` shows its state", err)
	case errors.Is(err, context.DeadlineExceeded):
		return failure(CodeTimeout, "it took too long and may still be going on; look at `regent history` before trying again")
	case errors.Is(err, context.Canceled):
		return failure(CodeUnavailable, "the request was cancelled; look at `regent history` before trying again")
	}
	return failure(CodeInternal, "something went wrong inside regent; the log of this node has the details")
}

func noLeader() *Error {
	return failure(CodeNoLeader, "no leader can be reached from this node, so nothing can be changed; `regent status` shows which nodes are missing")
}
