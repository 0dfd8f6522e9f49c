package raftnode

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// leadershipPoll is how often a waiting replication checks that its leadership still stands.
const leadershipPoll = 100 * time.Millisecond

// errProbation is what a node on probation answers to a request for its vote.
var errProbation = errors.New("raftnode: this node lost its state and must be brought up to date by a leader before it votes")

// transport is the library's transport with three changes.
//
// Replication to a peer that cannot be reached waits for the next heartbeat that gets through and then goes on at once. Left alone the library
// backs off up to 10 s, far longer than a healed partition may keep a node behind.
//
// A node on probation neither votes nor asks for votes: see the package documentation.
//
// A leader whose log stalls sends nothing to its followers, so that they elect another one: see stall.
type transport struct {
	*raft.NetworkTransport
	identity *identity
	stall    *stall
	filtered chan raft.RPC // nil when the node is not on probation at the start

	mu    sync.Mutex
	raft  *raft.Raft
	beats map[raft.ServerID]chan struct{} // closed and replaced by each heartbeat that gets through
}

// newTransport starts the library's transport on a stream layer.
func newTransport(config *raft.NetworkTransportConfig, it *identity, s *stall) *transport {
	t := &transport{
		NetworkTransport: raft.NewNetworkTransportWithConfig(config),
		identity:         it,
		stall:            s,
		beats:            map[raft.ServerID]chan struct{}{},
	}
	if it.onProbation() {
		t.filtered = make(chan raft.RPC)
	}
	return t
}

// attach tells the transport which Raft it serves.
func (t *transport) attach(r *raft.Raft) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.raft = r
}

// attached returns the Raft it serves, or nil.
func (t *transport) attached() *raft.Raft {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.raft
}

// AppendEntries sends a heartbeat, or entries until they arrive or the leadership of their term has ended.
func (t *transport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if t.stall.lasts() {
		return errStalled
	}
	if isHeartbeat(args) {
		err := t.NetworkTransport.AppendEntries(id, target, args, resp)
		if err == nil {
			t.beat(id)
		}
		return err
	}
	for {
		beat := t.nextBeat(id)
		err := t.NetworkTransport.AppendEntries(id, target, args, resp)
		if err == nil || !t.awaitBeat(beat, args.Term) {
			return err
		}
		*resp = raft.AppendEntriesResponse{}
	}
}

// isHeartbeat tells heartbeats from replication as the library's receiving side does.
func isHeartbeat(args *raft.AppendEntriesRequest) bool {
	return args.PrevLogEntry == 0 && args.PrevLogTerm == 0 && len(args.Entries) == 0 && args.LeaderCommitIndex == 0
}

// nextBeat returns a channel that the next successful heartbeat to a peer closes.
func (t *transport) nextBeat(id raft.ServerID) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.beats[id] == nil {
		t.beats[id] = make(chan struct{})
	}
	return t.beats[id]
}

// beat wakes whoever waits for a peer.
func (t *transport) beat(id raft.ServerID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.beats[id]; c != nil {
		close(c)
		delete(t.beats, id)
	}
}

// awaitBeat waits for the peer, and reports false when there is no reason to try again.
func (t *transport) awaitBeat(beat <-chan struct{}, term uint64) bool {
	poll := time.NewTicker(leadershipPoll)
	defer poll.Stop()
	for t.leads(term) {
		select {
		case <-beat:
			return t.leads(term)
		case <-poll.C:
		}
	}
	return false
}

// leads reports whether this node is the leader of a term and running.
func (t *transport) leads(term uint64) bool {
	r := t.attached()
	return r != nil && !t.IsShutdown() && r.State() == raft.Leader && r.CurrentTerm() == term
}

// RequestVote asks for a vote, unless the node is on probation.
func (t *transport) RequestVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if t.identity.onProbation() {
		return errProbation
	}
	return t.NetworkTransport.RequestVote(id, target, args, resp)
}

// RequestPreVote asks whether a vote would be given, unless the node is on probation.
func (t *transport) RequestPreVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if t.identity.onProbation() {
		return errProbation
	}
	return t.NetworkTransport.RequestPreVote(id, target, args, resp)
}

// Consumer returns the requests that Raft is to answer.
func (t *transport) Consumer() <-chan raft.RPC {
	if t.filtered != nil {
		return t.filtered
	}
	return t.NetworkTransport.Consumer()
}

// filter runs beside a node that started on probation: it refuses requests for votes, and ends the probation once the
// node has committed all that the first leader it met had committed.
func (t *transport) filter(ctx context.Context) error {
	if t.filtered == nil {
		return nil
	}
	target := uint64(0)
	for {
		var rpc raft.RPC
		select {
		case rpc = <-t.NetworkTransport.Consumer():
		case <-ctx.Done():
			return nil
		}
		if t.identity.onProbation() {
			if refuseVote(rpc) {
				continue
			}
			if err := t.review(rpc, &target); err != nil {
				return err
			}
		}
		select {
		case t.filtered <- rpc:
		case <-ctx.Done():
			return nil
		}
	}
}

// refuseVote answers a request for a vote, and for an election of this node, with an error.
func refuseVote(rpc raft.RPC) bool {
	switch rpc.Command.(type) {
	case *raft.RequestVoteRequest, *raft.RequestPreVoteRequest, *raft.TimeoutNowRequest:
		rpc.Respond(nil, errProbation)
		return true
	}
	return false
}

// review looks at what a leader sends and ends the probation when the node has caught up.
func (t *transport) review(rpc raft.RPC, target *uint64) error {
	entries, ok := rpc.Command.(*raft.AppendEntriesRequest)
	r := t.attached()
	if !ok || r == nil || entries.LeaderCommitIndex == 0 {
		return nil
	}
	if *target == 0 {
		*target = entries.LeaderCommitIndex
	}
	if r.CommitIndex() < *target {
		return nil
	}
	return t.identity.setProbation(false)
}
