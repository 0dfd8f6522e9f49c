package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/topology"
)

// recover moves the open recovery as far as what is known allows, and asks again for every step
// that is committed and has no outcome yet, so that a new leader resumes where the old one stopped.
func (d *decider) recover() {
	r := d.s.Recovery
	if r.Term != d.in.Term {
		// Deadlines of another leader's clock mean nothing here.
		r.Term, r.StageAt = d.in.Term, d.in.Now
		d.checkAgain(func(Step) bool { return r.Stage == StageRevoke })
		d.forgetClaims()
	}
	d.say("%s: %s", r.ID, r.Stage)
	if d.overrideExpired() {
		return
	}
	switch r.Stage {
	case StageRevoke:
		d.stageRevoke()
	case StageCatchUp:
		d.stageCatchUp()
	case StageAttach:
		d.stageAttach()
	case StageOpen:
		d.stageOpen()
	case StageAbort:
		d.stageAbort()
	}
	d.emitPending()
}

// checkAgain asks again for revokes that are done, where that may not hold any more.
func (d *decider) checkAgain(doubt func(Step) bool) {
	r := d.s.Recovery
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Name == ActRevoke && s.State == StepDone && s.Attempt == r.Attempt && doubt(*s) {
			s.State, s.Tries = StepPending, s.Tries+1
		}
	}
}

// undone tells whether a server whose receiver was stopped receives again, or was booted since, or is an
// earlier writer that was drained only after that.
func (d *decider) undone(s Step) bool {
	f := d.facts(s.Server)
	if f == nil || !d.askedSince(s.Server, s.EndedAt) {
		return false
	}
	fencedNow := !s.Fenced && d.fencedWriter(s.Server, f)
	return fencedNow || !s.Boot.Same(f.Boot) || (f.Source != nil && f.Source.Receiver != topology.ThreadOff)
}

// revokeAll intends a revoke on every server that answers and is not the old primary, and on an
// ordered failover first fences the primary.
func (d *decider) revokeAll() {
	r := d.s.Recovery
	if r.By != "" && d.facts(r.Old) != nil && !d.named() {
		// The primary is fenced before its ackers stop: a commit that waits for them would block it. Where its
		// commits are stuck already nothing is gained by waiting for the fence.
		d.fenceOld()
		if !d.semiSync() || d.facts(r.Old).Commits.StuckFor < stuckAfter {
			d.emitPending()
			return
		}
	}
	d.revokeLatecomers()
	d.emitPending()
}

// intend records a step before it is taken.
func (d *decider) intend(kind ActionKind, server string) {
	r := d.s.Recovery
	r.Steps = append(r.Steps, Step{Name: kind, Server: server, Attempt: r.Attempt, State: StepPending, StartedAt: d.in.Now})
}

// emitPending asks for every pending step of the current attempt.
func (d *decider) emitPending() {
	r := d.s.Recovery
	if r == nil {
		return
	}
	asked := map[string]bool{}
	for _, a := range d.actions {
		asked[string(a.Kind)+a.Server] = true
	}
	for _, s := range r.Steps {
		if s.State != StepPending || s.Attempt != r.Attempt || asked[string(s.Name)+s.Server] {
			continue
		}
		d.do(d.actionFor(s), fmt.Sprintf("/%s/%d/%d", r.ID, s.Attempt, s.Tries))
	}
}

