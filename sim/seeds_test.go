package sim

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Flags of the series: the first seed of so many, or the one to play again.
var (
	seeds  = flag.Int("seeds", 25, "how many worlds to run")
	first  = flag.Uint64("first", 1, "the first seed of the series")
	seed   = flag.Uint64("seed", 0, "run the world of this seed only, and print all that happened")
	enough = flag.Int("enough", 10, "after how many failed worlds a series ends")
	shrink = flag.Bool("shrink", false, "with -seed: leave out as much of what happens as possible, and print what is left")
)

// tail is how many of the last lines of a failed world are printed, and shrinks how many worlds a plan
// may be made smaller with.
const (
	tail    = 60
	shrinks = 2000
)

// tally is what a series has found.
type tally struct {
	mu                                   sync.Mutex
	failed                               int
	failovers, aborts, refusals, effects int
	acked                                int
}

// take counts a world and tells whether the series goes on.
func (c *tally) take(v Verdict) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failovers += v.Failovers
	c.aborts += v.Aborts
	c.refusals += v.Refusals
	c.effects += v.Effects
	c.acked += v.Acked
	if len(v.Violations) > 0 {
		c.failed++
	}
	return c.failed < *enough
}

// TestSeeds runs worlds, as many at once as there are processors. A failing one prints its end, and the
// command that plays it again.
func TestSeeds(t *testing.T) {
	switch {
	case *seed != 0 && *shrink:
		v := Shrink(t, *seed, shrinks)
		t.Logf("what is left of the plan:\n%s\n%s", v.Plan, v.Transcript)
		complain(t, v, 0)
		return
	case *seed != 0:
		v := Run(t, *seed, true)
		t.Log("\n" + v.Transcript)
		complain(t, v, 0)
		return
	}
	const groups = 2
	var c tally
	t.Run("worlds", func(t *testing.T) {
		for g := range groups {
			t.Run(fmt.Sprint(g), func(t *testing.T) {
				t.Parallel()
				for i := g; i < *seeds; i += groups {
					v := Run(t, *first+uint64(i), false) //nolint:gosec // a number of worlds
					complain(t, v, tail)
					if !c.take(v) {
						t.Fatal("enough worlds have failed")
					}
				}
			})
		}
	})
	t.Logf("%d worlds: %d failovers, %d given up, %d orders refused, %d changes of servers, %d acknowledged transactions",
		*seeds, c.failovers, c.aborts, c.refusals, c.effects, c.acked)
}

func complain(t *testing.T, v Verdict, lines int) {
	t.Helper()
	if len(v.Violations) == 0 {
		return
	}
	all := strings.Split(v.Transcript, "\n")
	t.Errorf("seed %d: %s\nreplay: go test ./sim -run Seeds -seed=%d -v\n%s",
		v.Seed, strings.Join(v.Violations, "\n"), v.Seed, strings.Join(all[max(0, len(all)-lines):], "\n"))
}

// TestSameSeedSameWorld proves that a seed says everything: the transcripts of two runs are equal.
func TestSameSeedSameWorld(t *testing.T) {
	for s := range uint64(20) { // three of them have a guard
		if a, b := Run(t, s, true), Run(t, s, true); a.Transcript != b.Transcript {
			t.Errorf("seed %d plays two different worlds: %s", s, difference(a.Transcript, b.Transcript))
		}
	}
}

// difference is the first line in which two transcripts differ.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d:\n%s\n%s", i+1, x[i], y[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(x), len(y))
}
