package sim

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/raftnode/fsm"
)

// Paces of the group.
const (
	leaseFor    = 500 * time.Millisecond
	electionFor = time.Second
	tickEvery   = 250 * time.Millisecond
)

// group is the Raft group: one agreed state, and at most one leader per term that can add to it.
type group struct {
	w         *World
	machine   *fsm.Machine
	index     uint64
	leader    *Node
	term      uint64
	loop      *loop // of the leader
	awake     bool
	lostSince time.Duration // since when the leader has no majority, -1: it has one
}

func newGroup(w *World) *group { return &group{w: w, machine: fsm.New(), lostSince: -1} }

// majority tells whether a node reaches enough nodes to commit.
func (g *group) majority(n *Node) bool {
	if !n.up {
		return false
	}
	count := 0
	for _, o := range g.w.nodes {
		if o.up && (o == n || g.w.net.joined(n.name, o.name)) {
			count++
		}
	}
	return count > len(g.w.nodes)/2
}

// roundTrip is how long a commit takes: the way to the nearest others and back.
func (g *group) roundTrip(n *Node) time.Duration {
	return 2*g.w.net.delay(n.name, g.w.nodes[(g.w.nodeIndex(n)+1)%len(g.w.nodes)].name) + time.Millisecond
}

// tend watches over the leadership, and wakes the leader regularly.
func (g *group) tend() {
	switch {
	case g.leader != nil && !g.leader.up:
		g.depose("its node died")
	case g.leader != nil && !g.majority(g.leader):
		if g.lostSince < 0 {
			g.lostSince = g.w.now
		}
		if g.w.now-g.lostSince >= leaseFor {
			g.depose("it has no majority")
		}
	case g.leader == nil && g.w.now-g.lostSince >= electionFor:
		g.elect()
	case g.leader != nil:
		g.lostSince = -1
	}
	g.wake()
	g.w.after(tickEvery, g.tend)
}

func (g *group) depose(why string) {
	g.w.logf("%s leads no more: %s", g.leader.name, why)
	g.loop.end()
	g.leader, g.loop, g.lostSince = nil, nil, g.w.now
}

// elect makes a random node with a majority the leader, and passes the state through a snapshot.
func (g *group) elect() {
	var able []*Node
	for _, n := range g.w.nodes {
		if g.majority(n) {
			able = append(able, n)
		}
	}
	if len(able) == 0 {
		return
	}
	g.lead(able[g.w.rng.IntN(len(able))])
}

func (g *group) lead(n *Node) {
	if g.leader != nil {
		g.depose("another one was elected")
	}
	g.term++
	g.leader, g.lostSince = n, -1
	g.loop = &loop{g: g, node: n, term: g.term, began: g.w.wall(), lanes: map[string]bool{}, failures: map[string]failure{}}
	g.w.logf("%s leads in term %d", n.name, g.term)
	g.restart()
	g.wake()
}

// restart replaces the machine by one restored from its snapshot, which must be the same.
func (g *group) restart() {
	snapshot, err := g.machine.Snapshot()
	g.w.must(err)
	next := fsm.New()
	g.w.must(next.Restore(snapshot))
	again, err := next.Snapshot()
	g.w.must(err)
	if !bytes.Equal(snapshot, again) {
		g.w.violate("fsm", "a restored snapshot differs:\n%s\n%s", snapshot, again)
	}
	g.machine = next
}

// apply commits a command.
func (g *group) apply(c fsm.Command) error {
	encoded, err := c.Encode()
	if err != nil {
		g.w.violate("fsm", "a command cannot be encoded: %v", err)
		return err
	}
	g.index++
	if failed, is := g.machine.Apply(g.index, encoded).(error); is {
		return failed
	}
	return nil
}

// cluster is the agreed state of the one cluster.
func (g *group) cluster() fsm.Cluster { return g.machine.State().Clusters[g.w.spec.Name] }

// wake has the leader decide soon.
func (g *group) wake() {
	if g.awake || g.loop == nil {
		return
	}
	g.awake = true
	g.w.after(time.Millisecond, func() {
		g.awake = false
		if g.loop != nil {
			g.loop.tick()
		}
	})
}

var errNoLeader = errors.New("sim: no leader")

// verify asks a majority whether the node still leads in the term.
func (g *group) verify(n *Node, term uint64) error {
	if g.leader != n || g.term != term || !g.majority(n) {
		return fmt.Errorf("%w: %s in term %d", errNoLeader, n.name, term)
	}
	return nil
}
