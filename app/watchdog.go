package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Bounds of the watch over the controller.
const (
	// hangAfter is beyond what the longest decision may take: its locks, its commit and a question to the quorum.
	hangAfter = 30 * time.Second
	// watchEvery is how often the controller is looked at.
	watchEvery = time.Second
	// asleep is how late the watch is when the whole process was stopped, and not the controller alone.
	asleep = 3 * watchEvery
)

// errHangs means that the controller made no progress: only a new process can be trusted with the clusters.
var errHangs = errors.New("app: the controller hangs; this node gives up the leadership and ends, so that the service manager starts it again")

// watchdog ends a node whose controller hangs. While such a node leads nobody else looks after the clusters.
type watchdog struct {
	hanging  func(bound time.Duration) string
	stepDown func(ctx context.Context, why string)
	logger   *slog.Logger
}

// run watches until ctx ends. It returns an error that wraps errHangs once the controller hangs. A process that
// was stopped, as a frozen host does, has not hung: what was under way gets its time anew.
func (w *watchdog) run(ctx context.Context) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	looked, woken := time.Now(), time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := time.Now()
		if now.Sub(looked) > asleep {
			woken = now
		}
		looked = now
		if now.Sub(woken) < hangAfter {
			continue
		}
		if what := w.hanging(hangAfter); what != "" {
			w.logger.ErrorContext(ctx, "the controller hangs", "reason", what)
			w.stepDown(ctx, what)
			return fmt.Errorf("%w: %s", errHangs, what)
		}
	}
}
