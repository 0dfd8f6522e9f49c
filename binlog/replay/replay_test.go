package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/replay"
)

func TestReplayRepeatsWhatIsSafeOnce(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	s.add("SAFE", insert(1, "a"), insert(2, "b"))
	s.add("SAFE", update(1, "a", "c"))
	s.add("CONFLICT", update(9, "x", "y"))
	s.add("NOOP", insert(5, "q"))
	s.write()
	target := &fake{rows: map[int]string{9: "z"}}
	counts := s.run(target)
	if want := (replay.Counts{Replayed: 2, Already: 1, Undecided: 1, Meant: 2, Rows: 3}); counts != want {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
	if diff := cmp.Diff(map[int]string{1: "c", 2: "b", 9: "z"}, target.rows); diff != "" {
		t.Error(diff)
	}
	writes := target.writes
	if again := s.run(target); again.Replayed != 2 || again.Meant != 0 || target.writes != writes {
		t.Errorf("again: %+v after %d writes of %d", again, target.writes, writes)
	}
}

func TestARowThatWasChangedMeanwhileIsLeftAloneWithWhatFollows(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	first := s.add("SAFE", update(1, "a", "b"), insert(7, "n"))
	second := s.add("SAFE", update(1, "b", "c"))
	third := s.add("SAFE", update(2, "a", "b"))
	s.write()
	target := &fake{rows: map[int]string{1: "somebody", 2: "a"}}
	counts := s.run(target)
	if counts.Left != 2 || counts.Replayed != 1 || counts.Undecided != 0 {
		t.Errorf("%+v", counts)
	}
	if diff := cmp.Diff(map[int]string{1: "somebody", 2: "b"}, target.rows); diff != "" {
		t.Error(diff)
	}
	last, err := replay.ReadDecisions(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := last[first]; d.Outcome != replay.Left || !strings.Contains(d.Detail, "changed meanwhile") || d.By != "ann" || d.Reason != "incident 7" {
		t.Errorf("%+v", d)
	}
	if d := last[second]; d.Outcome != replay.Left || !strings.Contains(d.Detail, first.String()) {
		t.Errorf("%+v", d)
	}
	if last[third].Outcome != replay.Replayed {
		t.Errorf("%+v", last[third])
	}
	// Once somebody has put the row back, the same replay goes on.
	target.rows[1] = "a"
	if counts = s.run(target); counts.Left != 0 || counts.Replayed != 3 || target.rows[1] != "c" {
		t.Errorf("%+v, %v", counts, target.rows)
	}
}

// TestEveryCrashIsSurvived ends the run at each call to the server, and after each commit whose answer is lost.
func TestEveryCrashIsSurvived(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		s := newSplit(t)
		s.add("SAFE", insert(1, "a"), insert(2, "b"))
		s.add("SAFE", update(1, "a", "c"), update(3, "s", "t"))
		s.add("SAFE", remove(2, "b"))
		s.write()
		target := &fake{rows: map[int]string{3: "s"}, failAt: at}
		_, err := replay.Run(t.Context(), s.request(target))
		crashed := errors.Is(err, errCrash)
		if err != nil && !crashed {
			t.Fatal(err)
		}
		target.failAt, target.open = 0, nil
		counts := s.run(target)
		if counts.Replayed != 3 || counts.Undecided != 0 || counts.Already != 0 {
			t.Errorf("crash at %d: %+v", at, counts)
		}
		if diff := cmp.Diff(map[int]string{1: "c", 3: "t"}, target.rows); diff != "" {
			t.Errorf("crash at %d: %s", at, diff)
		}
		if !crashed {
			return
		}
	}
}

func TestARefusalOfTheServerLeavesTheTransactionAlone(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	s.add("SAFE", insert(1, "a"), insert(2, "refused"))
	s.add("SAFE", insert(3, "c"))
	s.write()
	target := &fake{rows: map[int]string{}}
	if counts := s.run(target); counts.Left != 1 || counts.Replayed != 1 {
		t.Errorf("%+v", counts)
	}
	if diff := cmp.Diff(map[int]string{3: "c"}, target.rows); diff != "" {
		t.Error(diff)
	}
}

func TestWhatTheSelectionPassesOverIsMissedByWhatFollows(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	first := s.add("SAFE", insert(1, "a"))
	second := s.add("SAFE", update(1, "a", "b"))
	s.write()
	s.selection.Transactions = setOf(second)
	target := &fake{rows: map[int]string{}}
	if counts := s.run(target); counts.Left != 1 || counts.Undecided != 1 || len(target.rows) != 0 {
		t.Errorf("%+v, %v", counts, target.rows)
	}
	last, err := replay.ReadDecisions(s.dir)
	if err != nil || !strings.Contains(last[second].Detail, "follows "+first.String()) {
		t.Errorf("%+v, %v", last, err)
	}
}

func TestAReplayStopsWhereItIsNoLongerPermitted(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	s.add("SAFE", insert(1, "a"))
	s.add("SAFE", update(1, "a", "b"))
	s.write()
	target := &fake{rows: map[int]string{}}
	r := s.request(target)
	asked := 0
	r.Permit = func(context.Context) error {
		if asked++; asked > 1 {
			return fmt.Errorf("%w: a recovery is under way", replay.ErrStopped)
		}
		return nil
	}
	counts, err := replay.Run(t.Context(), r)
	if !errors.Is(err, replay.ErrStopped) || counts.Replayed != 1 || counts.Undecided != 1 || len(target.rows) != 1 {
		t.Errorf("%+v, %v, %v", counts, err, target.rows)
	}
}

func TestAcknowledgedTransactionsAreFinal(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	s.add("SAFE", insert(1, "a"))
	s.add("CONFLICT", insert(2, "b"))
	s.write()
	s.selection.Classes = nil
	counts, err := replay.Acknowledge(s.request(nil))
	if err != nil || counts.Acknowledged != 2 || counts.Undecided != 0 {
		t.Fatalf("%+v, %v", counts, err)
	}
	target := &fake{rows: map[int]string{}}
	if counts := s.run(target); counts.Meant != 0 || len(target.rows) != 0 {
		t.Errorf("%+v, %v", counts, target.rows)
	}
}

func TestADamagedLogIsNotTrusted(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	s.add("SAFE", insert(1, "a"))
	s.add("SAFE", insert(2, "b"))
	s.write()
	s.run(&fake{rows: map[int]string{}})
	path := filepath.Join(s.dir, replay.LogName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	full, err := replay.ReadDecisions(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range whole { // A crash tears the last line only.
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		last, err := replay.ReadDecisions(s.dir)
		if err != nil || len(last) > len(full) {
			t.Fatalf("cut at %d: %d decisions, %v", cut, len(last), err)
		}
	}
	bad := bytes.Clone(whole)
	bad[len(bad)/2] ^= 1
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Run(t.Context(), s.request(&fake{rows: map[int]string{}})); !errors.Is(err, replay.ErrLog) {
		t.Errorf("a flipped bit gives %v", err)
	}
}

func TestATornLineIsCutOffBeforeTheNextDecision(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	s.add("SAFE", insert(1, "a"))
	s.add("SAFE", insert(2, "b"))
	s.write()
	target := &fake{rows: map[int]string{}}
	s.run(target)
	path := filepath.Join(s.dir, replay.LogName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	rows := maps.Clone(target.rows)
	if counts := s.run(target); counts.Replayed != 2 || !maps.Equal(rows, target.rows) {
		t.Errorf("%+v, %v", counts, target.rows)
	}
	if _, err := replay.ReadDecisions(s.dir); err != nil {
		t.Error(err)
	}
}

func TestHandoverListsWhatIsLeftWithoutValues(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	s.add("SAFE", insert(1, "done"))
	left := s.add("SAFE", update(2, "=secret", "t"))
	s.add("CONFLICT", update(3, "s", "t"))
	s.add("ALREADY", insert(4, "there"))
	s.write()
	s.run(&fake{rows: map[int]string{2: "x", 3: "y"}})
	for _, reveal := range []bool{false, true} {
		var ndjson, table bytes.Buffer
		if err := errors.Join(replay.WriteHandover(&ndjson, s.dir, reveal), replay.WriteHandoverCSV(&table, s.dir, reveal)); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(ndjson.String(), "\n"); lines != 2 || strings.Count(table.String(), "\n") != 3 {
			t.Errorf("%d lines:\n%s\n%s", lines, &ndjson, &table)
		}
		for _, text := range []string{ndjson.String(), table.String()} {
			if strings.Contains(text, "secret") != reveal || !strings.Contains(text, left.String()) || !strings.Contains(text, "changed meanwhile") {
				t.Errorf("reveal %t:\n%s", reveal, text)
			}
		}
	}
}

func TestTransactionsOfDifferentRowsGoTogether(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	const transactions = 40
	for i := range transactions {
		s.add("SAFE", insert(i, "a"))
	}
	s.add("SAFE", update(3, "a", "b"))
	s.add("SAFE", update(3, "b", "c"))
	s.write()
	target := &fake{rows: map[int]string{7: "somebody"}}
	counts := s.run(target)
	if counts.Replayed != transactions+1 || counts.Left != 1 || target.rows[3] != "c" || target.rows[7] != "somebody" {
		t.Errorf("%+v, %v", counts, target.rows)
	}
	// The eighth of the first round trip is left alone; what meets a row that waits is not sent with it.
	if diff := cmp.Diff([]int{8, 16, 17, 1}, target.batches); diff != "" {
		t.Error(diff)
	}
}

func TestACommitThatIsRefusedIsLookedAt(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	id := s.add("SAFE", insert(1, "a"))
	s.write()
	target := &fake{rows: map[int]string{}, unsure: true}
	if counts := s.run(target); counts.Replayed != 1 || target.writes != 1 {
		t.Errorf("%+v after %d writes", counts, target.writes)
	}
	last, err := replay.ReadDecisions(s.dir)
	if err != nil || !strings.Contains(last[id].Detail, "its commit had succeeded") {
		t.Errorf("%+v, %v", last[id], err)
	}
}

// TestADoubtThatRowsDoNotSettleIsTold loses the answer to a commit, and has somebody change the row before the next run.
func TestADoubtThatRowsDoNotSettleIsTold(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	id := s.add("SAFE", update(1, "a", "b"))
	s.write()
	target := &fake{rows: map[int]string{1: "a"}}
	for target.failAt = 1; target.rows[1] == "a"; target.failAt++ {
		target.calls = 0
		if _, err := replay.Run(t.Context(), s.request(target)); !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
	target.failAt, target.rows = 0, map[int]string{1: "c"}
	if counts := s.run(target); counts.Left != 1 || counts.Undecided != 0 || target.rows[1] != "c" {
		t.Errorf("%+v, %v", counts, target.rows)
	}
	last, err := replay.ReadDecisions(s.dir)
	if err != nil || !strings.Contains(last[id].Detail, "an earlier attempt may have been committed") {
		t.Errorf("%+v, %v", last[id], err)
	}
}
