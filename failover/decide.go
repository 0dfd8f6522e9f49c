package failover

import (
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// Deadlines of actions, and how long a stage waits for what is not essential.
const (
	shortDeadline   = 5 * time.Second
	revokePatience  = 2 * time.Second // for receivers to stop, before a hold says whose did not; one that is connecting takes up to 4 s
	catchUpDeadline = 30 * time.Second
	fenceDeadline   = 2 * time.Second
	cloneDeadline   = 2 * time.Hour
	captureDeadline = time.Hour
	tailGrace       = 250 * time.Millisecond // for servers outside the acker set to tell their tail
	settleDelay     = 2 * time.Second        // between the first quarantine and the capture
	absentDelay     = 30 * time.Second       // a capture waits so long for a holder that is gone again
	longestRetry    = 30 * time.Second       // between two tries of a capture or comparison
	unseenGrace     = time.Second            // beyond hang_after before an unseen primary is a hold
	reportGrace     = 250 * time.Millisecond // what a report may take from node to node, which no clock measures
)

// Decide answers what follows from what is agreed and what is seen. Same inputs, same decision.
func Decide(s State, in Input) Decision {
	d := &decider{in: in, s: clone(s)}
	d.s.Cluster = in.Spec.Name
	d.enterTerm()
	d.witness()
	d.absorb()
	d.endMaintenance()
	switch {
	case d.s.Paused != nil:
		d.say("%s", d.s.Paused)
	case d.s.Epoch == 0:
		d.adopt()
	case d.s.Recovery != nil:
		d.recover()
	default:
		d.watch()
	}
	d.noteClock()
	if in.Spec.Mode == policy.ModeObserve && d.s.Paused == nil {
		return d.observed(s)
	}
	return Decision{Next: d.s, Actions: d.actions, Events: d.events, Reason: d.reason}
}

// decider carries one decision while it is being made.
type decider struct {
	in      Input
	s       State
	actions []Action
	events  []Event
	reason  string
	lostNow bool // sight of the primary was lost in this decision
}

// observed keeps of a decision only what may be recorded without touching anything. A recovery that was
// open before the mode changed stays as it is, so that nothing of it is forgotten.
func (d *decider) observed(before State) Decision {
	next := clone(before)
	next.Cluster, next.Counter = d.s.Cluster, d.s.Counter
	if before.Epoch == 0 {
		next = d.s
	}
	if before.Recovery != nil {
		next = clone(before)
		next.Paused = d.s.Paused
		return Decision{Next: next, Reason: "mode is observe: recovery " + before.Recovery.ID + " waits"}
	}
	next.Hold, next.Isolated = d.s.Hold, d.s.Isolated
	for name, m := range d.s.Servers {
		if kept, known := next.Servers[name]; known {
			kept.Witness, kept.Kept = m.Witness, m.Kept
			next.Servers[name] = kept
		}
	}
	next.Clock, next.CooldownUntil, next.Lost, next.Paused = d.s.Clock, d.s.CooldownUntil, d.s.Lost, d.s.Paused
	if next.Guard != nil {
		next.Guard.Cut = nil // nobody acts on a lapse: what was refused before the mode changed is permitted again
	}
	reason := d.reason
	if r := d.s.Recovery; r != nil {
		next.Hold = d.newHold("mode is observe: would act: "+stable(r.Reason), nil)
		reason = next.Hold.Reason
		if before.Hold == nil || before.Hold.Reason != reason {
			d.event(Event{Kind: "observed", Decision: "nothing was touched", Reason: reason, Candidates: r.Verdicts})
			next.Counter = d.s.Counter
		}
	}
	if before.Hold != nil && next.Hold != nil && before.Hold.Reason == next.Hold.Reason {
		next.Hold = before.Hold
	}
	next.Recovery = nil
	events := slices.DeleteFunc(d.events, func(e Event) bool { return !observable(e.Kind) })
	if len(events) == 0 {
		next.Counter = before.Counter
	}
	return Decision{Next: next, Events: events, Reason: reason}
}

// observable tells whether an event is about what is seen, and not about something that was done.
func observable(kind string) bool {
	return slices.Contains([]string{"adopt", "hold", "refusal", "release", "observed", "maintenance"}, kind)
}

func (d *decider) say(format string, args ...any) { d.reason = fmt.Sprintf(format, args...) }

// do adds an action. suffix tells apart repetitions that are wanted.
func (d *decider) do(a Action, suffix string) {
	a.Cluster, a.Epoch = d.s.Cluster, d.s.Epoch
	a.ID = fmt.Sprintf("%s/%d/%s/%s%s", a.Cluster, a.Epoch, a.Kind, a.Server, suffix)
	a.SourceUUID = d.s.Servers[a.Source].UUID
	if a.Deadline == 0 {
		a.Deadline = shortDeadline
	}
	d.actions = append(d.actions, a)
}

func (d *decider) event(e Event) {
	d.s.Counter++
	e.ID = fmt.Sprintf("%s-%d", d.s.Cluster, d.s.Counter)
	e.At, e.Cluster = d.in.Now, d.s.Cluster
	if e.Epoch == 0 {
		e.Epoch = d.s.Epoch
	}
	d.events = append(d.events, e)
}

func (d *decider) newHold(reason string, missing []string) *Hold {
	return &Hold{Since: d.in.Now, Reason: reason, Missing: missing}
}

// hold records why nothing is done. A hold that says the same is kept as it is, so that waiting
// writes nothing; one that says something new is also an event.
func (d *decider) hold(kind string, verdicts []policy.Verdict, missing []string, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	d.reason = reason
	if h := d.s.Hold; h != nil && h.Reason == reason {
		return
	}
	since := d.in.Now
	if d.s.Hold != nil {
		since = d.s.Hold.Since
	}
	d.s.Hold = &Hold{Since: since, Reason: reason, Missing: missing}
	decision := "nothing was touched"
	if d.s.Recovery != nil {
		decision = "the recovery waits"
	}
	d.event(Event{Kind: kind, Decision: decision, Reason: reason, Candidates: verdicts})
}

// unhold ends a hold that the world has resolved.
func (d *decider) unhold(why string) {
	if h := d.s.Hold; h != nil && !h.Sticky {
		d.event(Event{Kind: "release", Decision: "hold ended", Reason: why + " (held because: " + h.Reason + ")"})
		d.s.Hold = nil
	}
}

func (d *decider) facts(server string) *topology.Facts { return d.in.View.Current(server) }

// member changes what is agreed about a server.
func (d *decider) member(server string, change func(*Member)) {
	m := d.s.Servers[server]
	change(&m)
	d.s.Servers[server] = m
}

func (d *decider) region(server string) string {
	s, _ := d.in.Spec.Find(server)
	return s.Region
}

func (d *decider) quarantined() map[string]string {
	out := map[string]string{}
	for name, m := range d.s.Servers {
		if m.Quarantine != nil {
			out[name] = m.Quarantine.Reason
		}
	}
	return out
}

func (d *decider) question() policy.Question {
	return policy.Question{Spec: d.in.Spec, View: &d.in.View, Primary: d.s.Primary, Quarantined: d.quarantined()}
}

// ackersWanted lists the declared servers of the primary's region that should acknowledge.
func (d *decider) ackersWanted(primary string) []string {
	if d.in.Spec.Policy.Durability != policy.DurabilitySemiSync {
		return nil
	}
	var out []string
	for _, name := range d.in.Spec.InRegion(d.region(primary)) {
		if name != primary && d.s.Servers[name].Quarantine == nil {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (d *decider) semiSync() bool { return d.in.Spec.Policy.Durability == policy.DurabilitySemiSync }

func (d *decider) hangAfter() time.Duration { return time.Duration(d.in.Spec.Policy.HangAfter) }
