//go:build integration

package binlog_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/replay"
)

// distance is a server as seen from another region: a proxy that delays what passes, and counts the round trips.
type distance struct {
	t     testing.TB
	away  *server
	delay time.Duration
	trips atomic.Int64
	at    net.Listener
	all   sync.WaitGroup
}

// seenFrom listens for connections to a server whose round trips take that much longer.
func seenFrom(t testing.TB, s *server, roundTrip time.Duration) *distance {
	t.Helper()
	var listening net.ListenConfig
	at, err := listening.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &distance{t: t, away: s, delay: roundTrip / 2, at: at}
	d.all.Go(d.accept)
	t.Cleanup(func() {
		_ = at.Close()
		d.all.Wait()
	})
	return d
}

func (d *distance) endpoint() binlog.Endpoint {
	e := d.away.endpoint()
	e.Address = d.at.Addr().String()
	return e
}

func (d *distance) accept() {
	for {
		near, err := d.at.Accept()
		if err != nil {
			return
		}
		var dialer net.Dialer
		far, err := dialer.DialContext(context.WithoutCancel(d.t.Context()), "tcp", d.away.Spec().Address.String())
		if err != nil {
			d.t.Error(err)
			_ = near.Close()
			continue
		}
		var asked atomic.Bool // the server was asked last
		d.all.Go(func() {
			d.carry(far, near, func() {
				if !asked.Swap(true) {
					d.trips.Add(1)
				}
			})
		})
		d.all.Go(func() { d.carry(near, far, func() { asked.Store(false) }) })
	}
}

// carry copies what comes, each piece after the delay, and ends both connections when one does.
func (d *distance) carry(to, from net.Conn, passed func()) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	pieces := make(chan piece, 1024)
	d.all.Go(func() {
		defer func() { _, _ = to.Close(), from.Close() }()
		for p := range pieces {
			time.Sleep(time.Until(p.due)) //nolint:forbidigo // The delay is what the proxy is for.
			if _, err := to.Write(p.bytes); err != nil {
				break
			}
		}
		for range pieces { // What comes too late is lost.
			continue
		}
	})
	defer close(pieces)
	for buffer := make([]byte, 1<<16); ; {
		n, err := from.Read(buffer)
		if n > 0 {
			passed()
			pieces <- piece{append([]byte(nil), buffer[:n]...), time.Now().Add(d.delay)}
		}
		if err != nil {
			return
		}
	}
}

// far splits two servers by transactions of two row changes each, and returns the report.
func far(t testing.TB, transactions int) (dir string, fresh *server) {
	t.Helper()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	for i := range transactions {
		old.transaction(
			fmt.Sprintf("INSERT INTO shop.orders (id, state, total) VALUES (%d,'x',1)", 100+2*i),
			fmt.Sprintf("INSERT INTO shop.orders (id, state, total) VALUES (%d,'y',2)", 101+2*i))
	}
	return reported(t, old, fresh), fresh
}

// TestReplayNeedsFewRoundTrips counts them, whatever they take.
func TestReplayNeedsFewRoundTrips(t *testing.T) {
	t.Parallel()
	const transactions = 200
	dir, fresh := far(t, transactions)
	d := seenFrom(t, fresh, 0)
	counts, err := replay.Run(t.Context(), replayRequest(dir, connectedTo(t, d.endpoint(), fresh)))
	if err != nil || counts.Replayed != transactions {
		t.Fatalf("%+v, %v", counts, err)
	}
	// About twenty for the session and the definition of the table.
	if trips := d.trips.Load(); trips > 20+transactions/4 {
		t.Errorf("%d round trips for %d transactions", trips, transactions)
	}
}

// BenchmarkReplay measures the replay of transactions with two row changes.
func BenchmarkReplay(b *testing.B) {
	const transactions = 500
	for _, roundTrip := range []time.Duration{0, 60 * time.Millisecond} {
		b.Run(roundTrip.String(), func(b *testing.B) {
			var trips int64
			rounds := 0
			for b.Loop() {
				b.StopTimer()
				rounds++
				dir, fresh := far(b, transactions)
				d := seenFrom(b, fresh, roundTrip)
				target := connectedTo(b, d.endpoint(), fresh)
				d.trips.Store(0)
				b.StartTimer()
				counts, err := replay.Run(b.Context(), replayRequest(dir, target))
				if err != nil || counts.Replayed != transactions {
					b.Fatalf("%+v, %v", counts, err)
				}
				trips += d.trips.Load()
			}
			b.ReportMetric(float64(transactions*rounds)/b.Elapsed().Seconds(), "tx/s")
			b.ReportMetric(float64(trips)/float64(transactions*rounds), "trips/tx")
		})
	}
}
