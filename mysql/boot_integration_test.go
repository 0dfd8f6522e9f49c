//go:build integration

package mysql

import (
	"context"
	"testing"
	"time"

	"github.com/regentdb/regent/topology"
)

// TestBootIsAnIdentity looks at a server over more than a second of its clock, and kills and starts it as
// fast as it starts.
func TestBootIsAnIdentity(t *testing.T) {
	t.Parallel()
	s := start(t, 1)[0]
	var seen []topology.Boot
	starts := map[string]bool{}
	for range 3 {
		p := s.Prober()
		f := observe(t, p)
		if f.Boot.Started < 1e9 || f.Boot.Process == 0 {
			t.Fatalf("boot %v", f.Boot)
		}
		for _, earlier := range seen {
			if f.Boot.Same(earlier) {
				t.Errorf("two boots are both %v", f.Boot)
			}
		}
		seen = append(seen, f.Boot)
		starts[f.Start] = true
		began := s.scan(t, "SELECT UNIX_TIMESTAMP()")
		until(t, "two seconds of the server's clock pass", func() bool {
			if again := observe(t, p); !again.Boot.Same(f.Boot) {
				t.Fatalf("one boot is %v and then %v", f.Boot, again.Boot)
			}
			return s.scan(t, "SELECT UNIX_TIMESTAMP() >= 2 + "+began) == "1"
		})
		p.Close()
		if err := s.process.Kill(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := s.process.Start(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("boots: %v", seen)
	if len(starts) != 1 || starts[""] {
		t.Errorf("three boots with one start configuration show %v", starts)
	}
}
