package executor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// after is the journal without taking the lock and verifying.
func (b *bench) after() []string { return b.journal.lines[2:] }

func TestBlockedFenceGoesOffline(t *testing.T) {
	b := newBench(t, primary())
	b.session.wrong["fence"] = errors.New("read_only is blocked")
	res := b.do(t, failover.Action{Kind: failover.ActFence})
	if !res.Offline || !strings.Contains(res.Err, "offline_mode") || !strings.Contains(res.Err, "read_only is blocked") {
		t.Errorf("%+v", res)
	}
	if diff := cmp.Diff([]string{"fence", "offline"}, b.after()); diff != "" {
		t.Error(diff)
	}
}

func TestRevokeReadsBackTheReceiver(t *testing.T) {
	b := newBench(t, replica(uuidA+":1-9"))
	b.session.wrong["stop_receiver"] = errors.New("refused")
	if res := b.do(t, failover.Action{Kind: failover.ActRevoke}); res.Err == "" || res.Facts != nil {
		t.Errorf("sets from before the stop were handed on: %+v", res)
	}
	b = newBench(t, primary())
	if res := b.do(t, failover.Action{Kind: failover.ActRevoke}); res.Err != "" || res.Facts == nil {
		t.Errorf("a server without a channel has nothing to revoke: %+v", res)
	}
}

func TestCatchUpFetchesFromDonorsInOrder(t *testing.T) {
	f := replica(uuidA + ":1-5")
	f.Source.Receiver = topology.ThreadOff
	b := newBench(t, f)
	b.session.arrives["db3:3306"] = gtid.MustParse(uuidA + ":6-9")
	res := b.do(t, failover.Action{Kind: failover.ActCatchUp, Target: gtid.MustParse(uuidA + ":1-9"), Donors: []string{"db2", "db3", "db4"}})
	if res.Err != "" || !res.Facts.Executed.Contains(res.Action.Target) || res.Facts.Source.Receiver != topology.ThreadOff {
		t.Errorf("%+v", res)
	}
	if diff := cmp.Diff([]string{"await", "fetch db2:3306", "fetch db3:3306", "stop_receiver", "await"}, b.after()); diff != "" {
		t.Error(diff)
	}
}

func TestCatchUpNamesWhatIsMissing(t *testing.T) {
	f := replica(uuidA + ":1-5")
	b := newBench(t, f)
	b.session.arrives["db2:3306"] = gtid.Set{} // it connects, and nothing comes
	res := b.do(t, failover.Action{
		Kind: failover.ActCatchUp, Target: gtid.MustParse(uuidA + ":1-9"), Donors: []string{"db2"}, Deadline: 30 * time.Millisecond,
	})
	if !strings.Contains(res.Err, "not received: "+uuidA+":6-9") || !strings.Contains(res.Err, "db2:3306") {
		t.Errorf("%q", res.Err)
	}
	if !slices.Contains(b.after(), "stop_receiver") {
		t.Errorf("the receiver was left running: %v", b.after())
	}
}

func TestCatchUpReportsABrokenApplier(t *testing.T) {
	f := replica(uuidA + ":1-5")
	f.Source.Received, f.Source.ApplierError = gtid.MustParse(uuidA+":1-9"), "1062 duplicate"
	b := newBench(t, f)
	b.session.applies = false
	res := b.do(t, failover.Action{Kind: failover.ActCatchUp, Target: gtid.MustParse(uuidA + ":1-9"), Deadline: 30 * time.Millisecond})
	if !strings.Contains(res.Err, "not applied: "+uuidA+":6-9") || !strings.Contains(res.Err, "1062") {
		t.Errorf("%q", res.Err)
	}
}

func TestOpenWaitsForAckers(t *testing.T) {
	f := replica(uuidA + ":1-9")
	f.Source = nil
	b := newBench(t, f)
	b.session.opensAfter = 3
	if res := b.do(t, failover.Action{Kind: failover.ActOpen, WaitCount: 1}); res.Err != "" || !res.Facts.Writable() {
		t.Errorf("%+v", res)
	}
	b = newBench(t, f)
	b.session.opensAfter = 1 << 30
	res := b.do(t, failover.Action{Kind: failover.ActOpen, WaitCount: 1, Deadline: 30 * time.Millisecond})
	if !strings.Contains(res.Err, "1 acknowledging replicas are attached") || !res.Facts.ReadOnly() {
		t.Errorf("%+v", res)
	}
}

func TestFollowFencesFirstOrRefuses(t *testing.T) {
	b := newBench(t, primary())
	a := failover.Action{Kind: failover.ActFollow, Source: "db2", SourceUUID: uuidA, Acker: true, Target: gtid.MustParse(uuidA + ":1-9")}
	if res := b.do(t, a); res.Err != "" {
		t.Error(res.Err)
	}
	if diff := cmp.Diff([]string{"fence", "follow db2:3306 " + uuidA + " acker=true"}, b.after()); diff != "" {
		t.Error(diff)
	}
	b = newBench(t, primary())
	b.session.wrong["fence"] = errors.New("read_only is blocked")
	if res := b.do(t, a); !strings.Contains(res.Err, "not re-pointed") {
		t.Errorf("%q", res.Err)
	}
	if diff := cmp.Diff([]string{"fence"}, b.after()); diff != "" {
		t.Error(diff)
	}
}

func TestFollowInstallsAMissingPlugin(t *testing.T) {
	f := replica(uuidA + ":1-9")
	delete(f.Variables, "rpl_semi_sync_replica_enabled")
	b := newBench(t, f)
	b.do(t, failover.Action{Kind: failover.ActFollow, Source: "db2", Acker: true})
	if diff := cmp.Diff([]string{"install", "follow db2:3306  acker=true"}, b.after()); diff != "" {
		t.Error(diff)
	}
}

