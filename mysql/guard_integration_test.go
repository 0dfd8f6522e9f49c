//go:build integration

package mysql

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/topology"
)

// leaseOf is a guard row that tests write.
func leaseOf(epoch, set uint64) topology.Lease {
	return topology.Lease{Epoch: epoch, SetVersion: set, Candidates: []string{"db2", "db3"}, Serve: true, TTL: 5 * time.Second}
}

// arm gives an open server a guard whose lease lasts that long, and waits for a tick.
func arm(t *testing.T, s *Session, want topology.Lease, lasts time.Duration) *topology.Facts {
	t.Helper()
	clock, err := s.Clock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Arm(t.Context(), want, clock.Add(lasts))
	if err != nil {
		t.Fatal(err)
	}
	return ticking(t, s, f)
}

// ticking waits until the guard's event is seen to run.
func ticking(t *testing.T, s *Session, f *topology.Facts) *topology.Facts {
	t.Helper()
	until(t, "the guard ticks", func() bool {
		var err error
		if f, err = s.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		return f.Lease != nil && f.Lease.TickAge >= 0 && f.Lease.TickAge <= topology.TickLimit
	})
	return f
}

// fenced waits until a server became read-only by itself, and says how long after the lease had expired.
func fenced(t *testing.T, s *Session) *topology.Facts {
	t.Helper()
	var f *topology.Facts
	until(t, "the guard fences", func() bool {
		var err error
		if f, err = s.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		return f.ReadOnly()
	})
	t.Logf("read-only %s after the lease had expired, offline_mode %s", -f.Lease.Remaining, f.Variables["offline_mode"])
	return f
}

// table makes app.t with one row.
func (i *instance) table(t *testing.T) *sql.DB {
	t.Helper()
	app := i.application(t)
	for _, s := range []string{"CREATE DATABASE app", "CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)", "INSERT INTO app.t (v) VALUES (1)"} {
		if _, err := app.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return app
}

func TestGuardFencesWhenItsLeaseExpires(t *testing.T) {
	t.Parallel()
	for name, global := range map[string]string{
		"defaults":                "SET GLOBAL autocommit = 1",
		"autocommit is off":       "SET GLOBAL autocommit = 0",
		"safe updates, serial":    "SET GLOBAL sql_safe_updates = 1, GLOBAL transaction_isolation = 'SERIALIZABLE'",
		"another time zone":       "SET GLOBAL time_zone = '-11:00'",
		"transactions only read":  "SET GLOBAL transaction_read_only = 1",
		"strange sql_mode":        "SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE'",
		"event_scheduler was off": "SET GLOBAL event_scheduler = OFF",
	} {
		t.Run(name, func(t *testing.T) {
			db := start(t, 1)[0]
			app := db.table(t)
			db.do(t, global)
			writer, err := app.Conn(t.Context()) // kept all the time, as a writer that notices nothing
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = writer.Close() }()
			s := lock(t, db, 1)
			before := s.Facts().Executed
			f := arm(t, s, leaseOf(3, 1), 3*time.Second)
			l := f.Lease
			if l.UUID != f.UUID || l.Epoch != 3 || l.SetVersion != 1 || strings.Join(l.Candidates, " ") != "db2 db3" || !l.Serve ||
				l.TTL != 5*time.Second || !l.Enabled || !l.Scheduler || l.Fault != "" || l.Remaining <= 0 || !f.Writable() {
				t.Errorf("armed: %+v", l)
			}
			if f = fenced(t, s); f.On("offline_mode") {
				t.Error("a server with nothing in the way was taken offline, and its readers with it")
			}
			if !f.Executed.Equal(before) {
				t.Errorf("the guard is in the binary log: %s", f.Executed.Subtract(before))
			}
			if _, err := writer.ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (2)"); err == nil {
				t.Error("a writer was acknowledged after the fence")
			}
		})
	}
}

func TestGuardFencesBehindACommitThatWaits(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	s := lock(t, all[0], 1)
	arm(t, s, leaseOf(3, 1), 3*time.Second)
	outcome := hang(t, all)
	if err := <-outcome; err == nil {
		t.Fatal("the commit was acknowledged")
	} else {
		t.Logf("the writer: %v", err)
	}
	var f *topology.Facts
	until(t, "the change of read_only is pending", func() bool {
		var err error
		if f, err = s.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		return f.On("super_read_only")
	})
	if !f.On("offline_mode") || f.ReadOnly() || len(s.last.pending) != 1 {
		t.Errorf("offline_mode %s, read_only %s, pending %v", f.Variables["offline_mode"], f.Variables["read_only"], s.last.pending)
	}
	t.Logf("offline %s after the lease had expired", -f.Lease.Remaining)
	if _, err := all[0].application(t).ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (3)"); err == nil {
		t.Error("an application got in")
	}
	// Nobody but a leader ends that: the change in the event is found, and the server drained.
	if f, err := s.Drain(t.Context(), 5*time.Second); err != nil || !f.ReadOnly() {
		t.Errorf("%v", err)
	}
}

