package controller

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// once decides as a small recovery would: epoch 1 and one action, until its result came.
func once(s failover.State, in failover.Input) failover.Decision {
	d := failover.Decision{Next: s, Reason: "working"}
	switch {
	case s.Epoch == 0:
		d.Next.Epoch = 1
		d.Events = []failover.Event{{ID: "e1", Kind: "failover", Cluster: s.Cluster}}
	case len(in.Results) > 0:
		d.Next.Armed = in.Results[0].Err == ""
	}
	if !d.Next.Armed {
		d.Actions = []failover.Action{{ID: "open-1", Kind: failover.ActOpen, Cluster: s.Cluster, Server: "db1", Epoch: 1}}
	}
	return d
}

func TestCommitComesBeforeAct(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.setDecide(once)
		advance(5 * time.Second)
		want := []string{"commit", "notify failover", "act open-1", "done open-1", "commit"}
		if diff := cmp.Diff(want, w.trace.take()); diff != "" {
			t.Errorf("what happened (-want +got):\n%s", diff)
		}
		if st := w.state("orders"); st.Epoch != 1 || !st.Armed {
			t.Errorf("state: %+v", st)
		}
	}, "orders")
}

func TestWithoutACommitTheLeaderIsVerified(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.log.set(func(f *fakeLog) { f.verify = errors.New("no quorum") })
		w.setDecide(func(s failover.State, in failover.Input) failover.Decision {
			d := failover.Decision{Next: s}
			if len(in.Results) == 0 {
				d.Actions = []failover.Action{{ID: "a", Kind: failover.ActFence, Server: "db1"}}
			}
			return d
		})
		advance(100 * time.Millisecond)
		if got := w.trace.take(); len(got) == 0 || slices.Contains(got, "act a") {
			t.Errorf("without a quorum: %q", got)
		}
		w.log.set(func(f *fakeLog) { f.verify = nil })
		advance(300 * time.Millisecond)
		if got := w.trace.take(); len(got) < 2 || got[0] != "verify" || got[1] != "act a" {
			t.Errorf("with a quorum: %q", got)
		}
	}, "orders")
}

func TestResultIsOfferedUntilADecisionThatSawItIsCommitted(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.setDecide(once)
		advance(35 * time.Millisecond) // committed, and the action is under way
		// While its result is being committed somebody else changes the cluster.
		w.log.set(func(f *fakeLog) { f.before = func() { w.declare(t, "orders", policy.ModeAutomatic) } })
		advance(5 * time.Second)
		want := []string{"commit", "notify failover", "act open-1", "done open-1", "stale", "commit"}
		if diff := cmp.Diff(want, w.trace.take()); diff != "" {
			t.Errorf("what happened (-want +got):\n%s", diff)
		}
		if !w.state("orders").Armed {
			t.Error("the result was lost")
		}
	}, "orders")
}

// TestActionIsNotStartedTwice lets an action end while a decision that still wants it is committed.
func TestActionIsNotStartedTwice(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.setDecide(func(s failover.State, in failover.Input) failover.Decision {
			d := once(s, in)
			if len(in.Results) == 0 && s.Epoch > 0 {
				d.Next.Counter++ // Always something to commit, for 30 ms, while the action takes 10 ms.
			}
			return d
		})
		advance(5 * time.Second)
		acts := 0
		for _, line := range w.trace.take() {
			if line == "act open-1" {
				acts++
			}
		}
		if acts != 1 {
			t.Errorf("the action was started %d times", acts)
		}
	}, "orders")
}

func TestFollowerDoesNothing(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.log.setLead(Leadership{Term: 2})
		w.setDecide(once)
		advance(5 * time.Second)
		if got := w.trace.take(); len(got) != 0 {
			t.Errorf("a follower did %q", got)
		}
		_, err := w.Submit(t.Context(), failover.Order{Cluster: "orders", Reason: "x"})
		if !errors.Is(err, ErrNotLeader) {
			t.Errorf("an order on a follower: %v", err)
		}
	}, "orders")
}

func TestLosingTheLeadershipCancelsActions(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.servers.set(time.Hour, "")
		w.setDecide(once)
		advance(100 * time.Millisecond)
		w.log.setLead(Leadership{Term: 2})
		advance(100 * time.Millisecond)
		want := []string{"commit", "notify failover", "act open-1", "cancelled open-1"}
		if diff := cmp.Diff(want, w.trace.take()); diff != "" {
			t.Errorf("what happened (-want +got):\n%s", diff)
		}
		// Leading again it looks for itself: the outcome of the earlier term does not count.
		w.servers.set(time.Millisecond, "")
		w.log.setLead(Leadership{Leads: true, Term: 3})
		advance(time.Second)
		want = []string{"verify", "act open-1", "done open-1", "commit"}
		if diff := cmp.Diff(want, w.trace.take()); diff != "" {
			t.Errorf("what happened later (-want +got):\n%s", diff)
		}
	}, "orders")
}

