//go:build integration

package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/regentdb/regent/lab/trial"
)

// nodes are those of the lab, in the order in which they take turns to lead.
func nodes() []string { return []string{"east-1", "west-1", "cloud-1"} }

// tries is how often a point that a recovery did not need is tried.
const tries = 4

// TestKillLeaderAtEveryStep kills the primary, and in the middle of its recovery the leader: at every
// point that a recorded recovery passes, or at two of them drawn by the seed without -results.
func TestKillLeaderAtEveryStep(t *testing.T) {
	ctx := healthy(t)
	recorded, err := world.Ambush(ctx, trial.Ambush{Node: "west-1", Verb: "note", Seed: *seed})
	if err != nil {
		t.Fatalf("record the points: %v", err)
	}
	t.Logf("a recovery under %s passes %d points:", recorded.Leader, len(recorded.Points))
	for i, point := range recorded.Points {
		t.Logf("  %2d %s", i+1, point)
	}
	done := openResults(t, "steps.ndjson")
	for i, point := range drawn(recorded.Points, 2) {
		if done.has(point) {
			continue
		}
		struck, ok := ambush(t, trial.Ambush{Node: nodes()[i%len(nodes())], Verb: "kill", Point: point, Seed: *seed + uint64(i)})
		if !ok {
			continue
		}
		line := fmt.Sprintf("%-24s %-8s died at %s, %s finished: %s -> %s, outage %d ms, %d writes acknowledged, none lost",
			point, struck.Leader, struck.Spot, struck.Next, struck.Old, struck.New, struck.Outage.Milliseconds(), struck.Writes)
		t.Log(line)
		done.add(t, point, line)
	}
}

// TestLeaderStalledMidRecovery stops the leader right before a step that matters; another finishes, and
// when the first goes on its step is rejected. With -results every such step, for 30 s.
func TestLeaderStalledMidRecovery(t *testing.T) {
	points := []string{"before:revoke:home-1", "before:open", "before:prepare", "before:follow", "before:commit:open", "before:commit:finish"}
	done := openResults(t, "stall.ndjson")
	for i, point := range drawn(points, 1) {
		if done.has(point) {
			continue
		}
		healthy(t)
		struck, ok := ambush(t, trial.Ambush{Node: nodes()[i%len(nodes())], Verb: "stop", Point: point, Stall: *stallFor, Seed: *seed + uint64(i)})
		if !ok {
			continue
		}
		line := fmt.Sprintf("%-24s %-8s stalled for %s at %s, %s finished: %s -> %s, outage %d ms; %s was told: %s",
			point, struck.Leader, *stallFor, struck.Spot, struck.Next, struck.Old, struck.New, struck.Outage.Milliseconds(), struck.Leader, struck.Rejected[0])
		t.Log(line)
		done.add(t, point, line)
	}
}

// ambush strikes the leader, again where the recovery took another way. A failure is reported, and ends the
// test where the cluster does not recover from it.
func ambush(t *testing.T, o trial.Ambush) (trial.Ambushed, bool) {
	t.Helper()
	var struck trial.Ambushed
	var err error
	for range tries {
		if struck, err = world.Ambush(t.Context(), o); !errors.Is(err, trial.ErrNotReached) {
			break
		}
		t.Logf("%v; trying again", err)
		o.Seed += 1000
		o.Node = nodes()[(slices.Index(nodes(), o.Node)+1)%len(nodes())]
	}
	if err == nil {
		return struck, true
	}
	t.Errorf("%s %s at %s (%s -> %s, finished by %s): %v", o.Verb, o.Node, o.Point, struck.Old, struck.New, struck.Next, err)
	if !recovers(t) {
		t.FailNow()
	}
	return struck, false
}

// drawn is everything where results are kept, else a few of them by the seed.
func drawn[T any](all []T, few int) []T {
	if *results != "" {
		return all
	}
	random := rand.New(rand.NewPCG(*seed, 1))
	picked := make([]T, 0, few)
	for _, i := range random.Perm(len(all))[:min(few, len(all))] {
		picked = append(picked, all[i])
	}
	return picked
}
