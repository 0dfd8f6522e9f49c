package sim

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var (
	seeds = flag.Int("seeds", 25, "how many worlds to run")
	seed  = flag.Uint64("seed", 0, "run the world of this seed only and print its transcript")
	first = flag.Uint64("first", 1, "the first seed")
)

// TestSeeds runs worlds. A failing one prints the command that plays it again.
func TestSeeds(t *testing.T) {
	if *seed != 0 {
		v := Run(*seed)
		t.Logf("\n%s", v.Transcript)
		report(t, v)
		return
	}
	failovers, acked, failed := 0, 0, 0
	for i := range uint64(*seeds) {
		v := Run(*first + i)
		failovers += v.Failovers
		acked += v.Acked
		if len(v.Violations) > 0 {
			failed++
			report(t, v)
		}
		if failed >= 10 {
			t.Fatal("enough worlds have failed")
		}
	}
	t.Logf("%d worlds, %d failovers, %d acknowledged transactions", *seeds, failovers, acked)
}

func report(t *testing.T, v Verdict) {
	t.Helper()
	if len(v.Violations) == 0 {
		return
	}
	file := filepath.Join(os.TempDir(), fmt.Sprintf("regent-sim-%d.txt", v.Seed))
	if err := os.WriteFile(file, []byte(v.Transcript), 0o600); err != nil {
		t.Error(err)
	}
	for _, text := range v.Violations {
		t.Errorf("seed %d: %s\n\treplay: go test ./sim -run Seeds -seed=%d -v\n\ttranscript: %s", v.Seed, text, v.Seed, file)
	}
}
