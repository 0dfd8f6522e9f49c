package sim

import (
	"slices"
	"testing"
)

// TestShrink finds the decisions that are needed for a failure among many that are not.
func TestShrink(t *testing.T) {
	plan := make([]decision, 40)
	for i := range plan {
		plan[i].number = i + 1
	}
	needed := []int{3, 17, 18, 39}
	played := 0
	left := shrunk(plan, 1000, func(some []decision) Verdict {
		played++
		v := Verdict{}
		for _, d := range some {
			v.Plan += string(rune('A' + d.number))
		}
		for _, n := range needed {
			if !slices.ContainsFunc(some, func(d decision) bool { return d.number == n }) {
				return v
			}
		}
		v.Violations = []string{"all of them together"}
		return v
	})
	want := ""
	for _, n := range needed {
		want += string(rune('A' + n))
	}
	if left.Plan != want || len(left.Violations) == 0 {
		t.Errorf("left are %q, needed are %q", left.Plan, want)
	}
	if played > 200 {
		t.Errorf("%d worlds were played", played)
	}
}

// TestPlansAreKept makes sure that leaving one decision out of a plan leaves the others what they are: a
// world without any of them comes to rest.
func TestPlansAreKept(t *testing.T) {
	if v := play(t, 7, nil, true); len(v.Violations) > 0 {
		t.Errorf("a world in which nothing happens: %v\n%s", v.Violations, v.Transcript)
	}
	plan := planOf(7)
	again := planOf(7)
	for i := range plan {
		if plan[i].String() != again[i].String() || plan[i].seed != again[i].seed {
			t.Errorf("decision %d differs between two plans of one seed: %s, %s", i, &plan[i], &again[i])
		}
	}
}
