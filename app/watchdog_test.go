package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var what atomic.Value
		what.Store("")
		var downs []string
		w := &watchdog{
			hanging:  func(time.Duration) string { s, _ := what.Load().(string); return s },
			stepDown: func(_ context.Context, why string) { downs = append(downs, why) },
			logger:   slog.New(slog.DiscardHandler),
		}
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- w.run(ctx) }()
		<-time.After(time.Hour)
		what.Store("the decision about orders")
		if err := <-result; !errors.Is(err, errHangs) || len(downs) != 1 || downs[0] != "the decision about orders" {
			t.Errorf("a controller that hangs: %v, stepped down for %q", err, downs)
		}
		what.Store("")
		go func() { result <- w.run(ctx) }()
		<-time.After(time.Minute)
		cancel()
		if err := <-result; err != nil || len(downs) != 1 {
			t.Errorf("in order: %v, stepped down for %q", err, downs)
		}
	})
}

// TestStageThatNeverEnds has a stage that ignores its context: the others are stopped all the same.
func TestStageThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		stopped := false
		err := runStages(t.Context(), []stage{
			{"below", func(ctx context.Context) error { <-ctx.Done(); stopped = true; return nil }},
			{"stuck", func(context.Context) error { <-stuck; return nil }},
			{"failing", func(context.Context) error { return errHangs }},
		})
		if !errors.Is(err, errHangs) || !errors.Is(err, errStuck) || !stopped {
			t.Errorf("%v, the stage below stopped: %t", err, stopped)
		}
		close(stuck)
	})
}
