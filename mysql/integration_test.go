//go:build integration

package mysql

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/lab/mysqld"
	"github.com/regentdb/regent/lab/mysqld/mysqldtest"
	"github.com/regentdb/regent/topology"
)

// instance is a real server of a test.
type instance struct {
	*Server
	process  *mysqldtest.Server
	accounts mysqld.Accounts
	address  string
	admin    *sql.DB
}

// start makes real servers on loopback; the first is writable, the others are not.
func start(t testing.TB, count int) []*instance {
	t.Helper()
	var all []*instance
	for _, p := range mysqldtest.StartAll(t, count) {
		server := NewServer(p.Spec().Name, p.Address(), Options{
			Node: "east-1", Control: Account(p.Accounts.Controller), Replication: Account(p.Accounts.Replication),
		})
		all = append(all, &instance{Server: server, process: p, accounts: p.Accounts, address: p.Address(), admin: p.Admin(t)})
	}
	return all
}

// application is a pool of ordinary client connections.
func (i *instance) application(t testing.TB) *sql.DB {
	t.Helper()
	return i.process.Application(t)
}

func (i *instance) do(t testing.TB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := i.admin.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %s: %v", i.name, s, err)
		}
	}
}

func (i *instance) scan(t testing.TB, query string) string {
	t.Helper()
	var v sql.NullString
	if err := i.admin.QueryRowContext(t.Context(), query).Scan(&v); err != nil {
		t.Fatalf("%s: %s: %v", i.name, query, err)
	}
	return v.String
}

// until asks again and again until ok, for up to 20 s.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("gave up waiting: %s", what)
		case <-tick.C:
		}
	}
}

func lock(t testing.TB, i *instance, term uint64) *Session {
	t.Helper()
	s, err := i.Lock(t.Context(), Lease{Cluster: "orders", Term: term})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// pair makes db1 a semi-sync source with the others as its acknowledging replicas.
func replicate(t testing.TB, all []*instance) {
	t.Helper()
	source := all[0]
	source.do(t, "SET PERSIST rpl_semi_sync_source_timeout = 4294967295", "SET PERSIST rpl_semi_sync_source_enabled = ON")
	for _, r := range all[1:] {
		s := lock(t, r, 1)
		if _, err := s.Follow(t.Context(), source.address, "", true, gtid.Set{}); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	p := source.Prober()
	defer p.Close()
	until(t, "replicas attach", func() bool { return len(observe(t, p).Replicas) == len(all)-1 })
	app := source.application(t)
	for _, s := range []string{"CREATE DATABASE app", "CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)", "INSERT INTO app.t (v) VALUES (1)"} {
		if _, err := app.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	_ = app.Close()
}

func observe(t testing.TB, p *Prober) *topology.Facts {
	t.Helper()
	f, err := p.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f
}
