package api

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// messageType is the content type of an answer inside an answer.
const messageType = "message/http"

// onLeader answers on the leader and forwards elsewhere. A request that was forwarded once is not
// forwarded again: the leader has changed under it, and its caller may try again.
func (s *Server) onLeader(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		group := s.cfg.Source.Group()
		c, _ := callerOf(r.Context())
		switch {
		case group.Leads():
			next.ServeHTTP(w, r)
		case group.Leader == "" || c.forwarded:
			s.fail(w, r, noLeader())
		default:
			if err := s.forward(w, r, group.Leader); err != nil {
				s.fail(w, r, err)
			}
		}
	})
}

// forward lets another node answer, for the same caller.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, node string) error {
	out, err := outgoing(r)
	if err != nil {
		return err
	}
	reply, err := s.cfg.Peers.Forward(r.Context(), node, out)
	if err != nil {
		return unreachable(node, err)
	}
	defer closeQuietly(reply.Body)
	if kind := reply.Header.Get("Content-Type"); reply.StatusCode != http.StatusOK || kind != messageType {
		return failure(CodeUnavailable, "node %s answered a forwarded request with %s (%s); all nodes must run the same release", node, reply.Status, kind)
	}
	answer, err := http.ReadResponse(bufio.NewReader(reply.Body), out) //nolint:bodyclose // its body reads from reply.Body, closed above.
	if err != nil {
		return unreachable(node, err)
	}
	for _, key := range []string{"Content-Type", "Content-Disposition", HeaderAge} {
		if v := answer.Header.Get(key); v != "" {
			w.Header().Set(key, v)
		}
	}
	w.WriteHeader(answer.StatusCode)
	if _, err := io.Copy(flushing{w}, answer.Body); err != nil {
		panic(http.ErrAbortHandler) // Half an answer is out: cut it off, so that it is not taken for whole.
	}
	return nil
}

func unreachable(node string, err error) *Error {
	return failure(CodeUnavailable, "node %s, which has to answer this, cannot be reached (%s); try again, or ask it directly", node, err)
}

// outgoing is the request as the other node gets it: path, query, body and the caller's identity.
func outgoing(r *http.Request) (*http.Request, error) {
	c, _ := callerOf(r.Context())
	identity, err := c.encode()
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("api: read the request: %w", err)
	}
	target := &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("api: forward %s: %w", r.URL.Path, err)
	}
	out.Header.Set("Content-Type", "application/json")
	out.Header.Set(headerIdentity, identity)
	return out, nil
}

// enveloped answers 200 at once and puts the true answer into the body, as the HTTP message it is
// (RFC 9112, section 10.1). An order may take minutes, and peers give up on a silent node in seconds.
func enveloped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// HTTP/1 servers close the request's body with the first byte of the answer, unless told otherwise.
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", messageType)
		w.WriteHeader(http.StatusOK)
		out := flushing{w}
		if err := out.flush(); err != nil {
			return
		}
		e := &envelope{out: out, header: http.Header{}}
		next.ServeHTTP(e, r)
		if !e.begun {
			e.WriteHeader(http.StatusOK)
		}
	})
}

// envelope writes an answer into the body of another.
type envelope struct {
	out    io.Writer
	header http.Header
	begun  bool
}

// Header returns the headers of the true answer.
func (e *envelope) Header() http.Header { return e.header }

// WriteHeader writes status line and headers. The body ends where the outer body ends.
func (e *envelope) WriteHeader(status int) {
	if e.begun {
		return
	}
	e.begun = true
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n")
	e.header.Del("Content-Length")
	e.header.Set("Connection", "close")
	if err := e.header.Write(&b); err != nil {
		panic(http.ErrAbortHandler)
	}
	b.WriteString("\r\n")
	if _, err := e.out.Write(b.Bytes()); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// Write writes a part of the true answer's body.
func (e *envelope) Write(p []byte) (int, error) {
	e.WriteHeader(http.StatusOK)
	return e.out.Write(p)
}

// flushing passes every write on at once: a forwarded answer may be a stream.
type flushing struct{ http.ResponseWriter }

// Write writes and flushes.
func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	if err == nil {
		err = f.flush()
	}
	return n, err
}

func (f flushing) flush() error {
	return http.NewResponseController(f.ResponseWriter).Flush()
}

func closeQuietly(c io.Closer) {
	if err := c.Close(); err != nil {
		return // It was read to its end or given up: nothing is left to save.
	}
}
