package fabric

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// DialContext returns a dialler whose sockets live inside a host. It takes the
// name of a host of the fabric or an IP address; other names are not looked
// up. Errors of the dialler: [ErrUnknownHost], [ErrClosed], or those of
// net.Dialer. The caller owns the connection.
func (f *Fabric) DialContext(host string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		h, err := f.host(host)
		if err != nil {
			return nil, err
		}
		target, err := f.resolve(addr)
		if err != nil {
			return nil, fmt.Errorf("fabric: dial %s from host %q: %w", addr, host, err)
		}
		return h.dial(ctx, network, target)
	}
}

// resolve turns the name of a host in a host:port address into its IP.
func (f *Fabric) resolve(addr string) (string, error) {
	name, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return addr, nil
	}
	h, err := f.host(name)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(h.Addr.String(), port), nil
}

// dial connects from a thread of its own inside the host, because a
// connection attempt may hang for long. With an IP address the standard
// dialler makes its socket on the calling goroutine.
func (h *host) dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	<-onFreshThread(func() {
		if err = enter(h.netns); err != nil {
			err = fmt.Errorf("fabric: enter host %q: %w", h.Name, err)
			return
		}
		conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
	})
	return conn, err
}

// Listen opens a listener inside a host; an address such as ":3306" listens on
// all its addresses. The caller closes it. Errors: [ErrUnknownHost],
// [ErrClosed], or those of net.ListenConfig.
func (f *Fabric) Listen(ctx context.Context, host, network, addr string) (listener net.Listener, err error) {
	ran := f.inside(host, func() {
		listener, err = (&net.ListenConfig{}).Listen(ctx, network, addr)
	})
	if ran != nil {
		return nil, ran
	}
	return listener, err
}

// ListenPacket opens a datagram socket inside a host, as Listen does a listener.
func (f *Fabric) ListenPacket(ctx context.Context, host, network, addr string) (conn net.PacketConn, err error) {
	ran := f.inside(host, func() {
		conn, err = (&net.ListenConfig{}).ListenPacket(ctx, network, addr)
	})
	if ran != nil {
		return nil, ran
	}
	return conn, err
}

// inside runs fn, which must not block, on the thread of a host.
func (f *Fabric) inside(host string, fn func()) error {
	h, err := f.host(host)
	if err != nil {
		return err
	}
	if err := h.thread.run(fn); err != nil {
		return fmt.Errorf("fabric: host %q: %w", host, err)
	}
	return nil
}
