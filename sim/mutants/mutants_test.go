package main

import "testing"

// TestPatchesApply makes sure that each mutant still changes the code: a text that is no longer found
// would leave it whole, and prove nothing.
func TestPatchesApply(t *testing.T) {
	all := mutants()
	if len(all) < 20 {
		t.Errorf("%d mutants are too few", len(all))
	}
	names := map[string]bool{}
	for _, m := range all {
		if names[m.name] || m.breaks == "" {
			t.Errorf("mutant %q: its name is taken, or it does not say what it breaks", m.name)
		}
		names[m.name] = true
		if _, err := m.patched("../.."); err != nil {
			t.Error(err)
		}
	}
}

func TestChoose(t *testing.T) {
	all := mutants()
	for _, n := range []int{1, 3, 7, len(all)} {
		if got := len(choose(all, options{count: n})); got != n {
			t.Errorf("%d mutants are chosen, not %d", got, n)
		}
	}
	if got := choose(all, options{only: all[2].name}); len(got) != 1 || got[0].name != all[2].name {
		t.Errorf("chosen by name: %v", got)
	}
}
