package fsm_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

func at(n int) time.Time { return time.Date(2026, 11, 2, 9, 0, n, n*1000, time.UTC) }

func encoded(t interface{ Fatal(args ...any) }, c fsm.Command) []byte {
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func specs(names ...string) policy.Specs {
	s := policy.Specs{Fleet: policy.DefaultFleet()}
	for _, name := range names {
		s.Clusters = append(s.Clusters, policy.ClusterSpec{
			Name: name, HomeRegion: "east", Policy: policy.DefaultPolicy(), Servers: []policy.ServerSpec{{Name: name + "-db1", Region: "east"}},
		})
	}
	return s
}

// declared is a machine with one cluster at version 1.
func declared(t *testing.T) *fsm.Machine {
	t.Helper()
	m := fsm.New()
	if err := m.Apply(1, encoded(t, fsm.Command{PutSpecs: &fsm.PutSpecs{Specs: specs("orders"), By: "ada", At: at(1)}})); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestErrorsChangeNothing(t *testing.T) {
	tests := map[string]struct {
		command []byte
		want    error
	}{
		"garbage":         {[]byte("{"), fsm.ErrInvalid},
		"nothing":         {[]byte("{}"), fsm.ErrInvalid},
		"newer schema":    {[]byte(`{"schema":99,"audit":{"by":"x"}}`), fsm.ErrSchema},
		"unknown cluster": {encoded(t, fsm.Command{Advance: &fsm.Advance{Cluster: "ghosts"}}), fsm.ErrNotFound},
		"stale":           {encoded(t, fsm.Command{Advance: &fsm.Advance{Cluster: "orders", Expect: 1}}), fsm.ErrStale},
		"early":           {encoded(t, fsm.Command{Advance: &fsm.Advance{Cluster: "orders", Expect: 3}}), fsm.ErrStale},
		"epoch goes back": {encoded(t, fsm.Command{Advance: &fsm.Advance{Cluster: "orders", Expect: 2, Next: failover.State{Epoch: 6}}}), fsm.ErrInvalid},
		"stale spec":      {encoded(t, fsm.Command{PutSpecs: &fsm.PutSpecs{Specs: specs("orders"), Expect: map[string]uint64{"orders": 1}}}), fsm.ErrStale},
		"spec is not new": {encoded(t, fsm.Command{PutSpecs: &fsm.PutSpecs{Specs: specs("other", "orders")}}), fsm.ErrStale},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := declared(t)
			if err := m.Apply(2, encoded(t, fsm.Command{Advance: &fsm.Advance{Cluster: "orders", Expect: 1, Next: failover.State{Epoch: 7}}})); err != nil {
				t.Fatal(err)
			}
			before := m.State()
			err, _ := m.Apply(3, tt.command).(error)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			after := m.State()
			if after.Index != 3 {
				t.Errorf("the index is %d", after.Index)
			}
			after.Index = before.Index
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("a refused command changed the state (-before +after)\n%s", diff)
			}
		})
	}
}

func TestStatesHandedOutNeverChange(t *testing.T) {
	m := declared(t)
	handed := m.State()
	snapshot, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		m.Apply(uint64(i+2), encoded(t, fsm.Command{Advance: &fsm.Advance{
			Cluster: "orders", Expect: uint64(i + 1), Next: failover.State{Epoch: uint64(i)}, Events: []failover.Event{{Kind: "x"}}, Audit: &fsm.AuditEntry{By: "ada"},
		}}))
		m.Apply(uint64(i+20), encoded(t, fsm.Command{Announce: &fsm.Node{ID: fmt.Sprint("n", i)}}))
	}
	restored := fsm.New()
	if err := restored.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(restored.State(), handed); diff != "" {
		t.Errorf("(-snapshot +handed out before)\n%s", diff)
	}
	if got := m.State(); len(got.Nodes) != 3 || len(got.Clusters["orders"].History) != 4 || len(got.Audit) != 4 {
		t.Errorf("got %d nodes, %d events, %d audit entries", len(got.Nodes), len(got.Clusters["orders"].History), len(got.Audit))
	}
	if name, ok := handed.ClusterOf("orders-db1"); !ok || name != "orders" {
		t.Errorf("the server belongs to %q", name)
	}
	if _, ok := handed.ClusterOf("nobody"); ok {
		t.Error("an undeclared server belongs to a cluster")
	}
}

