//go:build integration

package integration

import (
	"testing"
	"time"

	"github.com/regentdb/regent/lab/trial"
)

// TestCutRegion cuts the home region off: nobody is promoted, nothing is touched, nothing is lost.
func TestCutRegion(t *testing.T) { isolate(t, "east") }

// TestCutServers cuts the home region's servers off while its node lives.
func TestCutServers(t *testing.T) { isolate(t, world.Servers("east")...) }

func isolate(t *testing.T, targets ...string) {
	for i := range times() {
		ctx := healthy(t)
		out, err := world.Isolate(ctx, targets, *cutFor, *seed+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("cut %v for %s: state %s after %s (%s); the home region acknowledged %d writes meanwhile; equal %s after the heal",
			targets, out.Length, out.State, out.Noticed.Round(10*time.Millisecond), out.Reason, out.Writes, out.EqualIn.Round(10*time.Millisecond))
		for server, reason := range out.Refused {
			t.Logf("  %s: %s", server, reason)
		}
	}
}

// TestSplit promotes across regions during a cut, and takes the way back through the report.
func TestSplit(t *testing.T) {
	for i := range times() {
		ctx := healthy(t)
		s, err := world.Split(ctx, trial.SplitOptions{To: "west-db1", Before: time.Second, Apart: 5 * time.Second, Seed: *seed + uint64(i)})
		if err != nil {
			t.Fatal(err)
		}
		noValues(ctx, t, s.Report.ID)
		if err := world.GoHome(ctx, s.Old); err != nil {
			t.Fatal(err)
		}
		t.Logf("split %d: promoted in %s; quarantined %s and reported %s after the heal; %d writes only on the old side, %d on the new; report %v; %d of them replayed; went on in %s without the node that had the report; settled in %s",
			i+1, s.Promoted.Round(time.Millisecond), s.Quarantined.Round(10*time.Millisecond), s.Reported.Round(10*time.Millisecond),
			s.HomeOnly, s.AwayOnly, s.Report.ByClass, s.Replayed, s.FilesLost.Round(10*time.Millisecond), s.Settled.Round(10*time.Millisecond))
	}
}
