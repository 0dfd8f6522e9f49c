//go:build integration

package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/lab/mysqld"
	"github.com/regentdb/regent/topology"
)

// instance is a real server of a test.
type instance struct {
	*Server
	process  *mysqld.Server
	accounts mysqld.Accounts
	address  string
	admin    *sql.DB
}

// start makes real servers on loopback; the first is writable, the others are not.
func start(t testing.TB, count int) []*instance {
	t.Helper()
	options := mysqld.FromEnvironment(os.Stderr)
	in, err := mysqld.Locate(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	template, err := mysqld.Prepare(t.Context(), in, options)
	if err != nil {
		t.Fatal(err)
	}
	var all []*instance
	for i := range count {
		all = append(all, startOne(t, in, template, i))
	}
	return all
}

func startOne(t testing.TB, in *mysqld.Installation, template *mysqld.Template, i int) *instance {
	t.Helper()
	dir := t.TempDir()
	name := fmt.Sprintf("db%d", i+1)
	spec := mysqld.Spec{
		Name: name, Dir: filepath.Join(dir, name), Socket: filepath.Join(dir, "s"), ID: uint32(i + 1),
		Address: freeAddress(t), ReadOnly: i > 0,
	}
	if err := spec.Create(template); err != nil {
		t.Fatal(err)
	}
	process := mysqld.NewServer(in, template.Accounts.Admin, spec, mysqld.Hooks{})
	t.Cleanup(process.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := process.Start(ctx); err != nil {
		t.Fatal(err)
	}
	admin, err := process.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	a := template.Accounts
	server := NewServer(name, spec.Address.String(), Options{
		Node: "east-1", Control: Account(a.Controller), Replication: Account(a.Replication),
	})
	return &instance{Server: server, process: process, accounts: a, address: spec.Address.String(), admin: admin}
}

func freeAddress(t testing.TB) netip.AddrPort {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return netip.MustParseAddrPort(l.Addr().String())
}

// application is a pool of ordinary client connections.
func (i *instance) application(t testing.TB) *sql.DB {
	t.Helper()
	c := driver.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd = "tcp", i.address, i.accounts.Application.User, i.accounts.Application.Password
	c.Logger = &driver.NopLogger{}
	connector, err := driver.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
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
