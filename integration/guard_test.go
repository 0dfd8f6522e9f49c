//go:build integration

package integration

import (
	"context"
	"testing"
	"time"

	"github.com/regentdb/regent/policy"
)

// guardTTL is the TTL of the guard in these tests.
const guardTTL = 5 * time.Second

// guardedWorld puts a guard on the lab's cluster for one test.
func guardedWorld(t *testing.T, fate policy.OnIsolation) context.Context {
	t.Helper()
	ctx := healthy(t)
	undo, err := world.Guard(ctx, guardTTL, fate)
	if undo != nil {
		t.Cleanup(func() {
			if err := undo(context.WithoutCancel(ctx)); err != nil {
				t.Errorf("take the guard off: %v", err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// TestSeverPrimary cuts a guarded primary off from everything but its clients: it is read-only in time, and none of
// them gets an acknowledgement once another has opened.
func TestSeverPrimary(t *testing.T) {
	for i := range times() {
		ctx := guardedWorld(t, policy.IsolationServe)
		out, err := world.Sever(ctx, guardTTL, *seed+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s was read-only after %s (ttl %s); %s took over after %s; %d writes acknowledged, none by %s after that",
			out.Old, out.ReadOnly.Round(10*time.Millisecond), guardTTL, out.New, out.Promoted.Round(10*time.Millisecond), out.Writes, out.Old)
	}
}

// TestLeaseLapses does so under async durability, in a lab of its own: nothing but the lapse of its lease lets the primary be
// replaced, and what only it has is reported when it is back.
func TestLeaseLapses(t *testing.T) {
	const ttl = 3 * time.Second
	ctx, async := ownLab(t, map[string]any{
		"durability": "async", "guard": map[string]any{"enabled": true, "ttl": ttl.String()}, "accept_pause_risk": true,
		"max_lost_transactions": 100_000, "cooldown": "0s",
	})
	out, err := async.SeverAsync(ctx, ttl, *seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s was read-only after %s (ttl %s); %s took over after %s by %s; %d transactions only on %s",
		out.Old, out.ReadOnly.Round(10*time.Millisecond), ttl, out.New, out.Promoted.Round(10*time.Millisecond), out.Evidence, out.Extra, out.Old)
}

// TestIsolationServe cuts a guarded home region off with its node alive: failsafe renews the lease, and writes are
// not interrupted.
func TestIsolationServe(t *testing.T) {
	for i := range times() {
		ctx := guardedWorld(t, policy.IsolationServe)
		out, err := world.Isolate(ctx, []string{"east"}, *cutFor, *seed+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("cut for %s: %d writes acknowledged to the home region meanwhile and %d not, longest time without one %s; equal %s after the heal",
			out.Length, out.Writes, out.Failed, out.Silence.Duration().Round(time.Millisecond), out.EqualIn.Round(10*time.Millisecond))
	}
}

// TestIsolationFence does the same to a home region that is to fence itself: read-only in time, and open again after
// the heal.
func TestIsolationFence(t *testing.T) {
	for i := range times() {
		ctx := guardedWorld(t, policy.IsolationFence)
		out, err := world.IsolateFenced(ctx, guardTTL, *cutFor, *seed+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("cut for %s: read-only after %s (ttl %s), open again %s after the heal; %d writes acknowledged",
			*cutFor, out.ReadOnly.Round(10*time.Millisecond), guardTTL, out.Reopened.Round(10*time.Millisecond), out.Writes)
	}
}
