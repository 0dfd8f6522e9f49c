package api

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/regentdb/regent/topology"
)

// Headers of every answer.
const (
	HeaderNode   = "Regent-Node"   // the node that answers
	HeaderLeader = "Regent-Leader" // the leader it knows, empty if none
	HeaderAge    = "Regent-Age"    // how long ago it was in touch with the leader, a Go duration, or unknown

	headerIdentity = "Regent-Identity" // the caller of a forwarded request; believed on the peer transport only
)

// recorder remembers what was answered, for the log.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	caller string
}

// Unwrap lets http.ResponseController reach flushing and deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader notes the status.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// logged writes one line per request: the caller's name, never the secret.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		began := s.cfg.Now()
		next.ServeHTTP(rec, r)
		level := slog.LevelInfo
		if r.Method == http.MethodGet && rec.status < http.StatusBadRequest {
			level = slog.LevelDebug
		}
		s.cfg.Logger.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path, "status", rec.status,
			"bytes", rec.bytes, "took", s.cfg.Now().Sub(began), "caller", rec.caller, "remote", r.RemoteAddr)
	})
}

// name tells the log who is asking.
func name(w http.ResponseWriter, who string) {
	if rec, ok := w.(*recorder); ok {
		rec.caller = who
	}
}

// recovered keeps a defect in one request from ending the node, and its details from the caller.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler)
			}
			s.cfg.Logger.ErrorContext(r.Context(), "a request panicked", "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
			if rec, ok := w.(*recorder); ok && rec.status != 0 {
				panic(http.ErrAbortHandler) // Half an answer is out: cut it off, so that it is not taken for whole.
			}
			s.write(w, r, http.StatusInternalServerError, errorBody{Error: failure(CodeInternal, "something went wrong inside regent; the log of this node has the details")})
		}()
		next.ServeHTTP(w, r)
	})
}

// stamped says who answers and how old its knowledge is.
func (s *Server) stamped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		group := s.cfg.Source.Group()
		h := w.Header()
		h.Set(HeaderNode, group.Node)
		h.Set(HeaderLeader, group.Leader)
		h.Set(HeaderAge, ageText(group.Age))
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

func ageText(age time.Duration) string {
	if age == topology.Never {
		return "unknown"
	}
	return age.Round(time.Millisecond).String()
}

// open tells whether a path answers without a token.
func open(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/openapi.json" || strings.HasPrefix(path, "/lb/")
}

// authenticated settles who is asking, before it even matters whether the path exists.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if open(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		secret, ok := bearer(r.Header.Get("Authorization"))
		if !ok {
			s.fail(w, r, failure(CodeUnauthorized, "a token is needed: send the header Authorization: Bearer TOKEN, or give the CLI one in REGENT_TOKEN or --token-file"))
			return
		}
		id, ok := s.cfg.Tokens.find(secret)
		if !ok {
			s.fail(w, r, failure(CodeUnauthorized, "the token is not known to this node; compare it with the node's tokens file"))
			return
		}
		name(w, id.Name)
		next.ServeHTTP(w, r.WithContext(withCaller(r.Context(), caller{Identity: id})))
	})
}

// vouched takes the identity from the node that forwards.
func (s *Server) vouched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := decodeIdentity(r.Header.Get(headerIdentity))
		if err != nil {
			s.fail(w, r, failure(CodeUnauthorized, "the forwarding node named no caller; all nodes must run the same release"))
			return
		}
		name(w, id.Name)
		next.ServeHTTP(w, r.WithContext(withCaller(r.Context(), caller{Identity: id, forwarded: true})))
	})
}

// authorized asks for a role.
func (s *Server) authorized(role Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := require(r, role); err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// require fails unless the caller has the role.
func require(r *http.Request, role Role) error {
	c, ok := callerOf(r.Context())
	if !ok {
		return failure(CodeUnauthorized, "a token is needed for this")
	}
	if !c.Has(role) {
		e := failure(CodeForbidden, "%s needs the role %s for this; ask whoever keeps the tokens file", c.Name, role)
		e.Details = map[string]Role{"role": role}
		return e
	}
	return nil
}

// limited bounds what a request may send and how long its answer may take.
func (s *Server) limited(route route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		deadline := time.Time{}
		if !route.endless {
			deadline = time.Now().Add(answerTimeout) // The connection's clock is the real one, whatever the server was given.
		}
		if err := http.NewResponseController(w).SetWriteDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
			s.cfg.Logger.DebugContext(r.Context(), "no deadline could be set", "error", err)
		}
		next.ServeHTTP(w, r)
	})
}
