package lab

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"

	"github.com/regentdb/regent/lab/daemon"
)

// progress is how far a bring-up is.
type progress struct {
	Lines []string `json:"lines"`
	Done  bool     `json:"done"`
	Error string   `json:"error"`
}

// target names a server or node.
type target struct {
	Name string `json:"name"`
}

// failure is an error on its way over the control socket.
type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// The codes of failures that a client tells apart.
const (
	codeUnknown = "unknown"
	codeDown    = "down"
	codeOther   = "error"
)

// routes are the verbs of a lab.
func (s *supervisor) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /progress", s.progress)
	mux.HandleFunc("POST /down", s.down)
	mux.HandleFunc("GET /status", serve(s, func(l *Lab, _ *http.Request, _ struct{}) (any, error) {
		status := l.Status()
		status.Supervisor = os.Getpid()
		return status, nil
	}))
	mux.HandleFunc("GET /access", serve(s, func(l *Lab, _ *http.Request, _ struct{}) (any, error) { return l.Access(), nil }))
	mux.HandleFunc("GET /ways", serve(s, func(l *Lab, r *http.Request, _ struct{}) (any, error) { return l.Measure(r.Context()) }))
	mux.HandleFunc("POST /cut", serve(s, func(l *Lab, _ *http.Request, c CutRequest) (any, error) { return nil, l.Cut(c) }))
	mux.HandleFunc("POST /heal", serve(s, func(l *Lab, _ *http.Request, c CutRequest) (any, error) { return l.Heal(c) }))
	mux.HandleFunc("POST /delay", serve(s, func(l *Lab, _ *http.Request, r LinkRequest) (any, error) { return nil, l.Delay(r) }))
	mux.HandleFunc("POST /loss", serve(s, func(l *Lab, _ *http.Request, r LinkRequest) (any, error) { return nil, l.Loss(r) }))
	mux.HandleFunc("POST /kill", serve(s, func(l *Lab, _ *http.Request, t target) (any, error) { return nil, l.Kill(t.Name) }))
	mux.HandleFunc("POST /stop", serve(s, func(l *Lab, r *http.Request, t target) (any, error) { return nil, l.Stop(r.Context(), t.Name) }))
	mux.HandleFunc("POST /trap", serve(s, func(l *Lab, r *http.Request, t TrapRequest) (any, error) { return nil, l.Trap(r.Context(), t) }))
	mux.HandleFunc("POST /clock", serve(s, func(l *Lab, r *http.Request, c ClockRequest) (any, error) { return nil, l.Clock(r.Context(), c) }))
	mux.HandleFunc("POST /disk", serve(s, func(l *Lab, r *http.Request, d DiskRequest) (any, error) { return nil, l.Disk(r.Context(), d) }))
	mux.HandleFunc("POST /pause", serve(s, func(l *Lab, _ *http.Request, t target) (any, error) { return nil, l.Pause(t.Name) }))
	mux.HandleFunc("POST /resume", serve(s, func(l *Lab, _ *http.Request, t target) (any, error) { return nil, l.Resume(t.Name) }))
	mux.HandleFunc("POST /start", serve(s, func(l *Lab, r *http.Request, t target) (any, error) { return nil, l.Start(r.Context(), t.Name) }))
	return mux
}

// serve makes a handler of a verb: it decodes the request, and encodes the
// answer or the failure.
func serve[R any](s *supervisor, verb func(*Lab, *http.Request, R) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		lab, err := s.up()
		if err != nil {
			fail(w, http.StatusServiceUnavailable, err)
			return
		}
		var request R
		if r.Method == http.MethodPost {
			if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
				fail(w, http.StatusBadRequest, err)
				return
			}
		}
		s.log.InfoContext(r.Context(), "verb", "verb", r.URL.Path, "request", request)
		answer, err := verb(lab, r, request)
		if err != nil {
			fail(w, http.StatusUnprocessableEntity, err)
			return
		}
		reply(w, http.StatusOK, answer)
	}
}

func fail(w http.ResponseWriter, status int, err error) {
	f := failure{Code: codeOther, Message: err.Error()}
	switch {
	case errors.Is(err, ErrUnknown):
		f.Code = codeUnknown
	case errors.Is(err, daemon.ErrDown):
		f.Code = codeDown
	}
	reply(w, status, f)
}

func reply(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An answer that cannot be sent has lost its reader.
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *supervisor) progress(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	p := progress{Lines: append([]string{}, s.lines...), Done: s.lab != nil || s.failure != nil}
	if s.failure != nil {
		p.Error = s.failure.Error()
	}
	s.mu.Unlock()
	reply(w, http.StatusOK, p)
}

// down answers first; the end of the process tells the caller the rest.
func (s *supervisor) down(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, target{})
	s.stop()
}
