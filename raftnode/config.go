package raftnode

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is everything a node is told. ID, Listen, Peers and DataDir are required.
type Config struct {
	// ID is this node's name, unique and constant: one of Peers carries it.
	ID string
	// Site and Region say where the node runs; the other nodes read them from its hello.
	Site, Region string
	// Listen is the address of the one listener that serves Raft and peer requests, as HOST:PORT.
	Listen string
	// Peers is the whole group, this node included. Every node must be given the same list, in any order.
	Peers []Peer
	// TLS turns on mutual TLS between nodes. Nil means plain TCP, for networks that only nodes can reach.
	TLS *TLSFiles
	// DataDir holds the log, the snapshots and the node's identity. It is created if it is missing.
	DataDir string
	// Timeouts tunes the node; zero fields take the defaults.
	Timeouts Timeouts
	// Logger receives what happens. Nil discards it.
	Logger *slog.Logger

	// listener replaces Listen in tests, where ports must not be guessed.
	listener net.Listener
}

// Peer is one member of the group.
type Peer struct {
	ID string `json:"id"`
	// Address is where the other nodes reach it, as HOST:PORT.
	Address string `json:"address"`
}

// TLSFiles names PEM files: this node's certificate and key, and the authority that signed every node's certificate.
type TLSFiles struct{ Cert, Key, CA string }

// Timeouts holds the durations of a node. The defaults suit regions 60 ms apart (round trip) and slow machines.
type Timeouts struct {
	// Heartbeat is how long a follower waits for a leader, at least; at most twice as long. Default 700 ms.
	Heartbeat time.Duration
	// Election is the same for a candidate that waits for votes; not below Heartbeat. Default 700 ms.
	Election time.Duration
	// Lease is how long a leader goes on without hearing from a majority; not above Heartbeat. Default 500 ms.
	Lease time.Duration
	// Commit is how long a follower may lag behind the leader's commit index when nothing else is sent. Default 10 ms.
	Commit time.Duration
	// RPC bounds one Raft request. Default 1 s.
	RPC time.Duration
	// Dial bounds the opening of a connection to a peer, TLS included. Default 1 s.
	Dial time.Duration
	// Response is how long a peer may take until the header of its answer to a peer request. Default 10 s.
	Response time.Duration
	// Dead is when the kernel gives up on a connection whose other side went silent. Default 3 s.
	Dead time.Duration
	// Hello is the period at which nodes ask each other how they are, and the limit of one such question. Default 1 s.
	Hello time.Duration
	// Storage is how long one write of the log may take before the disk counts as failed. Default 30 s: a busy disk stalls for seconds.
	Storage time.Duration
	// Stall is how long one write of the log may take before a leader stops leading. Default 3 s.
	Stall time.Duration
	// Stop bounds an orderly stop: handing over the leadership, then ending Raft, each. Default 2 s.
	Stop time.Duration
}

// withDefaults returns t with the defaults in place of zeros.
func (t Timeouts) withDefaults() Timeouts {
	return Timeouts{
		Heartbeat: cmp.Or(t.Heartbeat, 700*time.Millisecond),
		Election:  cmp.Or(t.Election, t.Heartbeat, 700*time.Millisecond),
		Lease:     cmp.Or(t.Lease, 500*time.Millisecond),
		Commit:    cmp.Or(t.Commit, 10*time.Millisecond),
		RPC:       cmp.Or(t.RPC, time.Second),
		Dial:      cmp.Or(t.Dial, time.Second),
		Response:  cmp.Or(t.Response, 10*time.Second),
		Dead:      cmp.Or(t.Dead, 3*time.Second),
		Hello:     cmp.Or(t.Hello, time.Second),
		Storage:   cmp.Or(t.Storage, 30*time.Second),
		Stall:     cmp.Or(t.Stall, 3*time.Second),
		Stop:      cmp.Or(t.Stop, 2*time.Second),
	}
}

// validate checks what Raft would otherwise refuse with less help.
func (t Timeouts) validate() error {
	switch {
	case t.Lease > t.Heartbeat:
		return fmt.Errorf("%w: lease timeout %s is above the heartbeat timeout %s; lower it", ErrConfig, t.Lease, t.Heartbeat)
	case t.Election < t.Heartbeat:
		return fmt.Errorf("%w: election timeout %s is below the heartbeat timeout %s; raise it", ErrConfig, t.Election, t.Heartbeat)
	case min(t.Lease, t.Commit, t.RPC, t.Dial, t.Response, t.Dead, t.Hello, t.Storage, t.Stall, t.Stop) <= 0:
		return fmt.Errorf("%w: a timeout is negative; leave it out for the default", ErrConfig)
	}
	return nil
}

// validate checks the whole configuration without touching disk or network.
func (c Config) validate() error {
	if c.DataDir == "" {
		return fmt.Errorf("%w: node %s has no data_dir; set node.data_dir", ErrConfig, c.ID)
	}
	if err := checkAddress(c.Listen, true); err != nil && c.listener == nil {
		return fmt.Errorf("%w: raft.listen %q: %w", ErrConfig, c.Listen, err)
	}
	if err := validatePeers(c.ID, c.Peers); err != nil {
		return err
	}
	return c.Timeouts.validate()
}

// validatePeers checks that the list names self once and every peer with an address of its own.
func validatePeers(self string, peers []Peer) error {
	name := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	addresses := map[string]string{}
	ids := map[string]bool{}
	for _, p := range peers {
		if !name.MatchString(p.ID) {
			return fmt.Errorf("%w: raft.peers: id %q may hold only letters, digits, '.', '_' and '-'", ErrConfig, p.ID)
		}
		if ids[p.ID] {
			return fmt.Errorf("%w: raft.peers lists %s twice; remove one entry", ErrConfig, p.ID)
		}
		if err := checkAddress(p.Address, false); err != nil {
			return fmt.Errorf("%w: raft.peers: %s has address %q: %w", ErrConfig, p.ID, p.Address, err)
		}
		if other, ok := addresses[p.Address]; ok {
			return fmt.Errorf("%w: raft.peers: %s and %s have the same address %s; correct one", ErrConfig, other, p.ID, p.Address)
		}
		ids[p.ID], addresses[p.Address] = true, p.ID
	}
	if !ids[self] {
		return fmt.Errorf("%w: node %q is not in raft.peers [%s]; add it there or correct node.id", ErrConfig, self, describePeers(peers))
	}
	return nil
}

// checkAddress wants HOST:PORT. Only a listener may leave the host open.
func checkAddress(address string, listener bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("write it as HOST:PORT: %w", err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if listener {
		return nil
	}
	if ip, err := netip.ParseAddr(host); host == "" || (err == nil && ip.IsUnspecified()) {
		return fmt.Errorf("host %q cannot be reached from other nodes; write the node's own address", host)
	}
	return nil
}

// sortedPeers returns a copy in the order of ids, the canonical form in which lists are compared and stored.
func sortedPeers(peers []Peer) []Peer {
	return slices.SortedFunc(slices.Values(peers), func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
}

// describePeers writes a list for people, in canonical order.
func describePeers(peers []Peer) string {
	var b strings.Builder
	for i, p := range sortedPeers(peers) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.ID + "=" + p.Address)
	}
	return b.String()
}

// addressOf returns the address of a peer.
func (c Config) addressOf(id string) (string, bool) {
	i := slices.IndexFunc(c.Peers, func(p Peer) bool { return p.ID == id })
	if i < 0 {
		return "", false
	}
	return c.Peers[i].Address, true
}
