package mysql

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/regentdb/regent/topology"
)

func TestReachOf(t *testing.T) {
	timeout := &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	cases := []struct {
		name   string
		err    error
		want   topology.Reach
		closed bool
	}{
		{"no error", nil, topology.ReachOK, false},
		{"refused", fmt.Errorf("%w: %w", ErrConnect, syscall.ECONNREFUSED), topology.ReachRefused, false},
		{"reset while connecting", fmt.Errorf("%w: %w", ErrConnect, syscall.ECONNRESET), topology.ReachRefused, false},
		{"closed", fmt.Errorf("%w: %w", ErrLost, io.EOF), topology.ReachRefused, true},
		{"closed while writing", fmt.Errorf("%w: %w", ErrLost, syscall.EPIPE), topology.ReachRefused, true},
		{"deadline", fmt.Errorf("%w: %w", ErrLost, context.DeadlineExceeded), topology.ReachSilent, false},
		{"dial timeout", fmt.Errorf("%w: %w", ErrConnect, timeout), topology.ReachSilent, false},
		{"unacknowledged data", fmt.Errorf("%w: %w", ErrLost, syscall.ETIMEDOUT), topology.ReachSilent, false},
		{"no route", fmt.Errorf("%w: %w", ErrConnect, syscall.EHOSTUNREACH), topology.ReachSilent, false},
		{"no name", fmt.Errorf("%w: %w", ErrConnect, &net.DNSError{IsNotFound: true}), topology.ReachSilent, false},
		{"unknown end", fmt.Errorf("%w: %w", ErrLost, driver.ErrInvalidConn), topology.ReachSilent, false},
		{"access denied", fmt.Errorf("%w: %w", ErrConnect, &driver.MySQLError{Number: 1045}), topology.ReachDenied, false},
		{"statement refused", &driver.MySQLError{Number: 1227}, topology.ReachDenied, false},
		{"certificate", fmt.Errorf("%w: %w", ErrConnect, x509.UnknownAuthorityError{}), topology.ReachDenied, false},
		{"cancelled", fmt.Errorf("%w: %w", ErrConnect, context.Canceled), topology.ReachUnknown, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := ReachOf(c.err); got != c.want {
				t.Errorf("%v is %s, want %s", c.err, got, c.want)
			}
			if got := ClosedByPeer(c.err); got != c.closed {
				t.Errorf("closed by peer: %v", got)
			}
		})
	}
}

// listen answers the address of a server that treats each connection with serve.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	return l.Addr().String()
}

func TestConnectionsThatNeverWork(t *testing.T) {
	closes := listen(t, func(c net.Conn) { _ = c.Close() })
	silent := listen(t, func(c net.Conn) { t.Cleanup(func() { _ = c.Close() }) })
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuses := l.Addr().String()
	_ = l.Close()
	for name, c := range map[string]struct {
		address string
		want    topology.Reach
	}{
		"refuses": {refuses, topology.ReachRefused},
		"closes":  {closes, topology.ReachRefused},
		"silent":  {silent, topology.ReachSilent},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewServer("db1", c.address, Options{Node: "n", DialTimeout: 100 * time.Millisecond})
			_, err := s.Prober().Observe(t.Context())
			if !errors.Is(err, ErrConnect) || ReachOf(err) != c.want || ClosedByPeer(err) {
				t.Errorf("%v is %s, want %s", err, ReachOf(err), c.want)
			}
		})
	}
}
