//go:build integration

package integration

import (
	"context"
	"testing"
	"time"
)

// degradeAfter is how long ackers may be missing in these tests.
const degradeAfter = 2 * time.Second

// TestDegrade takes every acker from a primary whose policy prefers writes: it goes on without, says so, and is armed again.
// While it is degraded its own loss is a hold.
func TestDegrade(t *testing.T) {
	ctx := healthy(t)
	undo, err := world.DegradeWhenMissing(ctx, degradeAfter)
	t.Cleanup(func() {
		if err := undo(context.WithoutCancel(ctx)); err != nil {
			t.Errorf("take the policy back: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := world.Degrade(ctx, *seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: suspended %s after its ackers were lost (degrade_after %s), longest time without a write %s, %d writes meanwhile, armed again %s after they returned",
		out.Primary, out.Suspended.Round(10*time.Millisecond), degradeAfter, out.Silence.Duration().Round(10*time.Millisecond), out.Writes, out.Rearmed.Round(10*time.Millisecond))
	t.Logf("its own death meanwhile: %s; ok %s after its return", out.Hold, out.Reopened.Round(10*time.Millisecond))
}
