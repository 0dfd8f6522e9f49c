package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// loop is what package controller does for one cluster on the leader: one decision at a time, its
// commit before its actions, at most one action per server, and outcomes that are offered until a
// decision that saw them stands.
type loop struct {
	g          *group
	node       *Node
	term       uint64
	began      time.Time
	committing bool
	again      bool
	ended      bool
	lanes      map[string]bool
	inbox      []failover.Result
	failures   map[string]failure
	reason     string
	encoded    []byte // the agreed state of version
	version    uint64
}

// failure is how often an action failed, and until when it is not tried again.
type failure struct {
	times int
	until time.Duration
}

func (l *loop) end() { l.ended = true }

func (l *loop) input() failover.Input {
	spec := l.g.w.spec
	return failover.Input{
		Now: l.g.w.wall(), Began: l.began, Term: l.term, Node: l.node.name, Spec: &spec, View: l.node.view(), Results: l.inbox,
		Fleet: failover.FleetView{Clusters: 1, Limits: policy.DefaultFleet()},
	}
}

// tick decides, unless a decision is being committed.
func (l *loop) tick() {
	if l.committing {
		l.again = true
		return
	}
	before := l.g.cluster()
	in := l.input()
	d := failover.Decide(before.State, in)
	l.g.w.decided(&before.State, &in, &d)
	if d.Reason != l.reason {
		l.reason = d.Reason
		l.g.w.logf("%s decides: %s", l.node.name, d.Reason)
	}
	seen := len(l.inbox)
	if len(d.Events) == 0 && l.same(&before, &d.Next) {
		l.settle(seen)
		l.act(d.Actions)
		return
	}
	l.committing = true
	l.propose(fsm.Command{Advance: &fsm.Advance{Cluster: before.Spec.Name, Expect: before.Version, Next: d.Next, Events: d.Events}}, func(err error) {
		l.committing = false
		switch {
		case err == nil:
			l.settle(seen)
			l.act(d.Actions)
		case !errors.Is(err, fsm.ErrStale) && !errors.Is(err, errNoLeader):
			l.g.w.violate("fsm", "a decision was refused: %v", err)
		}
		if err != nil || l.again {
			l.again = false
			l.g.wake()
		}
	})
}

// propose commits a command after a round trip; without a majority then its outcome is open.
func (l *loop) propose(c fsm.Command, then func(error)) {
	g := l.g
	g.w.after(g.roundTrip(l.node), func() {
		if g.verify(l.node, l.term) != nil {
			if !l.ended && g.leader == l.node && g.term == l.term {
				then(errNoLeader) // no majority now, and no other leader yet
				return
			}
			if g.w.rng.IntN(2) == 0 {
				g.applyLate(c)
			}
			return
		}
		err := g.apply(c)
		g.w.committed(c, err)
		if !l.ended {
			then(err)
		}
	})
}

// applyLate is a command of a deposed leader that others had taken already: it may still count.
func (g *group) applyLate(c fsm.Command) {
	err := g.apply(c)
	g.w.logf("a command of an earlier leader arrives: %v", err)
	g.w.committed(c, err)
}

func (l *loop) settle(n int) {
	for _, r := range l.inbox[:n] {
		delete(l.lanes, lane(&r.Action))
	}
	l.inbox = append([]failover.Result(nil), l.inbox[n:]...)
}

// act starts what is not under way yet and has not just failed.
func (l *loop) act(wanted []failover.Action) {
	if l.ended || len(wanted) == 0 || l.g.verify(l.node, l.term) != nil {
		return
	}
	kept := map[string]failure{}
	for _, a := range wanted {
		if f, ok := l.failures[a.ID]; ok {
			kept[a.ID] = f
		}
	}
	l.failures = kept
	for _, a := range wanted {
		key := lane(&a)
		if l.lanes[key] || l.g.w.now < l.failures[a.ID].until {
			continue
		}
		l.lanes[key] = true
		l.node.alertUntil = l.g.w.now + alertFor
		l.g.w.carryOut(l, a)
	}
}

// report takes an outcome.
func (l *loop) report(r failover.Result) {
	if l.ended || !l.node.up {
		return
	}
	if r.Err != "" {
		f := l.failures[r.Action.ID]
		wait := min(50*time.Millisecond<<min(f.times, 10), 2*time.Second)
		l.failures[r.Action.ID] = failure{times: f.times + 1, until: l.g.w.now + wait}
	}
	l.inbox = append(l.inbox, r)
	l.g.wake()
}

func lane(a *failover.Action) string {
	if a.Divergence != nil {
		return "report/" + a.Divergence.ID
	}
	return "server/" + a.Server
}

// same compares a state with the agreed one by their encoding, which is what the log would keep.
func (l *loop) same(c *fsm.Cluster, next *failover.State) bool {
	if reflect.DeepEqual(&c.State, next) {
		return true
	}
	if l.encoded == nil || l.version != c.Version {
		b, err := json.Marshal(c.State)
		l.g.w.must(err)
		l.version, l.encoded = c.Version, b
	}
	b, err := json.Marshal(next)
	l.g.w.must(err)
	return bytes.Equal(l.encoded, b)
}