func TestHistoryIsBounded(t *testing.T) {
	m := declared(t)
	for i := range 600 {
		m.Apply(uint64(i+2), encoded(t, fsm.Command{Advance: &fsm.Advance{
			Cluster: "orders", Expect: uint64(i + 1), Events: []failover.Event{{ID: fmt.Sprint(i)}},
		}}))
	}
	h := m.State().Clusters["orders"].History
	if len(h) != 500 || h[499].ID != "599" {
		t.Errorf("%d events are kept, the last one is %s", len(h), h[len(h)-1].ID)
	}
}

func TestRestoreRefusesWhatItDoesNotKnow(t *testing.T) {
	if err := fsm.New().Restore([]byte(`{"schema":99}`)); !errors.Is(err, fsm.ErrSchema) {
		t.Errorf("got %v, want ErrSchema", err)
	}
	if err := fsm.New().Restore([]byte(`[]`)); err == nil {
		t.Error("a snapshot of another shape was restored")
	}
}

// anyState draws a state with everything that a state can hold.
func anyState(t *rapid.T, epoch uint64) failover.State {
	set := gtid.MustParse(fmt.Sprintf("%s:1-%d", uuid, rapid.IntRange(1, 9).Draw(t, "gtids")))
	s := failover.State{Epoch: epoch, Primary: "db1", Baseline: set, Counter: rapid.Uint64().Draw(t, "counter")}
	if rapid.Bool().Draw(t, "hold") {
		s.Hold = &failover.Hold{Since: at(3), Reason: rapid.String().Draw(t, "reason"), Missing: []string{"db2"}}
	}
	if rapid.Bool().Draw(t, "recovery") {
		s.Recovery = &failover.Recovery{
			ID: "r", Stage: failover.StageOpen, Target: set, Steps: []failover.Step{{Name: failover.ActRevoke, Server: "db2", Received: set, StartedAt: at(4)}},
			Groups: []failover.AckGroup{{Writer: "db1", Ackers: []string{"db2"}, Wait: 1}}, Proven: map[string]gtid.Set{"db2": set},
		}
	}
	if rapid.Bool().Draw(t, "members") {
		s.Servers = map[string]failover.Member{"db2": {UUID: uuid, Quarantine: &failover.Quarantine{Since: at(5), Extra: set}, Clone: &failover.CloneJob{At: at(6)}}}
		s.Divergences = []failover.Divergence{{ID: "d", Extras: map[string]gtid.Set{"db2": set}, ByClass: map[string]int{"SAFE": 1}}}
	}
	if rapid.Bool().Draw(t, "guard") {
		order := failover.LeaseOrder{Epoch: epoch, SetVersion: 3, Candidates: []string{"db2"}, Serve: true, TTL: 5 * time.Second, Fresh: true}
		s.Guard = &failover.Guard{
			Epoch: epoch, Order: order, Written: true, Candidates: []string{}, Serve: true, MaxTTL: 6 * time.Second, Armed: rapid.Bool().Draw(t, "armed"),
			Opening: true, Disarmed: "why", Since: at(8), Cut: &failover.CutOff{Since: at(9), Term: 4},
		}
		if s.Recovery != nil {
			s.Recovery.Lapsing = true
			s.Recovery.Lapse = &failover.LapseWait{Writer: "db1", Epoch: epoch, Term: 4, Since: at(9), Held: []failover.HeldServer{{Server: "db2", Session: "n1/4/7", Boot: topology.Boot{Started: 100, Process: 7}}}}
		}
	}
	if rapid.Bool().Draw(t, "override") {
		s.Override = &failover.Override{Expires: at(7).In(time.FixedZone("there", 3600))}
		s.Paused = &failover.Pause{By: "ada"}
	}
	return s
}

