//go:build integration

package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/regentdb/regent/lab/trial"
)

// TestKillPrimary kills the primary under load, with the Raft leader in each region in turn. CI kills it once
// here, and more often where the leader is struck as well.
func TestKillPrimary(t *testing.T) { lose(t, trial.Kill, times()) }

// TestPausePrimary stops the primary's process: a host that hangs, and wakes up again later.
func TestPausePrimary(t *testing.T) { lose(t, trial.Pause, times()) }

func lose(t *testing.T, fault trial.Fault, n int) {
	ctx := healthy(t)
	nodes := []string{"east-1", "west-1", "cloud-1"}
	var losses []trial.Loss
	for i := range n {
		node := nodes[i%len(nodes)]
		if err := world.MoveLeader(ctx, node); err != nil {
			t.Fatal(err)
		}
		loss, err := world.LosePrimary(ctx, fault, *seed+uint64(i))
		if err != nil {
			t.Fatalf("run %d with leader %s: %v", i+1, loss.Leader, err)
		}
		if err := world.Recover(ctx, &loss); err != nil {
			t.Fatalf("run %d: recover: %v", i+1, err)
		}
		losses = append(losses, loss)
		t.Logf("run %2d: leader %-8s %s -> %s, outage %4d ms, %d writes acknowledged, old primary quarantined: %t",
			i+1, loss.Leader, loss.Old, loss.New, loss.Outage.Milliseconds(), loss.Writes, loss.Quarantined)
	}
	t.Log(sum(fault, losses))
}

// sum is the line of figures of a series.
func sum(fault trial.Fault, losses []trial.Loss) string {
	outages := make([]time.Duration, 0, len(losses))
	quarantined := 0
	for _, l := range losses {
		outages = append(outages, l.Outage)
		if l.Quarantined {
			quarantined++
		}
	}
	slices.Sort(outages)
	return fmt.Sprintf("%s x %d: outage median %d ms, min %d ms, max %d ms; old primary quarantined %d times; data on %s",
		fault, len(losses), outages[len(outages)/2].Milliseconds(), outages[0].Milliseconds(), outages[len(outages)-1].Milliseconds(),
		quarantined, world.Storage())
}

// TestReplicaThenPrimary loses a replica, and ten seconds later the primary: the other is promoted.
func TestReplicaThenPrimary(t *testing.T) {
	ctx := healthy(t)
	loss, err := world.LoseReplicaThenPrimary(ctx, 10*time.Second, *seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s and then %s were killed; %s is the primary, nothing acknowledged was lost", loss.Replica, loss.Primary, loss.New)
}

// TestReplicaAndPrimaryAtOnce loses both at once: a hold that says what is missing, and the start of
// either resolves it.
func TestReplicaAndPrimaryAtOnce(t *testing.T) {
	for _, first := range []string{"replica", "primary"} {
		t.Run(first+" returns", func(t *testing.T) {
			ctx := healthy(t)
			reason, err := world.LoseBoth(ctx, first == "replica", *seed)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("held because: %s", reason)
		})
	}
}

// TestNodesDie kills each node in turn, and then all of them: the database is not touched.
func TestNodesDie(t *testing.T) {
	ctx := healthy(t)
	outage, err := world.KillNodes(ctx, *seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("longest time without an acknowledged write while nodes died: %s", outage.Round(time.Millisecond))
}
