//go:build integration

package mysql

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/regentdb/regent/topology"
)

// codePrevented is ER_OPTION_PREVENTS_STATEMENT: the server is read-only.
const codePrevented = 1290

// These tests are the record of what a server shows, and lets through, while a change of super_read_only waits.

// background runs a statement of a client until it ends by itself.
func background(ctx context.Context, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statement string,
) <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(ctx, statement)
		ended <- err
	}()
	return ended
}

// see observes until the server shows what is wanted.
func see(t *testing.T, s *Session, what string, ok func(*topology.Facts) bool) *topology.Facts {
	t.Helper()
	var f *topology.Facts
	until(t, what, func() bool {
		var err error
		if f, err = s.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		return ok(f)
	})
	return f
}

// pends begins a change of super_read_only by hand, and returns when so many are pending.
func pends(t *testing.T, db *instance, s *Session, count int) (ended <-chan error) {
	t.Helper()
	ended = background(t.Context(), db.admin, "SET GLOBAL super_read_only = ON")
	see(t, s, "the change is pending", func(*topology.Facts) bool { return len(s.last.pending) == count })
	return ended
}

// queue waits until so many writes of clients wait for a change of super_read_only.
func (i *instance) queue(t *testing.T, count string) {
	t.Helper()
	until(t, count+" writes queue", func() bool {
		return i.scan(t, "SELECT COUNT(*) FROM performance_schema.threads WHERE processlist_info LIKE 'INSERT INTO app.t%' AND processlist_state = 'Waiting for global read lock'") == count
	})
}

// half tells what a half-closed server shows: super_read_only is announced, read_only is not there yet.
func half(f *topology.Facts) bool {
	return f.On("super_read_only") && !f.On("read_only") && !f.ReadOnly() && !f.Writable()
}

// stillRuns fails the test if a statement has ended.
func stillRuns(t *testing.T, what string, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		t.Errorf("%s ended: %v", what, err)
	default:
	}
}

func TestPendingBehindACommitThatWaits(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	db := all[0]
	s := lock(t, db, 1)
	waiting := hang(t, all)
	first := pends(t, db, s, 1)
	if f := see(t, s, "it is announced", half); f.On("offline_mode") {
		t.Error("offline_mode is on")
	}
	app := db.application(t)
	queued := background(t.Context(), app, "INSERT INTO app.t (v) VALUES (3)")
	db.queue(t, "1")

	// Ended, it lets everybody go on: the write behind it commits, and is acknowledged as soon as its acker is back.
	if err := s.endPending(t.Context()); err != nil {
		t.Fatal(err)
	}
	see(t, s, "it is open", func(f *topology.Facts) bool { return f.Writable() })
	if err := <-first; err == nil {
		t.Error("the change that was ended came through")
	}
	db.queue(t, "0")

	// Of two that are pending the end of one hides the other: the variables say that the server is open.
	first = pends(t, db, s, 1)
	earlier := s.last.pending
	second := pends(t, db, s, 2)
	if err := s.kill(t.Context(), earlier...); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err == nil {
		t.Error("a change that was ended came through")
	}
	see(t, s, "both variables are off", func(f *topology.Facts) bool {
		return !f.On("super_read_only") && !f.On("read_only") && f.Closing && !f.Writable()
	})
	third := background(t.Context(), app, "INSERT INTO app.t (v) VALUES (4)")
	db.queue(t, "1")
	stillRuns(t, "a write behind a change that no variable shows", third)

	// The acker is back: what waited is acknowledged, the change lands, and what queued behind it is refused.
	all[1].do(t, "START REPLICA IO_THREAD")
	for _, acknowledged := range []<-chan error{waiting, queued, second} {
		if err := <-acknowledged; err != nil {
			t.Error(err)
		}
	}
	if err := <-third; code(err) != codePrevented {
		t.Errorf("the write that queued behind the change: %v", err)
	}
	if f, err := s.Observe(t.Context()); err != nil || !f.ReadOnly() {
		t.Errorf("%v", err)
	}
}

