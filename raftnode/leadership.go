package raftnode

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/raft"
)

// LeaderChange is what a node knows about the leadership at one time.
type LeaderChange struct {
	// Leader is the id of the leader, empty while none is known.
	Leader string
	// Self reports whether that is this node.
	Self bool
	// Term is the term in which this was seen.
	Term uint64
}

// feed hands the latest change to every subscriber.
type feed struct {
	mu          sync.Mutex
	last        LeaderChange
	subscribers []chan LeaderChange
}

// subscribe returns a channel that holds at most the latest change.
func (f *feed) subscribe() <-chan LeaderChange {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan LeaderChange, 1)
	f.subscribers = append(f.subscribers, c)
	if f.last != (LeaderChange{}) {
		c <- f.last
	}
	return c
}

// publish replaces what a subscriber has not read yet.
func (f *feed) publish(change LeaderChange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if change == f.last {
		return
	}
	f.last = change
	for _, c := range f.subscribers {
		select {
		case <-c:
		default:
		}
		c <- change
	}
}

// LeaderChanges returns a channel of its own for the caller, who may subscribe before Run. A slow reader misses changes between and always
// gets the latest. The channel is never closed.
func (n *Node) LeaderChanges() <-chan LeaderChange { return n.feed.subscribe() }

// isLeadership selects the observations that may change the leadership.
func isLeadership(o *raft.Observation) bool {
	switch o.Data.(type) {
	case raft.LeaderObservation, raft.RaftState:
		return true
	}
	return false
}

// publish turns the library's observations into changes until ctx ends.
func (n *Node) publish(ctx context.Context, events <-chan raft.Observation) error {
	for {
		n.feed.publish(n.leadership())
		select {
		case <-events:
		case <-n.storage.stall.moved:
			n.logger.WarnContext(ctx, "the log stalls or goes on", "node", n.cfg.ID, "stalled", n.storage.stall.lasts(), "limit", n.cfg.Timeouts.Stall)
		case <-ctx.Done():
			return nil
		}
	}
}

// leadership reads the present state.
func (n *Node) leadership() LeaderChange {
	leader, _ := n.Leader()
	return LeaderChange{Leader: leader, Self: n.IsLeader(), Term: n.Term()}
}

// Leader returns the id of the leader as far as this node knows. It may be out of date: see [Node.VerifyLeader].
func (n *Node) Leader() (id string, ok bool) {
	r := n.raft.Load()
	if r == nil || n.storage.guard.failure() != nil || (n.storage.stall.lasts() && r.State() == raft.Leader) {
		return "", false
	}
	_, leader := r.LeaderWithID()
	return string(leader), leader != ""
}

// IsLeader reports whether this node believes that it leads. It may be deposed already: see [Node.VerifyLeader].
func (n *Node) IsLeader() bool {
	r := n.raft.Load()
	return r != nil && n.storage.guard.failure() == nil && !n.storage.stall.lasts() && r.State() == raft.Leader
}

// Term returns the node's term, 0 before it takes part.
func (n *Node) Term() uint64 {
	if r := n.raft.Load(); r != nil {
		return r.CurrentTerm()
	}
	return 0
}

// leading returns Raft if this node leads, or says who does.
func (n *Node) leading() (*raft.Raft, error) {
	if err := n.storage.guard.failure(); err != nil {
		return nil, err
	}
	r := n.raft.Load()
	if r == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		return nil, &NotLeaderError{Reason: fmt.Sprintf("this node does not take part yet (%s): %s", n.phase, n.reason)}
	}
	if r.State() != raft.Leader {
		leader, _ := n.Leader()
		return nil, &NotLeaderError{Leader: leader}
	}
	if n.storage.stall.lasts() {
		return nil, &NotLeaderError{Reason: errStalled.Error()}
	}
	return r, nil
}

