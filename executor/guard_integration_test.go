//go:build integration

package executor

import (
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/failover"
)

func TestGuardOnRealServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	w.adopt(t, "db2", "db3")
	first := failover.LeaseOrder{Epoch: 1, SetVersion: 1, Candidates: []string{"db2", "db3"}, Serve: true, TTL: 5 * time.Second, Fresh: true}
	f := w.must(t, failover.Action{Kind: failover.ActArm, Server: "db1", Lease: &first})
	if !guards(f, &first) || !f.Writable() {
		t.Fatalf("armed: %+v", f.Lease)
	}
	changed := first
	changed.SetVersion, changed.Candidates, changed.Fresh = 2, []string{"db3"}, false
	if f = w.must(t, failover.Action{Kind: failover.ActArm, Server: "db1", Lease: &changed}); !guards(f, &changed) {
		t.Errorf("a change of the set: %+v", f.Lease)
	}
	if res := w.do(t, failover.Action{Kind: failover.ActArm, Server: "db1", Lease: &first}); !strings.Contains(res.Err, "newer guard row") {
		t.Errorf("an order of before: %q", res.Err)
	}
	waitFor(t, "it is fenced, since nobody renews", func() bool { return w.look(t, "db1").ReadOnly() })

	// The same epoch opens again, and a retry of an opening that was done changes nothing.
	target := w.look(t, "db1").Executed
	again := first
	again.SetVersion, again.TTL = 3, time.Minute
	open := failover.Action{Kind: failover.ActOpen, Server: "db1", Target: target, WaitCount: 1, Lease: &again}
	f = w.must(t, open)
	if !f.Writable() || !guards(f, &again) {
		t.Fatalf("opened: %+v", f.Lease)
	}
	remaining := f.Lease.Remaining
	if f = w.must(t, open); f.Lease.Remaining > remaining {
		t.Errorf("a retry began another lease: %s, then %s", remaining, f.Lease.Remaining)
	}
	w.write(t, "db1", "INSERT INTO app.t (v) VALUES (5)")
	if f = w.must(t, failover.Action{Kind: failover.ActDisarm, Server: "db1"}); f.Lease != nil || !f.Writable() {
		t.Errorf("disarmed: %+v", f.Lease)
	}

	// A failover: claims on pinned connections, and an opening with the guard of the new epoch.
	if err := w.processes["db1"].Kill(); err != nil {
		t.Fatal(err)
	}
	claimed := w.do(t, failover.Action{Kind: failover.ActRevoke, Server: "db2"})
	if res := w.do(t, failover.Action{Kind: failover.ActClaim, Server: "db2", Session: claimed.Session}); res.Err != "" {
		t.Errorf("the claim: %s", res.Err)
	}
	second := failover.LeaseOrder{Epoch: 2, SetVersion: 1, Candidates: []string{"db3"}, TTL: 5 * time.Second, Fresh: true}
	w.failOver(t, &second)
	if f = w.look(t, "db2"); !f.Writable() || f.Lease == nil || f.Lease.Epoch != 2 {
		t.Errorf("after the failover: %+v", f.Lease)
	}
}

// do runs an action that may fail.
func (w *world) do(t *testing.T, a failover.Action) failover.Result {
	t.Helper()
	a.Cluster, a.Deadline = "orders", 5*time.Second
	return w.Do(t.Context(), a)
}

// TestHalfClosedPrimaryOpensAgain: the lease runs out behind a commit that nobody acknowledges, so that its guard takes the
// primary offline and its change of super_read_only waits. From there to the opening no client is acknowledged.
func TestHalfClosedPrimaryOpensAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	w.adopt(t, "db2", "db3")
	order := failover.LeaseOrder{Epoch: 1, SetVersion: 1, Candidates: []string{"db2", "db3"}, Serve: true, TTL: 3 * time.Second, Fresh: true}
	w.must(t, failover.Action{Kind: failover.ActArm, Server: "db1", Lease: &order})
	for _, acker := range []string{"db2", "db3"} {
		w.admin(t, acker, "STOP REPLICA IO_THREAD")
	}
	waiting := make(chan error, 1)
	app := w.application(t, "db1")
	go func() {
		_, err := app.ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (6)")
		waiting <- err
	}()
	if err := <-waiting; err == nil {
		t.Fatal("a commit without an acknowledgement was acknowledged")
	}
	half := func() bool { return w.halfClosed(t, "db1") }
	waitFor(t, "it is half closed", half)
	for _, acker := range []string{"db2", "db3"} {
		w.admin(t, acker, "START REPLICA IO_THREAD")
	}
	next := order
	next.SetVersion, next.TTL = 2, time.Minute
	open := failover.Action{Kind: failover.ActOpen, Server: "db1", Target: w.look(t, "db1").Executed, WaitCount: 1, Lease: &next}
	if res := w.do(t, open); !strings.Contains(res.Err, "blocked") || !half() {
		t.Errorf("offline, with ackers that cannot come in: %q", res.Err)
	}

	acknowledged := make(chan error, 1)
	go func() { // as a client that tries again and again
		for t.Context().Err() == nil {
			if _, err := app.ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (7)"); err == nil {
				acknowledged <- nil
				return
			}
		}
		acknowledged <- t.Context().Err()
	}()
	online := failover.Setting{Name: "offline_mode", Value: "OFF", Transient: true}
	w.must(t, failover.Action{Kind: failover.ActConfigure, Server: "db1", Settings: []failover.Setting{online}})
	waitFor(t, "its ackers are back, and it is read-only", func() bool { return w.look(t, "db1").ReadOnly() })
	select {
	case err := <-acknowledged:
		t.Errorf("a client of a half-closed server was acknowledged: %v", err)
	default:
	}
	open.Target = w.look(t, "db1").Executed
	if f := w.must(t, open); !f.Writable() || !guards(f, &next) {
		t.Errorf("opened: %+v", f.Lease)
	}
	if err := <-acknowledged; err != nil {
		t.Errorf("a client of the open primary: %v", err)
	}
}

