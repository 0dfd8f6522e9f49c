package failover

import (
	"fmt"
	"strings"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// isolated records the refusal once, with every candidate elsewhere and why it is refused, and touches
// nothing.
func (d *decider) isolated(diag topology.Diagnosis) {
	d.say("%s; on_isolation is %s: %s and nobody else is promoted", diag.Reason, d.in.Spec.Policy.OnIsolation, d.isolatedFate())
	if d.s.Isolated != "" {
		return
	}
	d.s.Isolated = d.reason
	d.event(Event{Kind: "refusal", Decision: "no promotion: " + d.regionWord(), Reason: d.reason, Candidates: policy.Candidates(d.question())})
}

func (d *decider) regionWord() string {
	return "region " + d.region(d.s.Primary) + " is isolated and cross_region is " + d.in.Spec.Policy.CrossRegion
}

// isolatedFate says what becomes of the primary of a region that is cut off: it serves on, since nobody else
// may be promoted, unless its policy has its guard end that.
func (d *decider) isolatedFate() string {
	g := d.guard()
	switch {
	case g != nil && g.Armed && d.region(d.s.Primary) != d.in.Spec.HomeRegion && len(g.Order.Candidates) > 0:
		return fmt.Sprintf("%s goes read-only within %s, since its lease needs an answer from %s,",
			d.s.Primary, policy.LapseWait(g.MaxTTL), strings.Join(g.Order.Candidates, ", "))
	case d.in.Spec.Policy.OnIsolation != policy.IsolationFence:
	case g == nil || !g.Armed:
		return d.s.Primary + " keeps serving, because its guard is not armed,"
	case g.Serve:
		return d.s.Primary + " keeps serving, because its guard row still allows failsafe,"
	case g.Cut != nil:
		return fmt.Sprintf("%s goes read-only within %s", d.s.Primary, policy.LapseWait(g.MaxTTL))
	}
	return d.s.Primary + " keeps serving"
}

// cutOff refuses every renewal while the primary's region is isolated and is to fence itself: what it can still
// do then ends at a moment that the rest can tell. The time counts from the first decision after the refusal was
// committed, and from the beginning with each leader.
func (d *decider) cutOff() {
	g := d.guard()
	if g == nil || !d.guardWanted() || d.in.Spec.Policy.OnIsolation != policy.IsolationFence {
		return
	}
	switch {
	case g.Cut == nil:
		g.Cut = &CutOff{Term: d.in.Term}
	case g.Cut.Since.IsZero() || g.Cut.Term != d.in.Term:
		g.Cut = &CutOff{Since: d.in.Now, Term: d.in.Term}
	}
}

// reconnected permits renewals again.
func (d *decider) reconnected() {
	if d.s.Guard != nil {
		d.s.Guard.Cut = nil
	}
}

// cutLapsed is the evidence that the lease of an isolated primary has lapsed, or why there is none. Without
// failsafe only a leader can permit renewals, and none has.
func (d *decider) cutLapsed() (*Evidence, string) {
	g := d.guard()
	switch {
	case !d.guardWanted():
		return nil, "it has no guard"
	case g == nil || !g.Armed:
		return nil, "its guard is not armed"
	case g.Serve:
		return nil, "its guard may be renewed by failsafe (on_isolation: serve)"
	case g.Cut == nil || g.Cut.Since.IsZero() || g.Cut.Term != d.in.Term:
		return nil, "renewals are not refused"
	}
	wait := policy.LapseWait(g.MaxTTL)
	if d.in.Now.Sub(g.Cut.Since) < wait {
		return nil, fmt.Sprintf("renewals are refused for less than %s", wait)
	}
	return &Evidence{
		Server: d.s.Primary, Kind: EvidenceLeaseLapsed, By: d.in.Node, At: d.in.Now,
		Detail: fmt.Sprintf("no renewal was permitted for more than %s, and its guard row (set version %d, ttl %s at most) allows no failsafe",
			wait, g.Order.SetVersion, g.MaxTTL),
		Answer: d.lastRow(),
	}, ""
}

// lastRow is the guard row of the primary as it was last read, without what moves, or "".
func (d *decider) lastRow() string {
	sv := d.in.View.Find(d.s.Primary)
	if sv == nil || sv.Facts == nil || sv.Facts.Lease == nil {
		return ""
	}
	l := sv.Facts.Lease
	failsafe := "no failsafe"
	if l.Serve {
		failsafe = "failsafe"
	}
	return fmt.Sprintf("as last read: guard row of epoch %d, set version %d, ttl %s, %s", l.Epoch, l.SetVersion, l.TTL, failsafe)
}
