package sim

import (
	"slices"
	"testing"
)

// Shrink looks for the fewest decisions of a seed's plan that still fail, and returns the verdict of a
// world with these alone. runs bounds the number of worlds that are played for it.
func Shrink(t *testing.T, seed uint64, runs int) Verdict {
	t.Helper()
	return shrunk(planOf(seed), runs, func(plan []decision) Verdict { return play(t, seed, plan, true) })
}

// shrunk leaves out ever smaller parts of a plan for as long as what is left still fails (delta debugging,
// Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
func shrunk(plan []decision, runs int, play func([]decision) Verdict) Verdict {
	best := play(plan)
	if len(best.Violations) == 0 {
		return best
	}
	for parts := 2; len(plan) > 1; {
		parts = min(parts, len(plan))
		found := false
		for part := range parts {
			from, to := part*len(plan)/parts, (part+1)*len(plan)/parts
			rest := slices.Concat(plan[:from], plan[to:])
			if runs--; runs < 0 {
				return best
			}
			if v := play(rest); len(v.Violations) > 0 {
				plan, best, found = rest, v, true
				break
			}
		}
		switch {
		case found:
			parts = max(2, parts-1)
		case parts == len(plan):
			return best
		default:
			parts *= 2
		}
	}
	return best
}