// actionFor fills in what a step needs, from the record alone.
func (d *decider) actionFor(s Step) Action {
	r := d.s.Recovery
	a := Action{Kind: s.Name, Server: s.Server, Session: d.pinned(s.Server)}
	switch s.Name {
	case ActFence:
		a.Deadline = fenceDeadline
	case ActCatchUp:
		if s.Server != r.Candidate {
			own := r.step(ActRevoke, s.Server)
			a.Target, a.Deadline = own.Executed.Union(own.Received), catchUpDeadline
			return a
		}
		a.Target, a.Donors, a.Deadline = r.Target, r.Donors, catchUpDeadline
		if !r.Tail.IsEmpty() {
			a.Target, a.Donors = r.Target.Union(r.Tail), r.TailFrom
			a.Deadline = time.Duration(d.in.Spec.Policy.CatchUpBudget)
		}
	case ActPrepare:
		a.Target = r.Target
		if own := r.step(ActRevoke, r.Candidate); own == nil || !own.Executed.Contains(r.Target) {
			a.Deadline = catchUpDeadline // it still has to apply
		}
		a.Settings = Required(d.in.Spec.Policy, Role{Primary: true, Armed: r.WaitCount > 0, WaitCount: r.WaitCount})
	case ActFollow:
		a.Source, a.Target = r.Candidate, r.Target
		a.Acker = slices.Contains(r.Ackers, s.Server)
		if r.Stage == StageAbort {
			// One that a person made acknowledge is in the set, and not to go on with that.
			a.Source, a.Acker = r.Old, slices.Contains(d.s.Ackers, s.Server) && slices.Contains(d.ackersWanted(r.Old), s.Server)
			a.Target = d.knownOf(r.Old)
		}
	case ActClaim:
		if held := r.heldOn(s.Server); held != nil {
			a.Session = held.Session
		}
	case ActOpen:
		a.Target, a.WaitCount, a.Lease = r.Target, r.WaitCount, d.leaseToOpen()
		if r.Stage == StageAbort {
			a.WaitCount = d.s.WaitCount
			if d.degraded() {
				a.WaitCount = 0
			}
		}
	case ActConfigure, ActRevoke, ActQuarantine, ActClone, ActCapture, ActCompare, ActReplay, ActRewind, ActArm, ActDisarm, ActRetain, ActNudge:
	}
	return a
}

// stageRevoke waits until the acknowledgements of every earlier writer are revoked, then chooses.
func (d *decider) stageRevoke() {
	r := d.s.Recovery
	if d.oldIsBack() {
		d.abort(r.Old + " is back")
		return
	}
	d.hearWord()
	d.fenceReturned()
	if fence := r.step(ActFence, r.Old); fence != nil && fence.State != StepDone {
		if fence.State == StepFailed && !d.semiSync() {
			d.abort(r.Old + " could not be made read-only: " + fence.Error)
			return
		}
		if fence.State == StepPending {
			return
		}
	}
	d.retry(ActRevoke)
	d.checkAgain(d.undone)
	d.revokeLatecomers()
	if missing := append(shortfall(d.disputed(), d.counted, d.writerFenced), d.unprovenWriters()...); len(missing) > 0 {
		d.lacksEvidence(missing)
		return
	}
	if d.awaitsOthers() {
		return
	}
	d.plan()
}

// lacksEvidence waits for evidence against the earlier writers, and says after a while what is missing.
func (d *decider) lacksEvidence(missing []string) {
	r := d.s.Recovery
	if r.Lapse != nil {
		d.say("%s", d.lapseReason())
		return
	}
	switch waited := d.in.Now.Sub(r.StageAt); {
	case r.Kind == KindOverride && waited > shortDeadline:
		d.hold("hold", r.Verdicts, d.unaccepted(), "the override by %s is not about %s, whose opening was begun before it: that takes evidence, or the override ordered again, which then accepts that %s may write on",
			r.By, strings.Join(d.suspects(), " and "), strings.Join(d.suspects(), " and "))
	case r.Kind == KindOverride:
	case waited > shortDeadline && r.By != "" && !d.named() && d.facts(r.Old) != nil:
		d.abort("what was ordered cannot be done without " + strings.Join(missing, "; "))
	case waited > revokePatience:
		d.hold("hold", r.Verdicts, missing, "%s; acknowledged writes could be lost without %s", stable(r.Reason), strings.Join(missing, "; "))
	}
}

// fenceReturned makes the old primary read-only that an order replaces and that was not reachable before: without
// acknowledgements to revoke every pass needs its own proof.
func (d *decider) fenceReturned() {
	r := d.s.Recovery
	if !d.semiSync() && r.By != "" && !d.named() && d.facts(r.Old) != nil && r.step(ActFence, r.Old) == nil {
		d.fenceOld()
	}
}

