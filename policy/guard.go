package policy

import (
	"fmt"
	"time"
)

// Guard are the rules of the in-server guard.
type Guard struct {
	Enabled bool     `json:"enabled" yaml:"enabled"`
	TTL     Duration `json:"ttl" yaml:"ttl"`
}

// Times of the guard. A lease of length TTL is renewed every RenewEvery(TTL); the event that ends an
// expired one runs every GuardEvent; LapseWait is how long a leader waits before it takes a lease as
// lapsed. What must hold of them is in guardProblems.
const (
	// GuardEvent is the period of the event in the server, the shortest that MySQL offers.
	GuardEvent = time.Second
	// GuardPatience is how long the event may take to end writes once it finds the lease expired: a
	// statement in its way has a second, and what follows was measured to end within 1.2 s (docs/adr/0009).
	GuardPatience = 1500 * time.Millisecond
	// MinGuardTTL is the shortest TTL that leaves room for one renewal that fails.
	MinGuardTTL = 3 * time.Second
	// MaxGuardTTL bounds how long a failover may have to wait.
	MaxGuardTTL = 5 * time.Minute
	// renewalsPerTTL is how often a lease is renewed while it runs.
	renewalsPerTTL = 4
	// minGuardMargin is the least margin.
	minGuardMargin = 500 * time.Millisecond
)

// RenewEvery is the period of renewals of a lease.
func RenewEvery(ttl time.Duration) time.Duration { return ttl / renewalsPerTTL }

// GuardMargin is by how much the clock of a server may be off the clock of the leader while a lease
// runs. A step of the server's clock over half of it disarms the guard.
func GuardMargin(ttl time.Duration) time.Duration { return max(minGuardMargin, ttl/10) }

// LapseWait is how long after the last permission to renew a lease of at most ttl has lapsed and the
// event of its server has ended all writes: on any clock whose error is within the margin.
func LapseWait(ttl time.Duration) time.Duration {
	return ttl + GuardMargin(ttl) + GuardEvent + GuardPatience
}

// CheckGuard says what is wrong with a guard on nodes that probe every server once per probe, or "".
//
//   - Two renewals, the margin and one period of the event fit into the TTL: one renewal may fail, and the next
//     still comes before the server could end the lease.
//   - A server is probed at least as often as its lease is renewed: a guard that stopped is seen while its
//     lease runs.
func CheckGuard(g Guard, probe time.Duration) string {
	ttl := time.Duration(g.TTL)
	switch {
	case !g.Enabled:
		return ""
	case ttl < MinGuardTTL || 2*RenewEvery(ttl)+GuardMargin(ttl)+GuardEvent > ttl:
		return fmt.Sprintf("guard.ttl is %s; it must be at least %s: two renewals, a margin of %s for clocks and the guard's period of %s must fit into it",
			ttl, MinGuardTTL, GuardMargin(ttl), GuardEvent)
	case ttl > MaxGuardTTL:
		return fmt.Sprintf("guard.ttl is %s; it must be at most %s: a failover may have to wait for it", ttl, MaxGuardTTL)
	case probe > RenewEvery(ttl):
		return fmt.Sprintf("guard.ttl is %s, and servers are probed every %s; a guard that stopped must be seen while its lease runs: raise guard.ttl to %s, or lower probe.interval to %s",
			ttl, probe, probe*renewalsPerTTL, RenewEvery(ttl))
	}
	return ""
}

// guard checks what a policy says about the guard. How often servers are probed is each node's own: the API
// checks that with CheckGuard.
func (v *validation) guard(path string, p *Policy) {
	problem := CheckGuard(p.Guard, 0)
	v.check(problem == "", path+".guard.ttl", "%s", problem)
	v.check(p.OnIsolation != IsolationFence || p.Guard.Enabled, path+".on_isolation",
		"on_isolation: fence needs the in-server guard: set guard.enabled: true, or use serve")
	v.check(!p.AcceptPauseRisk || p.Durability == DurabilityAsync, path+".accept_pause_risk",
		"accept_pause_risk: true is for durability: async only; under semi_sync a paused primary is acknowledged nothing, and no risk is taken")
	v.check(!p.AcceptPauseRisk || p.Guard.Enabled, path+".accept_pause_risk",
		"accept_pause_risk: true needs guard.enabled: true: without a guard no lease can lapse")
}
