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

// Clock reads the server's own clock.
func (x *conn) Clock(context.Context) (time.Time, error) { return time.Time{}, x.unguarded() }

// Arm, ArmClosed, OpenGuarded and Disarm are about the guard, which no policy of these worlds wants: that the
// daemon touches one is a violation.
func (x *conn) Arm(context.Context, topology.Lease, time.Time) (*topology.Facts, error) {
	return x.facts, x.unguarded()
}

// ArmClosed is a violation.
func (x *conn) ArmClosed(context.Context, topology.Lease, time.Time, gtid.Set, int) (*topology.Facts, error) {
	return x.facts, x.unguarded()
}

// OpenGuarded is a violation.
func (x *conn) OpenGuarded(context.Context, topology.Lease, gtid.Set, int) (*topology.Facts, error) {
	return x.facts, x.unguarded()
}

// Disarm is a violation.
func (x *conn) Disarm(context.Context) (*topology.Facts, error) { return x.facts, x.unguarded() }

var errUnguarded = errors.New("sim: the policy wants no guard, and one was touched")

func (x *conn) unguarded() error {
	x.d.notice(fmt.Sprintf("%s/%d/guard", x.s.name(), x.number), func() {
		x.w.violate("guard", "%s touches a guard on %s", x.d.n.name, x.s.name())
	})
	return errUnguarded
}