func TestNewLeaderLocksTheServersOfAnOpenRecordFirst(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.setDecide(func(s failover.State, _ failover.Input) failover.Decision {
			if s.Recovery == nil {
				s.Recovery = &failover.Recovery{Old: "db1", Steps: []failover.Step{{Server: "db2"}, {Server: "db2"}}}
			}
			return failover.Decision{Next: s}
		})
		advance(time.Second)
		if diff := cmp.Diff([]string{"commit"}, w.trace.take()); diff != "" {
			t.Errorf("the leader that opens a record locks nothing for it (-want +got):\n%s", diff)
		}
		w.log.setLead(Leadership{Leads: true, Term: 2})
		advance(time.Second)
		got := w.trace.take()
		slices.Sort(got)
		if diff := cmp.Diff([]string{"hold db1", "hold db2"}, got); diff != "" {
			t.Errorf("the next leader (-want +got):\n%s", diff)
		}
	}, "orders")
}

func TestOneActionPerServerAtATime(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		done := map[string]bool{}
		w.setDecide(func(s failover.State, in failover.Input) failover.Decision {
			for _, r := range in.Results {
				done[r.Action.ID] = true
			}
			d := failover.Decision{Next: s}
			for _, a := range []failover.Action{
				{ID: "1a", Server: "db1"},
				{ID: "1b", Server: "db1"},
				{ID: "2a", Server: "db2"},
				{ID: "r", Server: "db1", Kind: failover.ActCapture, Divergence: &failover.Divergence{ID: "d1"}},
			} {
				if !done[a.ID] {
					d.Actions = append(d.Actions, a)
				}
			}
			return d
		})
		advance(5 * time.Second)
		got := w.trace.take()
		place := func(line string) int { return slices.Index(got, line) }
		if place("act 1b") < place("done 1a") || place("act 2a") > place("done 1a") || place("report r") < 0 {
			t.Errorf("what happened: %q", got)
		}
	}, "orders")
}

func TestObservedClusterIsNeverTouched(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.declare(t, "orders", policy.ModeObserve)
		w.setDecide(once)
		advance(5 * time.Second)
		if diff := cmp.Diff([]string{"commit", "notify failover"}, w.trace.take()); diff != "" {
			t.Errorf("what happened (-want +got):\n%s", diff)
		}
	}, "orders")
}

func TestFailingActionIsRetriedWithPatience(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.servers.set(0, "access denied")
		w.setDecide(func(s failover.State, _ failover.Input) failover.Decision {
			return failover.Decision{Next: s, Actions: []failover.Action{{ID: "a", Server: "db1"}}}
		})
		advance(time.Minute)
		acts := strings.Count(strings.Join(w.trace.take(), "\n"), "act a")
		if acts < 25 || acts > 40 {
			t.Errorf("a failing action was started %d times in a minute", acts)
		}
	}, "orders")
}

// TestDoneActionIsNotRepeatedBeforeItsEffectIsSeen wants an action until it is seen to have worked, as
// decisions do that look at servers and not at outcomes.
func TestDoneActionIsNotRepeatedBeforeItsEffectIsSeen(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		setting := "ON"
		w.setDecide(func(s failover.State, _ failover.Input) failover.Decision {
			a := failover.Action{ID: "a", Server: "db1", Settings: []failover.Setting{{Name: "x", Value: setting}}}
			return failover.Decision{Next: s, Actions: []failover.Action{a}}
		})
		advance(900 * time.Millisecond)
		if acts := strings.Count(strings.Join(w.trace.take(), "\n"), "act a"); acts != 1 {
			t.Errorf("the action was started %d times", acts)
		}
		w.mu.Lock()
		setting = "OFF"
		w.mu.Unlock()
		advance(300 * time.Millisecond)
		if acts := strings.Count(strings.Join(w.trace.take(), "\n"), "act a"); acts != 1 {
			t.Errorf("with other contents the action was started %d times", acts)
		}
	}, "orders")
}

