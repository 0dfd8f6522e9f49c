package sim

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// inWorld plays a story in a world in which nothing else happens, once its cluster is well.
func inWorld(t *testing.T, build, story func(*World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1, nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		build(w)
		w.begin()
		if !w.runUntil(20*time.Second, w.well) {
			_, why := w.condition()
			t.Errorf("the cluster does not become ok: %s", why)
		}
		story(w)
		w.stop()
		for _, v := range w.violations {
			t.Errorf("%s\n%s", v, w.transcript())
		}
	})
}

func (w *World) well() bool {
	word, _ := w.condition()
	return word == failover.WordOK
}

// TestNodesStoppedForAnHour: without a guard nothing changes for the database. With one, the primary goes read-only once
// its lease has run out, unless its policy is to serve and the node beside it lives on, without any leader.
func TestNodesStoppedForAnHour(t *testing.T) {
	const ttl = 5 * time.Second
	guard := policy.Guard{Enabled: true, TTL: policy.Duration(ttl)}
	cases := map[string]struct {
		guard       policy.Guard
		onIsolation policy.OnIsolation
		beside      bool // the node beside the primary lives on
		serves      bool
	}{
		"no guard, no node":               {policy.Guard{}, policy.IsolationServe, false, true},
		"serve, no node":                  {guard, policy.IsolationServe, false, false},
		"fence, no node":                  {guard, policy.IsolationFence, false, false},
		"serve, the node beside it lives": {guard, policy.IsolationServe, true, true},
		"fence, the node beside it lives": {guard, policy.IsolationFence, true, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *World) {
				w.guarded = c.guard.Enabled
				w.spec.Policy.Guard, w.spec.Policy.OnIsolation = c.guard, c.onIsolation
				w.clients = w.clients[:1]
			}, func(w *World) {
				stopped := w.stopNodes(c.beside)
				if last := w.lastAck(time.Hour); c.serves && last < stopped+time.Hour-10*time.Second {
					t.Errorf("it acknowledged nothing after %s", last-stopped)
				} else if !c.serves && (last > stopped+ttl+2*time.Second || w.writer.writable()) {
					t.Errorf("it acknowledged until %s, writable %t", last-stopped, w.writer.writable())
				}
				w.startNodes()
				if last := w.lastAck(30 * time.Second); !w.well() || last < w.now-time.Second {
					t.Errorf("after all nodes were started again: %s, last acknowledgement %s ago", w.state().Primary, w.now-last)
				}
			})
		})
	}
}

// stopNodes stops all nodes, or all but the one in the home region.
func (w *World) stopNodes(butHome bool) time.Duration {
	for _, n := range w.nodes {
		if !butHome || n.region != w.spec.HomeRegion {
			n.stop()
		}
	}
	return w.now
}

func (w *World) startNodes() {
	for _, n := range w.nodes {
		if !n.up {
			n.start()
		}
	}
}

// lastAck lets time pass and answers when a client was told last that its transaction is committed. A gap of more than
// ten seconds ends it for good.
func (w *World) lastAck(d time.Duration) time.Duration {
	until := w.now + d
	last := w.now
	for w.now < until && len(w.violations) == 0 {
		w.run(min(10*time.Second, until-w.now))
		if n := len(w.ledger); n > 0 && w.ledger[n-1].at > last && w.ledger[n-1].at-last <= 11*time.Second {
			last = w.ledger[n-1].at
		}
		w.ledger = w.ledger[:0]
	}
	return last
}
