package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/raftnode/fsm"
)

// Paces of the group, those of the daemon's Raft.
const (
	leaseFor    = 500 * time.Millisecond
	electionFor = 700 * time.Millisecond
	heartbeat   = 100 * time.Millisecond
	verifyFor   = time.Second
	appendTakes = time.Millisecond // a write of the log
)

// group is a model of the Raft group: one committed log, and for each node what it holds of it, which
// term it knows, and whether it believes to lead. See doc.go for why it is a model.
type group struct {
	w         *World
	machine   *fsm.Machine
	states    []fsm.State // after so many committed commands
	term      uint64
	leader    *Node // elected in term, at electedAt; it may have died or stepped down since
	electedAt time.Duration
	// replacedAt is when a later term than this one began.
	replacedAt map[uint64]time.Duration
	pending    []*entry // of the leader of the newest term, in order, not committed
}

// standing is how a node stands in the group. It survives a restart, but for leads and ready.
type standing struct {
	term    uint64
	leads   bool
	ready   bool // it knows everything that was committed before its term
	applied int
	stored  int           // how many committed commands its log has
	alone   time.Duration // since when no majority answers it, -1: one does
	heard   time.Duration // when it last heard of a leader
	follows *Node         // that leader
	tried   time.Duration // when it last tried to become one
}

// entry is a command between its proposal and its commit.
type entry struct {
	command fsm.Command
	encoded []byte
	by      *Node
	term    uint64
	stored  []*Node // whose log has it
	acked   []*Node // of whom the leader knows that
	asker   *request
	answer  *error // what the machine says
}

// tell answers who waits for the command, if anybody does.
func (e *entry) tell(err error) {
	if e.asker != nil {
		e.asker.answer(err)
	}
}

var (
	errNotLeader = errors.New("sim: this node is not the leader")
	errNoQuorum  = errors.New("sim: no majority confirmed the leadership")
	errUnknown   = errors.New("sim: the leadership was lost; the outcome is unknown")
)

func newGroup(w *World) *group {
	g := &group{w: w, machine: fsm.New(), replacedAt: map[uint64]time.Duration{}}
	g.states = []fsm.State{g.machine.State()}
	return g
}

// current is the agreed state of the one cluster, as everybody will know it.
func (g *group) current() fsm.Cluster {
	return g.states[len(g.states)-1].Clusters[g.w.spec.Name]
}

func (g *group) enough() int { return len(g.w.nodes)/2 + 1 }

// serves tells that a node takes part: its process runs.
func (n *Node) serves() bool { return n.up && !n.daemon.paused }

// hears tells that packets from o reach n, and n deals with them.
func (n *Node) hears(o *Node) bool { return n.serves() && o.serves() && n.w.net.delivers(o.at, n.at) }

// converse tells that two nodes can talk.
func (n *Node) converse(o *Node) bool { return n.hears(o) && o.hears(n) }

// beat is one round of heartbeats, and what follows from those that did not come.
func (g *group) beat() {
	for _, n := range g.w.nodes {
		if n.raft.leads && n.serves() {
			g.tend(n)
		}
	}
	for _, n := range g.w.nodes {
		if !n.raft.leads && n.serves() && g.w.now-max(n.raft.heard, n.raft.tried) >= electionFor+g.patience(n) {
			g.campaign(n)
		}
	}
	g.w.after(heartbeat, g.beat)
}

// tend is what a node that believes to lead does at each heartbeat.
func (g *group) tend(l *Node) {
	answers := 1
	for _, o := range g.w.nodes {
		if o == l || !o.hears(l) {
			continue
		}
		if o.raft.term > l.raft.term {
			if l.hears(o) {
				g.stepDown(l, o.raft.term, "it hears of a later term")
				return
			}
			continue
		}
		o.raft.term, o.raft.heard, o.raft.follows = l.raft.term, g.w.now, l
		if o.raft.leads {
			g.stepDown(o, l.raft.term, "it hears of a later term")
		}
		if l.hears(o) {
			answers++
			g.follow(o, l)
		}
	}
	switch {
	case answers >= g.enough():
		l.raft.alone = -1
		g.send(l)
	case l.raft.alone < 0:
		l.raft.alone = g.w.now
	case g.w.now-l.raft.alone >= leaseFor:
		g.stepDown(l, l.raft.term, "it has no majority")
	}
}

