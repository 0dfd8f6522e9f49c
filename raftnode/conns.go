package raftnode

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The first byte of a connection says what it carries.
const (
	raftStream byte = 'R'
	peerStream byte = 'P'
)

// conns is every open connection of a node, so that closing the node closes them all at once.
type conns struct {
	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
}

// conn is a connection that leaves its set when it is closed.
type conn struct {
	net.Conn
	set *conns
}

// Close closes the connection and forgets it.
func (c *conn) Close() error {
	c.set.mu.Lock()
	delete(c.set.open, c)
	c.set.mu.Unlock()
	return c.Conn.Close()
}

// add takes a connection into the set. On a closed set the connection is closed.
func (s *conns) add(raw net.Conn) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(ErrClosed, raw.Close())
	}
	c := &conn{Conn: raw, set: s}
	s.open[c] = struct{}{}
	return c, nil
}

// close closes every connection and those that come later.
func (s *conns) close() {
	s.mu.Lock()
	open := s.open
	s.open, s.closed = nil, true
	s.mu.Unlock()
	for c := range open {
		// TLS would first say goodbye, which blocks on a peer that is gone.
		if secure, ok := c.Conn.(*tls.Conn); ok {
			_ = secure.NetConn().Close()
		}
		_ = c.Conn.Close()
	}
}

// keepAlive makes the kernel notice a silent peer after about dead: probes on an idle connection, a limit on unacknowledged data on a busy one.
// Without the limit a connection cut for a while waits for a retransmission that doubles each time, long after the heal.
func keepAlive(dead time.Duration) (net.KeepAliveConfig, func(network, address string, raw syscall.RawConn) error) {
	probe := max(dead/3, time.Second)
	config := net.KeepAliveConfig{Enable: true, Idle: probe, Interval: probe, Count: 2}
	control := func(_, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(dead.Milliseconds()))
		}); e != nil {
			return e
		}
		return err
	}
	return config, control
}

// dialer opens connections to peers.
type dialer struct {
	peers       []Peer
	credentials *credentials
	timeouts    Timeouts
	conns       *conns
}

// dial connects to a peer and announces what the connection will carry.
func (d *dialer) dial(ctx context.Context, peer Peer, stream byte) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeouts.Dial)
	defer cancel()
	config, control := keepAlive(d.timeouts.Dead)
	nd := net.Dialer{KeepAliveConfig: config, Control: control}
	raw, err := nd.DialContext(ctx, "tcp", peer.Address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", peer.ID, err)
	}
	secured, err := d.secure(ctx, raw, peer)
	if err != nil {
		return nil, fmt.Errorf("connect to %s at %s: %w", peer.ID, peer.Address, errors.Join(err, raw.Close()))
	}
	c, err := d.conns.add(secured)
	if err != nil {
		return nil, err
	}
	if err := announce(ctx, c, stream); err != nil {
		return nil, fmt.Errorf("connect to %s at %s: %w", peer.ID, peer.Address, errors.Join(err, c.Close()))
	}
	return c, nil
}

// secure runs the TLS handshake, if the group uses TLS.
func (d *dialer) secure(ctx context.Context, raw net.Conn, peer Peer) (net.Conn, error) {
	if d.credentials == nil {
		return raw, nil
	}
	secure := tls.Client(raw, d.credentials.client(peer))
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secure, nil
}

// announce sends the first byte.
func announce(ctx context.Context, c net.Conn, stream byte) error {
	deadline, _ := ctx.Deadline()
	if err := c.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := c.Write([]byte{stream}); err != nil {
		return err
	}
	return c.SetWriteDeadline(time.Time{})
}
