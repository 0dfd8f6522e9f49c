package raftnode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// idlePerPeer bounds the connections that are kept open to one peer, and idleFor how long. A peer far away takes
// several round trips to connect to, and what is urgent comes in bursts that are minutes or months apart.
const (
	idlePerPeer = 8
	idleFor     = 10 * time.Minute
)

// PeerHandle serves requests of other nodes: pattern is one of [http.ServeMux]. Call it before Run. The caller is
// some member of the group where TLS is on; without TLS it is whoever reaches the address. Patterns below /raft/ are the node's own.
func (n *Node) PeerHandle(pattern string, handler http.Handler) { n.requests.Handle(pattern, handler) }

// PeerClient returns a client for requests to a peer, this node included. Its URLs begin with [Node.PeerURL]. A dial is bounded by Timeouts.Dial,
// the wait for the header of an answer by Timeouts.Response; the caller's context bounds the rest. Connections are kept and
// end by themselves when the peer goes silent, so read a long answer without pauses of Timeouts.Dead: the kernel cannot tell them apart. An id that is no peer's gives a client whose requests fail with [ErrUnknownPeer].
func (n *Node) PeerClient(id string) *http.Client {
	return &http.Client{
		Transport:     peerTransport{id: id, shared: n.client},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// PeerURL returns the base URL of a peer, which ends with a slash. Only a client of [Node.PeerClient] understands it.
func (n *Node) PeerURL(id string) string { return "http://" + id + "/" }

// peerTransport keeps a client to one peer.
type peerTransport struct {
	id     string
	shared *http.Transport
}

// RoundTrip sends a request to the peer.
func (t peerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != t.id {
		return nil, fmt.Errorf("raftnode: this client talks to %s, not to %s", t.id, r.URL.Host)
	}
	response, err := t.shared.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("raftnode: ask %s: %w", t.id, err)
	}
	return response, nil
}

// newPeerTransport returns the connections that all peer clients share.
func newPeerTransport(d *dialer) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			for _, peer := range d.peers {
				if peer.ID == host {
					return d.dial(ctx, peer, peerStream)
				}
			}
			return nil, fmt.Errorf("%w: %s", ErrUnknownPeer, host)
		},
		MaxIdleConnsPerHost:   idlePerPeer,
		IdleConnTimeout:       idleFor,
		ResponseHeaderTimeout: d.timeouts.Response,
		DisableCompression:    true,
	}
}

// newPeerServer returns the server of peer requests. Answers may be long, so that writing has no deadline of its own: a
// peer that goes silent is found by the kernel.
func newPeerServer(handler http.Handler, timeouts Timeouts, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: timeouts.Response,
		IdleTimeout:       idleFor + time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// servePeers answers peer requests until ctx ends.
func (n *Node) servePeers(ctx context.Context) error {
	n.server.BaseContext = func(net.Listener) context.Context { return ctx }
	if err := n.server.Serve(n.mux.peer); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("raftnode: serve the peers of %s: %w", n.cfg.ID, err)
	}
	return nil
}
