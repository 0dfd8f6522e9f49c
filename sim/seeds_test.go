package sim

import (
	"flag"
	"strings"
	"testing"
)

// Flags of the series: the first seed of so many, or the one to play again.
var (
	seeds = flag.Int("seeds", 25, "how many worlds to run")
	first = flag.Uint64("first", 1, "the first seed of the series")
	seed  = flag.Uint64("seed", 0, "run the world of this seed only, and print all that happened")
)

// tail is how many of the last lines of a failed world are printed.
const tail = 60

// TestSeeds runs worlds. A failing one prints its end, and the command that plays it again.
func TestSeeds(t *testing.T) {
	if *seed != 0 {
		v := Run(*seed)
		t.Log("\n" + v.Transcript)
		complain(t, v, 0)
		return
	}
	const enough = 10
	failovers, acked, failed := 0, 0, 0
	for i := range uint64(*seeds) { //nolint:gosec // a number of worlds
		v := Run(*first + i)
		failovers += v.Failovers
		acked += v.Acked
		if len(v.Violations) > 0 {
			complain(t, v, tail)
			failed++
		}
		if failed >= enough {
			t.Fatal("enough worlds have failed")
		}
	}
	t.Logf("%d worlds, %d failovers, %d acknowledged transactions", *seeds, failovers, acked)
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
	for s := range uint64(5) {
		if a, b := Run(s), Run(s); a.Transcript != b.Transcript {
			t.Errorf("seed %d plays two different worlds", s)
		}
	}
}
