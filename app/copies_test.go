package app

import (
	"slices"
	"testing"

	"github.com/regentdb/regent/raftnode/fsm"
)

func TestACopyGoesToAnotherSiteFirst(t *testing.T) {
	state := fsm.Empty()
	for _, n := range []fsm.Node{
		{ID: "a", Region: "east", Site: "east-a"},
		{ID: "b", Region: "east", Site: "east-a"},
		{ID: "c", Region: "east", Site: "east-b"},
		{ID: "d", Region: "west", Site: "west-a"},
		{ID: "e", Region: "cloud", Site: "cloud-a"},
	} {
		state.Nodes[n.ID] = n
	}
	for origin, want := range map[string][]string{"a": {"d", "e", "c", "b"}, "d": {"a", "b", "c", "e"}} {
		if got := inTurn(&state, origin); !slices.Equal(got, want) {
			t.Errorf("of %s: %v, want %v", origin, got, want)
		}
	}
}