// TestPendingLetsCommitsThrough: a transaction that wrote before commits, and is acknowledged, while super_read_only
// reads ON. So super_read_only alone proves nothing.
func TestPendingLetsCommitsThrough(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	app := db.table(t)
	tx, err := app.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	s := lock(t, db, 1)
	busy, stop := context.WithCancel(t.Context())
	long := background(busy, app, "UPDATE app.t SET v = SLEEP(60) WHERE id = 1")
	until(t, "the write runs", func() bool {
		return db.scan(t, "SELECT COUNT(*) FROM performance_schema.processlist WHERE state = 'User sleep'") == "1"
	})
	pending := pends(t, db, s, 1)
	see(t, s, "it is announced", half)
	if err := tx.Commit(); err != nil {
		t.Errorf("a commit while the change is pending: %v", err)
	}
	if f, err := s.Observe(t.Context()); err != nil || !half(f) {
		t.Errorf("the change has landed: %v", err)
	}
	stop()
	if err := <-long; err == nil {
		t.Error("the write in its way ended well")
	}
	// The client is gone; the statement is not, so that somebody has to end it.
	aide, err := db.open(t.Context(), db.attributes("test", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer aide.close()
	if err := endWriters(t.Context(), aide); err != nil {
		t.Fatal(err)
	}
	if err := <-pending; err != nil {
		t.Errorf("the change: %v", err)
	}
}

// TestHalfClosedGoesOnline: offline_mode cuts the ackers off as well, so that the commit waits for good and the change with it.
// Taken back, it lets clients in, whose writes queue behind the change; none is acknowledged.
func TestHalfClosedGoesOnline(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	db := all[0]
	s := lock(t, db, 1)
	waiting := hang(t, all)
	pending := pends(t, db, s, 1)
	if f, err := s.GoOffline(t.Context()); err != nil || !half(f) {
		t.Fatalf("%v", err)
	}
	if err := <-waiting; err == nil {
		t.Error("the commit was acknowledged to its client")
	}
	if _, err := s.GoOnline(t.Context()); !errors.Is(err, ErrCondition) {
		t.Errorf("a half-closed server went online: %v", err)
	}
	all[1].do(t, "START REPLICA IO_THREAD")
	until(t, "the acker is refused", func() bool {
		f := observeOnce(t, all[1])
		return f.Source.Receiver == topology.ThreadConnecting && f.Source.ReceiverError != ""
	})
	f, err := s.Configure(t.Context(), nil, nil, map[string]string{"offline_mode": "OFF"})
	if err != nil || f.On("offline_mode") {
		t.Fatal(err)
	}
	queued := background(t.Context(), db.application(t), "INSERT INTO app.t (v) VALUES (3)")
	if err := <-queued; code(err) != codePrevented {
		t.Errorf("a client of a half-closed server that went online: %v", err)
	}
	if err := <-pending; err != nil {
		t.Error(err)
	}
	see(t, s, "both variables are on", func(f *topology.Facts) bool { return f.ReadOnly() })
	if got := db.scan(t, "SELECT COUNT(*) FROM app.t WHERE v = 2"); got != "1" {
		t.Errorf("%s rows of the commit that waited", got)
	}
}

// TestFenceClosesAHalfClosedServer: not one write slips through between the change that was pending and the fence.
func TestFenceClosesAHalfClosedServer(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	app := db.table(t)
	s := lock(t, db, 1)
	long := background(t.Context(), app, "UPDATE app.t SET v = SLEEP(60)")
	until(t, "the write runs", func() bool {
		return db.scan(t, "SELECT COUNT(*) FROM performance_schema.processlist WHERE state = 'User sleep'") == "1"
	})
	pending := pends(t, db, s, 1)
	var queued []<-chan error
	for range 4 {
		queued = append(queued, background(t.Context(), app, "INSERT INTO app.t (v) VALUES (3)"))
	}
	db.queue(t, "4")
	clock, err := s.Clock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.ArmClosed(t.Context(), leaseOf(3, 1), clock.Add(time.Minute), s.Facts().Executed, 0)
	if err != nil || !f.On("read_only") || len(s.last.pending) != 0 {
		t.Fatalf("%v: read_only %s, pending %v", err, f.Variables["read_only"], s.last.pending)
	}
	for _, q := range queued {
		if err := <-q; code(err) != codePrevented {
			t.Errorf("a write that queued behind the change: %v", err)
		}
	}
	if err := <-long; code(err) != codeInterrupted {
		t.Errorf("the write in its way: %v", err)
	}
	if err := <-pending; err != nil {
		t.Logf("the change of before: %v", err)
	}
	f = ticking(t, s, f)
	if f, err = s.OpenGuarded(t.Context(), leaseOf(3, 1), f.Executed, 0); err != nil || !f.Writable() {
		t.Errorf("%v", err)
	}
}

// TestAcknowledgementsAreNotRepeated: an acker whose acknowledgement was lost with its connection is sent nothing when it comes
// back, since it has the transaction, and the commit waits on. Whatever is logged after it ends the wait.
func TestAcknowledgementsAreNotRepeated(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	waiting := hang(t, all)
	all[1].do(t, "SET GLOBAL rpl_semi_sync_replica_enabled = OFF", "START REPLICA IO_THREAD")
	until(t, "the acker has it", func() bool { return all[1].scan(t, "SELECT COUNT(*) FROM app.t WHERE v = 2") == "1" })
	all[1].do(t, "STOP REPLICA IO_THREAD", "SET GLOBAL rpl_semi_sync_replica_enabled = ON", "START REPLICA IO_THREAD")
	p := all[0].Prober()
	defer p.Close()
	until(t, "the acker is attached", func() bool {
		f := observe(t, p)
		return len(f.Replicas) == 1 && f.Replicas[0].Acker && f.Status["rpl_semi_sync_source_clients"] == "1"
	})
	select {
	case err := <-waiting:
		t.Fatalf("the commit has ended: %v", err)
	case <-time.After(2 * time.Second): // as long as a commit is taken for slow
	}
	s := lock(t, all[0], 1)
	f, err := s.Nudge(t.Context(), 2*time.Second)
	if err != nil || f.Status["rpl_semi_sync_source_wait_sessions"] != "0" {
		t.Errorf("%v: %s sessions wait", err, f.Status["rpl_semi_sync_source_wait_sessions"])
	}
	if err := <-waiting; err != nil {
		t.Errorf("the commit that waited: %v", err)
	}
	until(t, "the acker has executed it", func() bool { return observeOnce(t, all[1]).Executed.Equal(observe(t, p).Executed) })
}

// TestNudgeThatNobodyAcknowledges: it waits as a commit does, and there is never more than one.
func TestNudgeThatNobodyAcknowledges(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	waiting := hang(t, all)
	s := lock(t, all[0], 1)
	if _, err := s.Nudge(t.Context(), 500*time.Millisecond); err == nil || errors.Is(err, ErrCondition) || !s.Alive() {
		t.Errorf("without an acker: %v, alive %t", err, s.Alive())
	}
	if _, err := s.Nudge(t.Context(), 500*time.Millisecond); !errors.Is(err, ErrCondition) {
		t.Errorf("a second one: %v", err)
	}
	all[1].do(t, "START REPLICA IO_THREAD")
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	if _, err := s.Fence(t.Context(), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Nudge(t.Context(), 500*time.Millisecond); !errors.Is(err, ErrCondition) {
		t.Errorf("on a server that takes no writes: %v", err)
	}
}
