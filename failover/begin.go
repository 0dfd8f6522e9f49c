package failover

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// begin opens a failover when every condition that can be checked without touching a server holds.
// Whatever is missing becomes a hold that says so.
func (d *decider) begin(diag topology.Diagnosis) {
	if d.lostNow && d.in.Fleet.Clusters > 1 {
		// A loss is agreed before it is acted on, so that clusters that fail together see each other.
		d.say("%s; looking at the other clusters first", brief(diag))
		return
	}
	verdicts := policy.Candidates(d.question())
	if why := d.brake(); why != "" {
		d.hold("hold", verdicts, nil, "%s; not failing over: %s", brief(diag), why)
		return
	}
	eligible := eligibleNames(verdicts)
	if len(eligible) == 0 {
		d.hold("refusal", verdicts, []string{"an eligible server in region " + d.in.Spec.HomeRegion},
			"%s; no server may be promoted: %s", brief(diag), rejections(verdicts))
		return
	}
	if why := d.unknownGroups(); why != "" {
		d.hold("hold", verdicts, []string{"an operator's statement"}, "%s; the loss of acknowledged writes is unknown, because %s%s", brief(diag), why, d.consentHint())
		return
	}
	groups := d.groups()
	if missing := shortfall(groups, func(n string) (bool, string) { return d.counts(n, d.facts(n)) }, neverFenced); len(missing) > 0 {
		d.hold("hold", verdicts, missing, "%s; acknowledged writes could be lost without %s", brief(diag), strings.Join(missing, "; "))
		return
	}
	r := &Recovery{Kind: KindFailover, Reason: diag.Reason, Verdicts: verdicts, Groups: groups}
	if !d.semiSync() && !d.asyncEvidence(r, diag) {
		return
	}
	d.openRecovery(r)
}

// brief is a diagnosis without what changes from tick to tick.
func brief(diag topology.Diagnosis) string { return stable(diag.Reason) }

// groups are the writers whose acknowledgements must be revoked: with a recovery that an order takes
// over, all of that recovery's.
func (d *decider) groups() []AckGroup {
	if r := d.s.Recovery; r != nil {
		return slices.Clone(r.Groups)
	}
	if !d.semiSync() {
		return []AckGroup{{Writer: d.s.Primary}} // nobody acknowledges: only evidence against the writer itself counts
	}
	if d.degraded() {
		return d.freeWriter()
	}
	return []AckGroup{{Writer: d.s.Primary, Ackers: d.s.Ackers, Wait: d.s.WaitCount}}
}

// openRecovery commits the intent and asks every server that can still receive to stop.
func (d *decider) openRecovery(r *Recovery) {
	d.s.Counter++
	r.ID = fmt.Sprintf("%s-r%d", d.s.Cluster, d.s.Counter)
	r.Old, r.Term, r.StartedAt, r.StageAt = d.replaced(), d.in.Term, d.in.Now, d.in.Now
	if before := d.s.Recovery; before != nil {
		r.Prepared, r.Proven, r.Fencing = before.Prepared, before.Proven, before.Fencing
		// Whoever gives this one up has to know whose receivers were stopped before.
		r.Attempt = before.Attempt + 1
		r.Steps = slices.DeleteFunc(slices.Clone(before.Steps), func(s Step) bool { return !before.newestClaim(s) })
	}
	d.s.Recovery, d.s.Hold, d.s.Isolated = r, nil, ""
	r.Stage = StageRevoke
	d.revokeAll()
	d.say("%s: stopping receivers before promoting", r.Reason)
}

// replaced is the primary that a recovery replaces: the current one, unless a recovery is open and has
// named its candidate primary of an epoch already.
func (d *decider) replaced() string {
	if r := d.s.Recovery; r != nil {
		return r.Old
	}
	return d.s.Primary
}

func eligibleNames(verdicts []policy.Verdict) []string {
	var out []string
	for _, v := range verdicts {
		if v.Eligible {
			out = append(out, v.Server)
		}
	}
	return out
}

// rejections puts the reasons of all rejected candidates into one sentence.
func rejections(verdicts []policy.Verdict) string {
	parts := make([]string, 0, len(verdicts))
	for _, v := range verdicts {
		if !v.Eligible {
			parts = append(parts, v.Server+" "+stable(v.Reason))
		}
	}
	return strings.Join(parts, "; ")
}
