package raftnode

import (
	"strings"
	"time"
)

// Status is a snapshot of a node for people and programs.
type Status struct {
	ID      string `json:"id"`
	Site    string `json:"site"`
	Region  string `json:"region"`
	Address string `json:"address"`
	// State is follower, candidate, leader or shutdown; empty until the node takes part.
	State  string `json:"state"`
	Leader string `json:"leader"`
	Term   uint64 `json:"term"`
	// LastIndex is the last entry of the log, CommitIndex the last that is known to be committed, AppliedIndex the last that was handed to the machine.
	LastIndex    uint64 `json:"last_index"`
	CommitIndex  uint64 `json:"commit_index"`
	AppliedIndex uint64 `json:"applied_index"`
	// LeaderContact is when a follower last heard from a leader.
	LeaderContact time.Time `json:"leader_contact,omitzero"`
	// Phase and Reason say how far the node takes part and, where it does not, why and what to do.
	Phase  Phase        `json:"phase"`
	Reason string       `json:"reason,omitempty"`
	Peers  []PeerStatus `json:"peers"`
}

// PeerStatus is what this node knows about another one by asking it once per Timeouts.Hello.
type PeerStatus struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Site    string `json:"site,omitempty"`
	Region  string `json:"region,omitempty"`
	// Reachable reports whether the last question was answered, Error why not.
	Reachable bool   `json:"reachable"`
	Error     string `json:"error,omitempty"`
	// LastContact is when it last answered, by this node's clock, and RTT how long that took.
	LastContact time.Time     `json:"last_contact,omitzero"`
	RTT         time.Duration `json:"rtt_ns,omitempty"`
	Term        uint64        `json:"term,omitempty"`
	LastIndex   uint64        `json:"last_index,omitempty"`
}

// Status returns the present state. It asks nobody and never blocks on the network or the disk.
func (n *Node) Status() Status {
	n.mu.Lock()
	s := Status{ID: n.cfg.ID, Site: n.cfg.Site, Region: n.cfg.Region, Address: n.self().Address, Phase: n.phase, Reason: n.reason}
	n.mu.Unlock()
	if r := n.raft.Load(); r != nil {
		s.State, s.Term = strings.ToLower(r.State().String()), r.CurrentTerm()
		s.LastIndex, s.CommitIndex, s.AppliedIndex = r.LastIndex(), r.CommitIndex(), r.AppliedIndex()
		s.LeaderContact = r.LastContact()
		s.Leader, _ = n.Leader()
	}
	for _, peer := range n.others() {
		s.Peers = append(s.Peers, n.peerStatus(peer))
	}
	return s
}

// peerStatus describes one peer.
func (n *Node) peerStatus(peer Peer) PeerStatus {
	s := PeerStatus{ID: peer.ID, Address: peer.Address, Error: "not asked yet"}
	c, ok := n.contacts.of(peer.ID)
	if !ok {
		return s
	}
	s.Reachable, s.Error = c.err == nil, ""
	if c.err != nil {
		s.Error = c.err.Error()
	}
	s.Site, s.Region, s.LastContact, s.RTT = c.hello.Site, c.hello.Region, c.at, c.rtt
	s.Term, s.LastIndex = c.hello.Term, c.hello.LastIndex
	return s
}
