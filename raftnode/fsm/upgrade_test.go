package fsm_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// earlier is what a release of that schema wrote instead: it did not know settle.keep_for.
func earlier(t *testing.T, written []byte, schema int) []byte {
	t.Helper()
	var content map[string]any
	if err := json.Unmarshal(written, &content); err != nil {
		t.Fatal(err)
	}
	content["schema"] = schema
	if forget(content) == 0 {
		t.Fatalf("no keep_for in %s", written)
	}
	out, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// forget removes the key wherever it is, and counts.
func forget(content any) (n int) {
	switch v := content.(type) {
	case map[string]any:
		if _, known := v["keep_for"]; known {
			delete(v, "keep_for")
			n++
		}
		for _, inner := range v {
			n += forget(inner)
		}
	case []any:
		for _, inner := range v {
			n += forget(inner)
		}
	}
	return n
}

// TestSpecsOfEarlierReleasesTakeTheDefaultOfKeepFor: the state that a node restores is that of a node that still has the
// commands, and neither keeps the files of settled reports for ever, or removes them at once. What somebody declared
// since stays, 0 included.
func TestSpecsOfEarlierReleasesTakeTheDefaultOfKeepFor(t *testing.T) {
	declared := specs("orders", "users")
	declared.Clusters[0].Policy.Settle = policy.Settle{ApproveAboveRows: 7} // Kept for ever, where that is said.
	command := encoded(t, fsm.Command{PutSpecs: &fsm.PutSpecs{Specs: declared, By: "ada", At: at(1)}})
	for schema := 1; schema <= fsm.Schema; schema++ {
		want, written := time.Duration(0), command
		if schema < 4 {
			want, written = 30*24*time.Hour, earlier(t, command, schema)
		}
		applied, restored := fsm.New(), fsm.New()
		if err := applied.Apply(1, written); err != nil {
			t.Fatal(err)
		}
		snapshot, err := applied.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if schema < 4 {
			snapshot = earlier(t, snapshot, schema)
		}
		if err := restored.Restore(snapshot); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(applied.State(), restored.State()); diff != "" {
			t.Errorf("schema %d: (-applied +restored)\n%s", schema, diff)
		}
		orders := restored.State().Clusters["orders"]
		for _, spec := range []policy.ClusterSpec{orders.Spec, orders.Versions[0].Spec} {
			if got := spec.Policy.Settle; time.Duration(got.KeepFor) != want || got.ApproveAboveRows != 7 {
				t.Errorf("schema %d: %+v, want it kept for %s", schema, got, want)
			}
		}
		if got := restored.State().Schema; got != fsm.Schema {
			t.Errorf("schema %d became %d", schema, got)
		}
	}
}
