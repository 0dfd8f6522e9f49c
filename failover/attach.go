package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/topology"
)

// attach arms the candidate and points the new ackers at it.
func (d *decider) attach() {
	r := d.s.Recovery
	d.advance(StageAttach)
	if !slices.Contains(r.Prepared, r.Candidate) {
		r.Prepared = append(slices.Clone(r.Prepared), r.Candidate)
	}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Name == ActCatchUp && s.State == StepPending {
			s.State, s.Error = StepFailed, "the candidate needs it no more"
		}
	}
	d.intend(ActPrepare, r.Candidate)
	for _, name := range r.Ackers {
		d.intend(ActFollow, name)
	}
}

// stageAttach waits until the candidate is armed and enough ackers hold all that it has, or cannot
// be had for now: then the new epoch is committed, and only then does its primary open.
func (d *decider) stageAttach() {
	r := d.s.Recovery
	if d.lapseBroken() {
		d.replan("the claim on " + r.Candidate + " was interrupted")
		return
	}
	d.retry(ActFollow)
	d.drainWriters(r.Ackers)
	prepare := r.step(ActPrepare, r.Candidate)
	late := d.in.Now.Sub(r.StageAt) > shortDeadline
	switch {
	case prepare.State == StepDone: // The ackers have their time from here on: the candidate may have had a lot to apply.
		late = late && d.since(prepare.EndedAt) > shortDeadline
	case prepare.State == StepFailed && prepare.Tries >= 3:
		d.replan("the candidate " + r.Candidate + " could not be prepared: " + prepare.Error)
		return
	case d.facts(r.Candidate) == nil && late:
		d.replan("the candidate " + r.Candidate + " was lost while it was being prepared")
		return
	default:
		d.retry(ActPrepare)
		return
	}
	if !d.enoughHold() && !d.gone(d.notHolding()) && !late {
		return
	}
	// After an override it may open without any acker, and then commits wait for nobody.
	alone := d.semiSync() && r.WaitCount == 0
	r.Groups = append(r.Groups, AckGroup{Writer: r.Candidate, Ackers: r.Ackers, Wait: max(r.WaitCount, 1), Free: alone})
	d.member(d.s.Primary, func(m *Member) { m.Former, m.Away = d.s.Epoch, true })
	d.s.Epoch++
	d.s.Primary = r.Candidate
	d.guardOpening(true)
	d.advance(StageOpen)
	d.openCandidate()
}

// enoughHold tells whether enough ackers of the new epoch hold the target: what was acknowledged
// before must not hang on the new primary alone, also when an acker attaches and still lacks it.
func (d *decider) enoughHold() bool {
	r := d.s.Recovery
	return len(r.Ackers)-len(d.notHolding()) >= r.WaitCount
}

// notHolding lists the new ackers that are not known to hold the target.
func (d *decider) notHolding() []string {
	r := d.s.Recovery
	var out []string
	for _, name := range r.Ackers {
		f := d.facts(name)
		if !r.held(ActRevoke, name) && !r.held(ActFollow, name) && (f == nil || !f.Received().Contains(r.Target)) {
			out = append(out, name)
		}
	}
	return out
}

// held tells whether a step of the current attempt found the target on the server.
func (r *Recovery) held(kind ActionKind, server string) bool {
	s := r.step(kind, server)
	return s != nil && s.State == StepDone && s.Executed.Union(s.Received).Contains(r.Target)
}

