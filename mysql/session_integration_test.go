//go:build integration

package mysql

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

func TestLockIsTakenOverByLaterTermsOnly(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	first := lock(t, db, 7)
	if _, err := db.Lock(t.Context(), Lease{"orders", 6}); !errors.Is(err, ErrStaleTerm) {
		t.Errorf("an earlier term: %v", err)
	}
	other := *db.Server
	other.options.Node = "west-1"
	if _, err := other.Lock(t.Context(), Lease{"orders", 7}); !errors.Is(err, ErrLocked) {
		t.Errorf("another node in the same term: %v", err)
	}
	if _, err := first.Observe(t.Context()); err != nil {
		t.Fatalf("the holder was disturbed: %v", err)
	}
	again := lock(t, db, 7) // its own leftover
	if first.Alive() {
		t.Error("the holder that was killed believes that it is alive")
	}
	if _, err := first.Observe(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("the holder that was killed: %v", err)
	}
	later, err := other.Lock(t.Context(), Lease{"orders", 8})
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	if _, err := again.StopReceiver(t.Context()); !errors.Is(err, ErrLost) || !ClosedByPeer(err) {
		t.Errorf("a deposed leader could act: %v", err)
	}
	if _, err := db.Lock(t.Context(), Lease{"invoices", 1}); err != nil {
		t.Errorf("another cluster's lock: %v", err)
	}
}