// follow brings a follower up to what its leader has committed.
func (g *group) follow(o, l *Node) {
	if g.leader != l || l.raft.term != g.term || o.raft.applied >= l.raft.applied {
		return
	}
	o.learns(l.raft.applied, l.raft.applied)
}

// stepDown ends what a node believes. Whoever waits for a commit there learns that nothing is known.
func (g *group) stepDown(n *Node, term uint64, why string) {
	g.w.logf("%s leads no more: %s", n.name, why)
	n.raft.leads, n.raft.ready, n.raft.term, n.raft.heard = false, false, max(n.raft.term, term), g.w.now
	for _, e := range slices.Concat(g.pending, n.stranded) {
		if e.by == n {
			e.tell(errUnknown)
		}
	}
	n.stranded = nil
	n.logMoved()
}

// patience is what a node waits beyond the least before it wants to lead, so that not all want at once.
func (g *group) patience(n *Node) time.Duration {
	return time.Duration(g.w.draw(300, n.name, g.term)) * time.Millisecond
}

// campaign has a node try to be elected.
func (g *group) campaign(n *Node) {
	var voters []*Node
	for _, o := range g.w.nodes {
		quiet := o == n || (o.converse(n) && !o.raft.leads && g.w.now-o.raft.heard >= electionFor)
		if quiet && o.raft.term <= g.term {
			voters = append(voters, o)
		}
	}
	n.raft.tried = g.w.now
	g.elect(n, voters)
}

// transfer hands the leadership over, as an operator or a stop does: the others need not be quiet.
func (g *group) transfer(to *Node) {
	if g.leader == nil || g.leader == to || !g.leader.raft.leads || !g.leader.converse(to) {
		return
	}
	var voters []*Node
	for _, o := range g.w.nodes {
		if o == to || (o.converse(to) && o != g.leader) {
			voters = append(voters, o)
		}
	}
	g.elect(to, voters)
}

// elect makes a node the leader of a new term if enough vote for it and its log is as long as theirs.
func (g *group) elect(n *Node, voters []*Node) {
	if len(voters) < g.enough() || n.raft.stored < len(g.states)-1 {
		return
	}
	for _, e := range g.pending {
		if len(e.stored) >= g.enough() && !slices.Contains(e.stored, n) {
			return // too many hold more than it does
		}
	}
	if g.term > 0 {
		g.replacedAt[g.term] = g.w.now
	}
	g.term++
	for _, v := range voters {
		if v.raft.leads { // n too: elected again before it heard that it had been deposed, it answers for that first
			g.stepDown(v, g.term, "a later term begins")
		}
		v.raft.term, v.raft.heard, v.raft.follows = g.term, g.w.now, n
	}
	inherited := g.pending
	g.leader, g.pending, g.electedAt = n, nil, g.w.now
	n.raft.leads, n.raft.ready, n.raft.alone = true, false, -1
	g.w.logf("%s leads in term %d", n.name, g.term)
	for i, e := range inherited {
		if !slices.Contains(e.stored, n) {
			g.strand(inherited[i:])
			break
		}
		g.w.logf("a command of %s in term %d is committed after all", e.by.name, e.term)
		g.commit(e)
	}
	n.raft.applied, n.raft.stored = len(g.states)-1, len(g.states)-1
	g.checkSnapshot()
	g.barrier(n, g.term)
}

// strand forgets commands that the new leader does not have. Who proposed them hears of it when it steps down.
func (g *group) strand(entries []*entry) {
	for _, e := range entries {
		e.by.stranded = append(e.by.stranded, e)
	}
}

// barrier makes a new leader ready once a majority has heard of it.
func (g *group) barrier(n *Node, term uint64) {
	g.verify(n, func(err error) {
		switch {
		case !n.raft.leads || n.raft.term != term:
		case err != nil:
			g.w.after(heartbeat, func() { g.barrier(n, term) })
		default:
			n.raft.ready = true
			n.logMoved()
		}
	})
}

