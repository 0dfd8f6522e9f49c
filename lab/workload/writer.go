package workload

import (
	"context"
	"time"
)

// writer is one connection's worth of attempts.
type writer struct {
	run     *run
	plan    *plan
	number  int
	session *session
	left    time.Time // when the last server turned out to be of no use.
}

// loop makes attempts at the writer's share of the rate until ctx ends. The
// error is the ledger's.
func (w *writer) loop(ctx context.Context) error {
	defer func() { w.leave(time.Time{}) }()
	period := time.Duration(float64(w.run.config.Connections) / w.run.config.Rate * float64(time.Second))
	if !w.stagger(ctx, period) {
		return nil
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		if w.connect(ctx) != nil {
			return nil // the run is over.
		}
		a := w.plan.next()
		if err := w.attempt(ctx, a); err != nil {
			return err
		}
		w.plan.learn(a)
		if w.run.config.KeepConnections && w.session == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// stagger spreads the writers over a period; false means that ctx ended.
func (w *writer) stagger(ctx context.Context, period time.Duration) bool {
	timer := time.NewTimer(period * time.Duration(w.number) / time.Duration(w.run.config.Connections))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// connect makes sure that the writer has a session on a server that accepts
// writes, however long that takes. The error is that of ctx.
func (w *writer) connect(ctx context.Context) error {
	for w.session == nil {
		server, err := w.run.router.writable(ctx, w.left)
		if err != nil {
			return err
		}
		began := time.Now()
		w.session, err = w.run.config.connect(ctx, server)
		if err != nil {
			w.left = began
		}
	}
	return ctx.Err()
}

// leave gives the session up, if there is one, for a server found writable
// after the given time.
func (w *writer) leave(at time.Time) {
	if w.session != nil {
		w.session.close()
		w.session = nil
	}
	w.left = at
}

// attempt executes and records an attempt. It has its own time limit: the end
// of the run lets it finish, except when connections are kept, whose attempts
// end with the run.
func (w *writer) attempt(ctx context.Context, a *Attempt) error {
	config := w.run.config
	if !config.KeepConnections {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), config.WriteTimeout)
		defer cancel()
		ctx = limited
	}
	failure := w.session.execute(ctx, a)
	if err := w.run.record(a); err != nil {
		return err
	}
	connection, server := usable(failure)
	if !connection || !server && !config.KeepConnections {
		w.leave(time.Now())
	}
	return nil
}
