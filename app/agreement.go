package app

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/regentdb/regent/controller"
	"github.com/regentdb/regent/raftnode"
	"github.com/regentdb/regent/raftnode/fsm"
)

const (
	// barrierPause lies between two tries of a new leader to learn everything that was committed.
	barrierPause = 100 * time.Millisecond
	// barrierLimit bounds one try.
	barrierLimit = 5 * time.Second
)

// machine is the state machine, which rings when it moved.
type machine struct {
	*fsm.Machine
	moved *bell
}

func (m machine) Apply(index uint64, command []byte) any {
	result := m.Machine.Apply(index, command)
	m.moved.ring()
	return result
}

func (m machine) Restore(snapshot []byte) error {
	err := m.Machine.Restore(snapshot)
	m.moved.ring()
	return err
}

// agreement is the replicated log as the rest of the node uses it.
type agreement struct {
	node    *raftnode.Node
	machine machine
	changes <-chan raftnode.LeaderChange
	changed <-chan struct{}
	// ready is the term in which this node leads and has applied all that was committed before; 0: none.
	ready atomic.Uint64
	proof atomic.Pointer[proof] // the newest commit of this node
}

func newAgreement(node *raftnode.Node, m machine) *agreement {
	return &agreement{node: node, machine: m, changes: node.LeaderChanges(), changed: m.moved.listen()}
}

func (a *agreement) State() fsm.State         { return a.machine.State() }
func (a *agreement) Changed() <-chan struct{} { return a.changed }

func (a *agreement) VerifyLeader(ctx context.Context) error { return a.node.VerifyLeader(ctx) }

// proof is a commit of a term: who committed led at some moment after it began.
type proof struct {
	term  uint64
	began time.Time
}

// proofFresh bounds the age of a commit that stands for a question to the quorum. Between two steps
// of a recovery lies one round trip.
const proofFresh = time.Second

// verifySince proves that this node led at some moment after since: by its newest commit where that
// began later, which saves a round trip between regions, else by asking the quorum.
func (a *agreement) verifySince(ctx context.Context, since time.Time) error {
	p := a.proof.Load()
	if p != nil && p.term == a.node.Term() && p.began.After(since) && time.Since(p.began) < proofFresh && a.node.IsLeader() {
		return nil
	}
	return a.node.VerifyLeader(ctx)
}

// Leadership tells whether this node leads and knows everything that was committed before.
func (a *agreement) Leadership() controller.Leadership {
	term := a.node.Term()
	return controller.Leadership{Leads: a.node.IsLeader() && term != 0 && a.ready.Load() == term, Term: term}
}

// Propose commits a command. An error of fsm means that it changed nothing.
func (a *agreement) Propose(ctx context.Context, c fsm.Command) error {
	encoded, err := c.Encode()
	if err != nil {
		return err
	}
	p := proof{term: a.node.Term(), began: time.Now()}
	_, result, err := a.node.Propose(ctx, encoded)
	if err != nil {
		return err
	}
	if a.node.Term() == p.term {
		a.proof.Store(&p)
	}
	switch answer := result.(type) {
	case nil:
		return nil
	case error:
		return answer
	default:
		return fmt.Errorf("%w: unexpected answer %v", errMachine, answer)
	}
}

// errMachine is a defect of the state machine.
var errMachine = errors.New("app: the state machine broke its contract")

// run follows the leadership until ctx ends.
func (a *agreement) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.changes:
			a.ready.Store(0)
			a.machine.moved.ring()
			a.settle(ctx)
			a.machine.moved.ring()
		}
	}
}

// settle brings a new leader up to date, for as long as it leads.
func (a *agreement) settle(ctx context.Context) {
	for a.node.IsLeader() && ctx.Err() == nil {
		term := a.node.Term()
		limit, cancel := context.WithTimeout(ctx, barrierLimit)
		err := a.node.Barrier(limit)
		cancel()
		if err == nil && a.node.Term() == term {
			a.ready.Store(term)
			return
		}
		pause(ctx, barrierPause)
	}
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// lead hands the leadership to another node.
func (a *agreement) lead(ctx context.Context, node string) error {
	return asLeader(a.node.TransferLeadership(ctx, node))
}
