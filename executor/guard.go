package executor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// A lease that an action begins lasts a TTL from the beginning of the action, by the server's clock: that
// is read first, and what has passed since the beginning is taken off. Leadership is verified between the
// reading and the writing. So a claim of a later leader is committed after the beginning, and one of this
// leader as well, since the same loop that begins actions decides about claims. However late the statement
// arrives, the lease is none that outlasts the wait of whoever cites it.

// lease is the row that an order asks for.
func lease(o *failover.LeaseOrder) topology.Lease {
	return topology.Lease{Epoch: o.Epoch, SetVersion: o.SetVersion, Candidates: o.Candidates, Serve: o.Serve, TTL: o.TTL}
}

// until is when a lease that an action begins has to end, zero for one that goes on. A lease of which half
// would be over is not begun.
func (e *Executor) until(ctx context.Context, s Session, a *failover.Action, left func() time.Duration) (time.Time, error) {
	if !a.Lease.Fresh {
		return time.Time{}, nil
	}
	clock, err := s.Clock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	passed := a.Deadline - left()
	if passed > a.Lease.TTL/2 {
		return time.Time{}, fmt.Errorf("%w: %s have passed since the action began, too much of a lease of %s", ErrUnmet, passed, a.Lease.TTL)
	}
	term, _ := e.config.Leadership.Term()
	if err := e.verify(ctx, term, time.Now()); err != nil {
		return time.Time{}, err
	}
	return clock.Add(a.Lease.TTL - passed), nil
}

// carries tells whether a server shows the row of an order.
func carries(f *topology.Facts, o *failover.LeaseOrder) bool {
	l := f.Lease
	return l != nil && l.UUID == f.UUID && l.Epoch == o.Epoch && l.SetVersion == o.SetVersion &&
		slices.Equal(l.Candidates, o.Candidates) && l.Serve == o.Serve && l.TTL == o.TTL
}

// guards tells whether the row of an order is in force: its event runs, and the lease has not expired.
func guards(f *topology.Facts, o *failover.LeaseOrder) bool {
	l := f.Lease
	return carries(f, o) && l.Enabled && l.Scheduler && (l.Fault == "" || !o.Fresh) && l.Remaining > 0 &&
		l.TickAge >= 0 && l.TickAge <= topology.TickLimit
}

// arm gives an open primary the guard that is ordered.
func (e *Executor) arm(a failover.Action, left func() time.Duration) (step, error) {
	if a.Lease == nil {
		return nil, fmt.Errorf("%w: %s without a lease", ErrKind, a.Kind)
	}
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		facts, err := s.Observe(ctx)
		if err != nil || guards(facts, a.Lease) {
			return facts, err
		}
		return e.armOpen(ctx, s, &a, left)
	}, nil
}

// armOpen arms an open server and waits for a tick.
func (e *Executor) armOpen(ctx context.Context, s Session, a *failover.Action, left func() time.Duration) (*topology.Facts, error) {
	until, err := e.until(ctx, s, a, left)
	if err != nil {
		return s.Facts(), err
	}
	facts, err := s.Arm(ctx, lease(a.Lease), until)
	if err != nil {
		return facts, err
	}
	return awaitTick(ctx, s, facts, a.Lease, left)
}

// awaitTick waits until the guard is in force. Its event runs once a second.
func awaitTick(ctx context.Context, s Session, facts *topology.Facts, o *failover.LeaseOrder, left func() time.Duration) (*topology.Facts, error) {
	if guards(facts, o) {
		return facts, nil
	}
	err := pollEach(ctx, left(), tickPoll, func() (bool, error) {
		next, err := s.Observe(ctx)
		if err != nil {
			return true, err
		}
		facts = next
		switch l := facts.Lease; {
		case guards(facts, o):
			return true, nil
		case l == nil || !carries(facts, o):
			return true, fmt.Errorf("%w: the guard row was written and reads back otherwise", ErrUnmet)
		case l.Remaining <= 0:
			return true, fmt.Errorf("%w: the lease ran out before the guard's event was seen to run", ErrUnmet)
		}
		return false, fmt.Errorf("%w: the guard's event has not run yet", ErrUnmet)
	})
	return facts, err
}

