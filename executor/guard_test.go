package executor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// order is a guard row that begins a lease.
func order() *failover.LeaseOrder {
	return &failover.LeaseOrder{Epoch: 3, SetVersion: 7, Candidates: []string{"db2", "db3"}, Serve: true, TTL: 5 * time.Second, Fresh: true}
}

// guarded is a primary that carries that row, in force.
func guarded() *topology.Facts {
	f, o := primary(), order()
	l := lease(o)
	l.UUID, l.Enabled, l.Scheduler, l.Remaining, l.TickAge = f.UUID, true, true, 4*time.Second, time.Second/2
	f.Lease = &l
	return f
}

// candidate is a read-only server without a channel.
func candidate() *topology.Facts {
	f := replica(uuidA + ":1-9")
	f.Source = nil
	return f
}

func TestGuardIsArmedFromAClockReadBeforeTheVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, primary())
		res := b.do(t, failover.Action{Kind: failover.ActArm, Lease: order()})
		if res.Err != "" || res.Facts.Lease == nil || res.Facts.Lease.TickAge != 0 {
			t.Errorf("%+v", res)
		}
		want := []string{"observe", "clock", "verify", "arm epoch=3 set=7 [db2 db3] 5s", "observe", "observe", "observe"}
		if diff := cmp.Diff(want, b.after()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLeaseBeginsWithTheAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			waited time.Duration
			want   string
		}{{time.Second, "arm epoch=3 set=7 [db2 db3] 4s"}, {3 * time.Second, "clock"}} {
			waited, want := c.waited, c.want
			b := newBench(t, primary())
			s := b.seat(lane{"orders", "db1"})
			s.token <- struct{}{}
			time.AfterFunc(waited, func() { <-s.token }) // an earlier action on the server ends
			res := b.do(t, failover.Action{Kind: failover.ActArm, Lease: order(), Deadline: 10 * time.Second})
			if !slices.Contains(b.journal.lines, want) {
				t.Errorf("after %s: %v", waited, b.journal.lines)
			}
			if late := want == "clock"; strings.Contains(res.Err, "too much of a lease") != late {
				t.Errorf("after %s: %q", waited, res.Err)
			}
		}
	})
}

func TestDeposedLeaderBeginsNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			kind  failover.ActionKind
			facts *topology.Facts
		}{{failover.ActArm, primary()}, {failover.ActOpen, candidate()}} {
			b := newBench(t, c.facts)
			b.session.deposes = b.leader
			res := b.do(t, failover.Action{Kind: c.kind, Lease: order()})
			if !strings.Contains(res.Err, ErrNotLeader.Error()) {
				t.Errorf("%s: %q", c.kind, res.Err)
			}
			if diff := cmp.Diff([]string{"observe", "clock", "verify"}, b.after()); diff != "" {
				t.Errorf("%s: %s", c.kind, diff)
			}
		}
	})
}

func TestChangedSetLeavesTheLeaseAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, guarded())
		b.session.lease(func(l *topology.Lease) { l.Fault = "its clock was set back by 1h0m0s" })
		o := order()
		o.SetVersion, o.Candidates, o.Fresh = 8, []string{"db2"}, false
		if res := b.do(t, failover.Action{Kind: failover.ActArm, Lease: o}); res.Err != "" {
			t.Error(res.Err)
		}
		if diff := cmp.Diff([]string{"observe", "arm epoch=3 set=8 [db2] goes on"}, b.after()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestGuardThatDoesNotCountIsArmedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, spoil := range map[string]func(*topology.Lease){
			"fault":        func(l *topology.Lease) { l.Fault = "its clock was set back by 1h0m0s" },
			"no event":     func(l *topology.Lease) { l.Enabled = false },
			"no scheduler": func(l *topology.Lease) { l.Scheduler = false },
			"no tick":      func(l *topology.Lease) { l.TickAge = topology.TickLimit + time.Second },
			"future tick":  func(l *topology.Lease) { l.TickAge = -time.Hour },
			"expired":      func(l *topology.Lease) { l.Remaining = -time.Second },
			"older set":    func(l *topology.Lease) { l.SetVersion = 6 },
			"a clone's":    func(l *topology.Lease) { l.UUID = uuidA },
		} {
			b := newBench(t, guarded())
			b.session.lease(spoil)
			if res := b.do(t, failover.Action{Kind: failover.ActArm, Lease: order()}); res.Err != "" {
				t.Errorf("%s: %s", name, res.Err)
			}
			if lines := b.after(); len(lines) < 4 || lines[3] != "arm epoch=3 set=7 [db2 db3] 5s" {
				t.Errorf("%s: %v", name, lines)
			}
		}
	})
}

func TestArmWithoutATickFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, primary())
		b.session.ticksAfter = 0
		res := b.do(t, failover.Action{Kind: failover.ActArm, Lease: order(), Deadline: 60 * time.Millisecond})
		if !strings.Contains(res.Err, "event has not run") {
			t.Errorf("%q", res.Err)
		}
	})
}

func TestGuardedOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, candidate())
		b.session.opensAfter = 1
		res := b.do(t, failover.Action{Kind: failover.ActOpen, WaitCount: 1, Lease: order()})
		if res.Err != "" || !res.Facts.Writable() {
			t.Errorf("%+v", res)
		}
		want := []string{
			"observe", "clock", "verify", "arm_closed too early", "arm_closed epoch=3 set=7 [db2 db3] 5s",
			"observe", "observe", "observe", "open_guarded epoch=3 set=7 1",
		}
		if diff := cmp.Diff(want, b.after()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestGuardedOpeningThatFailsClosesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, candidate())
		b.session.ticksAfter = 0
		res := b.do(t, failover.Action{Kind: failover.ActOpen, Lease: order(), Deadline: 60 * time.Millisecond})
		if res.Err == "" || !res.Facts.ReadOnly() {
			t.Errorf("without a tick: %+v", res)
		}
		b = newBench(t, candidate())
		b.session.wrong["open_guarded"] = errors.New("its lease has not expired: condition not met")
		res = b.do(t, failover.Action{Kind: failover.ActOpen, Lease: order(), Deadline: 300 * time.Millisecond})
		if !strings.Contains(res.Err, "condition not met") || !res.Facts.ReadOnly() {
			t.Errorf("%+v", res)
		}
		if lines := b.after(); lines[len(lines)-1] != "fence" {
			t.Errorf("%v", lines)
		}
	})
}

func TestOpenServerWithoutItsGuardIsArmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, primary())
		if res := b.do(t, failover.Action{Kind: failover.ActOpen, Lease: order()}); res.Err != "" || !res.Facts.Writable() {
			t.Errorf("%+v", res)
		}
		if lines := b.after(); lines[3] != "arm epoch=3 set=7 [db2 db3] 5s" {
			t.Errorf("%v", lines)
		}
	})
}

func TestDisarmReadsBack(t *testing.T) {
	b := newBench(t, guarded())
	if res := b.do(t, failover.Action{Kind: failover.ActDisarm}); res.Err != "" || res.Facts.Lease != nil {
		t.Errorf("%+v", res)
	}
	if diff := cmp.Diff([]string{"observe", "disarm"}, b.after()); diff != "" {
		t.Error(diff)
	}
}

func TestPinnedActionsRunOnTheirConnectionOnly(t *testing.T) {
	b := newBench(t, replica(uuidA+":1-9"))
	first := b.do(t, failover.Action{Kind: failover.ActRevoke})
	if first.Session == "" {
		t.Fatal("the session has no name")
	}
	claim := failover.Action{Kind: failover.ActClaim, Session: first.Session}
	if res := b.do(t, claim); res.Err != "" || res.Session != first.Session {
		t.Errorf("%+v", res)
	}
	b.Release()
	before := len(b.journal.lines)
	if res := b.do(t, claim); !strings.Contains(res.Err, ErrSession.Error()) || res.Facts != nil {
		t.Errorf("without a session: %+v", res)
	}
	second := b.do(t, failover.Action{Kind: failover.ActRevoke})
	if second.Session == first.Session {
		t.Errorf("two connections have one name: %s", second.Session)
	}
	if res := b.do(t, claim); !strings.Contains(res.Err, ErrSession.Error()) || !strings.Contains(res.Err, second.Session) {
		t.Errorf("on another session: %+v", res)
	}
	claim.Session = second.Session
	b.session.dead = true
	if res := b.do(t, claim); !strings.Contains(res.Err, ErrSession.Error()) || res.Session != "" {
		t.Errorf("on a session that broke: %+v", res)
	}
	want := []string{"lock orders db1:3306 term=5", "verify", "stop_receiver", "close"}
	if diff := cmp.Diff(want, b.journal.lines[before:]); diff != "" {
		t.Error(diff)
	}
}
