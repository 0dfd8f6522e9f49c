//go:build integration

package executor

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// adopt makes db1 the primary and the others its replicas, of which those named acknowledge.
func (w *world) adopt(t *testing.T, ackers ...string) {
	t.Helper()
	p := policy.DefaultPolicy()
	role := failover.Role{WaitCount: 1}
	for name := range w.addresses {
		r := role
		r.Primary = name == "db1"
		w.must(t, failover.Action{Kind: failover.ActConfigure, Server: name, Settings: failover.Required(p, r)})
		if name != "db1" {
			w.must(t, failover.Action{Kind: failover.ActFollow, Server: name, Source: "db1", Acker: contains(ackers, name)})
		}
	}
	role = failover.Role{Primary: true, Armed: true, WaitCount: 1}
	w.must(t, failover.Action{Kind: failover.ActConfigure, Server: "db1", Settings: failover.Required(p, role)})
	w.write(t, "db1", "CREATE DATABASE app", "CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)", "INSERT INTO app.t (v) VALUES (1)")
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

func (w *world) look(t *testing.T, name string) *topology.Facts {
	t.Helper()
	p := w.server(name).Prober()
	defer p.Close()
	f, err := p.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// failOver is the chain of actions after a primary died, as decisions give them. The lease is that of
// the new primary, nil for none.
func (w *world) failOver(t *testing.T, lease *failover.LeaseOrder) {
	t.Helper()
	var both sync.WaitGroup
	sets := make([]*topology.Facts, 2)
	for i, name := range []string{"db2", "db3"} {
		both.Go(func() { sets[i] = w.must(t, failover.Action{Kind: failover.ActRevoke, Server: name}) })
	}
	both.Wait()
	target := sets[0].Received().Union(sets[1].Received())
	w.must(t, failover.Action{Kind: failover.ActCatchUp, Server: "db2", Target: target, Donors: []string{"db3"}})
	role := failover.Role{Primary: true, Armed: true, WaitCount: 1}
	both.Go(func() {
		w.must(t, failover.Action{
			Kind: failover.ActPrepare, Server: "db2", Target: target, Settings: failover.Required(policy.DefaultPolicy(), role),
		})
	})
	both.Go(func() {
		w.must(t, failover.Action{
			Kind: failover.ActFollow, Server: "db3", Source: "db2", SourceUUID: sets[0].UUID, Acker: true, Target: target,
		})
	})
	both.Wait()
	f := w.must(t, failover.Action{Kind: failover.ActOpen, Server: "db2", Target: target, WaitCount: 1, Lease: lease})
	if !f.Writable() {
		t.Error("not writable")
	}
}

func TestFailoverChain(t *testing.T) {
	t.Parallel()
	for name, oneWay := range map[string]time.Duration{"near": 0, "60 ms away": 30 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, oneWay)
			w.adopt(t, "db2", "db3")
			if err := w.processes["db1"].Kill(); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			w.failOver(t, nil)
			t.Logf("all steps   %s, and %d verifications of leadership on top of that since adoption", time.Since(began), strings.Count(strings.Join(w.leader.journal.lines, " "), "verify"))
			w.write(t, "db2", "INSERT INTO app.t (v) VALUES (2)")
			w.leader.term = 4
			began = time.Now()
			if _, err := w.Hold(t.Context(), "orders", "db2"); err != nil {
				t.Fatal(err)
			}
			t.Logf("a new term's lock takes %s", time.Since(began))
		})
	}
}

func TestCatchUpFromDonorOnRealServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	w.adopt(t, "db3")
	w.must(t, failover.Action{Kind: failover.ActRevoke, Server: "db2"})
	w.write(t, "db1", "INSERT INTO app.t (v) VALUES (2)", "INSERT INTO app.t (v) VALUES (3)")
	if err := w.processes["db1"].Kill(); err != nil {
		t.Fatal(err)
	}
	target := w.must(t, failover.Action{Kind: failover.ActRevoke, Server: "db3"}).Received()
	before := w.look(t, "db2")
	if before.Received().Contains(target) {
		t.Fatal("there is nothing to fetch")
	}
	f := w.must(t, failover.Action{Kind: failover.ActCatchUp, Server: "db2", Target: target, Donors: []string{"db1", "db3"}})
	if !f.Executed.Contains(target) || f.Source.Receiver != topology.ThreadOff {
		t.Errorf("executed %s, receiver %s", f.Executed, f.Source.Receiver)
	}
	unknown := target.Add(gtid.GTID{UUID: f.UUID, Seq: 77})
	res := w.Do(t.Context(), failover.Action{
		Kind: failover.ActCatchUp, Cluster: "orders", Server: "db2", Target: unknown, Donors: []string{"db3"}, Deadline: 300 * time.Millisecond,
	})
	if !strings.Contains(res.Err, ":77") {
		t.Errorf("%q", res.Err)
	}
}

func TestReturnedPrimaryIsQuarantinedAndCloned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	w.adopt(t, "db2", "db3")
	// The primary hangs with a commit that no acker has, and is replaced meanwhile.
	for _, name := range []string{"db2", "db3"} {
		w.must(t, failover.Action{Kind: failover.ActRevoke, Server: name})
	}
	app := w.application(t, "db1")
	heard := make(chan error, 1)
	go func() {
		_, err := app.ExecContext(t.Context(), "INSERT INTO app.t (v) VALUES (666)")
		heard <- err
	}()
	waitFor(t, "the commit waits", func() bool {
		return w.look(t, "db1").Status["rpl_semi_sync_source_wait_sessions"] == "1"
	})
	if n := w.look(t, "db1").Commits.Waiting; n != 1 {
		t.Errorf("%d commits are under way, want the one that waits", n)
	}
	if err := w.processes["db1"].Pause(); err != nil {
		t.Fatal(err)
	}
	w.failOver(t, nil)
	w.write(t, "db2", "INSERT INTO app.t (v) VALUES (2)")
	if err := w.processes["db1"].Resume(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	res := w.Do(t.Context(), failover.Action{Kind: failover.ActFence, Cluster: "orders", Server: "db1", Deadline: 2 * time.Second})
	t.Logf("fence       db1 %s: offline %t, %s", time.Since(began), res.Offline, res.Err)
	if !res.Offline || res.Facts.ReadOnly() {
		t.Errorf("%+v", res)
	}
	f := w.must(t, failover.Action{Kind: failover.ActQuarantine, Server: "db1"})
	primary := w.look(t, "db2")
	extra := f.Executed.Subtract(primary.Executed)
	if extra.Count() != 1 || f.On("offline_mode") || !f.ReadOnly() {
		t.Errorf("extras %s, offline %s", extra, f.Variables["offline_mode"])
	}
	if err := <-heard; err == nil {
		t.Error("a commit that the new primary lacks was acknowledged")
	}
	res = w.Do(t.Context(), failover.Action{
		Kind: failover.ActFollow, Cluster: "orders", Server: "db1", Source: "db2", SourceUUID: primary.UUID, Acker: true,
		Target: primary.Executed, Deadline: 5 * time.Second,
	})
	if res.Err == "" || !strings.Contains(res.Err, "lacks") {
		t.Errorf("a server with extras was re-pointed: %q", res.Err)
	}
	f = w.must(t, failover.Action{Kind: failover.ActClone, Server: "db1", Source: "db3", Deadline: time.Minute})
	if !f.ReadOnly() || f.Executed.ContainsGTID(gtid.GTID{}) || !primary.Executed.Contains(f.Executed) {
		t.Errorf("after the clone: %s", f.Executed)
	}
	f = w.must(t, failover.Action{
		Kind: failover.ActFollow, Server: "db1", Source: "db2", SourceUUID: primary.UUID, Acker: true, Target: primary.Executed,
	})
	waitFor(t, "it follows", func() bool { f = w.look(t, "db1"); return f.Executed.Contains(primary.Executed) })
	if !f.StatusOn("rpl_semi_sync_replica_status") {
		t.Error("it does not acknowledge")
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	met := false
	_ = poll(t.Context(), 20*time.Second, func() (bool, error) { met = ok(); return met, nil })
	if !met {
		t.Fatalf("gave up waiting: %s", what)
	}
}