// fenceOld intends to make the old primary read-only. Where a person has done that already, it stays so if the recovery
// is given up.
func (d *decider) fenceOld() {
	r := d.s.Recovery
	r.Fencing = r.Fencing || !d.closedByHand(d.facts(r.Old))
	d.intend(ActFence, r.Old)
}

// counted tells whether a server is in T now: its receiver was read back as stopped in this attempt.
func (d *decider) counted(server string) (bool, string) {
	step := d.s.Recovery.step(ActRevoke, server)
	switch {
	case step == nil:
		return false, "is not reachable"
	case step.State == StepFailed || (step.State == StepPending && step.Error != ""):
		return false, "cannot be stopped: " + step.Error
	case step.State == StepPending:
		return false, "has not stopped receiving yet"
	}
	return step.Counts, step.Why
}

// writerFenced tells whether an earlier writer was read back as read-only in this attempt.
func (d *decider) writerFenced(writer string) bool {
	r := d.s.Recovery
	if fence := r.step(ActFence, r.Old); fence != nil && writer == r.Old && fence.State == StepDone {
		return true
	}
	step := r.step(ActRevoke, writer)
	return step != nil && step.State == StepDone && step.Fenced
}

// named tells whether the open recovery has named its candidate primary of an epoch: what it began then
// can be finished, and not undone.
func (d *decider) named() bool { return d.s.Primary != d.s.Recovery.Old }

// oldIsBack tells whether the old primary answers again before anybody was chosen.
func (d *decider) oldIsBack() bool {
	r := d.s.Recovery
	if r.By != "" || d.named() {
		return false
	}
	diag := topology.Diagnose(&d.in.View, topology.Question{Primary: r.Old, Ackers: d.witnesses(), HangAfter: d.hangAfter()})
	if diag.Condition != topology.PrimaryHealthy && diag.Condition != topology.PrimaryReadOnly {
		return false
	}
	return !d.semiSync() || len(shortfall(r.Groups, d.counted, d.writerFenced)) > 0
}

// revokeLatecomers asks every server that answers to stop receiving, those included that came back
// after the stage began. Once a candidate's opening was begun the old primary is one of them: it may
// follow that candidate and acknowledge to it.
func (d *decider) revokeLatecomers() {
	r := d.s.Recovery
	for _, s := range d.in.Spec.Servers {
		writer := s.Name == r.Old && !d.named()
		if writer || d.facts(s.Name) == nil || d.s.Servers[s.Name].Quarantine != nil {
			continue
		}
		if f := d.facts(s.Name); !f.ReadOnly() || f.On("offline_mode") {
			d.drainWriters([]string{s.Name}) // first; its sets are final after that
			continue
		}
		if r.step(ActRevoke, s.Name) == nil {
			d.intend(ActRevoke, s.Name)
		}
	}
}

// awaitsOthers gives servers outside the acker sets a moment to tell their tail: one that dropped its
// receiver by itself has told it already.
func (d *decider) awaitsOthers() bool {
	r := d.s.Recovery
	if r.Kind == KindOverride || d.in.Now.Sub(r.StageAt) > tailGrace {
		return d.pending(ActRevoke) && d.in.Now.Sub(r.StageAt) <= shortDeadline && r.Kind == KindOverride
	}
	for _, s := range r.Steps {
		if s.Attempt != r.Attempt || s.Name != ActRevoke || s.State != StepPending {
			continue
		}
		f := d.facts(s.Server)
		if f != nil && f.Source != nil && f.Source.Receiver == topology.ThreadOn {
			return true
		}
	}
	return false
}

func (d *decider) pending(kind ActionKind) bool {
	r := d.s.Recovery
	return slices.ContainsFunc(r.Steps, func(s Step) bool {
		return s.Name == kind && s.Attempt == r.Attempt && s.State == StepPending
	})
}

func (d *decider) advance(to Stage) {
	r := d.s.Recovery
	r.Stage, r.StageAt = to, d.in.Now
	d.say("%s: %s, candidate %s", r.ID, to, r.Candidate)
}

