package fsm_test

import (
	"errors"
	"testing"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// TestACopyOfOtherFilesIsStale has nodes tell of copies: only of the files as they are, and not of those that a node works on.
func TestACopyOfOtherFilesIsStale(t *testing.T) {
	for name, tt := range map[string]struct {
		cluster, report, node string
		files                 uint64
		removed               bool
		want                  error
	}{
		"as they are":      {"orders", "d1", "west-1", 2, false, nil},
		"older":            {"orders", "d1", "west-1", 1, false, fsm.ErrStale},
		"the one at work":  {"orders", "d1", "cloud-1", 2, false, fsm.ErrStale},
		"removed":          {"orders", "d1", "west-1", 2, true, fsm.ErrStale},
		"no such report":   {"orders", "d2", "west-1", 2, false, fsm.ErrStale},
		"no such cluster":  {"ghosts", "d1", "west-1", 2, false, fsm.ErrNotFound},
		"from a newer one": {"orders", "d1", "west-1", 3, false, fsm.ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			m := declared(t)
			next := failover.State{Divergences: []failover.Divergence{{ID: "d1", Node: "cloud-1", Files: 2, Removed: tt.removed}}}
			if err := m.Apply(2, encoded(t, fsm.Command{Advance: &fsm.Advance{Cluster: "orders", Expect: 1, Next: next}})); err != nil {
				t.Fatal(err)
			}
			before := m.State().Clusters["orders"]
			copied := fsm.Copied{Cluster: tt.cluster, Report: tt.report, Copy: failover.Copy{Node: tt.node, Files: tt.files, At: at(3)}}
			err, _ := m.Apply(3, encoded(t, fsm.Command{Copied: &copied})).(error)
			if !errors.Is(err, tt.want) {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			after := m.State().Clusters["orders"]
			if on := after.State.Divergences[0].CopiedOn("west-1"); on != (tt.want == nil) || (after.Version != before.Version) != on {
				t.Errorf("version %d after %d, %+v", after.Version, before.Version, after.State.Divergences[0])
			}
			if before.State.Divergences[0].Copies != nil {
				t.Error("a state that was handed out has changed")
			}
		})
	}
}