func TestKillSkipsConnectionsThatAreGone(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	s := lock(t, db, 1)
	app := db.application(t)
	var ids []string
	for range 3 {
		c, err := app.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		var id string
		if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	before, err := s.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.kill(t.Context(), "4000000000", ids[0], "4000000001", ids[1], ids[2], "4000000002"); err != nil {
		t.Fatal(err)
	}
	until(t, "they are gone", func() bool {
		f, err := s.Observe(t.Context())
		return err == nil && f.Applications == before.Applications-len(ids)
	})
}

func TestEncryptedConnections(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	for _, i := range all {
		i.options.TLS = &tls.Config{InsecureSkipVerify: true} // the server made its certificate up
	}
	replicate(t, all)
	s := lock(t, all[0], 2)
	got, err := s.link.run(t.Context(), (&batch{}).query("cipher", "SHOW SESSION STATUS LIKE 'Ssl_cipher'"))
	if err != nil || got["cipher"].pairs()["ssl_cipher"] == "" {
		t.Errorf("regent's connection is not encrypted: %v, %v", got, err)
	}
	encrypted := all[0].scan(t, `SELECT COUNT(*) FROM performance_schema.threads t JOIN performance_schema.status_by_thread s USING (thread_id)
		WHERE t.processlist_command LIKE 'Binlog Dump%' AND s.variable_name = 'Ssl_cipher' AND s.variable_value <> ''`)
	if encrypted != "1" {
		t.Errorf("%s encrypted receivers", encrypted)
	}
}

func TestForeignLockIsNotTaken(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	db.admin.SetMaxOpenConns(1)
	db.do(t, "SELECT GET_LOCK('regent:orders', 0)")
	if _, err := db.Lock(t.Context(), Lease{"orders", 9}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "KILL") {
		t.Errorf("%v", err)
	}
}

func TestFence(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	app := db.application(t)
	for _, s := range []string{"CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY, v INT)", "INSERT INTO app.t VALUES (1, 1)"} {
		if _, err := app.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	s := lock(t, db, 1)
	began := time.Now()
	f, err := s.Fence(t.Context(), time.Second)
	if err != nil || !f.ReadOnly() {
		t.Fatalf("%v, %v", f, err)
	}
	t.Logf("a fence takes %s", time.Since(began))
	if _, err := app.ExecContext(t.Context(), "INSERT INTO app.t VALUES (2, 1)"); err == nil {
		t.Error("an application wrote to a fenced server")
	}
	if f, err = s.Open(t.Context(), gtid.Set{}, 0); err != nil || !f.Writable() {
		t.Fatalf("open: %v", err)
	}

	// A write that does not end is ended.
	stuck := make(chan error, 1)
	go func() {
		_, err := app.ExecContext(t.Context(), "UPDATE app.t SET v = SLEEP(60)")
		stuck <- err
	}()
	until(t, "the write runs", func() bool {
		return db.scan(t, "SELECT COUNT(*) FROM performance_schema.processlist WHERE state = 'User sleep'") == "1"
	})
	began = time.Now()
	if f, err = s.Fence(t.Context(), 5*time.Second); err != nil || !f.ReadOnly() {
		t.Fatalf("%v", err)
	}
	t.Logf("a fence behind a long write takes %s", time.Since(began))
	if err := <-stuck; code(err) != codeInterrupted {
		t.Errorf("the write ended with %v", err)
	}
}

// hang makes a commit on db1 wait for an acknowledgement that never comes.
func hang(t *testing.T, all []*instance) (outcome <-chan error) {
	t.Helper()
	for _, r := range all[1:] {
		r.do(t, "STOP REPLICA IO_THREAD")
	}
	app := all[0].application(t)
	waiting := make(chan error, 1)
	go func() {
		_, err := app.ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (2)")
		waiting <- err
	}()
	until(t, "the commit waits", func() bool {
		return all[0].scan(t, "SELECT COUNT(*) FROM performance_schema.processlist WHERE state LIKE 'Waiting for semi-sync%'") == "1"
	})
	return waiting
}

func TestFenceBehindUnacknowledgedCommit(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	outcome := hang(t, all)
	s := lock(t, all[0], 1)
	began := time.Now()
	f, err := s.Fence(t.Context(), 700*time.Millisecond)
	if !errors.Is(err, ErrBlocked) || f.ReadOnly() || !s.Alive() {
		t.Fatalf("%v", err)
	}
	t.Logf("a blocked fence gives up after %s: %v", time.Since(began), err)
	if f.On("super_read_only") || f.On("read_only") {
		t.Errorf("super_read_only %s, read_only %s", f.Variables["super_read_only"], f.Variables["read_only"])
	}

	// A fence that somebody else left pending is found and ended.
	go func() { _, _ = all[0].admin.ExecContext(t.Context(), "SET GLOBAL super_read_only = ON") }()
	until(t, "it is pending", func() bool {
		if _, err := s.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(s.last.pending) == 1
	})
	if err := s.endPending(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "it is gone", func() bool {
		f, err := s.Observe(t.Context())
		return err == nil && len(s.last.pending) == 0 && !f.On("super_read_only")
	})

	began = time.Now()
	if f, err = s.GoOffline(t.Context()); err != nil || !f.On("offline_mode") {
		t.Fatal(err)
	}
	t.Logf("offline_mode takes %s", time.Since(began))
	if err := <-outcome; err == nil {
		t.Error("the commit was acknowledged to its client")
	}
}

func TestDrainEndsUnheardCommits(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	outcome := hang(t, all)
	boss := make(chan error, 1)
	all[0].do(t, "SET PERSIST offline_mode = OFF")
	go func() { // an account that offline_mode does not stop
		_, err := all[0].admin.ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (3)")
		boss <- err
	}()
	until(t, "two commits wait", func() bool {
		return all[0].scan(t, "SELECT COUNT(*) FROM performance_schema.processlist WHERE info LIKE 'INSERT INTO app.t%'") == "2"
	})
	s := lock(t, all[0], 1)
	hidden := s.Facts().Executed.Count()
	began := time.Now()
	f, err := s.Drain(t.Context(), 5*time.Second)
	if err != nil || !f.ReadOnly() || f.On("rpl_semi_sync_source_enabled") {
		t.Fatalf("%v", err)
	}
	t.Logf("a drain takes %s; gtid_executed grew from %d to %d", time.Since(began), hidden, f.Executed.Count())
	if f.Executed.Count() != hidden+2 {
		t.Errorf("the tail did not show: %s", f.Executed)
	}
	for _, outcome := range []<-chan error{outcome, boss} {
		if err := <-outcome; err == nil {
			t.Error("a commit was acknowledged to its client")
		}
	}
	if f, err = s.GoOnline(t.Context()); err != nil || f.On("offline_mode") {
		t.Errorf("%v", err)
	}
}

func TestReceivedSurvivesChangeOfSource(t *testing.T) {
	t.Parallel()
	all := start(t, 3)
	replicate(t, all)
	target := all[1]
	target.admin.SetMaxOpenConns(2)
	blocker, err := target.admin.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blocker.Close() }()
	if _, err := blocker.ExecContext(t.Context(), "LOCK TABLES app.t READ"); err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].application(t).ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	s := lock(t, target, 1)
	f := s.Facts()
	until(t, "it is received and not applied", func() bool {
		f, err = s.StopReceiver(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f.Received().Equal(f.Executed) {
			target.do(t, "START REPLICA IO_THREAD")
			return false
		}
		return true
	})
	held := f.Received()
	if f.Source.Receiver != topology.ThreadOff {
		t.Fatalf("receiver %s", f.Source.Receiver)
	}
	if f, err = s.Fetch(t.Context(), all[2].address); err != nil || f.Source.Address() != all[2].address {
		t.Fatal(err)
	}
	if !f.Received().Contains(held) {
		t.Fatalf("the change of source lost %s", held.Subtract(f.Received()))
	}
	// What is not applied keeps the channel from being removed.
	if _, err := s.BecomeSource(t.Context(), gtid.Set{}, 0, nil, nil, nil); !errors.Is(err, ErrCondition) {
		t.Errorf("unapplied transactions were thrown away: %v", err)
	}
	if _, err := blocker.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
		t.Fatal(err)
	}
	if f, err = s.AwaitExecuted(t.Context(), held, 5*time.Second); err != nil || !f.Executed.Contains(held) {
		t.Fatalf("%v: %s", err, f.Executed)
	}
}
