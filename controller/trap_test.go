package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/failover"
)

// small decides as a recovery of two stages with one action would.
func small(s failover.State, in failover.Input) failover.Decision {
	d := failover.Decision{Next: s, Reason: "working"}
	switch {
	case s.Epoch > 0:
		return d
	case s.Recovery == nil:
		d.Next.Recovery = &failover.Recovery{ID: "r1", Stage: failover.StageRevoke}
		fallthrough
	case len(in.Results) == 0:
		d.Actions = []failover.Action{{ID: "revoke-1", Kind: failover.ActRevoke, Cluster: s.Cluster, Server: "db1"}}
	case s.Recovery.Stage == failover.StageRevoke:
		d.Next.Recovery = &failover.Recovery{ID: "r1", Stage: failover.StageOpen}
		d.Actions = []failover.Action{{ID: "open-1", Kind: failover.ActOpen, Cluster: s.Cluster, Server: "db1"}}
	default:
		d.Next.Recovery, d.Next.Epoch = nil, 1
	}
	return d
}

func TestTrapHearsOfEveryPointOfARecovery(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.cfg.Trap = func(point string) { w.trace.add(point) }
		w.setDecide(small)
		advance(5 * time.Second)
		want := []string{
			"before:commit:revoke", "commit", "after:commit:revoke",
			"before:revoke:db1", "act revoke-1", "done revoke-1", "after:revoke:db1", "received:revoke:db1",
			"before:commit:open", "commit", "after:commit:open",
			"before:open:db1", "act open-1", "done open-1", "after:open:db1", "received:open:db1",
			"before:commit:finish", "commit", "after:commit:finish",
		}
		if diff := cmp.Diff(want, w.trace.take()); diff != "" {
			t.Errorf("points (-want +got):\n%s", diff)
		}
	}, "orders")
}

func TestTrapHearsNothingOutsideOfARecovery(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.cfg.Trap = func(point string) { t.Errorf("trap at %s", point) }
		w.setDecide(once)
		advance(5 * time.Second)
		if !w.state("orders").Armed {
			t.Error("the action was not done")
		}
	}, "orders")
}
