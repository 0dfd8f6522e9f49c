package executor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// wanted is a setting that differs on every fake server.
func wanted() []failover.Setting {
	return []failover.Setting{{Name: "rpl_semi_sync_source_enabled", Value: "ON"}}
}

// undone is an action of some kind on a server that needs it done.
type undone struct {
	action failover.Action
	facts  *topology.Facts
	first  string // the first thing done to the server after leadership was verified
}

// every is one case for each kind of action that is done on a server.
func every() []undone {
	target := gtid.MustParse(uuidA + ":1-9")
	prepare := failover.Action{Kind: failover.ActPrepare, Target: target, Settings: wanted()}
	return []undone{
		{failover.Action{Kind: failover.ActConfigure, Settings: wanted()}, replica(uuidA + ":1-9"), "observe"},
		{failover.Action{Kind: failover.ActFence}, primary(), "fence"},
		{failover.Action{Kind: failover.ActRevoke}, replica(uuidA + ":1-9"), "stop_receiver"},
		{failover.Action{Kind: failover.ActCatchUp, Target: target}, replica(uuidA + ":1-9"), "await"},
		{prepare, replica(uuidA + ":1-9"), "become_source rpl_semi_sync_source_enabled"},
		{failover.Action{Kind: failover.ActFollow, Source: "db2"}, replica(uuidA + ":1-9"), "follow db2:3306  acker=false"},
		{failover.Action{Kind: failover.ActOpen, WaitCount: 1}, replica(uuidA + ":1-9"), "open 1"},
		{failover.Action{Kind: failover.ActOpen, WaitCount: 1, Lease: order()}, candidate(), "observe"},
		{failover.Action{Kind: failover.ActArm, Lease: order()}, primary(), "observe"},
		{failover.Action{Kind: failover.ActDisarm}, guarded(), "observe"},
		{failover.Action{Kind: failover.ActNudge}, primary(), "observe"},
		{failover.Action{Kind: failover.ActClaim}, replica(uuidA + ":1-9"), "claim"},
		{failover.Action{Kind: failover.ActQuarantine}, primary(), "fence"},
		{failover.Action{Kind: failover.ActClone, Source: "db2"}, replica(uuidA + ":1-9"), "observe"},
	}
}