// TestOutcomesAreNotedTogether has three actions end one after the other, each within the time of a commit.
func TestOutcomesAreNotedTogether(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.setDecide(func(s failover.State, in failover.Input) failover.Decision {
			d := failover.Decision{Next: s}
			if s.Epoch == 0 {
				d.Next.Epoch, d.Next.Recovery = 1, &failover.Recovery{Stage: failover.StageRevoke}
			}
			r := *d.Next.Recovery
			d.Next.Recovery = &r
			for _, res := range in.Results {
				r.Donors = append(r.Donors, res.Action.Server)
			}
			for i, server := range []string{"db1", "db2", "db3"} {
				if !slices.Contains(r.Donors, server) {
					w.servers.set(time.Duration(20*(i+1))*time.Millisecond, "")
					d.Actions = append(d.Actions, failover.Action{ID: server, Server: server})
				}
			}
			if len(r.Donors) == 3 {
				r.Stage = failover.StageCatchUp
			}
			return d
		})
		advance(5 * time.Second)
		commits := strings.Count(strings.Join(w.trace.take(), "\n"), "commit")
		if r := w.state("orders").Recovery; commits > 3 || r.Stage != failover.StageCatchUp || len(r.Donors) != 3 {
			t.Errorf("%d commits led to %+v", commits, r)
		}
	}, "orders")
}

func TestOutcomesAreNotKeptWaitingForLong(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.setDecide(func(s failover.State, in failover.Input) failover.Decision {
			d := failover.Decision{Next: s, Actions: []failover.Action{{ID: "slow", Server: "db2"}}}
			for range in.Results {
				d.Next.Counter++
			}
			if d.Next.Counter == 0 {
				d.Actions = append(d.Actions, failover.Action{ID: "fast", Server: "db1"})
			}
			return d
		})
		w.servers.set(10*time.Millisecond, "")
		advance(5 * time.Millisecond)
		w.servers.set(time.Hour, "")
		advance(time.Second)
		if n := w.state("orders").Counter; n == 0 {
			t.Error("an outcome waits for an action that takes an hour")
		}
	}, "orders")
}

func TestSlowCommitDelaysOnlyItsCluster(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		for i := range 5 {
			w.declare(t, fmt.Sprint("c", i), policy.ModeAutomatic)
		}
		w.log.set(func(f *fakeLog) { f.commit = 200 * time.Millisecond })
		w.setDecide(func(s failover.State, _ failover.Input) failover.Decision {
			s.Epoch = 1
			return failover.Decision{Next: s}
		})
		advance(460 * time.Millisecond) // A tick to find the new clusters, and one commit.
		for i := range 5 {
			if w.state(fmt.Sprint("c", i)).Epoch != 1 {
				t.Errorf("cluster c%d waited for the others", i)
			}
		}
	})
}

func TestSubmit(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		after, err := w.Submit(t.Context(), failover.Order{Kind: failover.OrderFailover, Cluster: "orders", Reason: "fire", By: "ops"})
		if err != nil || after.State.Counter != 1 {
			t.Errorf("accepted order: %+v, %v", after.State, err)
		}
		if _, err := w.Submit(t.Context(), failover.Order{Kind: failover.OrderFailover, Cluster: "orders", By: "ops"}); !errors.Is(err, failover.ErrRefused) {
			t.Errorf("refused order: %v", err)
		}
		if _, err := w.Submit(t.Context(), failover.Order{Cluster: "nowhere"}); !errors.Is(err, fsm.ErrNotFound) {
			t.Errorf("order for an unknown cluster: %v", err)
		}
		var outcomes []string
		for _, e := range w.log.State().Audit {
			outcomes = append(outcomes, e.Action+" "+e.Outcome)
		}
		if diff := cmp.Diff([]string{"apply done", "failover accepted", "failover refused"}, outcomes); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
	}, "orders")
}

func TestSubmitLooksAgainWhenTheStateChanged(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.log.set(func(f *fakeLog) { f.before = func() { w.declare(t, "orders", policy.ModeAutomatic) } })
		if _, err := w.Submit(t.Context(), failover.Order{Cluster: "orders", Reason: "fire"}); err != nil {
			t.Error(err)
		}
		if n := w.state("orders").Counter; n != 1 {
			t.Errorf("the order took effect %d times", n)
		}
	}, "orders")
}

func TestAwait(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.servers.set(3*time.Second, "")
		w.setDecide(once)
		start := time.Now()
		got, err := w.Await(t.Context(), "orders", func(c fsm.Cluster) bool { return c.State.Armed })
		if err != nil || !got.State.Armed || time.Since(start) < 3*time.Second {
			t.Errorf("awaited for %s: %+v, %v", time.Since(start), got.State, err)
		}
	}, "orders")
}
