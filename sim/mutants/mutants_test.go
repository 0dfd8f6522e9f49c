package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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

// TestResultsAreKept makes sure that a mutant is not played again, unless it or the code has changed, and that
// the page is written once all have a result.
func TestResultsAreKept(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	o := options{seeds: 10, root: "../..", results: t.TempDir(), page: page}
	one, two := mutant{name: "one", breaks: "this"}, mutant{name: "two", breaks: "that"}
	open := func() *ledger {
		l, err := openResults(o)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	if err := l.add(&one, result{Caught: true, Seed: 7, By: "I4", Worlds: 10}); err != nil {
		t.Fatal(err)
	}
	if err := l.publish([]mutant{one, two}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(page); err == nil {
		t.Error("the page was written though a mutant has no result")
	}
	if err := l.add(&two, result{Worlds: 10}); err != nil {
		t.Fatal(err)
	}
	l = open()
	if r, known := l.of(&one); !known || r.Seed != 7 {
		t.Errorf("the result of one is %v, known %t", r, known)
	}
	changed := mutant{name: "one", edits: []edit{{file: "x"}}}
	if _, known := l.of(&changed); known {
		t.Error("a mutant that has changed has the result of before")
	}
	if err := l.publish([]mutant{one, two}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| `one` | this | 7 | I4 |", "| `two` | that | **survived** | - |", "2 mutants, 1 caught"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
}
