package sim

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/regentdb/regent/controller"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// agreement is the replicated log as one process uses it: controller.Log and executor.Leadership on
// the model of the group.
type agreement struct {
	d *daemon

	mu    sync.Mutex
	proof proof // the newest commit of this process
}

// proof is a commit of a term: who committed led at some moment after it began.
type proof struct {
	term  uint64
	began time.Time
}

// proofFresh bounds the age of a commit that stands for a question to the quorum, as in the daemon.
const proofFresh = time.Second

// State is this node's copy, which may be older than that of others.
func (a *agreement) State() fsm.State {
	a.d.gate("state")
	a.d.w.mu.RLock()
	defer a.d.w.mu.RUnlock()
	return a.d.w.group.states[a.d.n.raft.applied]
}

// Leadership is what this node believes.
func (a *agreement) Leadership() controller.Leadership {
	a.d.gate("leadership")
	a.d.w.mu.RLock()
	defer a.d.w.mu.RUnlock()
	s := &a.d.n.raft
	return controller.Leadership{Leads: s.leads && s.ready && !a.d.dead, Term: s.term}
}

// Changed signals a new state or leadership.
func (a *agreement) Changed() <-chan struct{} { return a.d.logMoved }

// Propose commits a command.
func (a *agreement) Propose(ctx context.Context, c fsm.Command) error {
	encoded, err := c.Encode()
	if err != nil {
		return err
	}
	p := proof{term: a.Leadership().Term, began: time.Now()}
	var answer error
	r := &request{d: a.d, key: a.d.key(fmt.Sprintf("propose %s %d", clusterOf(&c), len(encoded))), lane: a.d.lane(laneLog)}
	r.do = func(r *request) {
		a.d.w.group.propose(a.d, &entry{command: c, encoded: encoded, asker: r, answer: &answer})
	}
	if err := a.d.w.ask(ctx, r); err != nil {
		return err
	}
	if a.Leadership().Term == p.term {
		a.mu.Lock()
		a.proof = p
		a.mu.Unlock()
	}
	return answer
}

// VerifyLeader asks a quorum whether this node still leads.
func (a *agreement) VerifyLeader(ctx context.Context) error {
	r := &request{d: a.d, key: a.d.key("verify"), lane: a.d.lane(laneLog)}
	r.do = func(r *request) { a.d.w.group.verify(a.d.n, r.answer) }
	return a.d.w.ask(ctx, r)
}

// Term is the term in which this node believes to lead.
func (a *agreement) Term() (uint64, bool) {
	lead := a.Leadership()
	return lead.Term, lead.Leads
}

// Verify proves that this node led at some moment after since: by its newest commit where that began
// later, else by asking the quorum.
func (a *agreement) Verify(ctx context.Context, since time.Time) error {
	a.mu.Lock()
	p := a.proof
	a.mu.Unlock()
	lead := a.Leadership()
	if p.term == lead.Term && p.began.After(since) && time.Since(p.began) < proofFresh && lead.Leads {
		return nil
	}
	return a.VerifyLeader(ctx)
}

// resolve finds a declared server of a cluster.
func (a *agreement) resolve(cluster, server string) (topology.Server, bool) {
	state := a.State()
	c := state.Clusters[cluster]
	s, declared := c.Spec.Find(server)
	return s.Identity(), declared
}

// checkSnapshot restores the machine from its snapshot, which must be the same.
func (g *group) checkSnapshot() {
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