func TestFollowRestartsAReceiverWhoseAckFlagIsNotInEffect(t *testing.T) {
	f := replica(uuidA + ":1-9")
	f.Variables["rpl_semi_sync_replica_enabled"] = "ON" // set, and the receiver still runs without it
	b := newBench(t, f)
	b.do(t, failover.Action{Kind: failover.ActFollow, Source: "db9", Acker: true})
	if diff := cmp.Diff([]string{"follow db9:3306  acker=true"}, b.after()); diff != "" {
		t.Error(diff)
	}
}

func TestQuarantineMakesTheLogFinal(t *testing.T) {
	f := replica(uuidA + ":1-5")
	f.Variables["read_only"], f.Variables["super_read_only"] = "OFF", "OFF"
	f.Source.Received = gtid.MustParse(uuidA + ":1-9")
	b := newBench(t, f)
	res := b.do(t, failover.Action{Kind: failover.ActQuarantine})
	if res.Err != "" || !res.Facts.ReadOnly() || !res.Facts.Executed.Contains(gtid.MustParse(uuidA+":1-9")) {
		t.Errorf("%+v", res)
	}
	if diff := cmp.Diff([]string{"fence", "stop_receiver", "await"}, b.after()); diff != "" {
		t.Error(diff)
	}
	b = newBench(t, primary())
	b.session.wrong["fence"] = errors.New("read_only is blocked")
	if res = b.do(t, failover.Action{Kind: failover.ActQuarantine}); res.Err != "" || res.Facts.On("offline_mode") {
		t.Errorf("%+v", res)
	}
	if diff := cmp.Diff([]string{"fence", "drain", "online", "stop_receiver"}, b.after()); diff != "" {
		t.Error(diff)
	}
	f = primary()
	f.Variables["offline_mode"], f.Status["rpl_semi_sync_source_wait_sessions"] = "ON", "3"
	b = newBench(t, f)
	b.do(t, failover.Action{Kind: failover.ActQuarantine})
	if diff := cmp.Diff([]string{"drain", "online", "stop_receiver"}, b.after()); diff != "" {
		t.Errorf("a fence that was blocked before was tried again: %s", diff)
	}
}

func TestConfigureInstallsAndReadsBack(t *testing.T) {
	f := replica(uuidA + ":1-9")
	delete(f.Variables, "rpl_semi_sync_source_enabled")
	b := newBench(t, f)
	if res := b.do(t, failover.Action{Kind: failover.ActConfigure, Settings: wanted()}); res.Err != "" {
		t.Error(res.Err)
	}
	if diff := cmp.Diff([]string{"observe", "install", "configure rpl_semi_sync_source_enabled"}, b.after()); diff != "" {
		t.Error(diff)
	}
}

func TestCloneTakesTheLockAgain(t *testing.T) {
	b := newBench(t, replica(uuidA+":1-9"))
	a := failover.Action{Kind: failover.ActClone, Source: "db2", Target: gtid.MustParse(uuidA + ":1-9")}
	if res := b.do(t, a); res.Err != "" {
		t.Error(res.Err)
	}
	want := []string{"observe", "clone db2:3306", "lock orders db1:3306 term=5", "verify", "observe", "close"}
	if diff := cmp.Diff(want, b.after()[:len(want)]); diff != "" {
		t.Error(diff)
	}
	b = newBench(t, replica(uuidA+":1-8"))
	if res := b.do(t, a); !strings.Contains(res.Err, "the copy lacks "+uuidA+":9") {
		t.Errorf("%q", res.Err)
	}
	b = newBench(t, primary())
	if res := b.do(t, a); res.Err == "" {
		t.Error("a writable server was wiped")
	}
	torn := replica(uuidA + ":1-9") // as a rebuild that ended in the middle leaves it
	torn.Variables["super_read_only"], torn.Variables["offline_mode"] = "OFF", "ON"
	half := newBench(t, torn)
	if res := half.do(t, a); res.Err != "" {
		t.Error(res.Err)
	}
	if diff := cmp.Diff([]string{"observe", "fence", "clone db2:3306"}, half.after()[:3]); diff != "" {
		t.Error(diff)
	}
	f := replica(uuidA + ":1-9")
	delete(f.Persisted, "super_read_only")
	if res := newBench(t, f).do(t, a); res.Err == "" {
		t.Error("a server that would boot writable was rebuilt")
	}
	if diff := cmp.Diff([]string{"observe"}, b.after()); diff != "" {
		t.Error(diff)
	}
}

func TestPreflight(t *testing.T) {
	f := replica(uuidA + ":1-9")
	f.Version = "8.0.22-log"
	for _, d := range demands() {
		f.Variables[d.name] = d.want
	}
	f.Variables["binlog_row_image"] = "MINIMAL"
	f.Variables["gtid_mode"] = "OFF_PERMISSIVE"
	f.Variables["sync_relay_log"] = "10000"
	f.Variables["init_file"] = "/etc/init.sql"
	delete(f.Persisted, "super_read_only")
	got := Preflight(f, []failover.Setting{{Name: "super_read_only", Value: "ON", PersistOnly: true}}, []string{"CLONE_ADMIN"}, []string{"'app'@'%'"})
	var short []string
	for _, g := range got {
		short = append(short, string(g.Severity)+" "+g.Name)
		if g.Fix == "" {
			t.Errorf("%s has no fix", g.Name)
		}
	}
	want := []string{
		"blocks version", "blocks gtid_mode", "blocks binlog_row_image", "warns sync_relay_log", "blocks init_file",
		"applies super_read_only", "blocks privileges", "warns unfenced account",
	}
	if diff := cmp.Diff(want, short); diff != "" {
		t.Error(diff)
	}
}
