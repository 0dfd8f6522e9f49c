package failover

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// finish closes the recovery: the new primary was read back as writable.
func (d *decider) finish(opened *Step) {
	r := d.s.Recovery
	d.s.Ackers, d.s.WaitCount = r.Ackers, r.WaitCount
	d.s.Armed, d.s.Unproven, d.s.ProveUpTo, d.s.Shortage = r.WaitCount > 0, "", gtid.Set{}, nil
	if d.semiSync() && r.WaitCount == 0 {
		d.s.Unproven = "no server of region " + d.region(r.Candidate) + " acknowledges"
	}
	d.s.Baseline, d.s.OpenBoot, d.s.OpenedAt = opened.Executed.Union(r.Target), opened.Boot, d.in.Now
	if job := d.s.Servers[r.Candidate].Clone; job != nil {
		d.event(Event{Kind: "clone", By: job.By, Decision: "the order to rebuild " + r.Candidate + " has ended", Reason: "it is the primary now", Failed: true})
	}
	d.member(r.Candidate, func(m *Member) { m.Former, m.Away, m.Quarantine, m.Clone = 0, false, nil, nil })
	for _, s := range d.in.Spec.Servers {
		if s.Name != r.Candidate {
			d.member(s.Name, func(m *Member) { m.Away = true })
		}
	}
	d.countFailover()
	d.s.CooldownUntil = d.in.Now.Add(time.Duration(d.in.Spec.Policy.Cooldown))
	d.s.Hold, d.s.Recovery, d.s.Override, d.s.Offline, d.s.Unfencing = nil, nil, nil, false, false
	loss := r.Loss
	if r.Seen != nil {
		loss = lossOf(*r.Seen, d.s.Baseline)
	}
	d.say("%s is the primary: %s", r.Candidate, r.Reason)
	d.event(Event{
		Kind: string(r.Kind), By: r.By, Decision: fmt.Sprintf("%s replaced %s", r.Candidate, r.Old), Reason: r.Reason,
		Candidates: r.Verdicts, Evidence: r.Evidence, Steps: r.Steps, Lost: &loss,
	})
}

// abort undoes the claims of a recovery that is no longer wanted: stopped receivers start again. The
// steps that undo are a pass of their own, so that nothing of the one before is asked for any more.
func (d *decider) abort(why string) {
	r := d.s.Recovery
	d.advance(StageAbort)
	d.s.Hold, r.Target, r.Lapse = nil, gtid.Set{}, nil
	closed := d.writerFenced(r.Old)
	var undo []string
	for _, s := range r.Steps {
		if s.Name == ActRevoke && !slices.Contains(undo, s.Server) && d.s.Servers[s.Server].Quarantine == nil {
			undo = append(undo, s.Server)
		}
	}
	r.Attempt++
	for _, name := range undo {
		d.intend(ActFollow, name)
	}
	if r.Fencing {
		d.s.Offline = true
		d.online(d.facts(r.Old))
		d.guardOpening(closed)
		if f := d.facts(r.Old); f == nil || d.s.OpenBoot.Same(f.Boot) {
			d.intend(ActOpen, r.Old)
		} // else it booted since it was open, and opens once enough ackers have what it committed in that
	}
	r.Reason = why
	d.say("%s: %s; starting its receivers again", r.ID, why)
}

// undoTries is how often an abort tries to undo a step before it leaves that to the keeping of the
// cluster, which sees more: an acker that is missing, or a server that must be quarantined.
const undoTries = 2

// stageAbort waits until every claim is verified undone, or handed over.
func (d *decider) stageAbort() {
	r := d.s.Recovery
	d.online(d.facts(r.Old))
	d.retry(ActFollow)
	d.retry(ActOpen)
	var open []string
	for _, s := range r.Steps {
		if s.Attempt == r.Attempt && s.State != StepDone && s.Tries < undoTries && d.facts(s.Server) != nil {
			open = append(open, s.Server)
		}
	}
	if len(open) > 0 {
		return
	}
	d.event(Event{Kind: string(r.Kind), Decision: "aborted, receivers started again", Reason: r.Reason, Steps: r.Steps, Candidates: r.Verdicts, Failed: true})
	if r.Fencing {
		d.unfence(r.step(ActOpen, r.Old))
	}
	d.s.Recovery, d.s.Override = nil, nil
}

// unfence notes what has become of the opening that undoes a fence. One that is not done is left to the keeping of
// the cluster as well.
func (d *decider) unfence(opened *Step) {
	if d.s.Unfencing = opened == nil || opened.State != StepDone; !d.s.Unfencing {
		d.s.OpenBoot, d.s.OpenedAt = opened.Boot, d.in.Now
	}
}

// unfenced notes that a fence that was given up is over. Who acts on the primary has its lock, which a statement
// that is under way keeps: none can land after that, and none has where it is found open.
func (d *decider) unfenced(res *Result) {
	if f := res.Facts; res.Err == "" && res.Action.Server == d.s.Primary && f != nil && f.Writable() && !f.On("offline_mode") {
		d.s.Unfencing = false
	}
}

// absorb takes in the outcomes of actions.
func (d *decider) absorb() {
	for _, res := range d.in.Results {
		d.unfenced(&res)
		switch res.Action.Kind {
		case ActCapture, ActCompare:
			d.absorbReport(res)
		case ActReplay, ActRewind:
			d.absorbJob(res)
		case ActQuarantine:
			d.absorbQuarantine(res)
			if d.s.Recovery != nil {
				d.absorbStep(res)
			}
		case ActClone:
			d.absorbClone(res)
		case ActArm:
			d.absorbArm(res)
		case ActRetain:
			d.absorbRetain(res)
		case ActNudge:
			d.absorbNudge(&res)
		case ActConfigure, ActFence, ActRevoke, ActCatchUp, ActPrepare, ActFollow, ActOpen, ActClaim, ActDisarm:
			d.absorbStep(res)
		}
	}
}