// TestGuardLetsCommitsUnderWayEnd: a commit that is about to be acknowledged is no reason to cut applications and ackers off.
func TestGuardLetsCommitsUnderWayEnd(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	s := lock(t, all[0], 1)
	arm(t, s, leaseOf(3, 1), 3*time.Second)
	writers := make(chan error, 8)
	app := all[0].application(t)
	for range cap(writers) {
		go func() {
			for {
				if _, err := app.ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (2)"); err != nil {
					writers <- err
					return
				}
			}
		}()
	}
	f := fenced(t, s)
	for range cap(writers) {
		if err := <-writers; code(err) != 1290 {
			t.Errorf("a writer ended with %v", err)
		}
	}
	if f, err := s.Observe(t.Context()); err != nil || f.On("offline_mode") || len(f.Replicas) != 1 {
		t.Errorf("%v: offline_mode %s, %d replicas", err, f.Variables["offline_mode"], len(f.Replicas))
	}
	t.Logf("%d writes before", f.Executed.Count())
}

func TestGuardEndsWhatIsInItsWay(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{"UPDATE app.t SET v = SLEEP(60)", "LOCK TABLES app.t WRITE", "FLUSH TABLES app.t WITH READ LOCK"} {
		t.Run(statement, func(t *testing.T) {
			db := start(t, 1)[0]
			app := db.table(t)
			db.do(t, "GRANT RELOAD ON *.* TO app_user")
			s := lock(t, db, 1)
			arm(t, s, leaseOf(3, 1), 3*time.Second)
			conn, err := app.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			ended := make(chan error, 1)
			go func() {
				_, err := conn.ExecContext(t.Context(), statement)
				ended <- err
			}()
			fenced(t, s)
			err = <-ended
			if _, again := conn.ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (2)"); again == nil {
				t.Errorf("acknowledged after the fence (%v)", err)
			}
		})
	}
}

func TestArmingAnewHealsAnEventThatFails(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	s := lock(t, db, 1)
	f := arm(t, s, leaseOf(3, 1), time.Hour)
	db.do(t, "ALTER DEFINER = 'gone'@'localhost' EVENT regent_guard.fence ENABLE")
	until(t, "the tick is old", func() bool {
		var err error
		if f, err = s.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		return f.Lease.TickAge > topology.TickLimit
	})
	if !f.Lease.Enabled || !f.Lease.Scheduler || f.Lease.Fault != "" {
		t.Errorf("nothing but the tick shows it: %+v", f.Lease)
	}
	if _, err := s.Arm(t.Context(), leaseOf(3, 2), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Observe(t.Context()); err != nil || f.Lease.TickAge <= topology.TickLimit {
		t.Errorf("a lease that goes on has another event: %v, %+v", err, f.Lease)
	}
	if f = arm(t, s, leaseOf(3, 3), time.Hour); f.Lease.SetVersion != 3 {
		t.Errorf("%+v", f.Lease)
	}
}

func TestGuardThatDoesNotRunShowsIt(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	s := lock(t, db, 1)
	arm(t, s, leaseOf(3, 1), time.Hour)
	see := func(what string, ok func(*topology.Lease) bool) {
		t.Helper()
		until(t, what, func() bool {
			f, err := s.Observe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return ok(f.Lease)
		})
	}
	old := func(l *topology.Lease) bool { return l.TickAge > topology.TickLimit }
	fresh := func(l *topology.Lease) bool {
		return l.Enabled && l.Scheduler && l.Fault == "" && l.TickAge >= 0 && l.TickAge <= topology.TickLimit
	}
	db.do(t, "SET GLOBAL event_scheduler = OFF")
	see("the scheduler is off", func(l *topology.Lease) bool { return !l.Scheduler && old(l) })
	db.do(t, "SET GLOBAL event_scheduler = ON")
	see("it runs again", fresh)
	db.do(t, "ALTER EVENT regent_guard.fence DISABLE")
	see("the event is disabled", func(l *topology.Lease) bool { return !l.Enabled && old(l) })
	db.do(t, "ALTER EVENT regent_guard.fence ENABLE")
	see("it runs again", fresh)

	p := db.Prober()
	defer p.Close()
	conn, err := db.admin.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), "LOCK TABLES regent_guard.lease WRITE"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	f := observe(t, p)
	t.Logf("a probe of a server whose guard is locked takes %s", time.Since(began))
	if f.Lease == nil || f.Lease.TickAge != topology.Never || !strings.Contains(f.Lease.Fault, "cannot be read") {
		t.Errorf("locked: %+v", f.Lease)
	}
	if _, err := conn.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
		t.Fatal(err)
	}
	see("it runs again", fresh)
	if f, err = s.Disarm(t.Context()); err != nil || f.Lease != nil || !f.On("event_scheduler") {
		t.Errorf("disarmed: %v, %+v", err, f.Lease)
	}
	if f, err = s.Disarm(t.Context()); err != nil || f.Lease != nil {
		t.Errorf("disarmed again: %v", err)
	}
}

