package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// Claim makes sure that this connection holds the lock and that the receiver is off.
func (x *conn) Claim(ctx context.Context) (*topology.Facts, error) {
	return x.perform(ctx, "claim", func(st *statement) {
		if x.s.lock != x || (x.s.channel != nil && x.s.channel.receiver) {
			st.finish(fmt.Errorf("%w: the lock is held and the receiver is off", errCondition))
			return
		}
		st.finish(nil)
	})
}

// Clock reads the server's own clock, and nothing of its state.
func (x *conn) Clock(ctx context.Context) (time.Time, error) {
	before := x.facts
	var now time.Time
	_, err := x.perform(ctx, "clock", func(st *statement) {
		now = x.s.clock()
		st.finish(nil)
	})
	x.facts = before
	if err != nil {
		return time.Time{}, err
	}
	return now, nil
}

// Arm gives an open server the row and its event. An event that is there goes on where the lease does.
func (x *conn) Arm(ctx context.Context, want topology.Lease, until time.Time) (*topology.Facts, error) {
	now, uuid := x.facts.Lease, x.facts.UUID
	there := now != nil && now.Enabled && now.Epoch == want.Epoch && now.UUID == uuid && until.IsZero()
	return x.perform(ctx, "arm", func(st *statement) {
		x.unlocked(st, func() {
			s := x.s
			if s.on("super_read_only") {
				st.finish(fmt.Errorf("%w: super_read_only is off", errCondition))
				return
			}
			x.touchesGuard("arm")
			st.finish(unmet(s.arm(want, until, !there)))
			x.w.armed(s)
		})
	})
}

// ArmClosed arms a server that may open by the rules of Open, and leaves it without super_read_only.
func (x *conn) ArmClosed(ctx context.Context, want topology.Lease, until time.Time, target gtid.Set, waitCount int) (*topology.Facts, error) {
	return x.perform(ctx, "arm closed", func(st *statement) {
		x.unlocked(st, func() {
			s := x.s
			if !s.on("super_read_only") && s.pending == nil {
				st.finish(x.armClosed(want, until, target, waitCount))
				return
			}
			x.fence(st, closingLimit, func(err error) {
				if err == nil {
					err = x.armClosed(want, until, target, waitCount)
					st.unheard = x.w.draw(3, "breaks off", uint64(x.w.now)) == 0 //nolint:gosec // time goes forward
				}
				st.finish(err)
			})
		})
	})
}

// closingLimit is how long a half-closed server may take to close.
const closingLimit = time.Second

func (x *conn) armClosed(want topology.Lease, until time.Time, target gtid.Set, waitCount int) error {
	s := x.s
	if missing := s.unopenable(target, waitCount); missing != "" || !s.on("read_only") {
		return fmt.Errorf("%w: it may open, or is read-only: %s", errCondition, missing)
	}
	x.touchesGuard("arm closed")
	s.set("super_read_only", "OFF", false)
	missing := s.arm(want, until, true)
	if missing != "" {
		s.set("super_read_only", "ON", false)
	}
	x.w.armed(s)
	return unmet(missing)
}

// OpenGuarded is Open with the guard in force.
func (x *conn) OpenGuarded(ctx context.Context, want topology.Lease, target gtid.Set, waitCount int) (*topology.Facts, error) {
	return x.perform(ctx, "open", func(st *statement) {
		s := x.s
		missing := s.unopenable(target, waitCount)
		if missing == "" {
			missing = s.unguarded(want)
		}
		if missing != "" {
			st.finish(unmet(missing))
			return
		}
		x.touchesGuard("open")
		x.opens(st)
	})
}

// unguarded says why the guard of a server is not in force with that row, or "".
func (s *Server) unguarded(want topology.Lease) string {
	l := s.lease()
	switch {
	case s.pending != nil:
		return "no earlier change of read_only is pending"
	case l == nil || l.UUID != s.uuid || l.Epoch != want.Epoch || l.SetVersion != want.SetVersion || l.Remaining <= 0:
		return "its lease has not expired"
	case l.TickAge == topology.Never || l.TickAge < 0 || l.TickAge > topology.TickLimit:
		return "its guard ticks"
	case !l.Scheduler:
		return "the event scheduler runs"
	case s.on("super_read_only"):
		return "super_read_only is off"
	}
	return ""
}

// Disarm takes the guard off an open server.
func (x *conn) Disarm(ctx context.Context) (*topology.Facts, error) {
	return x.perform(ctx, "disarm", func(st *statement) {
		x.unlocked(st, func() {
			if x.s.on("super_read_only") {
				st.finish(fmt.Errorf("%w: super_read_only is off", errCondition))
				return
			}
			x.effect("disarm")
			x.s.disarm()
			st.finish(nil)
		})
	})
}

// unlocked does something with the guard's table once nobody else has it.
func (x *conn) unlocked(st *statement, do func()) {
	g := &x.s.guard
	free := func() bool { return x.w.now >= max(g.rowLocked, g.tableLocked) }
	x.await(st, time.Second, free, func(ok bool) {
		if !ok {
			st.finish(errLockWait)
			return
		}
		do()
	})
}

var errLockWait = errors.New("lock wait timeout exceeded")

// unmet is a condition that does not hold as an error.
func unmet(condition string) error {
	if condition == "" {
		return nil
	}
	return fmt.Errorf("%w: %s", errCondition, condition)
}

// touchesGuard is called with everything that gives a server a guard, or opens it with one: where no policy
// ever wanted one that is a violation.
func (x *conn) touchesGuard(what string) {
	x.effect(what)
	if !x.w.guarded {
		x.w.violate("guard", "%s touches a guard on %s, and the policy wants none", x.d.n.name, x.s.name())
	}
}
