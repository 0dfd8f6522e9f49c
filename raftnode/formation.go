package raftnode

import (
	"fmt"
	"slices"
	"strings"
)

// Phase says how far a node is in taking part.
type Phase string

// The phases.
const (
	// PhaseForming: the node has no state and looks for its peers.
	PhaseForming Phase = "forming"
	// PhaseRefused: the lists of peers differ between nodes. Nothing happens until they agree.
	PhaseRefused Phase = "refused"
	// PhaseJoining: the node has no state while the group does; it neither votes nor leads until a leader has brought it up to date.
	PhaseJoining Phase = "joining"
	// PhaseMember: the node takes part.
	PhaseMember Phase = "member"
	// PhaseMismatch: the node takes part, with the stored membership, and the configured list differs from that.
	PhaseMismatch Phase = "mismatch"
	// PhaseFailed: the storage failed and the node is stopping.
	PhaseFailed Phase = "failed"
)

// formingRounds is for how many rounds in a row a mere majority must agree, so that a slow starter is heard, before it goes ahead.
const formingRounds = 12

// freshIndex is the last entry of a log that holds nothing but the membership: such a group has decided nothing.
const freshIndex = 1

// verdict is what an empty node does next.
type verdict struct {
	phase  Phase
	reason string
	start  bool // leave the formation: as a founder in PhaseMember, on probation in PhaseJoining
	rounds int  // for how many rounds in a row a majority has agreed now
}

// form decides what an empty node does, given the last contact to every other peer and for how many rounds a majority has agreed before.
// It fails closed: any reachable peer that disagrees stops it.
func form(self Peer, peers []Peer, contacts map[string]contact, rounds int) verdict {
	reached, problem, founded := 1, "", ""
	var missing []string
	for _, peer := range sortedPeers(peers) {
		if peer.ID == self.ID {
			continue
		}
		c, ok := contacts[peer.ID]
		if !ok || c.err != nil {
			missing = append(missing, describeMissing(peer, c))
			continue
		}
		reached++
		if p := disagreement(self, peers, peer, c.hello); p != "" && problem == "" {
			problem = p
		}
		if c.hello.LastIndex > freshIndex || c.hello.Probation {
			founded = peer.ID
		}
	}
	majority := len(peers)/2 + 1
	switch {
	case problem != "":
		return verdict{phase: PhaseRefused, reason: problem}
	case founded != "":
		return verdict{phase: PhaseJoining, start: true, reason: fmt.Sprintf(
			"the group runs already (%s has its state) and this node's directory is empty: it takes part in elections once a leader has brought it up to date", founded)}
	case reached < majority:
		return verdict{phase: PhaseForming, reason: fmt.Sprintf(
			"%d of %d nodes can be reached and %d are needed; not reached: %s; start them, or correct raft.peers or the network",
			reached, len(peers), majority, strings.Join(missing, "; "))}
	case reached < len(peers) && rounds < formingRounds:
		return verdict{phase: PhaseForming, rounds: rounds + 1, reason: "a majority agrees; waiting a moment for " + strings.Join(missing, "; ")}
	}
	return verdict{phase: PhaseMember, start: true}
}

// disagreement describes how a peer's idea of the group differs from this node's; empty if it does not.
func disagreement(self Peer, peers []Peer, peer Peer, h hello) string {
	if h.ID != peer.ID {
		return fmt.Sprintf("at %s, the address of %s in the configuration of %s, a node answers that calls itself %s; correct raft.peers of %s, or node.id there",
			peer.Address, peer.ID, self.ID, h.ID, self.ID)
	}
	if slices.Equal(sortedPeers(peers), sortedPeers(h.Peers)) {
		return ""
	}
	return fmt.Sprintf("%s and %s disagree about the group: %s has raft.peers [%s], %s has [%s]; write the same list into the configuration files of both and restart the one that was wrong",
		self.ID, peer.ID, self.ID, describePeers(peers), peer.ID, describePeers(h.Peers))
}

// describeMissing names a peer that does not answer and why.
func describeMissing(peer Peer, c contact) string {
	if c.err == nil {
		return peer.ID + " at " + peer.Address
	}
	return fmt.Sprintf("%s at %s (%v)", peer.ID, peer.Address, c.err)
}
