//go:build integration

package integration

import (
	"testing"
	"time"
)

// lostAtMost is max_lost_transactions where a loss is accepted.
const lostAtMost = 100_000

// TestAsyncLoss kills primaries under durability async: without proof that the process is dead nobody but a person replaces
// one; with it the possible loss decides, and what was lost is listed after the return.
func TestAsyncLoss(t *testing.T) {
	ctx, async := ownLab(t, map[string]any{
		"durability": "async", "max_lost_transactions": lostAtMost, "cooldown": "0s", "flap": map[string]any{"failovers": 0},
	})
	off, err := async.StatePoweredOff(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("no proof: %s", off.Hold)
	t.Logf("on the word of a person %s took over from %s: %s", off.New, off.Old, off.Evidence)
	if err := async.WitnessBoots(ctx); err != nil {
		t.Fatal(err)
	}
	held, err := async.LoseAsync(ctx, 0, *seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("above the bound, %d writes behind the cut: %s", held.Writes, held.Hold)
	lost, err := async.LoseAsync(ctx, lostAtMost, *seed+1)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("below the bound: %s took over %s after the death of %s by %sestimated loss %d transactions; listed after its return: %d (%d writes acknowledged behind the cut)",
		lost.New, lost.Promoted.Round(10*time.Millisecond), lost.Old, lost.Evidence, lost.Estimate, lost.Lost, lost.Writes)
}
