//go:build integration

package mysql

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

func TestPromoteAndFollow(t *testing.T) {
	t.Parallel()
	all := start(t, 3)
	replicate(t, all)
	old := observeOnce(t, all[0])
	if err := all[0].process.Kill(); err != nil {
		t.Fatal(err)
	}
	a, b := lock(t, all[1], 2), lock(t, all[2], 2)
	timed := func(what string, f func() (*topology.Facts, error)) *topology.Facts {
		t.Helper()
		began := time.Now()
		facts, err := f()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		t.Logf("%-10s %s", what, time.Since(began).Round(100*time.Microsecond))
		return facts
	}
	timed("revoke a", func() (*topology.Facts, error) { return a.StopReceiver(t.Context()) })
	timed("revoke b", func() (*topology.Facts, error) { return b.StopReceiver(t.Context()) })
	target := old.Executed
	timed("await", func() (*topology.Facts, error) { return a.AwaitExecuted(t.Context(), target, time.Second) })
	settings := map[string]string{"rpl_semi_sync_source_timeout": "4294967295", "rpl_semi_sync_source_enabled": "ON", "rpl_semi_sync_replica_enabled": "OFF"}
	beyond := target.Add(gtid.GTID{UUID: old.UUID, Seq: 1 << 40})
	if _, err := a.BecomeSource(t.Context(), beyond, time.Second, settings, nil, nil); !errors.Is(err, ErrCondition) || a.Facts().Source == nil {
		t.Errorf("a server that lacks a part of the target was prepared: %v", err)
	}
	// The acker attaches before the source is armed: it must count all the same.
	f := timed("follow b", func() (*topology.Facts, error) {
		return b.Follow(t.Context(), all[1].address, a.Facts().UUID, true, target)
	})
	if f.Source.Address() != all[1].address {
		t.Errorf("source %s", f.Source.Address())
	}
	f = timed("prepare a", func() (*topology.Facts, error) {
		return a.BecomeSource(t.Context(), target, time.Second, settings, nil, nil)
	})
	if f.Source != nil || !f.ReadOnly() {
		t.Errorf("channel %v", f.Source)
	}
	if _, err := a.Open(t.Context(), target, 2); !errors.Is(err, ErrCondition) {
		t.Errorf("opened with one acker of two: %v", err)
	}
	began, tries := time.Now(), 0
	until(t, "it opens", func() bool {
		tries++
		facts, err := a.Open(t.Context(), target, 1)
		if err != nil {
			if !errors.Is(err, ErrCondition) || facts.Writable() {
				t.Fatalf("open: %v", err)
			}
			t.Log(err)
		}
		return err == nil
	})
	t.Logf("open       %s in %d tries", time.Since(began), tries)
	app := all[1].application(t)
	if _, err := app.ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (9)"); err != nil {
		t.Errorf("the new primary takes no writes: %v", err)
	}

	// A server with a transaction of its own is not re-pointed.
	b.Close()
	all[2].do(t, "STOP REPLICA", "SET GLOBAL super_read_only = OFF", "CREATE DATABASE extra", "SET GLOBAL super_read_only = ON")
	b = lock(t, all[2], 3)
	now := observeOnce(t, all[1])
	if _, err := b.Follow(t.Context(), all[1].address, now.UUID, true, now.Executed); !errors.Is(err, ErrCondition) {
		t.Errorf("a server with extras was re-pointed: %v", err)
	}
	if b.Facts().Source.Address() != all[1].address {
		t.Error("its channel changed")
	}
	all[2].do(t, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
	if _, err := b.Follow(t.Context(), all[1].address, now.UUID, true, gtid.Set{}); !errors.Is(err, ErrCondition) {
		t.Errorf("a writable server was re-pointed: %v", err)
	}
}

func observeOnce(t *testing.T, i *instance) *topology.Facts {
	t.Helper()
	p := i.Prober()
	defer p.Close()
	return observe(t, p)
}

func TestInstallPluginsUnderSuperReadOnly(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	db.do(t, "UNINSTALL PLUGIN clone", "UNINSTALL PLUGIN rpl_semi_sync_source", "UNINSTALL PLUGIN rpl_semi_sync_replica",
		"RESET BINARY LOGS AND GTIDS", "SET GLOBAL super_read_only = ON")
	s := lock(t, db, 1)
	f, err := s.InstallPlugins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Variables["rpl_semi_sync_source_enabled"]; !ok || !f.ReadOnly() || !f.Executed.IsEmpty() {
		t.Errorf("read-only %v, executed %s", f.ReadOnly(), f.Executed)
	}
	f, err = s.Configure(t.Context(), map[string]string{"rpl_semi_sync_source_wait_point": "AFTER_SYNC", "replica_net_timeout": "4"},
		map[string]string{"super_read_only": "ON", "skip_replica_start": "ON"}, map[string]string{"rpl_semi_sync_source_timeout": "4294967295"})
	if err != nil || !f.BootsReadOnly() || f.Persisted["replica_net_timeout"] != "4" || f.Variables["rpl_semi_sync_source_timeout"] != "4294967295" {
		t.Errorf("%v: %v", err, f.Persisted)
	}
}

