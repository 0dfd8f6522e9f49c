package failover

import (
	"fmt"
	"time"

	"github.com/regentdb/regent/topology"
)

// Loss is when a cluster lost sight of its primary, for the brake over all clusters.
type Loss struct {
	// At is on the clock of the leader of Term. A new leader notes a loss that lasts anew.
	At   time.Time `json:"at"`
	Term uint64    `json:"term"`
	// Over tells that a primary was seen since.
	Over bool `json:"over,omitempty"`
	// Braked is why automation leaves this loss alone until the primary is seen or a person releases
	// the hold.
	Braked string `json:"braked,omitempty"`
}

// noteLoss keeps when sight of the primary was lost. Where nobody else looks at it, a primary that is not
// seen for a moment is not worth a commit that the next decision would wait for.
func (d *decider) noteLoss(c topology.Condition) {
	unseen := c == topology.PrimaryUnseen
	lost := unseen || c == topology.PrimaryDead || c == topology.PrimaryHung || c == topology.RegionIsolated
	known := d.s.Lost
	if unseen && d.in.Fleet.Clusters <= 1 {
		return
	}
	switch {
	case lost && (known == nil || known.Over):
		d.s.Lost, d.lostNow = &Loss{At: d.in.Now, Term: d.in.Term}, true
	case lost && known.Term != d.in.Term:
		d.s.Lost, d.lostNow = &Loss{At: d.in.Now, Term: d.in.Term, Braked: known.Braked}, true
	case !lost && known != nil && !known.Over:
		over := *known
		over.Over = true
		d.s.Lost = &over
	}
}

// LostSince tells whether the cluster lost sight of its primary in this term, no longer ago than the window.
func (s *State) LostSince(now time.Time, term uint64, window time.Duration) bool {
	return s.Lost != nil && s.Lost.Term == term && now.Sub(s.Lost.At) < window
}

// brake names what stops automation, or "".
func (d *decider) brake() string {
	if d.s.Hold != nil && d.s.Hold.Sticky {
		return d.s.Hold.Reason
	}
	if l := d.s.Lost; l != nil && l.Braked != "" {
		return l.Braked
	}
	p := d.in.Spec.Policy
	switch {
	case d.in.Now.Before(d.s.CooldownUntil):
		return fmt.Sprintf("the last recovery is less than %s ago; `regent ack %s` ends the cooldown", time.Duration(p.Cooldown), d.s.Cluster)
	case d.s.Flapping:
		return fmt.Sprintf("it failed over %d times within %s; find out why, then `regent ack %s` lets automation go on", len(d.s.Failovers), time.Duration(p.Flap.Window), d.s.Cluster)
	}
	if why := d.in.Fleet.crowd(); why != "" {
		braked := Loss{At: d.in.Now, Term: d.in.Term}
		if d.s.Lost != nil {
			braked = *d.s.Lost
		}
		braked.Braked = why + "; `regent release " + d.s.Cluster + "` has it looked at anew"
		d.s.Lost = &braked
		return braked.Braked
	}
	return d.in.Fleet.busy()
}

// crowd tells that too many clusters lost their primary at once for each to be a failure of its own, or "".
// Two clusters may share a host, so that two never are too many.
func (f *FleetView) crowd() string {
	if f.Clusters > 1 && f.Failing > 1 && float64(f.Failing+1) > f.Limits.BrakeFraction*float64(f.Clusters) {
		return fmt.Sprintf("%d of %d clusters lost their primary within %s; that is the network", f.Failing+1, f.Clusters, time.Duration(f.Limits.BrakeWindow))
	}
	return ""
}

// busy tells that the fleet has as many recoveries open as it may, or "".
func (f *FleetView) busy() string {
	if f.Limits.MaxConcurrentRecoveries > 0 && f.Recovering >= f.Limits.MaxConcurrentRecoveries {
		return fmt.Sprintf("%d recoveries are open already, the most the fleet allows", f.Recovering)
	}
	return ""
}

// Brake names what the other clusters have to do with it that this one may not fail over by itself, or "".
func (f *FleetView) Brake() string {
	if why := f.crowd(); why != "" {
		return why
	}
	return f.busy()
}

// countFailover notes an automatic failover, and that the cluster flaps once there were too many within
// the window of its policy.
func (d *decider) countFailover() {
	flap := d.in.Spec.Policy.Flap
	if d.s.Recovery.By != "" || flap.Failovers == 0 {
		return
	}
	var counted []time.Time
	for _, until := range d.s.Failovers {
		if until.After(d.in.Now) {
			counted = append(counted, until)
		}
	}
	d.s.Failovers = append(counted, d.in.Now.Add(time.Duration(flap.Window)))
	d.s.Flapping = d.s.Flapping || len(d.s.Failovers) >= flap.Failovers
}

// acceptAck ends what a recovery left behind to keep the next one from following too soon.
func (d *decider) acceptAck(p *Preview, o Order) error {
	p.Summary = "end the cooldown of " + d.in.Spec.Name
	if d.s.Flapping {
		p.Summary += ", and let automation go on after " + fmt.Sprint(len(d.s.Failovers)) + " failovers"
	}
	d.s.CooldownUntil, d.s.Failovers, d.s.Flapping = time.Time{}, nil, false
	d.event(Event{Kind: "ack", By: o.By, Decision: "recovery acknowledged", Reason: o.Reason})
	return nil
}
