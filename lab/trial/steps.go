package trial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/daemon"
	"github.com/regentdb/regent/lab/workload"
)

// ErrNotReached says that a recovery ended without passing the point of a trap. Not every recovery
// needs every step.
var ErrNotReached = errors.New("the recovery never passed the point")

// Ambush says how the leader is lost in the middle of a recovery.
type Ambush struct {
	Node  string // leads when the primary is killed
	Verb  string // kill, stop or note
	Point string // in the names of points.go; empty to note
	// Stall is how long a leader that was stopped stays so.
	Stall time.Duration
	Seed  uint64
}

// Ambushed is what came of it.
type Ambushed struct {
	Loss

	Spot   string   // the point at which the trap sprang
	Next   string   // the node that finished the recovery
	Points []string // that the first leader passed
	// Rejected is what the leader that was stopped said after it went on.
	Rejected []string
}

// ambush is the state of such a trial.
type ambush struct {
	Ambush
	w       *World
	before  api.ClusterStatus
	roles   map[string]string
	witness *Witness
	offset  int64 // of the leader's log when it was armed
	killed  time.Time
	struck  time.Time
	resumed time.Time
}

// Ambush kills the primary under load while its leader has a trap, and judges that the recovery was
// completed once: one failover in the history, the epoch raised by one, each step's effect on the servers
// once, every acknowledged write there. The cluster is healthy again afterwards, with every node in it.
func (w *World) Ambush(ctx context.Context, o Ambush) (Ambushed, error) {
	a := &ambush{Ambush: o, w: w}
	out := Ambushed{Loss: Loss{Fault: Kill, Leader: o.Node}}
	if err := a.arm(ctx); err != nil {
		return out, err
	}
	defer func() { _ = a.witness.Close(context.WithoutCancel(ctx)) }()
	out.Old = a.before.Primary
	options := lab.DefaultWrite()
	options.From, options.Seed = a.before.HomeRegion, o.Seed
	writers, err := w.StartWriters(ctx, "ambush.ndjson", options, true)
	if err != nil {
		return out, err
	}
	attempts, err := a.run(ctx, &out, writers)
	if err != nil {
		attempts, _ = writers.Stop()
		w.remember(attempts)
		return out, errors.Join(err, a.clearUp(ctx, &out))
	}
	return out, errors.Join(a.judge(ctx, &out, attempts), a.clearUp(ctx, &out))
}

// arm sets the trap, makes its node the leader, and watches the servers that will survive.
func (a *ambush) arm(ctx context.Context) error {
	var err error
	w := a.w
	if a.before, err = w.healthy(ctx); err != nil {
		return err
	}
	a.roles = w.roles(a.before.Primary)
	trap := a.Verb
	if a.Verb != "note" {
		trap += "@" + absolute(a.Point, a.roles)
	}
	if a.offset, err = logSize(w.Lab.Log(a.Node)); err != nil {
		return err
	}
	if err := w.Lab.Trap(ctx, lab.TrapRequest{Node: a.Node, Trap: trap}); err != nil {
		return err
	}
	if err := w.MoveLeader(ctx, a.Node); err != nil {
		return err
	}
	if a.before, err = w.healthy(ctx); err != nil {
		return err
	}
	survivors := slices.DeleteFunc(w.Servers(""), func(s string) bool { return s == a.before.Primary })
	a.witness, err = w.Watch(ctx, survivors)
	return err
}

// run kills the primary, sees the trap spring and the recovery end, and stops the writers.
func (a *ambush) run(ctx context.Context, out *Ambushed, writers *Writers) ([]workload.Attempt, error) {
	if err := Rest(ctx, time.Second); err != nil {
		return nil, err
	}
	if a.needsCatchUp() {
		if err := a.w.fallBehind(ctx, slices.Sorted(maps.Keys(a.roles))); err != nil {
			return nil, err
		}
	}
	a.killed = time.Now()
	if err := a.w.Lab.Kill(ctx, out.Old); err != nil {
		return nil, err
	}
	if err := a.awaitTrap(ctx, out); err != nil {
		return nil, err
	}
	err := a.w.AwaitAgreed(ctx, 40*time.Second, "a new primary", func(g Agreement) bool {
		out.New, out.Next = g.Cluster.Primary, g.Leader
		c := g.Cluster
		return c.Epoch > a.before.Epoch && c.Primary != out.Old && c.State != "recovering" && c.State != "hold"
	})
	if err != nil {
		return nil, err
	}
	if a.Verb == "stop" {
		if err := a.wake(ctx, out); err != nil {
			return nil, err
		}
	}
	if err := Rest(ctx, time.Second); err != nil {
		return nil, err
	}
	return writers.Stop()
}

// needsCatchUp tells whether the candidate must have something to fetch from another region: a recorded run shows
// every step.
func (a *ambush) needsCatchUp() bool {
	return a.Verb == "note" || strings.Contains(a.Point, "catch_up")
}

// awaitTrap waits until the leader is dead or stopped at its point, or has passed all of them.
func (a *ambush) awaitTrap(ctx context.Context, out *Ambushed) error {
	missed := false
	err := Await(ctx, 30*time.Second, "the trap at "+a.Point, func(ctx context.Context) (bool, string) {
		lines, err := readLog(a.w.Lab.Log(a.Node), a.offset)
		if err != nil {
			return false, err.Error()
		}
		points := ofRecovery(passed(lines))
		out.Points = fold(points, a.roles)
		if _, out.Spot = sprung(lines); out.Spot != "" {
			return a.struckDown(ctx)
		}
		missed = slices.Contains(out.Points, "after:commit:finish")
		return missed, fmt.Sprintf("%d points passed", len(out.Points))
	})
	a.struck = time.Now()
	switch {
	case err != nil:
		return err
	case missed && a.Verb != "note":
		return fmt.Errorf("%w: %s", ErrNotReached, a.Point)
	}
	return nil
}

// struckDown tells whether the leader's process is as the trap wanted it.
func (a *ambush) struckDown(ctx context.Context) (bool, string) {
	want := daemon.Down
	if a.Verb == "stop" {
		want = daemon.Paused
	}
	state, err := a.w.nodeState(ctx, a.Node)
	if err != nil {
		return false, err.Error()
	}
	return state == want, "the node is " + string(state)
}

// clearUp brings the leader and the old primary back. A trap that did not spring is taken away.
func (a *ambush) clearUp(ctx context.Context, out *Ambushed) error {
	state, err := a.w.nodeState(ctx, a.Node)
	switch {
	case out.Spot == "":
		err = a.w.Lab.Trap(ctx, lab.TrapRequest{Node: a.Node})
	case state == daemon.Paused:
		err = a.w.Lab.Resume(ctx, a.Node)
	case state == daemon.Down:
		err = a.w.Lab.Start(ctx, a.Node)
	}
	if err := errors.Join(err, a.w.Recover(ctx, &out.Loss)); err != nil {
		return err
	}
	return a.w.AwaitNodes(ctx, 30*time.Second)
}
