package executor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// A lease that an action begins ends a TTL after the server's clock was read, and leadership is
// verified between that reading and the writing. So however late the statement arrives, the lease is
// none that outlasts the TTL after a moment at which this node led.

// lease is the row that an order asks for.
func lease(o *failover.LeaseOrder) topology.Lease {
	return topology.Lease{Epoch: o.Epoch, SetVersion: o.SetVersion, Candidates: o.Candidates, Serve: o.Serve, TTL: o.TTL}
}

// until is when a lease that begins now has to end, zero for one that goes on.
func (e *Executor) until(ctx context.Context, s Session, o *failover.LeaseOrder) (time.Time, error) {
	if !o.Fresh {
		return time.Time{}, nil
	}
	clock, err := s.Clock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	term, _ := e.config.Leadership.Term()
	if err := e.verify(ctx, term, time.Now()); err != nil {
		return time.Time{}, err
	}
	return clock.Add(o.TTL), nil
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
		until, err := e.until(ctx, s, a.Lease)
		if err != nil {
			return facts, err
		}
		if facts, err = s.Arm(ctx, lease(a.Lease), until); err != nil {
			return facts, err
		}
		return awaitTick(ctx, s, facts, a.Lease, left)
	}, nil
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
			return e.armOpen(ctx, s, facts, a.Lease, left)
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

func (e *Executor) armOpen(ctx context.Context, s Session, facts *topology.Facts, o *failover.LeaseOrder, left func() time.Duration) (*topology.Facts, error) {
	if guards(facts, o) {
		return facts, nil
	}
	until, err := e.until(ctx, s, o)
	if err != nil {
		return facts, err
	}
	if facts, err = s.Arm(ctx, lease(o), until); err != nil {
		return facts, err
	}
	return awaitTick(ctx, s, facts, o, left)
}

// armClosed arms a server as soon as it may open, and waits for a tick. While it may not, the time that
// the lease would last is read again only now and then, since each reading needs a verification.
func (e *Executor) armClosed(ctx context.Context, s Session, a *failover.Action, left func() time.Duration) (*topology.Facts, error) {
	var facts *topology.Facts
	var until time.Time
	usable := left() + a.Lease.TTL // more than is left: none was read yet
	err := poll(ctx, left(), func() (bool, error) {
		var err error
		if left() < usable-a.Lease.TTL/4 {
			usable = left()
			if until, err = e.until(ctx, s, a.Lease); err != nil {
				return true, err
			}
		}
		facts, err = s.ArmClosed(ctx, lease(a.Lease), until, a.Target, a.WaitCount)
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
