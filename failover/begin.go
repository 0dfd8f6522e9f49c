package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// begin opens a failover when every condition that can be checked without touching a server holds.
// Whatever is missing becomes a hold that says so.
func (d *decider) begin(diag topology.Diagnosis) {
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
		d.hold("hold", verdicts, []string{"an operator's statement"}, "%s; the loss of acknowledged writes is unknown, because %s", brief(diag), why)
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

// brake names what stops automation, or "".
func (d *decider) brake() string {
	f := d.in.Fleet
	switch {
	case d.s.Hold != nil && d.s.Hold.Sticky:
		return d.s.Hold.Reason
	case d.in.Now.Before(d.s.CooldownUntil):
		return fmt.Sprintf("the last recovery is less than %s ago; `regent ack %s` ends the cooldown", time.Duration(d.in.Spec.Policy.Cooldown), d.s.Cluster)
	case f.Limits.MaxConcurrentRecoveries > 0 && f.Recovering >= f.Limits.MaxConcurrentRecoveries:
		return fmt.Sprintf("%d recoveries are open already, the most the fleet allows", f.Limits.MaxConcurrentRecoveries)
	case f.Clusters > 1 && f.Failing > 1 && float64(f.Failing+1) > f.Limits.BrakeFraction*float64(f.Clusters):
		return fmt.Sprintf("%d of %d clusters lost their primary at once; that is the network", f.Failing+1, f.Clusters)
	}
	return ""
}

// groups are the writers whose acknowledgements must be revoked: with a recovery that an order takes
// over, all of that recovery's.
func (d *decider) groups() []AckGroup {
	if r := d.s.Recovery; r != nil {
		return slices.Clone(r.Groups)
	}
	if !d.semiSync() {
		return []AckGroup{{Writer: d.s.Primary}} // nobody acknowledges: only evidence against the writer itself counts
	}
	return []AckGroup{{Writer: d.s.Primary, Ackers: d.s.Ackers, Wait: d.s.WaitCount}}
}

// asyncEvidence finds proof that the primary's process is dead, and bounds the loss. Without
// acknowledgements to revoke nothing weaker will do.
func (d *decider) asyncEvidence(r *Recovery, diag topology.Diagnosis) bool {
	e, why := d.processDead(d.s.Primary)
	if e == nil {
		d.hold("hold", r.Verdicts, []string{"evidence that " + d.s.Primary + " writes no more"}, "%s; no proof that it is dead: %s", brief(diag), why)
		return false
	}
	r.Evidence = append(r.Evidence, *e)
	r.Loss = d.estimateLoss()
	if r.Loss < 0 || r.Loss > d.in.Spec.Policy.MaxLostTransactions {
		d.hold("hold", r.Verdicts, []string{"an operator's consent to the loss"}, "%s; the possible loss of %s is above max_lost_transactions (%d)",
			brief(diag), lossWord(r.Loss), d.in.Spec.Policy.MaxLostTransactions)
		return false
	}
	return true
}

func lossWord(n int64) string {
	if n < 0 {
		return "an unknown number of transactions"
	}
	return fmt.Sprintf("%d transactions", n)
}

// estimateLoss counts what the primary was last seen to have and no eligible server holds.
func (d *decider) estimateLoss() int64 {
	fp := d.primaryFacts()
	if fp == nil {
		return -1
	}
	lost := fp.Executed
	for _, s := range d.in.Spec.Servers {
		if f := d.facts(s.Name); f != nil && s.Name != d.s.Primary {
			lost = lost.Subtract(f.Received())
		}
	}
	return int64(min(lost.Count(), 1<<62)) //nolint:gosec // bounded by min
}

// processDead is the evidence of that name: two sites, or one and every reachable replica, saw the
// server's connections close and new ones refused; every reachable replica's receiver dropped; the
// server is known to boot read-only; and its address is its own.
func (d *decider) processDead(server string) (*Evidence, string) {
	sv := d.in.View.Find(server)
	spec, _ := d.in.Spec.Find(server)
	switch {
	case sv == nil || sv.Facts == nil:
		return nil, "it was never seen"
	case spec.AddressKind != policy.AddressDirect:
		return nil, "its address is a " + string(spec.AddressKind) + ", whose refusals prove nothing"
	case !sv.Facts.BootsReadOnly():
		return nil, "it is not known to boot read-only"
	}
	sites := sv.Sites(func(n topology.NodeSight) bool {
		return n.Reach == topology.ReachRefused && n.ConnectionLost && n.Refusals >= 2
	})
	dropped := 0
	for _, s := range d.in.Spec.Servers {
		f := d.facts(s.Name)
		if s.Name == server || f == nil || f.Source == nil {
			continue
		}
		if f.Source.Receiver == topology.ThreadOn {
			return nil, s.Name + " still receives"
		}
		dropped++
	}
	if len(sites) == 0 || (len(sites) < 2 && dropped == 0) {
		return nil, "too few saw its connections close: " + sv.Describe()
	}
	return &Evidence{
		Server: server, Kind: EvidenceProcessDead, By: strings.Join(sites, ", "), At: d.in.Now,
		Detail: fmt.Sprintf("connections closed and refused twice at %s; %d receivers dropped; boots read-only", strings.Join(sites, ", "), dropped),
	}, ""
}

// openRecovery commits the intent and asks every server that can still receive to stop.
func (d *decider) openRecovery(r *Recovery) {
	d.s.Counter++
	r.ID = fmt.Sprintf("%s-r%d", d.s.Cluster, d.s.Counter)
	r.Old, r.Term, r.StartedAt, r.StageAt = d.replaced(), d.in.Term, d.in.Now, d.in.Now
	if before := d.s.Recovery; before != nil {
		r.Prepared, r.Proven, r.Fencing = before.Prepared, before.Proven, before.Fencing
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
