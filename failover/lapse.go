package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// Under async durability no acknowledgements can be revoked, so a primary that is silent can be replaced
// only when its guard has ended its lease. The leader makes sure that nobody renews it: it permits nothing
// while the recovery is open, and failsafe needs every server of the set, of which it holds those that it may
// promote. Then it waits until the last lease that anybody can have permitted before has run out.

// LapseWait is the wait for the lease of a writer to lapse.
type LapseWait struct {
	Writer string    `json:"writer"`
	Epoch  uint64    `json:"epoch"`
	Term   uint64    `json:"term"`
	Since  time.Time `json:"since"` // on the clock of the leader of Term
	// Held are the claims: servers that may be promoted, with the connection that stopped their receiver.
	Held []HeldServer `json:"held"`
}

// HeldServer is a server that is claimed on one connection in one boot.
type HeldServer struct {
	Server  string        `json:"server"`
	Session string        `json:"session"`
	Boot    topology.Boot `json:"boot"`
}

// lapseObstacle says why the lease of the current writer cannot become evidence, or "".
func (d *decider) lapseObstacle() string {
	g, w := d.guard(), d.in.View.Find(d.s.Primary)
	switch {
	case d.semiSync():
		return "under semi_sync it takes revoked acknowledgements"
	case !d.guardWanted():
		return "guard.enabled is false"
	case !d.in.Spec.Policy.AcceptPauseRisk:
		return "accept_pause_risk is false"
	case g == nil:
		return "it has no guard"
	case !g.Armed && !g.Opening:
		return "its guard is disarmed: " + g.Disarmed
	case g.Armed && w != nil && w.Facts != nil && d.askedSince(d.s.Primary, g.Since) && g.fault(w.Facts) != "":
		return "its guard is disarmed: " + g.fault(w.Facts)
	case len(g.Candidates) == 0:
		return "nobody was a candidate in its guard row"
	}
	return ""
}

// lapsable says why no server of verdicts could be promoted on a lapsed lease, or "". ordered names the only one
// that is wanted, if any.
func (d *decider) lapsable(verdicts []policy.Verdict, ordered string) string {
	if why := d.lapseObstacle(); why != "" {
		return why
	}
	for _, name := range eligibleNames(verdicts) {
		if slices.Contains(d.guard().Candidates, name) && (ordered == "" || ordered == name) {
			return ""
		}
	}
	return "its guard row names none of the servers that may be promoted now"
}

// awaitLapse tells whether the lease of the current writer has lapsed, every condition having held without a
// break for the whole wait. It begins the wait, or begins it again.
func (d *decider) awaitLapse() bool {
	r := d.s.Recovery
	if d.lapseObstacle() != "" {
		r.Lapse = nil
		return false
	}
	if w := r.Lapse; w != nil && (w.Term != d.in.Term || w.Epoch != d.s.Epoch) {
		r.Lapse = nil
	}
	d.dropBroken()
	if r.Lapse == nil {
		d.beginLapse()
		return false
	}
	return d.in.Now.Sub(r.Lapse.Since) >= d.lapseWait() && d.claimsStand()
}

// lapseWait is how long the wait takes.
func (d *decider) lapseWait() time.Duration { return policy.LapseWait(d.guard().MaxTTL) }

// beginLapse starts the wait with the servers that are claimed now, once all that may be promoted had a
// moment to be.
func (d *decider) beginLapse() {
	r := d.s.Recovery
	q := d.question()
	q.Primary, q.Prepared = r.Old, r.Prepared
	w := &LapseWait{Writer: d.s.Primary, Epoch: d.s.Epoch, Term: d.in.Term, Since: d.in.Now}
	for _, name := range eligibleNames(policy.Candidates(q)) {
		if name == d.s.Primary || !slices.Contains(d.guard().Candidates, name) {
			continue
		}
		step := r.step(ActRevoke, name)
		claimed := step != nil && step.State == StepDone && step.Session != ""
		switch {
		case claimed:
			w.Held = append(w.Held, HeldServer{Server: name, Session: step.Session, Boot: step.Boot})
		case d.in.Now.Sub(r.StageAt) <= tailGrace:
			return
		}
	}
	if len(w.Held) > 0 {
		r.Lapse = w
	}
}

