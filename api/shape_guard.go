package api

import (
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// GuardStatus is the in-server guard of a cluster's primary, as agreed and as last seen.
type GuardStatus struct {
	Armed bool `json:"armed"`
	// Disarmed says why nobody is promoted on the lease, empty while it is armed.
	Disarmed string     `json:"disarmed"`
	Since    *time.Time `json:"since"` // of that
	// Candidates may be promoted when the lease has lapsed.
	Candidates []string        `json:"candidates"`
	Failsafe   bool            `json:"failsafe"`
	TTL        policy.Duration `json:"ttl"`
	// MaxTTL is the longest TTL of this epoch, which a failover waits for.
	MaxTTL policy.Duration `json:"max_ttl"`
	// RefusedSince is set while the region is isolated and no renewal is permitted.
	RefusedSince *time.Time `json:"refused_since"`
	// Lease is null while the primary cannot be asked or has no guard row.
	Lease *LeaseStatus `json:"lease"`
}

// LeaseStatus is the guard row of a server as it was last read, by the server's own clock.
type LeaseStatus struct {
	Epoch      uint64          `json:"epoch"`
	SetVersion uint64          `json:"set_version"`
	Candidates []string        `json:"candidates"`
	Failsafe   bool            `json:"failsafe"`
	TTL        policy.Duration `json:"ttl"`
	// Remaining is what is left of the lease, negative once it has run out.
	Remaining policy.Duration `json:"remaining"`
	// TickAge is how long ago the guard's event ran, null when it never did.
	TickAge *policy.Duration `json:"tick_age"`
	Enabled bool             `json:"enabled"`
	// Scheduler tells that event_scheduler is on.
	Scheduler bool `json:"scheduler"`
	// Fault is what a renewer found wrong, empty when nothing was.
	Fault string `json:"fault"`
}

// guardStatus is nil for a cluster without a guard.
func guardStatus(c *fsm.Cluster, view *topology.View) *GuardStatus {
	g := c.State.Guard
	if g == nil || g.Epoch != c.State.Epoch {
		if !c.Spec.Policy.Guard.Enabled {
			return nil
		}
		g = &failover.Guard{Disarmed: "it is not armed yet"}
	}
	s := &GuardStatus{
		Armed: g.Armed, Disarmed: g.Disarmed, Since: optional(g.Since), Candidates: append([]string{}, g.Candidates...), Failsafe: g.Serve,
		TTL: policy.Duration(g.Order.TTL), MaxTTL: policy.Duration(g.MaxTTL),
	}
	if g.Cut != nil {
		s.RefusedSince = optional(g.Cut.Since)
	}
	if f := view.Current(c.State.Primary); f != nil {
		s.Lease = leaseStatus(f)
	}
	return s
}

func leaseStatus(f *topology.Facts) *LeaseStatus {
	l := f.Lease
	if l == nil {
		return nil
	}
	s := &LeaseStatus{
		Epoch: l.Epoch, SetVersion: l.SetVersion, Candidates: append([]string{}, l.Candidates...), Failsafe: l.Serve, TTL: policy.Duration(l.TTL),
		Remaining: policy.Duration(l.Remaining.Round(time.Millisecond)), Enabled: l.Enabled, Scheduler: l.Scheduler, Fault: l.Fault,
	}
	if l.TickAge != topology.Never {
		age := policy.Duration(l.TickAge.Round(time.Millisecond))
		s.TickAge = &age
	}
	return s
}
