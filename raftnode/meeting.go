package raftnode

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// formingPeriod is how often an empty node asks its peers.
const formingPeriod = 250 * time.Millisecond

// meet asks the peers how they are, again and again: to form the group first, to see who is there and who disagrees later.
func (n *Node) meet(ctx context.Context) error {
	forming, rounds := !n.hadState, 0
	for {
		n.greet(ctx)
		period := n.cfg.Timeouts.Hello
		if forming {
			v := form(n.self(), n.cfg.Peers, n.answers(), rounds)
			rounds = v.rounds
			forming, period = n.formRound(ctx, v), formingPeriod
		} else {
			n.review(ctx)
		}
		if !pause(ctx, period) {
			return nil
		}
	}
}

// formRound shows a verdict, acts on it, and reports whether the formation goes on.
func (n *Node) formRound(ctx context.Context, v verdict) bool {
	n.setPhase(ctx, v.phase, v.reason)
	if v.start {
		n.formed <- v
	}
	return !v.start
}

// self is this node's entry in the list of peers.
func (n *Node) self() Peer {
	address, _ := n.cfg.addressOf(n.cfg.ID)
	return Peer{ID: n.cfg.ID, Address: address}
}

// answers returns the last contact to every other peer.
func (n *Node) answers() map[string]contact {
	known := map[string]contact{}
	for _, peer := range n.others() {
		if c, ok := n.contacts.of(peer.ID); ok {
			known[peer.ID] = c
		}
	}
	return known
}

// review shows the phase of a node that takes part.
func (n *Node) review(ctx context.Context) {
	r := n.raft.Load()
	if r == nil || n.storage.guard.failure() != nil {
		return
	}
	if n.identity.onProbation() {
		n.setPhase(ctx, PhaseJoining, "this node's directory was empty while the group ran: it takes part in elections once a leader has brought it up to date")
		return
	}
	problem := n.membershipProblem(r)
	known := n.answers()
	for _, peer := range n.others() {
		if c, ok := known[peer.ID]; ok && c.err == nil && problem == "" {
			problem = disagreement(n.self(), n.cfg.Peers, peer, c.hello)
		}
	}
	if problem != "" {
		n.setPhase(ctx, PhaseMismatch, problem)
		return
	}
	n.setPhase(ctx, PhaseMember, "")
}

// membershipProblem compares the membership in the log, which is the one that counts, with the configured list; addresses may differ.
func (n *Node) membershipProblem(r *raft.Raft) string {
	stored := r.GetConfiguration().Configuration().Servers
	if len(stored) == 0 {
		return ""
	}
	var ids []Peer
	same := len(stored) == len(n.cfg.Peers)
	for _, s := range stored {
		_, known := n.cfg.addressOf(string(s.ID))
		same = same && known
		ids = append(ids, Peer{ID: string(s.ID), Address: string(s.Address)})
	}
	if same {
		return ""
	}
	return fmt.Sprintf("the group in %s was founded as [%s] and raft.peers of %s lists [%s]; the stored membership counts: write it into the configuration file and restart the node",
		n.cfg.DataDir, describePeers(ids), n.cfg.ID, describePeers(n.cfg.Peers))
}
