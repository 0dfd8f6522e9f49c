//go:build integration

package executor

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/lab/mysqld"
	"github.com/regentdb/regent/lab/mysqld/mysqldtest"
	"github.com/regentdb/regent/mysql"
	"github.com/regentdb/regent/topology"
)

// world is an executor over real servers db1, db2, … on loopback.
type world struct {
	*Executor
	leader    *leader
	addresses map[string]string // what servers call each other
	distant   map[string]string // what regent calls them: the same, or behind a slow line
	processes map[string]*mysqldtest.Server
	accounts  mysqld.Accounts
}

// newWorld starts three servers; oneWay is the delay of the line between regent and them.
func newWorld(t *testing.T, oneWay time.Duration) *world {
	t.Helper()
	w := &world{
		leader:    &leader{journal: &journal{}, term: 3, leading: true},
		addresses: map[string]string{}, distant: map[string]string{}, processes: map[string]*mysqldtest.Server{},
	}
	for _, s := range mysqldtest.StartAll(t, 3) {
		name := s.Spec().Name
		w.accounts, w.processes[name] = s.Accounts, s
		w.addresses[name], w.distant[name] = s.Address(), s.Address()
		if oneWay > 0 {
			w.distant[name] = slowLine(t, s.Address(), oneWay)
		}
	}
	w.Executor = New(Config{
		Node: "west-1", Leadership: w.leader, Now: time.Now,
		Resolve: func(_, name string) (topology.Server, bool) {
			address, ok := w.addresses[name]
			return topology.Server{Name: name, Address: address}, ok
		},
		Open: func(ctx context.Context, cluster string, server topology.Server, term uint64) (Session, error) {
			s, err := w.server(server.Name).Lock(ctx, mysql.Lease{Cluster: cluster, Term: term})
			if err != nil {
				return nil, err
			}
			return s, nil
		},
	})
	t.Cleanup(w.Release)
	return w
}

func (w *world) server(name string) *mysql.Server {
	return mysql.NewServer(name, w.distant[name], mysql.Options{
		Node: "west-1", Control: mysql.Account(w.accounts.Controller), Replication: mysql.Account(w.accounts.Replication),
	})
}

func (w *world) must(t *testing.T, a failover.Action) *topology.Facts {
	t.Helper()
	a.Cluster = "orders"
	if a.Deadline == 0 {
		a.Deadline = 5 * time.Second
	}
	began := time.Now()
	res := w.Do(t.Context(), a)
	t.Logf("%-11s %s %s", a.Kind, a.Server, time.Since(began).Round(100*time.Microsecond))
	if res.Err != "" {
		t.Fatal(res.Err)
	}
	return res.Facts
}

func (w *world) application(t *testing.T, name string) *sql.DB {
	t.Helper()
	return w.processes[name].Application(t)
}

func (w *world) write(t *testing.T, name string, statements ...string) {
	t.Helper()
	db := w.application(t, name)
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %s: %v", name, s, err)
		}
	}
}

// slowLine forwards to address and delays every byte.
func slowLine(t *testing.T, address string, oneWay time.Duration) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			var d net.Dialer
			far, err := d.DialContext(t.Context(), "tcp", address)
			if err != nil {
				_ = near.Close()
				continue
			}
			go late(near, far, oneWay)
			go late(far, near, oneWay)
		}
	}()
	return l.Addr().String()
}

type parcel struct {
	due  time.Time
	data []byte
}

// late copies one direction, each piece a fixed time after it came.
func late(to, from net.Conn, delay time.Duration) {
	line := make(chan parcel, 1024)
	go func() {
		defer func() { _ = to.Close() }()
		for p := range line {
			timer := time.NewTimer(time.Until(p.due))
			<-timer.C
			if _, err := to.Write(p.data); err != nil {
				_ = from.Close()
			}
		}
	}()
	defer close(line)
	for {
		b := make([]byte, 64<<10)
		n, err := from.Read(b)
		if n > 0 {
			line <- parcel{time.Now().Add(delay), b[:n]}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = from.Close()
			}
			return
		}
	}
}
