//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/lab/trial"
)

// nodes are those of the lab, in the order in which they take turns to lead.
func nodes() []string { return []string{"east-1", "west-1", "cloud-1"} }

// tries is how often a point that a recovery did not need is tried.
const tries = 4

// pointsFile lists the points of the last recorded recovery.
const pointsFile = "testdata/points.txt"

// TestKillLeaderAtEveryStep kills the primary, and in the middle of its recovery the leader: with -results at
// every point that a recovery passes which it records first, and otherwise at two of those recorded last, drawn
// by the seed.
func TestKillLeaderAtEveryStep(t *testing.T) {
	healthy(t)
	patient(t)
	points := knownPoints(t)
	if *results != "" {
		points = recordPoints(t)
	}
	done := openResults(t, "steps.ndjson")
	for i, point := range drawn(points, 2) {
		ambush(t, done, trial.Ambush{Node: nodes()[i%len(nodes())], Verb: "kill", Point: point, Seed: *seed + uint64(i)})
	}
}

// patient has what another region is ahead fetched, which is a step of its own.
func patient(t *testing.T) {
	t.Helper()
	undo, err := world.Patient(t.Context(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := undo(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

// recordPoints lets a recovery pass and keeps the points that it came through, so that a new step is one of them.
func recordPoints(t *testing.T) []string {
	t.Helper()
	recorded, err := world.Ambush(t.Context(), trial.Ambush{Node: "west-1", Verb: "note", Seed: *seed})
	if err != nil {
		t.Fatalf("record the points: %v", err)
	}
	t.Logf("a recovery under %s passes %d points:", recorded.Leader, len(recorded.Points))
	for i, point := range recorded.Points {
		t.Logf("  %2d %s", i+1, point)
	}
	sorted := slices.Sorted(slices.Values(recorded.Points)) // so that a difference shows what is new
	if err := os.WriteFile(pointsFile, []byte(strings.Join(sorted, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return recorded.Points
}

// knownPoints reads the points that were recorded last.
func knownPoints(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(pointsFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// TestLeaderStalledMidRecovery stops the leader right before a step that matters; another finishes, and
// when the first goes on its step is rejected. With -results every such step, for 30 s.
func TestLeaderStalledMidRecovery(t *testing.T) {
	points := []string{"before:revoke:home-1", "before:open", "before:prepare", "before:follow", "before:commit:open", "before:commit:finish"}
	healthy(t)
	done := openResults(t, "stall.ndjson")
	for i, point := range drawn(points, 1) {
		ambush(t, done, trial.Ambush{Node: nodes()[i%len(nodes())], Verb: "stop", Point: point, Stall: *stallFor, Seed: *seed + uint64(i)})
	}
}

// ambush strikes the leader at a point that has no result yet, and ends the test where the cluster does not
// recover from a failure.
func ambush(t *testing.T, done *ledger, o trial.Ambush) {
	t.Helper()
	if done.has(o.Point) {
		return
	}
	passed := t.Run(o.Point, func(t *testing.T) {
		struck := strike(t, o)
		line := fmt.Sprintf("%s was struck at %s, %s finished: %s -> %s, outage %d ms, %d writes acknowledged, none lost",
			struck.Leader, struck.Spot, struck.Next, struck.Old, struck.New, struck.Outage.Milliseconds(), struck.Writes)
		if o.Verb == "stop" {
			line += fmt.Sprintf("; after %s it was told: %s", o.Stall, struck.Rejected[0])
		}
		t.Log(line)
		done.add(t, o.Point, line)
	})
	if !passed && !recovers(t) {
		t.FailNow()
	}
}

// strike tries again where the recovery took another way.
func strike(t *testing.T, o trial.Ambush) trial.Ambushed {
	t.Helper()
	for range tries {
		struck, err := world.Ambush(t.Context(), o)
		switch {
		case err == nil:
			return struck
		case !errors.Is(err, trial.ErrNotReached):
			t.Fatalf("%s %s at %s (%s -> %s, finished by %s): %v", o.Verb, o.Node, o.Point, struck.Old, struck.New, struck.Next, err)
		}
		t.Logf("%v; trying again", err)
		o.Seed += 1000
		o.Node = nodes()[(slices.Index(nodes(), o.Node)+1)%len(nodes())]
	}
	t.Fatalf("%d recoveries never passed %s; if no recovery does any more, make series-steps records which points there are", tries, o.Point)
	return trial.Ambushed{}
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