// dropBroken begins the wait again without the servers whose claim has not stood all the time. They do not come
// back into it, so that it ends; when none is left it begins anew with whoever is claimed then.
func (d *decider) dropBroken() {
	w := d.s.Recovery.Lapse
	if w == nil {
		return
	}
	var held []HeldServer
	for _, h := range w.Held {
		if d.stands(h) {
			held = append(held, h)
		} else {
			d.claimAgain(h.Server)
		}
	}
	switch {
	case len(held) == 0:
		d.s.Recovery.Lapse, d.s.Recovery.StageAt = nil, d.in.Now
	case len(held) < len(w.Held):
		w.Held, w.Since = held, d.in.Now
	}
}

// stands tells whether a claim has not been interrupted, as far as is known: the receiver is stopped, in the
// boot and by the connection that it was claimed in.
func (d *decider) stands(h HeldServer) bool {
	if claim := d.claimStep(h.Server); claim != nil && claim.State == StepFailed {
		return false
	}
	step := d.s.Recovery.step(ActRevoke, h.Server)
	return step != nil && step.State == StepDone && step.Session == h.Session && step.Boot.Same(h.Boot)
}

// claimAgain asks a server to stop receiving once more.
func (d *decider) claimAgain(server string) {
	if step := d.s.Recovery.step(ActRevoke, server); step != nil && step.State == StepDone {
		step.State, step.Tries = StepPending, step.Tries+1
	}
}

// claimStep is the last look at a claim that was taken in the present wait, nil when none was.
func (d *decider) claimStep(server string) *Step {
	r := d.s.Recovery
	step := r.step(ActClaim, server)
	if step == nil || r.Lapse == nil || step.StartedAt.Before(r.Lapse.Since) {
		return nil
	}
	return step
}

// forgetClaims ends the wait of an earlier leader: its claims are on its connections, and the times of its
// looks at them on its clock.
func (d *decider) forgetClaims() {
	r := d.s.Recovery
	r.Lapse = nil
	r.Steps = slices.DeleteFunc(r.Steps, func(s Step) bool { return s.Name == ActClaim && s.Attempt == r.Attempt })
}

// claimsStand tells whether every claim was read back after the wait, on the connection that began it.
func (d *decider) claimsStand() bool {
	stand := true
	for _, h := range d.s.Recovery.Lapse.Held {
		step := d.claimStep(h.Server)
		if step == nil {
			d.intend(ActClaim, h.Server)
		}
		stand = stand && step != nil && step.State == StepDone
	}
	return stand
}

// absorbClaim judges what an ActClaim read: only the same connection and boot, with the receiver stopped, is
// the same claim.
func (d *decider) absorbClaim(step *Step, res *Result) {
	f := res.Facts
	held := d.s.Recovery.heldOn(step.Server)
	switch {
	case held == nil || res.Session != held.Session:
		step.State, step.Error = StepFailed, "it is claimed on another connection"
	case f == nil || !held.Boot.Same(f.Boot) || (f.Source != nil && f.Source.Receiver != topology.ThreadOff):
		step.State, step.Error = StepFailed, "it was booted, or receives again"
	}
}

// heldOn is the claim of a server, nil when it is not held.
func (r *Recovery) heldOn(server string) *HeldServer {
	if r.Lapse == nil {
		return nil
	}
	for i := range r.Lapse.Held {
		if r.Lapse.Held[i].Server == server {
			return &r.Lapse.Held[i]
		}
	}
	return nil
}

// pinned is the connection that the promotion of the candidate must stay on, or "".
func (d *decider) pinned(server string) string {
	r := d.s.Recovery
	if held := r.heldOn(server); held != nil && server == r.Candidate {
		return held.Session
	}
	return ""
}