// stageCatchUp waits for the candidate to execute everything that may have been acknowledged. The
// tail of servers elsewhere is fetched within its budget only.
func (d *decider) stageCatchUp() {
	r := d.s.Recovery
	step := r.step(ActCatchUp, r.Candidate)
	switch {
	case d.lapseBroken():
		d.replan("the claim on " + r.Candidate + " was interrupted")
	case step == nil:
		d.intend(ActCatchUp, r.Candidate)
	case step.State == StepDone:
		r.Target, r.Tail = r.Target.Union(r.Tail), r.Tail.Subtract(r.Tail)
		d.attach()
	case step.State == StepFailed && !r.Tail.IsEmpty():
		// Past the budget: whoever holds the tail is quarantined and reported once it is seen.
		r.Tail = r.Tail.Subtract(r.Tail)
		if step := r.step(ActRevoke, r.Candidate); step.Executed.Contains(r.Target) {
			d.attach()
			return
		}
		d.intend(ActCatchUp, r.Candidate)
	case step.State == StepFailed && d.since(step.EndedAt) < r.passPause():
		d.say("%s: the candidate %s could not catch up: %s; beginning again soon", r.ID, r.Candidate, stable(step.Error))
	case step.State == StepFailed:
		d.replan("the candidate " + r.Candidate + " could not catch up: " + step.Error)
	case d.facts(r.Candidate) == nil && d.in.Now.Sub(r.StageAt) > shortDeadline:
		d.replan("the candidate " + r.Candidate + " is no longer reachable")
	}
}

// gone tells that none of the servers answers any more: the primary of the new epoch is then named,
// and opens as soon as an acker is there.
func (d *decider) gone(servers []string) bool {
	for _, name := range servers {
		if d.facts(name) != nil {
			return false
		}
	}
	return true
}

// retry turns failed steps of a kind into pending ones. A step that fails again and again is asked
// for at a slower pace by whoever runs it; the recovery says so in a hold.
func (d *decider) retry(kind ActionKind) {
	r := d.s.Recovery
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Name == kind && s.Attempt == r.Attempt && s.State == StepFailed && d.facts(s.Server) != nil &&
			d.since(s.EndedAt) >= min(time.Duration(s.Tries)*200*time.Millisecond, 2*time.Second) {
			s.State = StepPending
		}
	}
}

// newestClaim tells whether a step is the last one that stopped the receiver of its server.
func (r *Recovery) newestClaim(s Step) bool {
	return s.Name == ActRevoke && !slices.ContainsFunc(r.Steps, func(o Step) bool {
		return o.Name == ActRevoke && o.Server == s.Server && o.Attempt > s.Attempt
	})
}

// passPause is how long a pass that failed rests before the next one: what the servers lack may be gone for good, and each pass
// is in the history.
func (r *Recovery) passPause() time.Duration {
	if r.Attempt == 0 {
		return 0
	}
	return 250 * time.Millisecond << min(r.Attempt-1, 7)
}

// replan goes back to the first stage for another pass over the servers that answer now. The servers
// whose opening was begun stay among the writers whose acknowledgements must be revoked.
func (d *decider) replan(why string) {
	r := d.s.Recovery
	d.event(Event{Kind: string(r.Kind), Decision: "begins again", Reason: why, Steps: r.Steps, Evidence: r.Evidence, Candidates: r.Verdicts})
	// Steps of passes before this one are in the history, but for the claims: who gives the recovery up
	// must know them.
	r.Steps = slices.DeleteFunc(slices.Clone(r.Steps), func(s Step) bool { return s.Attempt < r.Attempt && !r.newestClaim(s) })
	r.Attempt++
	// Of an earlier writer whose epoch is over it stays true that its lease has lapsed.
	r.Evidence = slices.DeleteFunc(slices.Clone(r.Evidence), func(e Evidence) bool {
		return e.Kind != EvidenceLeaseLapsed || e.Server == d.s.Primary
	})
	r.Candidate, r.Lapse, r.Donors, r.TailFrom = "", nil, nil, nil
	r.Target, r.Tail = r.Target.Subtract(r.Target), r.Tail.Subtract(r.Tail)
	d.advance(StageRevoke)
	d.revokeAll()
}