// TestLostAcknowledgements: the ackers have the transaction, and the connections on which they acknowledged it are gone. They
// come back and are sent nothing, so that the commit would wait for good, and the change of super_read_only behind it.
func TestLostAcknowledgements(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	w.adopt(t, "db2", "db3")
	order := failover.LeaseOrder{Epoch: 1, SetVersion: 1, Candidates: []string{"db2", "db3"}, Serve: true, TTL: 3 * time.Second, Fresh: true}
	w.must(t, failover.Action{Kind: failover.ActArm, Server: "db1", Lease: &order})
	for _, acker := range []string{"db2", "db3"} { // They receive, and the source does not hear of it.
		w.admin(t, acker, "STOP REPLICA IO_THREAD")
		w.admin(t, acker, "SET GLOBAL rpl_semi_sync_replica_enabled = OFF")
		w.admin(t, acker, "START REPLICA IO_THREAD")
	}
	if _, err := w.application(t, "db1").ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (8)"); err == nil {
		t.Fatal("a commit without an acknowledgement was acknowledged")
	}
	waitFor(t, "it is half closed", func() bool { return w.halfClosed(t, "db1") })
	before := w.look(t, "db1").Executed
	for _, acker := range []string{"db2", "db3"} {
		waitFor(t, acker+" has received it", func() bool { return !before.Contains(w.look(t, acker).Executed) })
		w.admin(t, acker, "SET GLOBAL rpl_semi_sync_replica_enabled = ON")
	}
	online := failover.Setting{Name: "offline_mode", Value: "OFF", Transient: true}
	w.must(t, failover.Action{Kind: failover.ActConfigure, Server: "db1", Settings: []failover.Setting{online}})
	attached := func() bool { return count(w.look(t, "db1"), "rpl_semi_sync_source_clients") == 2 }
	waitFor(t, "its ackers are back", attached)

	next := order
	next.SetVersion, next.TTL = 2, time.Minute
	open := failover.Action{Kind: failover.ActOpen, Server: "db1", Target: before, WaitCount: 1, Lease: &next}
	res := w.do(t, open)
	if f := w.look(t, "db1"); !strings.Contains(res.Err, "were ended without telling any client") || !f.ReadOnly() || f.On("offline_mode") || before.Contains(f.Executed) {
		t.Fatalf("%q; read_only %s, offline_mode %s, %s", res.Err, f.Variables["read_only"], f.Variables["offline_mode"], f.Executed)
	}
	waitFor(t, "its ackers are back once more", attached)
	open.Target = w.look(t, "db1").Executed
	if f := w.must(t, open); !f.Writable() || !guards(f, &next) {
		t.Errorf("opened: %+v", f.Lease)
	}
	w.write(t, "db1", "INSERT INTO app.t (v) VALUES (9)")
	waitFor(t, "the ackers have all of it", func() bool { return w.look(t, "db2").Executed.Contains(w.look(t, "db1").Executed) })
}

// halfClosed tells whether a guard has taken a server offline with its change pending. A connection that is being
// made in that moment is cut as well.
func (w *world) halfClosed(t *testing.T, name string) bool {
	t.Helper()
	p := w.server(name).Prober()
	defer p.Close()
	f, err := p.Observe(t.Context())
	return err == nil && f.On("offline_mode") && f.Closing && !f.On("read_only") && !f.Writable()
}

// admin runs a statement as the administrator of a server.
func (w *world) admin(t *testing.T, server, statement string) {
	t.Helper()
	db, err := w.processes[server].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %s: %v", server, statement, err)
	}
}
