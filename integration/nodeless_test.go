//go:build integration

package integration

import (
	"testing"
	"time"

	"github.com/regentdb/regent/policy"
)

// TestNodeless ends every node for a while: without a guard the primary serves on, with one it is read-only within
// its TTL and 2 s, whatever on_isolation says, since every renewal needs a node. With -results all three, and
// otherwise the one that the seed draws.
func TestNodeless(t *testing.T) {
	cases := []struct {
		name string
		ttl  time.Duration
		fate policy.OnIsolation
	}{
		{"guard off", 0, ""},
		{"guard on, serve", guardTTL, policy.IsolationServe},
		{"guard on, fence", guardTTL, policy.IsolationFence},
	}
	done := openResults(t, "nodeless.ndjson")
	for _, c := range drawn(cases, 1) {
		if done.has(c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			ctx := healthy(t)
			if c.ttl > 0 {
				ctx = guardedWorld(t, c.fate)
			}
			out, err := world.Nodeless(ctx, c.ttl, *goneFor, *seed)
			if err != nil {
				t.Fatalf("%v\nseen before: %s", err, &out)
			}
			t.Log(&out)
			done.add(t, c.name, out.String())
		})
	}
}
