//go:build integration

package guard_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/guard"
	"github.com/regentdb/regent/lab/mysqld/mysqldtest"
	"github.com/regentdb/regent/mysql"
	"github.com/regentdb/regent/topology"
)

// server is a real server of a test, and a session on it.
type server struct {
	*mysql.Server
	*mysql.Session
	address string
}

// start makes a writable db1, and db2 that follows it.
func start(t *testing.T) (db1, db2 *server) {
	t.Helper()
	var all [2]*server
	for i, p := range mysqldtest.StartAll(t, len(all)) {
		s := mysql.NewServer(p.Spec().Name, p.Address(), mysql.Options{
			Node: "east-1", Control: mysql.Account(p.Accounts.Controller), Replication: mysql.Account(p.Accounts.Replication),
		})
		session, err := s.Lock(t.Context(), mysql.Lease{Cluster: "orders", Term: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(session.Close)
		all[i] = &server{s, session, p.Address()}
	}
	if _, err := all[1].Follow(t.Context(), all[0].address, "", false, gtid.Set{}); err != nil {
		t.Fatal(err)
	}
	return all[0], all[1]
}

// await looks at a server until its state is as it should be.
func (s *server) await(t *testing.T, what string, ok func(*topology.Facts) bool) *topology.Facts {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		f, err := s.Observe(ctx)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if ok(f) {
			return f
		}
		<-tick.C
	}
}

func TestRenewerOnRealServers(t *testing.T) {
	db1, db2 := start(t)
	db2.await(t, "it receives", func(f *topology.Facts) bool { return f.Source.Receiver == topology.ThreadOn })
	var leader atomic.Pointer[error]
	permit := func(context.Context, string, topology.Lease) error {
		if err := leader.Load(); err != nil {
			return *err
		}
		return nil
	}
	identity := func(s *server) topology.Server { return topology.Server{Name: s.Name(), Address: s.address} }
	r := guard.New(guard.Config{
		Targets: func() []guard.Target {
			return []guard.Target{{
				Cluster: "orders", Primary: identity(db1), Near: true,
				Servers: map[string]topology.Server{"db1": identity(db1), "db2": identity(db2)},
			}}
		},
		Changed: make(chan struct{}), Permit: permit,
		Connect: func(s topology.Server) guard.Server {
			if s.Name == "db1" {
				return db1.Guard()
			}
			return db2.Guard()
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()

	arm := func(set uint64) {
		t.Helper()
		clock, err := db1.Clock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := topology.Lease{Epoch: 1, SetVersion: set, Candidates: []string{"db2"}, Serve: true, TTL: 3 * time.Second}
		if _, err := db1.Arm(t.Context(), want, clock.Add(want.TTL)); err != nil {
			t.Fatal(err)
		}
	}
	renewals := func(what string, times int) {
		t.Helper()
		last := topology.Never
		db1.await(t, what, func(f *topology.Facts) bool {
			if !f.Writable() || f.Lease == nil || f.Lease.Fault != "" {
				t.Fatalf("%s: writable %v, %+v", what, f.Writable(), f.Lease)
			}
			if f.Lease.Remaining > last && last != topology.Never {
				times--
			}
			last = f.Lease.Remaining
			return times <= 0
		})
	}
	arm(1)
	renewals("the leader permits", 6)
	gone := errors.New("no leader is known")
	leader.Store(&gone)
	renewals("failsafe", 6)
	if _, err := db2.StopReceiver(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := db1.await(t, "nobody may renew", (*topology.Facts).ReadOnly)
	t.Logf("read-only %s after the lease had expired", -f.Lease.Remaining)
}
