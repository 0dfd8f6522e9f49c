package trial

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// Writers are writing until they are stopped.
type Writers struct {
	Ledger string
	stop   context.CancelFunc
	done   chan error
}

// StartWriters starts writers in a region and returns when their first write was acknowledged, or,
// where they cannot write yet, when the ledger exists and first is false.
func (w *World) StartWriters(ctx context.Context, ledger string, options lab.WriteOptions, first bool) (*Writers, error) {
	options.Ledger = filepath.Join(w.Lab.Dir(), ledger)
	options.Duration = 0
	if err := os.Remove(options.Ledger); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("trial: %w", err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ws := &Writers{Ledger: options.Ledger, stop: stop, done: make(chan error, 1)}
	go func() {
		_, err := w.Lab.Write(running, w.Exe, options)
		ws.done <- err
	}()
	if !first {
		return ws, nil
	}
	err := Await(ctx, 20*time.Second, "the first acknowledged write of "+options.From, func(context.Context) (bool, string) {
		attempts, err := workload.ReadLedger(ws.Ledger)
		if err != nil {
			return false, err.Error()
		}
		for _, a := range attempts {
			if a.Acknowledged {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%d attempts", len(attempts))
	})
	if err != nil {
		_, _ = ws.Stop()
		return nil, err
	}
	return ws, nil
}

// Stop ends the writers and answers every attempt; no writers have made none. It may be asked twice.
func (ws *Writers) Stop() ([]workload.Attempt, error) {
	if ws == nil {
		return nil, nil
	}
	ws.stop()
	err := <-ws.done
	ws.done <- err
	if err != nil {
		return nil, err
	}
	return workload.ReadLedger(ws.Ledger)
}

// Attempts reads the ledger as it is now.
func (ws *Writers) Attempts() ([]workload.Attempt, error) { return workload.ReadLedger(ws.Ledger) }

// acknowledgedSince counts the writes acknowledged in a span.
func acknowledgedSince(attempts []workload.Attempt, from, to time.Time) int {
	n := 0
	for _, a := range attempts {
		if a.Acknowledged && a.EndedAt.After(from) && a.EndedAt.Before(to) {
			n++
		}
	}
	return n
}

// Rest waits for a span of the trial to pass, such as the length of a cut.
func Rest(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