func TestLockThenVerifyThenAct(t *testing.T) {
	for _, c := range every() {
		t.Run(string(c.action.Kind), func(t *testing.T) {
			b := newBench(t, c.facts)
			if res := b.do(t, c.action); res.Err != "" || res.Facts == nil || res.By != "east-1" || res.At.IsZero() {
				t.Errorf("%+v", res)
			}
			want := []string{"lock orders db1:3306 term=5", "verify", c.first}
			if diff := cmp.Diff(want, b.journal.lines[:3]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDeposedLeaderTouchesNothing(t *testing.T) {
	for _, c := range every() {
		cases := map[string]func(*bench){
			"the quorum says no":            func(b *bench) { b.leader.deposed = errors.New("leadership lost") },
			"a new term began meanwhile":    func(b *bench) { b.leader.next = 6 },
			"a later leader holds the lock": func(b *bench) { b.opens = errors.New("a leader of a later term holds the lock") },
			"it does not lead":              func(b *bench) { b.leader.leading = false },
		}
		for name, depose := range cases {
			t.Run(string(c.action.Kind)+"/"+name, func(t *testing.T) {
				b := newBench(t, c.facts)
				depose(b)
				res := b.do(t, c.action)
				if res.Err == "" || res.Facts != nil {
					t.Errorf("%+v", res)
				}
				for _, line := range b.journal.lines {
					if !strings.HasPrefix(line, "lock") && line != "verify" && line != "close" {
						t.Errorf("a deposed leader did: %s", line)
					}
				}
			})
		}
	}
}

func TestAlreadyDoneChangesNothing(t *testing.T) {
	settled := replica(uuidA + ":1-9")
	settled.Variables["rpl_semi_sync_source_enabled"], settled.Persisted["rpl_semi_sync_source_enabled"] = "ON", "ON"
	source := replica(uuidA + ":1-9")
	source.Source = nil
	source.Variables["rpl_semi_sync_source_enabled"], source.Persisted["rpl_semi_sync_source_enabled"] = "ON", "ON"
	acker := replica(uuidA + ":1-9")
	acker.Variables["rpl_semi_sync_replica_enabled"] = "ON"
	acker.Status["rpl_semi_sync_replica_status"] = "ON"
	cases := map[string]struct {
		action failover.Action
		facts  *topology.Facts
	}{
		"configure":              {failover.Action{Kind: failover.ActConfigure, Settings: wanted()}, settled},
		"fence":                  {failover.Action{Kind: failover.ActFence}, settled},
		"prepare":                {failover.Action{Kind: failover.ActPrepare, Settings: wanted()}, source},
		"follow":                 {failover.Action{Kind: failover.ActFollow, Source: "db9"}, replica(uuidA + ":1-9")},
		"arm":                    {failover.Action{Kind: failover.ActArm, Lease: order()}, guarded()},
		"open with a guard":      {failover.Action{Kind: failover.ActOpen, Lease: order()}, guarded()},
		"nudge":                  {failover.Action{Kind: failover.ActNudge}, primary()},
		"disarm":                 {failover.Action{Kind: failover.ActDisarm}, primary()},
		"follow and acknowledge": {failover.Action{Kind: failover.ActFollow, Source: "db9", Acker: true}, acker},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.facts)
			if res := b.do(t, c.action); res.Err != "" {
				t.Error(res.Err)
			}
			if diff := cmp.Diff([]string{"lock orders db1:3306 term=5", "verify", "observe"}, b.journal.lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLostConnectionIsNotRetried(t *testing.T) {
	for _, c := range every() {
		t.Run(string(c.action.Kind), func(t *testing.T) {
			b := newBench(t, c.facts)
			name, _, _ := strings.Cut(c.first, " ")
			b.session.wrong[name] = errBroken
			if res := b.do(t, c.action); !strings.Contains(res.Err, errBroken.Error()) {
				t.Errorf("%q", res.Err)
			}
			want := []string{"lock orders db1:3306 term=5", "verify", c.first, "close"}
			if diff := cmp.Diff(want, b.journal.lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSessionLastsAsLongAsTheTerm(t *testing.T) {
	b := newBench(t, replica(uuidA+":1-9"))
	revoke := failover.Action{Kind: failover.ActRevoke}
	b.do(t, revoke)
	b.do(t, revoke)
	b.leader.term = 6
	b.do(t, revoke)
	b.Release()
	b.do(t, revoke)
	want := []string{
		"lock orders db1:3306 term=5", "verify", "stop_receiver",
		"verify", "stop_receiver",
		"close", "lock orders db1:3306 term=6", "verify", "stop_receiver",
		"close", "lock orders db1:3306 term=6", "verify", "stop_receiver",
	}
	if diff := cmp.Diff(want, b.journal.lines); diff != "" {
		t.Error(diff)
	}
}

func TestHoldLocksWithoutEffect(t *testing.T) {
	b := newBench(t, replica(uuidA+":1-9"))
	f, err := b.Hold(t.Context(), "orders", "db1")
	if err != nil || f.UUID != uuidB {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"lock orders db1:3306 term=5", "verify", "observe"}, b.journal.lines); diff != "" {
		t.Error(diff)
	}
	b.leader.leading = false
	if _, err := b.Hold(t.Context(), "orders", "db1"); !errors.Is(err, ErrNotLeader) {
		t.Error(err)
	}
}

func TestActionsThatAreNotOnServersAreRefused(t *testing.T) {
	b := newBench(t, replica(""))
	for _, a := range []failover.Action{
		{Kind: failover.ActCapture},
		{Kind: failover.ActCompare},
		{Kind: "dance"},
		{Kind: failover.ActArm}, // with nothing to write
		{Kind: failover.ActFollow, Source: "elsewhere"},
		{Kind: failover.ActCatchUp, Donors: []string{"elsewhere"}},
	} {
		if res := b.do(t, a); res.Err == "" {
			t.Errorf("%s was accepted", a.Kind)
		}
	}
	if len(b.journal.lines) != 0 {
		t.Errorf("touched: %v", b.journal.lines)
	}
}

func TestActionsOnOneServerQueue(t *testing.T) {
	b := newBench(t, replica(uuidA+":1-9"))
	s := b.seat(lane{"orders", "db1"})
	s.token <- struct{}{}
	a := failover.Action{Kind: failover.ActRevoke, Deadline: time.Millisecond - slack}
	if res := b.do(t, a); !strings.Contains(res.Err, "earlier action") {
		t.Errorf("%q", res.Err)
	}
	<-s.token
}
