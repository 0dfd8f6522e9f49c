package raftnode

import (
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Both ends must give up on a silent peer, the accepting one through what it inherits from the listener.
func TestConnectionsGiveUpOnASilentPeer(t *testing.T) {
	config, control := keepAlive(3 * time.Second)
	lc := net.ListenConfig{KeepAliveConfig: config, Control: control}
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	dialer := net.Dialer{KeepAliveConfig: config, Control: control}
	out, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	in, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	want := map[int]int{unix.TCP_USER_TIMEOUT: 3000, unix.TCP_KEEPIDLE: 1, unix.TCP_KEEPINTVL: 1, unix.TCP_KEEPCNT: 2}
	for name, c := range map[string]net.Conn{"dialed": out, "accepted": in} {
		for option, value := range want {
			if got := tcpOption(t, c, option); got != value {
				t.Errorf("%s: option %d is %d, want %d", name, option, got, value)
			}
		}
	}
}

// tcpOption reads a TCP option of a connection.
func tcpOption(t *testing.T, c net.Conn, option int) int {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn() //nolint:errcheck // a TCP connection is one
	if err != nil {
		t.Fatal(err)
	}
	var value int
	var failed error
	if err := raw.Control(func(fd uintptr) { value, failed = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return value
}
