//go:build integration

package executor

import (
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/failover"
)

func TestGuardOnRealServers(t *testing.T) {
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