// TestSnapshotsAreTheWholeState applies drawn commands to two machines, one of which is restored from
// its snapshot after each: both stay equal, versions only grow, and no epoch goes back.
func TestSnapshotsAreTheWholeState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, restored := fsm.New(), fsm.New()
		for i := range rapid.IntRange(1, 30).Draw(t, "commands") {
			c := anyCommand(t, m)
			before := m.State()
			command := encoded(t, c)
			first, second := m.Apply(uint64(i+1), command), restored.Apply(uint64(i+1), command)
			if (first == nil) != (second == nil) {
				t.Fatalf("%v here, %v there", first, second)
			}
			snapshot, err := restored.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			restored = fsm.New()
			if err := restored.Restore(snapshot); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m.State(), restored.State()); diff != "" {
				t.Fatalf("(-applied +restored)\n%s", diff)
			}
			again, err := m.Snapshot()
			if err != nil || !bytes.Equal(snapshot, again) {
				t.Fatalf("snapshots differ: %v\n%s\n%s", err, snapshot, again)
			}
			growing(t, before, m.State(), first == nil)
		}
	})
}

// anyCommand draws a command that fits the machine, or does not.
func anyCommand(t *rapid.T, m *fsm.Machine) fsm.Command {
	state := m.State()
	name := rapid.SampledFrom([]string{"orders", "users"}).Draw(t, "cluster")
	version := state.Clusters[name].Version + rapid.SampledFrom([]uint64{0, 0, 0, 1}).Draw(t, "off by")
	entry := &fsm.AuditEntry{At: at(1), By: "ada", Action: rapid.String().Draw(t, "action")}
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return fsm.Command{Announce: &fsm.Node{ID: rapid.StringMatching(`n[0-9]`).Draw(t, "node"), Region: "east"}}
	case 1:
		return fsm.Command{Audit: entry}
	case 2:
		return fsm.Command{PutSpecs: &fsm.PutSpecs{Specs: specs(name), Expect: map[string]uint64{name: version}, By: "ada", At: at(2)}}
	}
	epoch := rapid.Uint64Range(0, 5).Draw(t, "epoch")
	loss := int64(-1)
	return fsm.Command{Advance: &fsm.Advance{
		Cluster: name, Expect: version, Next: anyState(t, epoch), Audit: entry,
		Events: []failover.Event{{ID: "e", At: at(8), Kind: "hold", Lost: &loss, Evidence: []failover.Evidence{{At: at(9)}}}},
	}}
}

func growing(t *rapid.T, before, after fsm.State, applied bool) {
	for name, c := range after.Clusters {
		old := before.Clusters[name]
		if c.Version < old.Version || c.State.Epoch < old.State.Epoch || (!applied && c.Version != old.Version) {
			t.Fatalf("cluster %s went from version %d, epoch %d to %d, %d (applied: %t)", name, old.Version, old.State.Epoch, c.Version, c.State.Epoch, applied)
		}
	}
}

// FuzzApply feeds commands of any shape: nothing panics, and what is accepted survives a snapshot.
func FuzzApply(f *testing.F) {
	f.Add([]byte(`{"schema":1,"put_specs":{"specs":{"clusters":[{"name":"orders"}],"fleet":{}},"expect":{}}}`), []byte(`{"schema":1,"advance":{"cluster":"orders","expect":1,"next":{"epoch":3}}}`))
	f.Add([]byte(`{"announce":{"id":"n"}}`), []byte(`{"audit":{}}`))
	f.Add([]byte(`{"schema":-1}`), []byte(`null`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		m := fsm.New()
		m.Apply(1, a)
		m.Apply(2, b)
		snapshot, err := m.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		restored := fsm.New()
		if err := restored.Restore(snapshot); err != nil {
			t.Fatal(err)
		}
		again, err := restored.Snapshot()
		if err != nil || !bytes.Equal(snapshot, again) {
			t.Fatalf("%v\n%s\n%s", err, snapshot, again)
		}
	})
}