// absorbStep records the outcome of a recovery's step; an outcome of another attempt is ignored.
func (d *decider) absorbStep(res Result) {
	r := d.s.Recovery
	if r == nil {
		d.absorbOpen(res)
		return
	}
	step := r.step(res.Action.Kind, res.Action.Server)
	if step == nil || step.State != StepPending || !strings.Contains(res.Action.ID, "/"+r.ID+"/"+fmt.Sprint(r.Attempt)+"/") {
		return
	}
	step.EndedAt, step.By, step.Session = res.At, res.By, res.Session
	d.lostPin(&res)
	if res.Err != "" {
		step.State, step.Error, step.Tries = StepFailed, res.Err, step.Tries+1
		return
	}
	step.State, step.Error = StepDone, ""
	if step.Name == ActClaim {
		d.absorbClaim(step, &res)
	}
	if res.Facts == nil {
		return
	}
	if step.Name == ActOpen {
		d.seeLease(res.Facts)
	}
	step.Executed, step.Boot = res.Facts.Executed, res.Facts.Boot
	step.Received = gtid.Set{}
	if res.Facts.Source != nil {
		step.Received = res.Facts.Source.Received
	}
	if step.Name == ActRevoke {
		step.Counts, step.Why = d.counts(step.Server, res.Facts)
		step.Fenced = d.fencedWriter(step.Server, res.Facts)
		if slices.ContainsFunc(r.Groups, func(g AckGroup) bool { return slices.Contains(g.Ackers, step.Server) }) {
			if step.Counts {
				r.Proven = maps.Clone(r.Proven)
				if r.Proven == nil {
					r.Proven = map[string]gtid.Set{}
				}
				r.Proven[step.Server] = step.Executed.Union(step.Received)
			}
			return
		}
		step.Counts = r.Kind == KindOverride || (!d.semiSync() && d.region(step.Server) == d.in.Spec.HomeRegion)
		step.Why = "is no acker"
	}
}

// fencedWriter tells whether an earlier writer can acknowledge no more because it is read-only, with
// all that it ever acknowledged on its disk.
func (d *decider) fencedWriter(server string, f *topology.Facts) bool {
	writer := slices.ContainsFunc(d.s.Recovery.Groups, func(g AckGroup) bool { return g.Writer == server })
	durable := d.s.OpenBoot.Same(f.Boot) || (f.Variables["sync_binlog"] == "1" && f.Variables["innodb_flush_log_at_trx_commit"] == "1")
	return writer && durable && f.ReadOnly() && !commitsWait(f)
}

// absorbOpen notes that the primary of the epoch was opened again after a boot.
func (d *decider) absorbOpen(res Result) {
	if res.Action.Kind != ActOpen || res.Err != "" || res.Facts == nil || res.Action.Server != d.s.Primary {
		return
	}
	d.s.OpenBoot, d.s.Baseline, d.s.OpenedAt = res.Facts.Boot, res.Facts.Executed, d.in.Now
	d.seeLease(res.Facts)
	reason := "it is the primary of the epoch and its ackers hold everything it has"
	if d.degraded() {
		reason = "it is the primary of the epoch, and waited for no acknowledgement before either"
	}
	d.event(Event{Kind: "reopen", Decision: d.s.Primary + " is open again", Reason: reason})
}

// absorbClone ends an operator's clone order.
func (d *decider) absorbClone(res Result) {
	m := d.s.Servers[res.Action.Server]
	if m.Clone == nil || !strings.HasSuffix(res.Action.ID, "/"+m.Clone.ID) {
		return
	}
	e := Event{Kind: "clone", By: m.Clone.By, Decision: res.Action.Server + " was rebuilt from " + m.Clone.From, Reason: "ordered by " + m.Clone.By}
	if res.Err != "" {
		e.Decision, e.Reason, e.Failed = "clone of "+res.Action.Server+" failed", res.Err, true
	}
	m.Quarantine = d.afterRebuild(m, &res)
	m.Clone = nil
	d.s.Servers[res.Action.Server] = m
	d.event(e)
}

// afterRebuild is the quarantine of a server once its rebuild has ended. CLONE begins by dropping what the server
// has: one that failed may have left nothing, which is no reason to take the server for a clean one. It is told by
// what the server still holds of what every server held when the primary was opened.
func (d *decider) afterRebuild(m Member, res *Result) *Quarantine {
	torn := res.Err != "" && (res.Facts == nil || !res.Facts.Executed.Contains(d.s.Baseline))
	q := Quarantine{Since: d.in.Now}
	switch {
	case m.Quarantine != nil:
		q = *m.Quarantine
	case !torn:
		return nil
	}
	q.Torn = torn || (q.Torn && res.Err != "")
	q.Rewinding = q.Rewinding && res.Err != ""
	if torn {
		q.Reason = "its rebuild from " + m.Clone.From + " failed, so that it may have lost data; rebuild it again"
	}
	return &q
}

// Diagnosis exposes what the decision sees of the primary, for people.
func Diagnosis(s State, in Input) topology.Diagnosis {
	d := &decider{in: in, s: clone(s)}
	return topology.Diagnose(&d.in.View, topology.Question{Primary: s.Primary, Ackers: d.witnesses(), HangAfter: d.hangAfter()})
}
