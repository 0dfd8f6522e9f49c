package sim

import "testing"

// Shrink looks for the fewest decisions of a seed's plan that still fail, and returns the verdict of a
// world with these alone. It leaves out ever smaller parts of the plan (delta debugging, Zeller and
// Hildebrandt 2002); runs bounds the number of worlds.
func Shrink(t *testing.T, seed uint64, runs int) Verdict {
	t.Helper()
	plan := planOf(seed)
	best := play(t, seed, plan, true)
	if len(best.Violations) == 0 {
		return best
	}
	for parts := 2; len(plan) > 1 && runs > 0; {
		smaller, v := lessOf(t, seed, plan, parts, &runs)
		switch {
		case smaller != nil:
			plan, best = smaller, v
			parts = max(2, parts-1)
		case parts >= len(plan):
			return best
		default:
			parts = min(2*parts, len(plan))
		}
	}
	return best
}

// lessOf leaves out one part of a plan after the other, and returns the first rest that still fails.
func lessOf(t *testing.T, seed uint64, plan []decision, parts int, runs *int) ([]decision, Verdict) {
	t.Helper()
	for part := range parts {
		from, to := part*len(plan)/parts, (part+1)*len(plan)/parts
		rest := append(append([]decision{}, plan[:from]...), plan[to:]...)
		if *runs--; *runs < 0 {
			break
		}
		if v := play(t, seed, rest, true); len(v.Violations) > 0 {
			return rest, v
		}
	}
	return nil, Verdict{}
}
