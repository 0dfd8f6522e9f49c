package main

import (
	"errors"
	"fmt"

	"github.com/regentdb/regent/api"
)

// Exit codes, which scripts rely on.
const (
	codeDone       = 0
	codeError      = 1
	codeUsage      = 2
	codeRefused    = 3 // refused by policy, or held; never by a read
	codeNotFound   = 4
	codeStale      = 5 // the epoch or the confirmation has changed
	codeIncomplete = 6 // the report does not account for every transaction
)

// errIncomplete means that a report was shown and does not account for every transaction.
var errIncomplete = errors.New("the report is INCOMPLETE: it does not account for every transaction")

// usageError is a command line that makes no sense.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

func usage(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var bad usageError
	var answer *api.Error
	var own interface{ ExitCode() int }
	switch {
	case err == nil:
		return codeDone
	case errors.As(err, &bad):
		return codeUsage
	case errors.Is(err, errIncomplete):
		return codeIncomplete
	case errors.As(err, &answer):
		return answerCode(answer.Code)
	case errors.As(err, &own) && own.ExitCode() > 0:
		return own.ExitCode() // A command that was run for the caller, as by `lab exec`.
	}
	return codeError
}

func answerCode(code api.Code) int {
	switch code {
	case api.CodeBadRequest:
		return codeUsage
	case api.CodeRefused, api.CodeHeld:
		return codeRefused
	case api.CodeNotFound:
		return codeNotFound
	case api.CodeStale:
		return codeStale
	case api.CodeUnauthorized, api.CodeForbidden, api.CodeNoLeader, api.CodeUnavailable, api.CodeTimeout, api.CodeInternal:
		return codeError
	}
	return codeError
}

// silent tells that whatever there was to say has been said by a command that was run.
func silent(err error) bool { return err.Error() == "" }

// errorShape is the error as the API would answer it.
func errorShape(err error) map[string]*api.Error {
	var answer *api.Error
	if !errors.As(err, &answer) {
		code := api.Code("error")
		switch exitCode(err) {
		case codeUsage:
			code = "usage"
		case codeIncomplete:
			code = "incomplete"
		}
		answer = &api.Error{Code: code, Message: err.Error()}
	}
	return map[string]*api.Error{"error": answer}
}
