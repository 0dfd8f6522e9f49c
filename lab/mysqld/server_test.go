package mysqld

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/regentdb/regent/lab/daemon"
)

// instance makes a server on a copy of the real template.
func instance(t *testing.T, readOnly bool) (*Server, Accounts) {
	t.Helper()
	options := FromEnvironment(os.Stderr)
	in, err := Locate(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	template, err := Prepare(t.Context(), in, options)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	spec := Spec{
		Name: "east-db1", Dir: filepath.Join(dir, "east-db1"), Socket: filepath.Join(dir, "s"), ID: 7,
		Address: freeAddress(t), ReadOnly: readOnly,
	}
	if err := spec.Create(template); err != nil {
		t.Fatal(err)
	}
	server := NewServer(in, template.Accounts.Admin, spec, Hooks{})
	t.Cleanup(server.Close)
	return server, template.Accounts
}

// freeAddress is an address on which nothing listens right now.
func freeAddress(t *testing.T) netip.AddrPort {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return netip.MustParseAddrPort(listener.Addr().String())
}

func start(t *testing.T, server *Server) *sql.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.Start(ctx); err != nil {
		t.Fatal(err)
	}
	db, err := server.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func scan[T any](t *testing.T, db *sql.DB, query string) T {
	t.Helper()
	var value T
	if err := db.QueryRowContext(t.Context(), query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestServerBootsAsSpecified(t *testing.T) {
	t.Parallel()
	server, _ := instance(t, true)
	db := start(t, server)
	for query, want := range map[string]string{
		"SELECT @@super_read_only":     "1",
		"SELECT @@gtid_mode":           "ON",
		"SELECT @@gtid_executed":       "",
		"SELECT @@server_id":           "7",
		"SELECT @@binlog_row_metadata": "FULL",
		"SELECT @@relay_log_recovery":  "0",
		"SELECT COUNT(*) FROM information_schema.plugins WHERE plugin_status = 'ACTIVE' AND plugin_name IN ('rpl_semi_sync_source', 'rpl_semi_sync_replica', 'clone')": "3",
		"SELECT COUNT(*) FROM mysql.user WHERE host = 'localhost' AND account_locked = 'N'":                                                                            "0",
	} {
		if got := scan[string](t, db, query); got != want {
			t.Errorf("%s = %q, want %q", query, got, want)
		}
	}
}

func TestApplicationAccountIsFenced(t *testing.T) {
	t.Parallel()
	server, accounts := instance(t, false)
	db := start(t, server)
	got := scan[int](t, db, `SELECT COUNT(*) FROM information_schema.user_privileges
		WHERE grantee = "'app_user'@'%'" AND privilege_type IN ('SUPER', 'CONNECTION_ADMIN', 'SYSTEM_VARIABLES_ADMIN')`)
	if got != 0 {
		t.Errorf("app_user holds %d privileges that survive fencing", got)
	}
	application := NewServer(server.in, accounts.Application, server.spec, Hooks{})
	app, err := application.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close() }()
	if _, err := app.ExecContext(t.Context(), "CREATE DATABASE app"); err != nil {
		t.Errorf("app_user cannot create a database: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), "SET GLOBAL super_read_only = ON"); err != nil {
		t.Fatal(err)
	}
	if _, err := app.ExecContext(t.Context(), "CREATE DATABASE app2"); err == nil {
		t.Error("app_user wrote to a read-only server")
	}
}

// nextPID waits until the process of a server is another one than before.
func nextPID(t *testing.T, server *Server, before int) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		if _, pid := server.Status(); pid != before {
			return pid
		}
		select {
		case <-ctx.Done():
			t.Fatal("mysqld did not end after RESTART")
		case <-ticker.C:
		}
	}
}

func TestSupervisorRestartsOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	server, _ := instance(t, false)
	db := start(t, server)
	_, first := server.Status()
	if _, err := db.ExecContext(t.Context(), "RESTART"); err != nil {
		t.Fatal(err)
	}
	if second := nextPID(t, server, first); second == 0 {
		t.Fatal("mysqld stayed down after RESTART")
	}
	start(t, server)

	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if state, pid := server.Status(); state != daemon.Down || pid != 0 {
		t.Errorf("after a kill: %s, pid %d", state, pid)
	}
	if err := server.Pause(); !errors.Is(err, daemon.ErrDown) {
		t.Errorf("pausing a server that is down: %v", err)
	}
	start(t, server)
}

func TestStartQuotesTheErrorLog(t *testing.T) {
	t.Parallel()
	server, _ := instance(t, false)
	server.extra = []string{"--no-such-option"}
	if err := server.Start(t.Context()); !errors.Is(err, ErrExited) {
		t.Errorf("a server that cannot start gave %v", err)
	}
}

func TestCreateRefusesLongSocketPath(t *testing.T) {
	t.Parallel()
	spec := Spec{Name: "east-db1", Dir: t.TempDir(), Socket: "/" + string(make([]byte, maxSocketPath))}
	if err := spec.Create(&Template{Directory: t.TempDir()}); err == nil {
		t.Error("a socket path that the kernel would cut off was accepted")
	}
}

func TestClockSteps(t *testing.T) {
	t.Parallel()
	server, _ := instance(t, false)
	options := FromEnvironment(os.Stderr)
	library, err := FakeClock(t.Context(), server.in, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.UseFakeClock(library); err != nil {
		t.Fatal(err)
	}
	db := start(t, server)
	off := func() time.Duration {
		return time.Until(time.Unix(scan[int64](t, db, "SELECT UNIX_TIMESTAMP()"), 0)).Round(time.Minute)
	}
	for _, want := range []time.Duration{0, time.Hour, -time.Hour} {
		if err := server.SetClock(want); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		for off() != want && ctx.Err() == nil {
			scan[int64](t, db, "SELECT SLEEP(0.1)")
		}
		cancel()
		if got := off(); got != want {
			t.Errorf("the clock is %s off instead of %s", got, want)
		}
	}
	if up := scan[int64](t, db, "SELECT SLEEP(0.1)"); up != 0 {
		t.Errorf("a sleep was interrupted: %d", up)
	}
}