func TestArmingGoesForwardOnly(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	s := lock(t, db, 1)
	refused := func(what string, want topology.Lease, until time.Time) {
		t.Helper()
		if f, err := s.Arm(t.Context(), want, until); !errors.Is(err, ErrCondition) {
			t.Errorf("%s: %v, %+v", what, err, f.Lease)
		}
	}
	refused("no lease that could go on", leaseOf(3, 1), time.Time{})
	arm(t, s, leaseOf(3, 5), time.Hour)
	g := db.Guard()
	defer g.Close()
	row, clock, err := g.Read(t.Context())
	if err != nil || row.Epoch != 3 || clock.IsZero() {
		t.Fatalf("%+v, %v", row, err)
	}
	if err := g.Mark(t.Context(), *row, "its clock was set back by 1h0m0s"); err != nil {
		t.Fatal(err)
	}
	if err := g.Mark(t.Context(), *row, "something else"); err != nil {
		t.Fatal(err)
	}
	refused("an earlier set", leaseOf(3, 4), clock)
	refused("an earlier epoch", leaseOf(2, 9), clock)
	refused("a later epoch without a lease", leaseOf(4, 1), time.Time{})
	next := leaseOf(3, 6)
	next.Candidates, next.Serve, next.TTL = nil, false, 9*time.Second
	f, err := s.Arm(t.Context(), next, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	l := f.Lease
	if l.SetVersion != 6 || len(l.Candidates) != 0 || l.Serve || l.TTL != 9*time.Second || l.Remaining < 50*time.Minute ||
		l.TickAge < 0 || l.Fault != "its clock was set back by 1h0m0s" {
		t.Errorf("a change of the set: %+v", l)
	}
	if l = arm(t, s, leaseOf(3, 7), time.Minute).Lease; l.Fault != "" || l.Remaining > time.Minute {
		t.Errorf("armed anew: %+v", l)
	}
	if l = arm(t, s, leaseOf(4, 1), time.Minute).Lease; l.Epoch != 4 || !l.Enabled {
		t.Errorf("armed for the next epoch: %+v", l)
	}
}

func TestRenewalIsACompareAndSet(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	s := lock(t, db, 1)
	g := db.Guard()
	defer g.Close()
	if row, clock, err := g.Read(t.Context()); err != nil || row != nil || clock.IsZero() {
		t.Errorf("without a guard: %+v, %v", row, err)
	}
	executed := arm(t, s, leaseOf(3, 5), time.Minute).Executed
	read := func() (*topology.Lease, time.Time) {
		t.Helper()
		row, clock, err := g.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return row, clock
	}
	row, clock := read()
	for name, spoil := range map[string]func(*topology.Lease){
		"uuid":        func(l *topology.Lease) { l.UUID = "aaaaaaaa-0000-0000-0000-000000000001" },
		"epoch":       func(l *topology.Lease) { l.Epoch = 4 },
		"old epoch":   func(l *topology.Lease) { l.Epoch = 2 },
		"set version": func(l *topology.Lease) { l.SetVersion = 4 },
	} {
		other := *row
		spoil(&other)
		if err := g.Renew(t.Context(), other, clock.Add(time.Hour)); !errors.Is(err, ErrNotRenewed) {
			t.Errorf("another %s: %v", name, err)
		}
		if err := g.Mark(t.Context(), other, "wrong"); !errors.Is(err, ErrNotRenewed) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if row, _ = read(); row.Remaining > time.Minute || row.Fault != "" {
		t.Errorf("what was refused took effect: %+v", row)
	}
	if err := g.Renew(t.Context(), *row, clock.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if row, _ = read(); row.Remaining < 59*time.Minute {
		t.Errorf("renewed for an hour: %s", row.Remaining)
	}
	if err := g.Renew(t.Context(), *row, clock.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if row, _ = read(); row.Remaining < 59*time.Minute {
		t.Errorf("a lease was shortened to %s", row.Remaining)
	}
	if f, err := s.Observe(t.Context()); err != nil || !f.Executed.Equal(executed) {
		t.Errorf("renewals are in the binary log: %v", err)
	}
	if _, err := s.Fence(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if err := g.Renew(t.Context(), *row, clock.Add(2*time.Hour)); err == nil {
		t.Error("the lease of a server that was fenced was renewed")
	}
	if err := db.process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Read(t.Context()); err == nil {
		t.Error("a dead server was read")
	}
}