// VerifyLeader returns nil if this node was the leader at some time after the call: a majority, asked after the call, was in no later term.
// The error matches [ErrNotLeader], or [ErrNoQuorum] if too few answered before ctx ended or their time was up.
//
// The library's own check is not used. It counts any answer to a heartbeat or to replication that arrives after the call,
// also one that was sent long before: a process that was stopped and goes on finds such answers in its
// sockets, and would be told that it leads while another node was elected.
func (n *Node) VerifyLeader(ctx context.Context) error {
	r, err := n.leading()
	if err != nil {
		return err
	}
	term := r.CurrentTerm()
	if err := n.confirm(ctx, r, term); err != nil {
		return err
	}
	if _, err := n.leading(); err != nil {
		return err
	}
	if now := r.CurrentTerm(); now != term {
		return &NotLeaderError{Reason: fmt.Sprintf("the term went from %d to %d while the leadership was verified", term, now)}
	}
	return nil
}

// confirm asks every other voter for its term and returns nil as soon as a majority, this node included, knows none later than term.
func (n *Node) confirm(ctx context.Context, r *raft.Raft, term uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	voters := r.GetConfiguration().Configuration().Servers
	needed := len(voters) / 2 // beside this node
	answers := make(chan error, len(voters))
	asked := 0
	for _, voter := range voters {
		if id := string(voter.ID); id != n.cfg.ID && voter.Suffrage == raft.Voter {
			asked++
			go func() { answers <- n.confirmBy(ctx, id, term) }()
		}
	}
	var failures []string
	for range asked {
		if needed == 0 {
			return nil
		}
		switch err := <-answers; {
		case errors.Is(err, ErrNotLeader):
			return err
		case err != nil:
			failures = append(failures, err.Error())
		default:
			needed--
		}
	}
	if needed > 0 {
		return fmt.Errorf("%w: %d of %d confirmed term %d of %s: %s", ErrNoQuorum, len(voters)/2+1-needed, len(voters), term, n.cfg.ID, strings.Join(failures, "; "))
	}
	return nil
}

// confirmBy asks one voter. A voter in an earlier term confirms as well: it has not helped to elect anyone later.
func (n *Node) confirmBy(ctx context.Context, id string, term uint64) error {
	h, err := n.askHello(ctx, id)
	switch {
	case err != nil:
		return err
	case h.ID != id:
		return fmt.Errorf("raftnode: asked %s and %s answered", id, h.ID)
	case !h.Member:
		return fmt.Errorf("raftnode: %s takes no part yet", id)
	case h.Term > term:
		return &NotLeaderError{Leader: h.Leader, Reason: fmt.Sprintf("%s is in term %d and this node led in term %d", id, h.Term, term)}
	}
	return nil
}

// TransferLeadership hands the leadership to a peer, which must be up to date and reachable. It returns when the peer was told to
// take over; the outcome is a leader change.
func (n *Node) TransferLeadership(ctx context.Context, id string) error {
	r, err := n.leading()
	if err != nil {
		return err
	}
	address, ok := n.cfg.addressOf(id)
	if !ok {
		return fmt.Errorf("%w: cannot hand the leadership to %s", ErrUnknownPeer, id)
	}
	op := func() error {
		return r.LeadershipTransferToServer(raft.ServerID(id), raft.ServerAddress(address)).Error()
	}
	if err := wait(ctx, op); err != nil {
		return fmt.Errorf("raftnode: hand the leadership to %s: %w", id, n.explain(err))
	}
	return nil
}

// handOver gives the leadership away before a stop: to a peer that answered last time it was asked. It is a courtesy
// with a limit: without it the others elect a leader a little later. It reports whether a peer took it.
func (n *Node) handOver(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timeouts.Stop)
	defer cancel()
	for _, peer := range n.others() {
		if c, ok := n.contacts.of(peer.ID); !ok || c.err != nil || !c.hello.Member {
			continue
		}
		if err := n.TransferLeadership(ctx, peer.ID); err != nil {
			n.logger.WarnContext(ctx, "handing over before the stop failed", "peer", peer.ID, "error", err)
			continue
		}
		n.logger.InfoContext(ctx, "handed over before the stop", "peer", peer.ID)
		return true
	}
	return false
}