// stageOpen waits until the primary of the new epoch is open. It opens only with its ackers attached;
// until then the cluster holds and says who is missing.
func (d *decider) stageOpen() {
	r := d.s.Recovery
	d.retry(ActFollow)
	d.retry(ActPrepare)
	d.retry(ActOpen)
	d.drainWriters(d.others())
	d.keepQuarantines()
	d.attachLatecomers()
	d.prepareAgain()
	d.openCandidate()
	step := r.step(ActOpen, r.Candidate)
	waited := d.in.Now.Sub(r.StageAt)
	switch {
	case step != nil && step.State == StepDone:
		d.finish(step)
	case d.facts(r.Candidate) == nil && waited > shortDeadline:
		d.replan(r.Candidate + " was lost while it was being opened")
	case waited > r.tailPause() && (step == nil || step.Tries > 0) && d.extraHolder() != "":
		r.ForTails++
		d.replan(d.extraHolder() + " came back with transactions that nobody collected")
	case step == nil || (step.Tries > 0 && step.Error != ""):
		missing := d.unattached()
		d.hold("hold", nil, missing, "%s is the primary of epoch %d and not open yet: %s", r.Candidate, d.s.Epoch, openProblem(step, r.WaitCount, missing))
	}
}

// tailPause is how long a candidate waits to open before the recovery begins again to collect what a returning
// server holds. It is twice as long each time, up to some minutes: what cannot be had must not keep the candidate from
// its ackers, and what can be had later is not given up.
func (r *Recovery) tailPause() time.Duration { return shortDeadline << min(r.ForTails, 6) }

// keepQuarantines has reports and rebuilds go on while a primary waits for its ackers: they may be what
// it waits for.
func (d *decider) keepQuarantines() {
	fc := d.facts(d.s.Recovery.Candidate)
	if fc == nil {
		return
	}
	for _, s := range d.in.Spec.Servers {
		m := d.s.Servers[s.Name]
		if f := d.facts(s.Name); f != nil && s.Name != d.s.Primary && (m.Quarantine != nil || m.Clone != nil) {
			d.keepReplica(s, f, fc)
		}
	}
	d.settle(fc)
}

// prepareAgain arms a candidate that was booted since, or changed, and has lost settings that it opens with.
func (d *decider) prepareAgain() {
	r := d.s.Recovery
	f, step := d.facts(r.Candidate), r.step(ActPrepare, r.Candidate)
	if f == nil || !f.ReadOnly() || step == nil || step.State != StepDone || !d.askedSince(r.Candidate, r.lastStep(r.Candidate)) {
		return
	}
	role := Role{Primary: true, Armed: r.WaitCount > 0, WaitCount: r.WaitCount}
	if len(Differences(f, Required(d.in.Spec.Policy, role))) > 0 {
		d.intend(ActPrepare, r.Candidate)
	}
}

// openCandidate intends the opening once enough ackers hold the target.
func (d *decider) openCandidate() {
	r := d.s.Recovery
	prepare := r.step(ActPrepare, r.Candidate)
	if r.step(ActOpen, r.Candidate) == nil && d.enoughHold() && prepare != nil && prepare.State == StepDone {
		d.guardOpening(true)
		d.intend(ActOpen, r.Candidate)
	}
}

// openProblem makes the next step of a person part of the reason.
func openProblem(step *Step, wait int, missing []string) string {
	if len(missing) > 0 {
		return fmt.Sprintf("%d of its ackers must be attached and hold all that it has; missing are %s", wait, strings.Join(missing, ", "))
	}
	if step == nil || step.Error == "" {
		return "its ackers are being attached"
	}
	return strings.TrimSpace(strings.SplitN(step.Error, "\n", 2)[0])
}

// unattached lists the servers of the candidate's region that do not acknowledge to it, and why.
func (d *decider) unattached() []string {
	r := d.s.Recovery
	fc := d.facts(r.Candidate)
	var out []string
	for _, name := range d.in.Spec.InRegion(d.region(r.Candidate)) {
		f := d.facts(name)
		switch {
		case name == r.Candidate:
		case f == nil:
			out = append(out, name+" (not reachable)")
		case d.s.Servers[name].Quarantine != nil:
			out = append(out, name+" (quarantined)")
		case !f.ReadOnly():
			out = append(out, name+" (writable)")
		case !r.Target.Contains(f.Received()):
			out = append(out, name+" (holds transactions that "+r.Candidate+" lacks)")
		case fc == nil || !fc.ReplicaAttached(f.UUID):
			out = append(out, name+" (not attached)")
		}
	}
	return out
}

