package fabric

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Forward listens on an address of the machine, such as "127.0.0.1:0", and
// passes each connection to a port of a host's own address, dialled inside that
// host, so that cuts never touch it. It returns the address that it listens on
// and works until ctx or the fabric ends. Where nothing listens in the host the
// connection is reset. Errors: [ErrUnknownHost], [ErrClosed], or those of net.Listen.
func (f *Fabric) Forward(ctx context.Context, host string, port int, listen string) (netip.AddrPort, error) {
	h, err := f.host(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("fabric: forward %s to host %q: %w", listen, host, err)
	}
	target := net.JoinHostPort(h.Addr.String(), strconv.Itoa(port))
	if err := f.own(func() { f.serve(ctx, h, target, listener) }); err != nil {
		_ = listener.Close()
		return netip.AddrPort{}, fmt.Errorf("fabric: forward %s to host %q: %w", listen, host, err)
	}
	return netip.ParseAddrPort(listener.Addr().String())
}

// own runs fn as a goroutine that Close waits for.
func (f *Fabric) own(fn func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	f.work.Go(fn)
	return nil
}

// serve accepts until ctx or the fabric ends, then waits for its connections.
func (f *Fabric) serve(ctx context.Context, h *host, target string, listener net.Listener) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.ctx, cancel)()
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			f.log.WarnContext(ctx, "fabric: a forward cannot accept", slog.String("host", h.Name), slog.Any("error", err))
			pause(ctx)
			continue
		}
		conns.Go(func() { h.relay(ctx, client, target) })
	}
}

// pause waits a moment for what may pass, such as a lack of descriptors.
func pause(ctx context.Context) {
	moment := time.NewTimer(50 * time.Millisecond)
	defer moment.Stop()
	select {
	case <-ctx.Done():
	case <-moment.C:
	}
}

// relay joins a client to a port of the host.
func (h *host) relay(ctx context.Context, client net.Conn, target string) {
	defer client.Close()
	server, err := h.dial(ctx, "tcp", target)
	if err != nil {
		if tcp, ok := client.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // Close resets: the client learns that no one answered.
		}
		return
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() { _ = client.Close(); _ = server.Close() })()
	var there sync.WaitGroup
	there.Go(func() { pump(server, client) })
	pump(client, server)
	there.Wait()
}

// pump copies one direction and passes its end on.
func pump(to, from net.Conn) {
	_, err := io.Copy(to, from)
	tcp, ok := to.(*net.TCPConn)
	if ok && err == nil {
		_ = tcp.CloseWrite()
		return
	}
	_ = to.Close()
	_ = from.Close()
}