// propose takes a command of a node that believes to lead.
func (g *group) propose(d *daemon, e *entry) {
	n := d.n
	e.by, e.term = n, n.raft.term
	switch {
	case !n.raft.leads:
		e.tell(errNotLeader)
		return
	case g.leader != n || g.term != n.raft.term:
		// Deposed, and it does not know: its followers have gone. It waits until it hears of that.
		g.w.logf("%s proposes in term %d, which is over", n.name, n.raft.term)
		n.stranded = append(n.stranded, e)
		return
	}
	e.stored = []*Node{n}
	g.pending = append(g.pending, e)
	g.w.after(appendTakes, func() { g.send(n) })
}

// send offers the others what they have not got yet.
func (g *group) send(l *Node) {
	if g.leader != l || g.term != l.raft.term || !l.raft.leads || len(g.pending) == 0 {
		return
	}
	batch, term := slices.Clone(g.pending), g.term
	for _, o := range g.w.nodes {
		if o == l {
			continue
		}
		g.w.after(g.w.net.delay(l.at, o.at), func() {
			if !o.serves() || !g.w.net.delivers(l.at, o.at) || o.raft.term > term {
				return
			}
			o.raft.stored = len(g.states) - 1
			for _, e := range batch {
				if !slices.Contains(e.stored, o) {
					e.stored = append(e.stored, o)
				}
			}
			g.w.after(g.w.net.delay(o.at, l.at)+appendTakes, func() { g.acknowledge(l, o, term, batch) })
		})
	}
}

// acknowledge is an answer of a follower on its way back.
func (g *group) acknowledge(l, o *Node, term uint64, batch []*entry) {
	if g.leader != l || g.term != term || !l.raft.leads || !l.serves() || !g.w.net.delivers(o.at, l.at) {
		return
	}
	for _, e := range batch {
		if !slices.Contains(e.acked, o) {
			e.acked = append(e.acked, o)
		}
		if len(g.pending) > 0 && g.pending[0] == e && len(e.acked)+1 >= g.enough() {
			g.pending = g.pending[1:]
			g.commit(e)
			g.spread(l)
		}
	}
}

// spread applies what was committed at the leader, and soon at those that hear of it. A follower's
// controller is not woken by that: it would only look away.
func (g *group) spread(l *Node) {
	index := len(g.states) - 1
	l.raft.applied, l.raft.stored = index, index
	l.logMoved()
	for _, o := range g.w.nodes {
		if o == l {
			continue
		}
		g.w.after(g.w.net.delay(l.at, o.at)+appendTakes, func() {
			if o.hears(l) && o.raft.term <= g.term && o.raft.applied < index {
				o.learns(index, max(o.raft.stored, index))
			}
		})
	}
}

// commit applies a command.
func (g *group) commit(e *entry) {
	before := g.states[len(g.states)-1].Clusters[clusterOf(&e.command)]
	err, _ := g.machine.Apply(uint64(len(g.states)), e.encoded).(error)
	g.states = append(g.states, g.machine.State())
	if e.answer != nil {
		*e.answer = err
	}
	g.w.committed(&before, e, err)
	e.tell(nil)
}

// seed commits a command before there are nodes.
func (g *group) seed(c fsm.Command) {
	encoded, err := c.Encode()
	g.w.must(err)
	var answer error
	g.commit(&entry{command: c, encoded: encoded, answer: &answer})
	g.w.must(answer)
}

// verify asks every other node for its term and tells then what they said, as package raftnode does.
func (g *group) verify(n *Node, then func(error)) {
	term, confirmed, told := n.raft.term, 1, false
	tell := func(err error) {
		if !told {
			told = true
			then(err)
		}
	}
	if !n.raft.leads {
		tell(errNotLeader)
		return
	}
	for _, o := range g.w.nodes {
		if o == n {
			continue
		}
		g.w.after(g.w.net.delay(n.at, o.at), func() {
			if !o.serves() || !g.w.net.delivers(n.at, o.at) {
				return
			}
			known := o.raft.term
			g.w.after(g.w.net.delay(o.at, n.at), func() {
				switch {
				case !g.w.net.delivers(o.at, n.at):
				case known > term || n.raft.term != term || !n.raft.leads:
					tell(fmt.Errorf("%w: %s was in term %d and %s is in term %d", errNotLeader, n.name, term, o.name, known))
				default:
					if confirmed++; confirmed >= g.enough() {
						tell(nil)
					}
				}
			})
		})
	}
	g.w.after(verifyFor, func() { tell(errNoQuorum) })
}
