package raftnode

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// mux is the one listener between nodes: it hands each connection to Raft or to the peer requests by its first byte.
type mux struct {
	listener net.Listener
	tls      *tls.Config // nil for plain TCP
	timeout  time.Duration
	conns    *conns
	logger   *slog.Logger
	raft     *queue
	peer     *queue
}

// newMux binds the listener, so that an address in use is an error at once.
func newMux(ctx context.Context, cfg Config, creds *credentials, set *conns) (*mux, error) {
	listener := cfg.listener
	if listener == nil {
		config, control := keepAlive(cfg.Timeouts.Dead)
		lc := net.ListenConfig{KeepAliveConfig: config, Control: control}
		var err error
		if listener, err = lc.Listen(ctx, "tcp", cfg.Listen); err != nil {
			return nil, fmt.Errorf("raftnode: listen on %s for node %s: %w; correct raft.listen or end what uses the address", cfg.Listen, cfg.ID, err)
		}
	}
	m := &mux{
		listener: listener, timeout: 2 * cfg.Timeouts.Dial, conns: set, logger: cfg.Logger,
		raft: newQueue(listener.Addr()), peer: newQueue(listener.Addr()),
	}
	if creds != nil {
		m.tls = creds.server()
	}
	return m, nil
}

// serve accepts until the listener is closed by close.
func (m *mux) serve(ctx context.Context) error {
	var routing sync.WaitGroup
	defer routing.Wait()
	for {
		raw, err := m.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			m.logger.WarnContext(ctx, "accepting a connection failed; going on", "error", err)
			if !pause(ctx, 50*time.Millisecond) {
				return nil
			}
			continue
		}
		routing.Go(func() { m.route(ctx, raw) })
	}
}

// route finds out what a connection carries and passes it on.
func (m *mux) route(ctx context.Context, raw net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	c, err := m.conns.add(m.wrap(raw))
	if err != nil {
		return
	}
	stream, err := m.first(ctx, c)
	if err == nil {
		err = m.deliver(ctx, c, stream)
	}
	if err != nil {
		m.logger.DebugContext(ctx, "connection refused", "from", raw.RemoteAddr().String(), "error", err)
		_ = c.Close()
	}
}

// wrap puts TLS around a connection, if the group uses TLS.
func (m *mux) wrap(raw net.Conn) net.Conn {
	if m.tls == nil {
		return raw
	}
	return tls.Server(raw, m.tls)
}

// first completes the handshake and reads the first byte.
func (m *mux) first(ctx context.Context, c *conn) (byte, error) {
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return 0, err
	}
	if secure, ok := c.Conn.(*tls.Conn); ok {
		if err := secure.HandshakeContext(ctx); err != nil {
			return 0, fmt.Errorf("TLS: %w", err)
		}
	}
	var stream [1]byte
	if _, err := io.ReadFull(c, stream[:]); err != nil {
		return 0, err
	}
	return stream[0], c.SetDeadline(time.Time{})
}

// deliver queues a connection for its reader.
func (m *mux) deliver(ctx context.Context, c net.Conn, stream byte) error {
	switch stream {
	case raftStream:
		return m.raft.put(ctx, c)
	case peerStream:
		return m.peer.put(ctx, c)
	}
	return fmt.Errorf("raftnode: unknown stream %q", stream)
}

// close ends serve and closes every connection.
func (m *mux) close() error {
	_ = m.raft.Close()
	_ = m.peer.Close()
	err := m.listener.Close()
	m.conns.close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// queue is a net.Listener fed by the mux.
type queue struct {
	address net.Addr
	ready   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

// newQueue returns an open queue.
func newQueue(address net.Addr) *queue {
	return &queue{address: address, ready: make(chan net.Conn), closed: make(chan struct{})}
}

// put hands a connection over, or fails when nobody takes it: the node does not serve this stream, or not yet.
func (q *queue) put(ctx context.Context, c net.Conn) error {
	select {
	case q.ready <- c:
		return nil
	case <-q.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("raftnode: nobody serves this stream: %w", ctx.Err())
	}
}

// Accept waits for the next connection.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.ready:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr returns the address that the other nodes use.
func (q *queue) Addr() net.Addr { return q.address }

// streamLayer gives Raft its connections.
type streamLayer struct {
	*queue
	dialer *dialer
	self   advertised
	ctx    context.Context // the library's Dial has none; this one ends with the node
}

// Dial opens a connection to a member by its address.
func (s *streamLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	for _, peer := range s.dialer.peers {
		if peer.Address == string(address) {
			return s.dialer.dial(ctx, peer, raftStream)
		}
	}
	return nil, fmt.Errorf("%w: no peer has address %s", ErrUnknownPeer, address)
}

// Addr returns the address under which the others know this node, which may differ from what it listens on.
func (s *streamLayer) Addr() net.Addr { return s.self }

// advertised is an address in text.
type advertised string

// Network implements net.Addr.
func (advertised) Network() string { return "tcp" }

// String implements net.Addr.
func (a advertised) String() string { return string(a) }

// pause waits for d, and reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
