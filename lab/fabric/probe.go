package fabric

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// RTT is what a probe of the way between two hosts measured.
type RTT struct {
	Sent   int           `json:"sent"`
	Lost   int           `json:"lost"` // no echo came in time.
	Min    time.Duration `json:"min"`
	Median time.Duration `json:"median"`
	Max    time.Duration `json:"max"`
}

const (
	probeInterval = 5 * time.Millisecond
	// probePatience is how long after its regular arrival the last echo counts.
	probePatience = 500 * time.Millisecond
)

// MeasureRTT sends n datagrams, 5 ms apart, from one host to another, which
// echoes them, and measures the round trips through the switch, its cuts,
// delays and losses included. That all were lost is a result, not an error.
// Errors: [ErrUnknownHost], [ErrClosed], the end of ctx, or those of the sockets.
func (f *Fabric) MeasureRTT(ctx context.Context, from, to string, n int) (RTT, error) {
	rtt, err := f.measure(ctx, from, to, n)
	if err != nil {
		return RTT{}, fmt.Errorf("fabric: measure %s to %s: %w", from, to, err)
	}
	return rtt, nil
}

func (f *Fabric) measure(ctx context.Context, from, to string, n int) (RTT, error) {
	patience, err := f.patience(from, to)
	if err != nil {
		return RTT{}, err
	}
	echo, err := f.ListenPacket(ctx, to, "udp4", ":0")
	if err != nil {
		return RTT{}, err
	}
	var answering sync.WaitGroup
	defer answering.Wait()
	defer echo.Close()
	answering.Go(func() { answer(echo) })

	_, port, err := net.SplitHostPort(echo.LocalAddr().String())
	if err != nil {
		return RTT{}, err
	}
	conn, err := f.DialContext(from)(ctx, "udp4", net.JoinHostPort(to, port))
	if err != nil {
		return RTT{}, err
	}
	defer conn.Close()
	return exchange(ctx, conn, n, patience)
}

// patience is how long an echo may take at most.
func (f *Fabric) patience(from, to string) (time.Duration, error) {
	a, err := f.host(from)
	if err != nil {
		return 0, err
	}
	b, err := f.host(to)
	if err != nil {
		return 0, err
	}
	return 2*f.table.Load().path(a.index, b.index).link.Delay + probePatience, nil
}

// answer echoes datagrams until its socket is closed.
func answer(echo net.PacketConn) {
	var buf [64]byte
	for {
		n, peer, err := echo.ReadFrom(buf[:])
		if err != nil {
			return
		}
		_, _ = echo.WriteTo(buf[:n], peer) // A lost answer shows in the measure.
	}
}

// exchange sends probes and collects their echoes.
func exchange(ctx context.Context, conn net.Conn, n int, patience time.Duration) (RTT, error) {
	start := time.Now()
	sent := make(chan error, 1)
	go func() {
		err := emit(ctx, conn, n, start)
		deadline := time.Now().Add(patience)
		if err != nil {
			deadline = start
		}
		sent <- errors.Join(err, conn.SetReadDeadline(deadline))
	}()
	trips, err := collect(conn, n, start)
	err = errors.Join(<-sent, err, ctx.Err())
	return summarize(n, trips), err
}

// emit sends n datagrams that carry the time of their sending, at intervals.
func emit(ctx context.Context, conn net.Conn, n int, start time.Time) error {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	var probe [8]byte
	for range n {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		binary.BigEndian.PutUint64(probe[:], uint64(time.Since(start)))
		if _, err := conn.Write(probe[:]); err != nil {
			return err
		}
	}
	return nil
}

// collect reads echoes until n have come or the read deadline passes.
func collect(conn net.Conn, n int, start time.Time) ([]time.Duration, error) {
	var trips []time.Duration
	var echo [8]byte
	for len(trips) < n {
		got, err := conn.Read(echo[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return trips, nil
		}
		if err != nil {
			return trips, err
		}
		if got == len(echo) {
			left := time.Duration(binary.BigEndian.Uint64(echo[:]))
			trips = append(trips, time.Since(start)-left)
		}
	}
	return trips, nil
}

func summarize(n int, trips []time.Duration) RTT {
	rtt := RTT{Sent: n, Lost: n - len(trips)}
	if len(trips) == 0 {
		return rtt
	}
	slices.Sort(trips)
	rtt.Min, rtt.Median, rtt.Max = trips[0], trips[len(trips)/2], trips[len(trips)-1]
	return rtt
}