// tickPoll is how often is looked for a tick, which comes once a second.
const tickPoll = 50 * time.Millisecond

// openGuarded makes a server writable once its guard is seen to run. What goes wrong on the way leaves
// it read-only: the guard itself sees to that if this node cannot.
func (e *Executor) openGuarded(a failover.Action, left func() time.Duration) step {
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		facts, err := s.Observe(ctx)
		switch {
		case err != nil:
			return facts, err
		case facts.Writable() && facts.Executed.Contains(a.Target):
			// An earlier attempt opened it. What its guard lacks is put right without closing it.
			if guards(facts, a.Lease) {
				return facts, nil
			}
			return e.armOpen(ctx, s, &a, left)
		}
		facts, err = e.armClosed(ctx, s, &a, left)
		if err == nil {
			facts, err = openArmed(ctx, s, &a, left)
		}
		if last := s.Facts(); err != nil && s.Alive() && !last.ReadOnly() && !last.Writable() {
			return closeAgain(ctx, s, err)
		}
		return facts, err
	}
}

// armClosed arms a server as soon as it may open, while at least half of its lease is to come, and waits
// for a tick.
func (e *Executor) armClosed(ctx context.Context, s Session, a *failover.Action, left func() time.Duration) (*topology.Facts, error) {
	until, err := e.until(ctx, s, a, left)
	if err != nil {
		return s.Facts(), err
	}
	var facts *topology.Facts
	passed := a.Deadline - left()
	err = poll(ctx, min(left(), a.Lease.TTL/2-passed), func() (bool, error) {
		var err error
		before := s.Facts()
		facts, err = s.ArmClosed(ctx, lease(a.Lease), until, a.Target, a.WaitCount)
		if err != nil && s.Alive() && unheard(before, s.Facts(), a.WaitCount) {
			facts, err = endUnheard(ctx, s, left)
			return true, err
		}
		return err == nil || !s.Alive(), err
	})
	if err != nil {
		return facts, err
	}
	return awaitTick(ctx, s, facts, a.Lease, left)
}

// openArmed opens an armed server, for as long as its lease runs.
func openArmed(ctx context.Context, s Session, a *failover.Action, left func() time.Duration) (*topology.Facts, error) {
	var facts *topology.Facts
	err := poll(ctx, left(), func() (bool, error) {
		next, err := s.OpenGuarded(ctx, lease(a.Lease), a.Target, a.WaitCount)
		if next != nil {
			facts = next
		}
		if err == nil && !facts.Writable() {
			err = fmt.Errorf("%w: read_only reads back as %s and super_read_only as %s", ErrUnmet,
				facts.Variables["read_only"], facts.Variables["super_read_only"])
		}
		lapsed := facts != nil && (facts.Lease == nil || facts.Lease.Remaining <= 0)
		return err == nil || lapsed || !s.Alive(), err
	})
	return facts, err
}

// closeAgain takes back what a failed opening has left: super_read_only off under read_only.
func closeAgain(ctx context.Context, s Session, cause error) (*topology.Facts, error) {
	facts, err := s.Fence(ctx, time.Second)
	if err != nil {
		return facts, fmt.Errorf("%w; and super_read_only: %w", cause, err)
	}
	return facts, cause
}

// disarm takes the guard off an open server.
func disarm(ctx context.Context, s Session) (*topology.Facts, error) {
	facts, err := s.Observe(ctx)
	if err != nil || facts.Lease == nil {
		return facts, err
	}
	if facts, err = s.Disarm(ctx); err != nil {
		return facts, err
	}
	if facts.Lease != nil {
		return facts, fmt.Errorf("%w: the guard was removed and is still there", ErrUnmet)
	}
	return facts, nil
}

// claim reads that a server is still claimed on this connection, and changes nothing.
func claim(ctx context.Context, s Session) (*topology.Facts, error) { return s.Claim(ctx) }
