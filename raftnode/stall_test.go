package raftnode

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestLeaderWhoseDiskStalls has one write of the leader hang: another node is elected, and the first one follows it
// once the write ends.
func TestLeaderWhoseDiskStalls(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	for id, cfg := range g.configs {
		cfg.Timeouts.Stall = 300 * time.Millisecond
		cfg.Timeouts.Storage = patience
		g.configs[id] = cfg
	}
	g.open()
	stores := map[string]*brokenStore{}
	for id, m := range g.members {
		stores[id] = breakable(t, m.Node)
		stores[id].hang, stores[id].slow = make(chan struct{}), true
		m.run(t)
	}
	first := g.leader()
	changes := first.LeaderChanges()
	store := stores[first.cfg.ID]
	store.broken.Store(true)
	_, _, err := first.Propose(t.Context(), []byte(`{"Key":"k","Value":"v"}`))
	if !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("Propose: %v", err)
	}
	eventually(t, "another node leads", func() bool {
		for id, m := range g.members {
			if id != first.cfg.ID && m.IsLeader() {
				return true
			}
		}
		return false
	})
	if first.IsLeader() {
		t.Error("a node whose log stalls believes that it leads")
	}
	if err := first.VerifyLeader(t.Context()); !errors.Is(err, ErrNotLeader) {
		t.Errorf("VerifyLeader: %v", err)
	}
	for change := range changes {
		if !change.Self {
			break
		}
	}
	store.broken.Store(false)
	close(store.hang)
	g.set("after", "yes")
	eventually(t, "the first leader follows", func() bool { return first.machine.copy()["after"] == "yes" })
	if first.IsLeader() {
		t.Error("the first leader leads again without an election")
	}
}

func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(time.Second)
		write := func(d time.Duration) (during bool) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = s.watch(func() error {
					<-time.After(d)
					during = s.lasts()
					return nil
				})
			}()
			<-done
			return during
		}
		if write(900*time.Millisecond) || s.lasts() {
			t.Error("a write within the limit stalls")
		}
		if !write(1100*time.Millisecond) || s.lasts() {
			t.Error("a write beyond the limit stalls while it is under way, and then no more")
		}
		synctest.Wait()
	})
}

// TestStepDown has a leader give up: to a peer where there is one, else by its end.
func TestStepDown(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.startAll()
	first := g.leader()
	eventually(t, "the leader has heard from its peers", func() bool {
		for _, p := range first.Status().Peers {
			if !p.Reachable {
				return false
			}
		}
		return true
	})
	first.StepDown(t.Context(), "a loop hangs")
	eventually(t, "another node leads", func() bool { return g.leader() != first })
	if err := first.stop(t); err != nil {
		t.Errorf("a node that handed over ends with %v", err)
	}

	alone := newGroup(t, "a").start("a")
	eventually(t, "a node alone leads", alone.IsLeader)
	alone.StepDown(t.Context(), "a loop hangs")
	select {
	case err := <-alone.result:
		if !errors.Is(err, ErrSteppedDown) {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Run did not return")
	}
}
