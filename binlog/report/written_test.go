package report_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/report"
)

// TestWritingTellsHowFarItIs writes transactions with and without rows, of all kinds, and one with very many.
func TestWritingTellsHowFarItIs(t *testing.T) {
	in := input()
	safe := &in.Transactions[0]
	for len(safe.Rows) < 10_000 {
		safe.Rows = append(safe.Rows, safe.Rows[0])
	}
	last, within := map[string]report.Written{}, map[string]bool{}
	in.Progress = func(w report.Written) {
		if before := last[w.Part]; w.Transactions < before.Transactions || w.Rows < before.Rows {
			t.Errorf("%+v after %+v", w, before)
		}
		within[w.Part] = within[w.Part] || w.Transactions == 0 && w.Rows > 0
		last[w.Part] = w
	}
	_, s := written(t, in)
	want := map[string]report.Written{}
	for _, part := range []string{report.SQLName, report.HTMLName} {
		want[part] = report.Written{Part: part, Transactions: s.Listed + s.Unreadable, Of: 4, Rows: s.Arithmetic.RowChanges}
		if !within[part] {
			t.Errorf("%s: nothing was told within a long transaction", part)
		}
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestAPageThatLeavesOutSafeRowsCountsThem is for a report of which a page shows only what needs a person.
func TestAPageThatLeavesOutSafeRowsCountsThem(t *testing.T) {
	const rows = 250_010
	in, each := made(rows, narrow())
	last := map[string]report.Written{}
	in.Progress = func(w report.Written) { last[w.Part] = w }
	dir := t.TempDir()
	w, err := report.Create(dir, in)
	if err == nil {
		err = each(func(tx classify.Transaction) error { return w.Add(tx) })
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Finish()
	if err != nil || !s.Complete {
		t.Fatalf("%v: %s", err, s.Sentence)
	}
	for part, w := range last {
		if w.Transactions != s.Listed || w.Rows != rows {
			t.Errorf("%s: %+v", part, w)
		}
	}
}
