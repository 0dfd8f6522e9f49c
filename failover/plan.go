package failover

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// plan chooses the candidate, by filter and then rank, and says what it must execute first.
func (d *decider) plan() {
	r := d.s.Recovery
	c := d.collect()
	q := d.question()
	q.Primary, q.Prepared = r.Old, r.Prepared
	if r.Kind == KindOverride {
		q.AcceptRegion = r.Ordered
	}
	r.Verdicts = policy.Candidates(q)
	ranked := policy.Rank(q, func(name string) uint64 { return d.left(&c, name) })
	ranked = slices.DeleteFunc(ranked, func(name string) bool {
		step := r.step(ActRevoke, name)
		claimed := r.Lapse == nil || r.heldOn(name) != nil
		return step == nil || step.State != StepDone || (r.Ordered != "" && name != r.Ordered) || !claimed
	})
	if len(ranked) == 0 && d.pending(ActRevoke) && d.in.Now.Sub(r.StageAt) <= shortDeadline {
		return
	}
	if len(ranked) == 0 {
		d.hold("refusal", r.Verdicts, []string{"an eligible server"}, "%s; no server may be promoted: %s", stable(r.Reason), d.obstacles())
		return
	}
	if r.Seen != nil && r.Kind == KindFailover {
		// What was found on the servers may be less than what they were seen to hold before.
		if r.Loss = lossOf(*r.Seen, c.union); !d.lossAccepted(r, stable(r.Reason)) {
			return
		}
	}
	d.s.Hold = nil
	r.Candidate, r.Target = ranked[0], c.union
	d.planTail(c)
	r.Donors = d.donors(c)
	d.planAckers()
	d.addEvidence()
	d.advance(StageCatchUp)
	executed := r.step(ActRevoke, r.Candidate).Executed.Contains(r.Target)
	received := c.holders[r.Candidate].Contains(r.Target) && !slices.Contains(r.Prepared, r.Candidate)
	if r.Tail.IsEmpty() && (executed || received) {
		d.attach() // what it received and has not applied yet, its preparation waits for
		return
	}
	d.intend(ActCatchUp, r.Candidate)
	d.applyOnDonors()
}

// fetching is what it costs to fetch anything at all, in transactions that could be applied meanwhile: a receiver
// takes about half a second to start.
const fetching = 500

// left is what a server has to do before it could open: transactions to apply, and what it takes to fetch some.
func (d *decider) left(c *collected, server string) uint64 {
	step := d.s.Recovery.step(ActRevoke, server)
	if step == nil {
		return math.MaxUint64
	}
	n := c.union.Subtract(step.Executed).Count()
	if !c.holders[server].Contains(c.union) {
		n += fetching
	}
	return n
}

// connectTrips is how many round trips a receiver needs to its source before the first transaction comes. Measured on
// MySQL 9.7 with TLS: 1.65 s at 60 ms.
const connectTrips = 25

// planTail says which of the transactions that nobody can have been told of are fetched before the promotion. A holder too far
// away to deliver within the budget is not tried: stopping a receiver that is still connecting takes longer than the
// budget. It is quarantined and reported once it is seen.
func (d *decider) planTail(c collected) {
	r := d.s.Recovery
	r.Tail, r.TailFrom = gtid.Set{}, nil
	for _, name := range c.from {
		extra := c.extra[name]
		if name == r.Candidate {
			r.Tail = r.Tail.Union(extra)
			continue
		}
		if way, known := d.way(d.region(r.Candidate), name); known && connectTrips*way > time.Duration(d.in.Spec.Policy.CatchUpBudget) {
			continue
		}
		r.Tail, r.TailFrom = r.Tail.Union(extra), append(r.TailFrom, name)
	}
}

// way is how long a server took to answer a node of that region, as a measure of the way there and back.
func (d *decider) way(region, server string) (shortest time.Duration, known bool) {
	sv := d.in.View.Find(server)
	if sv == nil {
		return 0, false
	}
	for _, s := range sv.Sights {
		if took := s.Ended - s.Began; s.Region == region && s.Reach == topology.ReachOK && (!known || took < shortest) {
			shortest, known = took, true
		}
	}
	return shortest, known
}

// applyOnDonors has donors execute what they only received: until then they cannot pass it on, and one
// that was booted does not apply by itself.
func (d *decider) applyOnDonors() {
	r := d.s.Recovery
	for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(r.Donors, r.TailFrom)))) {
		if step := r.step(ActRevoke, name); name != r.Candidate && step != nil && step.State == StepDone && !step.Executed.Contains(step.Received) {
			d.intend(ActCatchUp, name)
		}
	}
}

// obstacles puts into one sentence why no server can be the candidate.
func (d *decider) obstacles() string {
	r := d.s.Recovery
	parts := []string{rejections(r.Verdicts)}
	for _, name := range eligibleNames(r.Verdicts) {
		if _, why := d.counted(name); r.Ordered == "" || r.Ordered == name {
			parts = append(parts, name+" "+why)
		}
	}
	return strings.Join(parts, "; ")
}

// donors lists who can give the candidate what it lacks, the fullest first.
func (d *decider) donors(c collected) []string {
	r := d.s.Recovery
	lacks := c.union.Subtract(c.holders[r.Candidate])
	if lacks.IsEmpty() {
		return nil
	}
	var out []string
	for _, s := range d.in.Spec.Servers {
		if held, ok := c.holders[s.Name]; ok && s.Name != r.Candidate && !held.Intersect(lacks).IsEmpty() {
			out = append(out, s.Name)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		return int(c.holders[b].Intersect(lacks).Count()) - int(c.holders[a].Intersect(lacks).Count()) //nolint:gosec // counts of one tail
	})
	return out
}

// planAckers says who will acknowledge in the new epoch: declared servers of the candidate's region
// that are not quarantined and were asked to stop receiving from an earlier writer.
func (d *decider) planAckers() {
	r := d.s.Recovery
	r.Ackers, r.WaitCount = nil, 0
	if !d.semiSync() {
		return
	}
	for _, name := range d.ackersWanted(r.Candidate) {
		if r.step(ActRevoke, name) != nil {
			r.Ackers = append(r.Ackers, name)
		}
	}
	r.WaitCount = d.in.Spec.Policy.SemiSync.Required
	if r.Kind == KindOverride {
		r.WaitCount = min(r.WaitCount, len(r.Ackers))
	}
}
