package policy_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regentdb/regent/policy"
)

func TestCheckGuard(t *testing.T) {
	on := func(ttl time.Duration) policy.Guard { return policy.Guard{Enabled: true, TTL: policy.Duration(ttl)} }
	tests := map[string]struct {
		guard policy.Guard
		probe time.Duration
		want  string // empty: no problem
	}{
		"off, whatever it says":      {policy.Guard{TTL: policy.Duration(time.Millisecond)}, time.Hour, ""},
		"the default":                {on(5 * time.Second), 500 * time.Millisecond, ""},
		"the shortest":               {on(3 * time.Second), 750 * time.Millisecond, ""},
		"too short":                  {on(2999 * time.Millisecond), 0, "at least 3s"},
		"none":                       {on(0), 0, "at least 3s"},
		"negative":                   {on(-time.Second), 0, "at least 3s"},
		"the longest":                {on(5 * time.Minute), time.Second, ""},
		"too long":                   {on(5*time.Minute + 1), time.Second, "at most 5m0s"},
		"probed as often as renewed": {on(8 * time.Second), 2 * time.Second, ""},
		"probed too rarely":          {on(5 * time.Second), 2 * time.Second, "raise guard.ttl to 8s, or lower probe.interval to 1.25s"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := policy.CheckGuard(tt.guard, tt.probe)
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestGuardTimes: what CheckGuard lets pass has the relations that the guard's safety and its use rest on.
func TestGuardTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ttl := time.Duration(rapid.Int64Range(0, int64(10*time.Minute)).Draw(t, "ttl"))
		probe := time.Duration(rapid.Int64Range(int64(20*time.Millisecond), int64(10*time.Second)).Draw(t, "probe"))
		if policy.CheckGuard(policy.Guard{Enabled: true, TTL: policy.Duration(ttl)}, probe) != "" {
			return
		}
		renew, margin, wait := policy.RenewEvery(ttl), policy.GuardMargin(ttl), policy.LapseWait(ttl)
		if renew > ttl/3 || probe > renew {
			t.Errorf("ttl %s: renewed every %s, probed every %s", ttl, renew, probe)
		}
		if margin < 500*time.Millisecond || margin < ttl/10 {
			t.Errorf("ttl %s: margin %s", ttl, margin)
		}
		if wait < ttl+margin+2200*time.Millisecond {
			t.Errorf("ttl %s: the wait is %s", ttl, wait)
		}
		if 2*renew+margin+policy.GuardEvent > ttl {
			t.Errorf("ttl %s: no renewal may fail", ttl)
		}
	})
}
