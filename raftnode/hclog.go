package raftnode

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// quietFor is how long a repeated message of Raft stays unlogged: during a partition it repeats several times a second.
const quietFor = 30 * time.Second

// newRaftLogger returns a logger for Raft that writes to handler.
func newRaftLogger(handler slog.Handler) hclog.Logger {
	// The root formats nothing: only the sink gets the messages.
	root := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Off, Output: io.Discard})
	root.RegisterSink(&logSink{handler: handler, last: map[string]*repetition{}})
	return root
}

// logSink carries messages over to slog and thins out repeated warnings.
type logSink struct {
	handler slog.Handler
	mu      sync.Mutex
	last    map[string]*repetition // by message: a handful of constants in the library
}

// repetition is when a message was last written and how often it was held back since.
type repetition struct {
	at   time.Time
	held int
}

// Accept implements hclog.SinkAdapter.
func (s *logSink) Accept(name string, level hclog.Level, msg string, args ...any) {
	ctx := context.Background()
	severity := slogLevel(level)
	if !s.handler.Enabled(ctx, severity) {
		return
	}
	now := time.Now()
	held, ok := 0, true
	if severity >= slog.LevelWarn {
		held, ok = s.admit(msg, now)
	}
	if !ok {
		return
	}
	record := slog.NewRecord(now, severity, msg, 0)
	record.AddAttrs(slog.String("component", name))
	for i := 0; i+1 < len(args); i += 2 {
		record.AddAttrs(slog.Any(fmt.Sprint(args[i]), plain(args[i+1])))
	}
	if held > 0 {
		record.AddAttrs(slog.Int("repeated", held))
	}
	// A logger that fails has nowhere to say so.
	_ = s.handler.Handle(ctx, record)
}

// admit reports whether a message is due, and how many like it were held back.
func (s *logSink) admit(msg string, now time.Time) (held int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, seen := s.last[msg]
	if seen && now.Sub(r.at) < quietFor {
		r.held++
		return 0, false
	}
	if seen {
		held = r.held
	}
	s.last[msg] = &repetition{at: now}
	return held, true
}

// plain turns what the library passes into something that prints well in every format.
func plain(value any) any {
	switch v := value.(type) {
	case hclog.Format:
		return fmt.Sprintf(fmt.Sprint(v[0]), v[1:]...)
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	return value
}

// slogLevel maps levels; the library's errors are warnings here, because it retries all of them.
func slogLevel(level hclog.Level) slog.Level {
	switch level {
	case hclog.Warn, hclog.Error:
		return slog.LevelWarn
	case hclog.Info:
		return slog.LevelInfo
	case hclog.NoLevel, hclog.Trace, hclog.Debug, hclog.Off:
		return slog.LevelDebug
	}
	return slog.LevelDebug
}