func TestClone(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	app := all[0].application(t)
	if _, err := app.ExecContext(t.Context(), "CREATE DATABASE app"); err != nil {
		t.Fatal(err)
	}
	// A recipient with schemas of its own: dropping them is what super_read_only would refuse.
	all[1].do(t, "SET GLOBAL super_read_only = OFF", "CREATE DATABASE old", "CREATE TABLE old.t (id INT PRIMARY KEY)", "SET GLOBAL super_read_only = ON")
	s := lock(t, all[1], 1)
	if _, err := s.Configure(t.Context(), nil, map[string]string{"super_read_only": "ON", "skip_replica_start": "ON"}, nil); err != nil {
		t.Fatal(err)
	}
	before := s.Facts()
	began := time.Now()
	if err := s.Clone(t.Context(), all[0].address); err != nil {
		t.Fatal(err)
	}
	if s.Alive() {
		t.Error("the session outlived the restart")
	}
	t.Logf("copied after %s", time.Since(began))
	var after *Session
	until(t, "it answers again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var err error
		after, err = all[1].Lock(ctx, Lease{"orders", 1})
		return err == nil
	})
	defer after.Close()
	t.Logf("back after %s", time.Since(began))
	f := after.Facts()
	want := observeOnce(t, all[0]).Executed
	if !f.Executed.Equal(want) || !f.ReadOnly() || !f.BootsReadOnly() {
		t.Errorf("executed %s, want %s; read-only %v; uuid %s was %s", f.Executed, want, f.ReadOnly(), f.UUID, before.UUID)
	}
	if f.UUID != before.UUID {
		t.Logf("the uuid changed from %s to %s", before.UUID, f.UUID)
	}
}

// TestBecomeSourceAppliesFirst is about a replica that has received what it has not applied: with its applier
// stopped, and held up by a lock for longer than it is given.
func TestBecomeSourceAppliesFirst(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	source, replica := all[0], all[1]
	source.do(t, "CREATE DATABASE late", "CREATE TABLE late.t (id INT PRIMARY KEY)")
	until(t, "the table is there", func() bool {
		return replica.scan(t, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'late'") == "1"
	})
	replica.do(t, "STOP REPLICA SQL_THREAD")
	source.do(t, "INSERT INTO late.t VALUES (1)")
	target := observeOnce(t, source).Executed
	until(t, "it has received everything", func() bool { return observeOnce(t, replica).Received().Contains(target) })
	s := lock(t, replica, 1)
	if s.Facts().Executed.Contains(target) {
		t.Fatal("everything was applied before")
	}
	holder, err := replica.admin.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.ExecContext(t.Context(), "LOCK TABLES late.t READ"); err != nil {
		t.Fatal(err)
	}
	if f, err := s.BecomeSource(t.Context(), target, 100*time.Millisecond, nil, nil, nil); !errors.Is(err, ErrCondition) || f.Source == nil {
		t.Fatalf("it was prepared without what it could not apply: %v, channel %v", err, f.Source)
	}
	if _, err := holder.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
		t.Fatal(err)
	}
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := s.BecomeSource(t.Context(), target, 10*time.Second, nil, nil, nil)
	if err != nil || f.Source != nil || !f.Executed.Contains(target) {
		t.Fatalf("%v; channel %v, executed %s", err, f.Source, f.Executed)
	}
}

// TestArmedServerFetches is about a candidate that was armed as a source in an earlier pass, and has to fetch what another
// server came back with: what its applier commits must not wait for acknowledgements.
func TestArmedServerFetches(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	source, replica := all[0], all[1]
	s := lock(t, replica, 1)
	if _, err := s.StopReceiver(t.Context()); err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{
		"rpl_semi_sync_source_timeout": "4294967295", "rpl_semi_sync_source_wait_no_replica": "ON",
		"rpl_semi_sync_source_enabled": "ON", "rpl_semi_sync_replica_enabled": "OFF",
	}
	if _, err := s.BecomeSource(t.Context(), s.Facts().Executed, time.Second, settings, nil, nil); err != nil {
		t.Fatal(err)
	}
	source.do(t, "SET GLOBAL rpl_semi_sync_source_enabled = OFF", "CREATE DATABASE extra")
	target := observeOnce(t, source).Executed
	if _, err := s.Fetch(t.Context(), source.address); err != nil {
		t.Fatal(err)
	}
	until(t, "it has executed what it fetched", func() bool {
		f, err := s.AwaitExecuted(t.Context(), target, time.Second)
		return err == nil && f.Executed.Contains(target)
	})
}
