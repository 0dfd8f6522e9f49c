package workload

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at is a moment of a test's history, in seconds.
func at(second int) time.Time { return time.Unix(int64(second), 0).UTC() }

// did is an attempt with one statement between two moments.
func did(id string, outcome Outcome, from, to int, op Op, key string) Attempt {
	rows := int64(1)
	if outcome != Acknowledged {
		rows = -1
	}
	return Attempt{
		ID: id, Server: "east-db1", Region: "east", Outcome: outcome, Acknowledged: outcome == Acknowledged,
		StartedAt: at(from), EndedAt: at(to),
		Statements: []Statement{{Op: op, Key: key, Amount: 5, Note: id, Rows: rows}},
	}
}

func rowOf(attempt string) Row {
	return Row{Key: "k", Attempt: attempt, Amount: 5, Note: attempt}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	type problems map[string]Problem
	for name, test := range map[string]struct {
		attempts []Attempt
		rows     []Row
		want     problems
	}{
		"an acknowledged row is there": {
			attempts: []Attempt{did("a", Acknowledged, 1, 2, Insert, "k")},
			rows:     []Row{rowOf("a")},
		},
		"an acknowledged row is missing": {
			attempts: []Attempt{did("a", Acknowledged, 1, 2, Insert, "k")},
			want:     problems{"k": Missing},
		},
		"an acknowledged update is undone": {
			attempts: []Attempt{did("a", Acknowledged, 1, 2, Insert, "k"), did("b", Acknowledged, 3, 4, Update, "k")},
			rows:     []Row{rowOf("a")},
			want:     problems{"k": Stale},
		},
		"an acknowledged delete is undone": {
			attempts: []Attempt{did("a", Acknowledged, 1, 2, Insert, "k"), did("b", Acknowledged, 3, 4, Delete, "k")},
			rows:     []Row{rowOf("a")},
			want:     problems{"k": Stale},
		},
		"a deleted row is gone": {
			attempts: []Attempt{did("a", Acknowledged, 1, 2, Insert, "k"), did("b", Acknowledged, 3, 4, Delete, "k")},
		},
		"an unknown insert may be there": {
			attempts: []Attempt{did("a", Unknown, 1, 2, Insert, "k")},
			rows:     []Row{rowOf("a")},
		},
		"an unknown insert may be missing": {
			attempts: []Attempt{did("a", Unknown, 1, 2, Insert, "k")},
		},
		"an unknown delete explains a missing row": {
			attempts: []Attempt{did("a", Acknowledged, 1, 2, Insert, "k"), did("b", Unknown, 3, 4, Delete, "k")},
		},
		"overlapping updates may come in either order": {
			attempts: []Attempt{
				did("a", Acknowledged, 1, 2, Insert, "k"),
				did("b", Acknowledged, 3, 6, Update, "k"), did("c", Acknowledged, 4, 5, Update, "k"),
			},
			rows: []Row{rowOf("b")},
		},
		"an acknowledged update of no row changed nothing": {
			attempts: []Attempt{func() Attempt {
				a := did("a", Acknowledged, 1, 2, Update, "k")
				a.Statements[0].Rows = 0
				return a
			}()},
		},
		"a refused write is there": {
			attempts: []Attempt{did("a", Refused, 1, 2, Insert, "k")},
			rows:     []Row{rowOf("a")},
			want:     problems{"k": RefusedWritten},
		},
		"a row that nobody wrote": {
			rows: []Row{rowOf("x")},
			want: problems{"k": Uncalled},
		},
		"a row with other values": {
			attempts: []Attempt{did("a", Acknowledged, 1, 2, Insert, "k")},
			rows:     []Row{{Key: "k", Attempt: "a", Amount: 6, Note: "a"}},
			want:     problems{"k": Altered},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := map[string]Row{}
			for _, row := range test.rows {
				rows[row.Key] = row
			}
			got := problems{}
			for _, finding := range Check(test.attempts, rows) {
				got[finding.Key] = finding.Problem
			}
			if test.want == nil {
				test.want = problems{}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpectedKeepsOnlyWhatIsCertain(t *testing.T) {
	t.Parallel()
	attempts := []Attempt{
		did("a", Acknowledged, 1, 2, Insert, "kept"),
		did("b", Acknowledged, 1, 2, Insert, "deleted"), did("c", Acknowledged, 3, 4, Delete, "deleted"),
		did("d", Acknowledged, 1, 2, Insert, "doubtful"), did("e", Unknown, 3, 4, Update, "doubtful"),
		did("f", Refused, 1, 2, Insert, "refused"),
	}
	got := map[string]Op{}
	for key, statement := range Expected(attempts) {
		got[key] = statement.Op
	}
	if diff := cmp.Diff(map[string]Op{"kept": Insert, "deleted": Delete}, got); diff != "" {
		t.Errorf("expected (-want +got):\n%s", diff)
	}
}
