//go:build integration

package integration

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/regentdb/regent/lab/trial"
)

// TestBlockedPrimary has the primary get into a state in which its commits or its fence are blocked, sees that it is
// not replaced for that alone, and then orders a failover, kills it, hangs it or cuts it off: fenced or held within
// 5 s. With -results every state with every ending, and otherwise two of them, drawn by the seed.
func TestBlockedPrimary(t *testing.T) {
	healthy(t)
	done := openResults(t, "blocked.ndjson")
	cases := blockedCases()
	if slices.ContainsFunc(cases, func(c trial.BlockedCase) bool { return c.Blockage == trial.FullDisk && !done.has(c.Name()) }) {
		defer func() {
			if err := world.SharedDisks(t.Context()); err != nil {
				t.Errorf("give the disk back: %v", err)
			}
		}()
	}
	for _, c := range cases {
		if done.has(c.Name()) {
			continue
		}
		passed := t.Run(c.Name(), func(t *testing.T) {
			out, err := world.Block(t.Context(), c)
			if err != nil {
				t.Fatalf("%v\nseen before: %s", err, &out)
			}
			t.Log(&out)
			done.add(t, c.Name(), out.String())
		})
		if !passed && !recovers(t) {
			t.FailNow()
		}
	}
}

// blockedCases are all cases where results are kept, else one ending each for two of the states.
func blockedCases() []trial.BlockedCase {
	var cases []trial.BlockedCase
	random := rand.New(rand.NewPCG(*seed, 2))
	for i, blockage := range drawn(trial.Blockages(), 2) {
		endings := trial.Endings()
		if *results == "" {
			endings = []trial.Ending{endings[random.IntN(len(endings))]}
		}
		for j, ending := range endings {
			cases = append(cases, trial.BlockedCase{Blockage: blockage, Ending: ending, Seed: *seed + uint64(10*i+j)})
		}
	}
	return cases
}
