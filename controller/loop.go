package controller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// loop decides for one cluster.
type loop struct {
	c    *Controller
	name string
	wake chan struct{}
	end  context.CancelFunc
	crew crew
	// ticking is the decision under way.
	ticking pulseOf
	// The last sentences that were logged, so that only changes are.
	reason, trouble string
	// waiting is since when a decision that only keeps books was put off; zero: none is.
	waiting time.Time
}

func newLoop(c *Controller, name string, end context.CancelFunc) *loop {
	l := &loop{c: c, name: name, wake: make(chan struct{}, 1), end: end}
	l.crew = newCrew(l)
	return l
}

// run ticks whenever something happened, until ctx ends and every action has.
func (l *loop) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer l.crew.dismiss()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-l.wake:
				end := l.ticking.begin()
				l.tick(ctx, g)
				end()
			}
		}
	})
	return g.Wait()
}

// tick makes one decision, where this node leads.
func (l *loop) tick(ctx context.Context, g *errgroup.Group) {
	lead := l.c.cfg.Log.Leadership()
	if !l.crew.serve(ctx, lead) {
		l.reason, l.trouble = "", ""
		return
	}
	if err := l.decide(ctx, g, lead.Term); err != nil {
		l.complain(ctx, err)
		return
	}
	l.trouble = ""
}

// decide makes one decision, commits it and starts its actions.
func (l *loop) decide(ctx context.Context, g *errgroup.Group, term uint64) error {
	state := l.c.cfg.Log.State()
	cluster, declared := state.Clusters[l.name]
	if !declared {
		return nil
	}
	l.crew.hold(ctx, cluster.State.Recovery)
	results := l.crew.outcomes()
	in := l.c.input(&state, &cluster, term, results)
	d := l.c.cfg.Rules.Decide(cluster.State, in)
	if l.canWait(&cluster.State, &d, results) {
		return nil
	}
	committed, err := l.commit(ctx, &cluster, &d, results)
	if err != nil {
		return err
	}
	l.waiting = time.Time{}
	l.crew.settle(len(results))
	l.say(ctx, d.Reason)
	if cluster.State.Epoch > 0 && cluster.State.Recovery == nil {
		l.crew.warm(ctx, g, &cluster.Spec, &in.View)
	}
	return l.act(ctx, g, &cluster.Spec, &d, committed)
}

// canWait tells that a decision only notes outcomes while other actions are under way: nothing can start
// because of it and nobody has to be told. It is put off, for a tick at most, and its outcomes are offered
// again, so that the outcome that everything waits for need not queue behind a commit.
func (l *loop) canWait(now *failover.State, d *failover.Decision, results []failover.Result) bool {
	if len(results) == 0 || len(d.Events) > 0 || turned(now, &d.Next) || !l.crew.working(len(results)) ||
		len(l.crew.ready(d.Actions, len(results))) > 0 {
		return false
	}
	if l.waiting.IsZero() {
		l.waiting = time.Now()
	}
	return time.Since(l.waiting) < l.c.cfg.Tick
}

// turned tells that more than books change between two states.
func turned(a, b *failover.State) bool {
	if a.Epoch != b.Epoch || a.Primary != b.Primary || (a.Recovery == nil) != (b.Recovery == nil) {
		return true
	}
	return a.Recovery != nil && (a.Recovery.Stage != b.Recovery.Stage || a.Recovery.Candidate != b.Recovery.Candidate)
}

// commit proposes the decision where it changes anything and tells whether it did.
func (l *loop) commit(ctx context.Context, cluster *fsm.Cluster, d *failover.Decision, results []failover.Result) (bool, error) {
	if len(d.Events) == 0 && same(&d.Next, &cluster.State) {
		return false, nil
	}
	turn := turnOf(&cluster.State, &d.Next)
	l.c.passReceived(&cluster.State, results)
	l.c.pass(momentBefore, turn)
	err := l.c.cfg.Log.Propose(ctx, fsm.Command{Advance: &fsm.Advance{
		Cluster: l.name, Expect: cluster.Version, Next: d.Next, Events: d.Events,
	}})
	if err != nil {
		return false, err
	}
	l.c.pass(momentAfter, turn)
	l.c.announce(ctx, d.Events)
	return true, nil
}

// act starts what is not under way yet.
func (l *loop) act(ctx context.Context, g *errgroup.Group, spec *policy.ClusterSpec, d *failover.Decision, committed bool) error {
	ready := l.crew.ready(d.Actions, 0)
	switch {
	case len(ready) == 0:
		return nil
	case spec.Mode == policy.ModeObserve:
		return errObserved
	case !committed:
		if err := l.c.cfg.Log.VerifyLeader(ctx); err != nil {
			return err
		}
	}
	for _, a := range ready {
		l.crew.start(ctx, g, a, d.Next.Recovery != nil)
	}
	l.c.cfg.Observer.Alert(l.name)
	return nil
}

// errObserved is a defect of the rules that the loop does not let through.
var errObserved = errors.New("controller: the decision asks for actions on a cluster that is only observed; none was started")

// complain logs what kept a decision from taking effect, once. A stale decision is recomputed at once.
func (l *loop) complain(ctx context.Context, err error) {
	switch {
	case errors.Is(err, fsm.ErrStale):
		notify(l.wake)
	case ctx.Err() == nil && err.Error() != l.trouble:
		l.trouble = err.Error()
		l.c.cfg.Logger.WarnContext(ctx, "the decision did not take effect", "cluster", l.name, "error", err)
	}
}

// say logs the reason of a decision when it is another one.
func (l *loop) say(ctx context.Context, reason string) {
	if reason != l.reason {
		l.reason = reason
		l.c.cfg.Logger.InfoContext(ctx, "decision", "cluster", l.name, "reason", reason)
	}
}

// announce logs committed events and hands them to the notifier.
func (c *Controller) announce(ctx context.Context, events []failover.Event) {
	for _, e := range events {
		c.cfg.Logger.InfoContext(ctx, "event", "cluster", e.Cluster, "kind", e.Kind, "epoch", e.Epoch,
			"decision", e.Decision, "reason", e.Reason, "by", e.By)
		c.cfg.Notifier.Notify(e)
	}
}

// same compares two states by their encoding, which is what the log would keep.
func same(a, b *failover.State) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
