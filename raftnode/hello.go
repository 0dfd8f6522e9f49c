package raftnode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// helloPath answers how a node is. It is a node's own, like all below /raft/.
const helloPath = "raft/hello"

// helloLimit bounds an answer, in bytes.
const helloLimit = 1 << 20

// hello is what a node says about itself to a peer.
type hello struct {
	ID     string `json:"id"`
	Site   string `json:"site"`
	Region string `json:"region"`
	Peers  []Peer `json:"peers"`
	// HasState is set once the node has a log; LastIndex is the last entry of it.
	HasState  bool   `json:"has_state"`
	LastIndex uint64 `json:"last_index"`
	Term      uint64 `json:"term"`
	Leader    string `json:"leader"`
	// Member is set while the node takes part: only then does its term say what it has agreed to.
	Member bool `json:"member"`
	// Probation is set while a node that lost its state catches up.
	Probation bool `json:"probation"`
}

// contact is what this node knows about a peer from asking it.
type contact struct {
	hello hello
	at    time.Time     // of the last answer, zero if there was none
	rtt   time.Duration // of the last answer
	err   error         // of the last question, nil if it was answered
}

// contacts is the last contact to every other peer.
type contacts struct {
	mu   sync.Mutex
	byID map[string]contact
}

// put records the outcome of a question and returns the contact before it.
func (c *contacts) put(id string, outcome contact) contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.byID[id]
	if outcome.err != nil {
		outcome.hello, outcome.at, outcome.rtt = before.hello, before.at, before.rtt
	}
	c.byID[id] = outcome
	return before
}

// of returns the last contact to a peer.
func (c *contacts) of(id string) (contact, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.byID[id]
	return found, ok
}

// selfHello describes this node.
func (n *Node) selfHello() hello {
	h := hello{
		ID: n.cfg.ID, Site: n.cfg.Site, Region: n.cfg.Region, Peers: sortedPeers(n.cfg.Peers),
		HasState: n.hadState, LastIndex: n.storedIndex, Probation: n.identity.onProbation(),
	}
	if r := n.raft.Load(); r != nil {
		h.LastIndex, h.Term = r.LastIndex(), r.CurrentTerm()
		h.HasState = h.HasState || h.LastIndex > 0
		h.Member = !h.Probation && n.storage.guard.failure() == nil
		h.Leader, _ = n.Leader()
	}
	return h
}

// serveHello answers a peer.
func (n *Node) serveHello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(n.selfHello()); err != nil {
		n.logger.DebugContext(r.Context(), "answering hello failed", "error", err)
	}
}

// askHello asks a peer how it is.
func (n *Node) askHello(ctx context.Context, id string) (hello, error) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timeouts.Hello)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.PeerURL(id)+helloPath, http.NoBody)
	if err != nil {
		return hello{}, fmt.Errorf("raftnode: ask %s: %w", id, err)
	}
	response, err := peerTransport{id: id, shared: n.client}.RoundTrip(request)
	if err != nil {
		return hello{}, err
	}
	var h hello
	err = json.NewDecoder(io.LimitReader(response.Body, helloLimit)).Decode(&h)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return hello{}, fmt.Errorf("raftnode: ask %s: %w", id, err)
	}
	if response.StatusCode != http.StatusOK {
		return hello{}, fmt.Errorf("raftnode: ask %s: it answered %s", id, response.Status)
	}
	return h, nil
}

// greet asks every other peer at once and records the answers.
func (n *Node) greet(ctx context.Context) {
	var asking sync.WaitGroup
	for _, peer := range n.others() {
		asking.Go(func() {
			start := time.Now()
			h, err := n.askHello(ctx, peer.ID)
			if ctx.Err() != nil {
				return
			}
			now := time.Now()
			before := n.contacts.put(peer.ID, contact{hello: h, at: now, rtt: now.Sub(start), err: err})
			n.logContact(ctx, peer, before, err)
		})
	}
	asking.Wait()
}

// logContact logs a peer that came or went.
func (n *Node) logContact(ctx context.Context, peer Peer, before contact, err error) {
	known := !before.at.IsZero() || before.err != nil
	switch {
	case err != nil && (!known || before.err == nil):
		n.logger.WarnContext(ctx, "peer does not answer", "peer", peer.ID, "address", peer.Address, "error", err)
	case err == nil && (!known || before.err != nil):
		n.logger.InfoContext(ctx, "peer answers", "peer", peer.ID, "address", peer.Address)
	}
}

// others returns the peers without this node, in order.
func (n *Node) others() []Peer {
	var others []Peer
	for _, p := range sortedPeers(n.cfg.Peers) {
		if p.ID != n.cfg.ID {
			others = append(others, p)
		}
	}
	return others
}