// extraHolder is a server of the candidate's region that answers, is no writer any more, and holds
// what the candidate lacks, or "".
func (d *decider) extraHolder() string {
	r := d.s.Recovery
	for _, name := range d.ackersWanted(r.Candidate) {
		if f := d.facts(name); f != nil && f.ReadOnly() && !r.Target.Contains(f.Received()) {
			return name
		}
	}
	return ""
}

// others lists the servers beside the candidate that are not quarantined.
func (d *decider) others() []string {
	var out []string
	for _, s := range d.in.Spec.Servers {
		if s.Name != d.s.Recovery.Candidate && d.s.Servers[s.Name].Quarantine == nil {
			out = append(out, s.Name)
		}
	}
	return out
}

// drainWriters makes earlier primaries among the servers read-only for good, since only then they can
// follow. Their acknowledgements are revoked; commits that still wait on them are told to nobody.
func (d *decider) drainWriters(servers []string) {
	r := d.s.Recovery
	d.retry(ActQuarantine)
	for _, name := range servers {
		f := d.facts(name)
		if f == nil || (f.ReadOnly() && !f.On("offline_mode")) {
			continue
		}
		if step := r.step(ActQuarantine, name); step == nil || step.State == StepDone {
			if d.askedSince(name, r.lastStep(name)) {
				d.intend(ActQuarantine, name)
			}
		}
	}
}

// lastStep is when the last step on a server ended, the zero time when none did.
func (r *Recovery) lastStep(server string) time.Time {
	var last time.Time
	for _, s := range r.Steps {
		if s.Server == server && s.EndedAt.After(last) {
			last = s.EndedAt
		}
	}
	return last
}

// askedSince tells whether the server was asked for its facts after a moment on this leader's clock.
func (d *decider) askedSince(server string, moment time.Time) bool {
	sv := d.in.View.Find(server)
	return sv != nil && sv.Facts != nil && d.since(moment) > sv.Asked+reportGrace
}

// attachLatecomers points servers of the candidate's region that came back, and hold nothing extra,
// at the new primary: each is committed as an acker first. A returning old primary is one of them.
func (d *decider) attachLatecomers() {
	r := d.s.Recovery
	if !d.semiSync() {
		return
	}
	for _, name := range d.ackersWanted(r.Candidate) {
		f := d.facts(name)
		if f == nil || !f.ReadOnly() || !r.Target.Contains(f.Received()) {
			continue
		}
		if step := r.step(ActFollow, name); step != nil {
			d.followAgain(step, f)
			continue
		}
		r.Ackers = append(slices.Clone(r.Ackers), name)
		slices.Sort(r.Ackers)
		last := &r.Groups[len(r.Groups)-1]
		last.Ackers = r.Ackers
		wait := min(d.in.Spec.Policy.SemiSync.Required, len(r.Ackers))
		if r.Kind == KindOverride && wait != r.WaitCount && r.step(ActOpen, r.Candidate) == nil {
			// It was prepared to wait for fewer. Once it was asked to open with these it may have: the rest follows when
			// it is the primary.
			r.WaitCount = wait
			d.intend(ActPrepare, r.Candidate)
		}
		d.intend(ActFollow, name)
	}
}

// followAgain takes up a step whose effect did not last: the server was rebooted, or drained, since.
func (d *decider) followAgain(step *Step, f *topology.Facts) {
	r := d.s.Recovery
	candidate := d.in.View.Find(r.Candidate)
	follows := f.Source != nil && f.Source.Receiver != topology.ThreadOff && candidate != nil && f.Source.Address() == candidate.Address
	if step.State == StepDone && !follows && d.askedSince(step.Server, r.lastStep(step.Server)) {
		step.State, step.Tries = StepPending, step.Tries+1
	}
}