// lostPin notes that the candidate is no longer on the connection that it was claimed on.
func (d *decider) lostPin(res *Result) {
	r := d.s.Recovery
	if res.Err != "" && res.Action.Session != "" && res.Session != res.Action.Session && res.Action.Kind != ActClaim {
		r.Lapse = nil
	}
}

// lapseBroken tells whether a candidate was chosen on a lapsed lease and its claim has been interrupted before
// the new epoch stood. Once that stands, the writer's row is of an epoch that nobody renews.
func (d *decider) lapseBroken() bool {
	r := d.s.Recovery
	return r.lapsed(d.s.Primary) && r.Lapse == nil && r.Kind != KindOverride
}

// lapsed tells whether it is on record that the lease of a writer has lapsed.
func (r *Recovery) lapsed(writer string) bool {
	return slices.ContainsFunc(r.Evidence, func(e Evidence) bool { return e.Kind == EvidenceLeaseLapsed && e.Server == writer })
}

// unprovenWriters lists, where no acknowledgements can be revoked, the earlier writers that may still take
// writes: the candidates whose opening was begun, and the old primary where its lease has to lapse.
func (d *decider) unprovenWriters() []string {
	r := d.s.Recovery
	if d.semiSync() {
		return nil
	}
	var out []string
	for _, g := range d.disputed() {
		w := g.Writer
		e, _ := d.processDead(w)
		proven := e != nil || d.writerFenced(w) || r.lapsed(w) || d.stated(w)
		switch {
		case proven && w == d.s.Primary:
			r.Lapse = nil
		case proven || (w == d.s.Primary && r.Lapsing && d.awaitLapse()):
		default:
			out = append(out, "proof that "+w+" writes no more"+d.lapseNote(w))
		}
	}
	return out
}

// lapseNote says in a hold why waiting for the lease of a writer is no way out.
func (d *decider) lapseNote(writer string) string {
	why := d.lapseObstacle()
	if why == "" || writer != d.s.Primary || !d.guardWanted() {
		return ""
	}
	return " (its lease proves nothing: " + why + ")"
}

// lapseReason says what the recovery waits for.
func (d *decider) lapseReason() string {
	r := d.s.Recovery
	names := make([]string, 0, len(r.Lapse.Held))
	for _, h := range r.Lapse.Held {
		names = append(names, h.Server)
	}
	return fmt.Sprintf("%s: waiting %s for the lease of %s to lapse; claimed are %s", r.ID, d.lapseWait(), r.Lapse.Writer, strings.Join(names, ", "))
}

// lapseEvidence is the record of a wait that has ended.
func (d *decider) lapseEvidence() Evidence {
	r, g := d.s.Recovery, d.guard()
	claims, answers := make([]string, 0, len(r.Lapse.Held)), make([]string, 0, len(r.Lapse.Held))
	for _, h := range r.Lapse.Held {
		claims = append(claims, h.Server+" on "+h.Session)
		if look := d.claimStep(h.Server); look != nil {
			answers = append(answers, fmt.Sprintf("%s: lock held, receiver OFF, boot %s, executed %s, received %s",
				h.Server, look.Boot, orEmpty(look.Executed), orEmpty(look.Received)))
		}
	}
	return Evidence{
		Server: r.Lapse.Writer, Kind: EvidenceLeaseLapsed, By: d.in.Node, At: d.in.Now,
		Detail: fmt.Sprintf("nothing was permitted for %s: ttl %s at most, margin %s, event period %s and its patience %s; claimed without a break: %s; a pause of its host may have outlasted that",
			d.lapseWait(), g.MaxTTL, policy.GuardMargin(g.MaxTTL), policy.GuardEvent, policy.GuardPatience, strings.Join(claims, ", ")),
		Answer: short(strings.Join(answers, "; ")),
	}
}
