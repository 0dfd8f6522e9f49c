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

// TestWatchdogAfterAStop has the watch itself stand still, as a stopped process does. What then seems to have hung is
// given its time from there on.
func TestWatchdogAfterAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped, began := false, time.Now()
		w := &watchdog{
			hanging: func(time.Duration) string {
				switch {
				case !stopped:
					<-time.After(time.Minute)
					stopped = true
					return ""
				case time.Since(began) < time.Minute+hangAfter/2:
					return "the decision about orders" // over soon
				case time.Since(began) < time.Hour:
					return ""
				}
				return "the decision about users"
			},
			stepDown: func(context.Context, string) {},
			logger:   slog.New(slog.DiscardHandler),
		}
		if err := w.run(t.Context()); !errors.Is(err, errHangs) || time.Since(began) < time.Hour {
			t.Errorf("%v after %s", err, time.Since(began))
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
