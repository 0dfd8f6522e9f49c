package failover

import (
	"fmt"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// Shortage is a lack of ackers on a primary that is well otherwise, where its policy is when_missing: degrade.
type Shortage struct {
	// Since is when it began, on the clock of the leader of Term; a new leader waits anew. Once the primary is
	// degraded it is when the ackers were last asked to catch up with what it had then (State.ProveUpTo).
	Since time.Time `json:"since"`
	Term  uint64    `json:"term"`
	// Acked is how many commits the primary had seen acknowledged then, as it prints it.
	Acked string `json:"acked,omitempty"`
	// Waiting tells that commits were seen waiting then, where no count of ackers proves the shortage.
	Waiting bool `json:"waiting,omitempty"`
	// Degraded tells that the primary waits for nobody, so that acknowledged writes may be lost with it (I4
	// is suspended).
	Degraded bool `json:"degraded,omitempty"`
}

// present counts the ackers that a primary has: those that answer and acknowledge, and those that it alone
// still shows, which its list may do though they are gone.
type present struct{ sure, shown int }

// degraded tells whether the primary waits for no acknowledgement because its policy prefers that to
// blocking.
func (d *decider) degraded() bool { return d.s.Shortage != nil && d.s.Shortage.Degraded }

// degrades decides whether the primary goes on waiting for acknowledgements. While it tells true the primary
// is kept from waiting.
func (d *decider) degrades(fp *topology.Facts, p present, wait int) bool {
	if wait == 0 || d.in.Spec.Policy.SemiSync.WhenMissing != policy.MissingDegrade {
		// What was committed meanwhile stays unproven until the settings hold again.
		d.s.Shortage = nil
		return false
	}
	if d.degraded() {
		// That it waits no more is seen first: what has been asked for, and not been answered, would take the
		// waiting away from under a promise that is made again.
		if !d.ackersAreBack(fp, p, wait) || fp.On("rpl_semi_sync_source_enabled") {
			d.stopWaiting(fp, wait)
			return true
		}
		d.s.Shortage = nil
		d.event(Event{Kind: "degraded", Decision: d.s.Primary + " waits for acknowledgements again", Reason: "enough ackers are back and hold what it had when they came"})
		return false
	}
	if !d.s.Armed || p.sure >= wait {
		d.s.Shortage = nil
		return false
	}
	if !d.shortForLong(fp, p, wait) {
		return false
	}
	d.degrade(p, wait)
	d.stopWaiting(fp, wait)
	return true
}

// ackersAreBack tells whether commits would wait for acknowledgements without a long halt. A primary that is
// written to is always ahead of its ackers: what it had at some moment must reach them soon.
func (d *decider) ackersAreBack(fp *topology.Facts, p present, wait int) bool {
	s, wanted := d.s.Shortage, d.ackersWanted(d.s.Primary)
	switch {
	case p.sure < wait:
		d.s.ProveUpTo = gtid.Set{}
		return false
	case d.holding(wanted, fp.Executed) >= wait:
		return true
	}
	late := s.Term != d.in.Term || d.in.Now.Sub(s.Since) > max(time.Duration(d.in.Spec.Policy.SemiSync.DegradeAfter), shortDeadline)
	held := !d.s.ProveUpTo.IsEmpty() && d.holding(wanted, d.s.ProveUpTo) >= wait
	if d.s.ProveUpTo.IsEmpty() || (held && late) || s.Term != d.in.Term {
		began := *s
		began.Since, began.Term = d.in.Now, d.in.Term
		d.s.Shortage, d.s.ProveUpTo = &began, fp.Executed
		return false
	}
	return held && !late
}

// shortForLong tells whether the shortage has lasted for the bound of the policy. Where the primary may have
// acknowledgements of servers that no node sees, only commits that wait without any are a shortage.
func (d *decider) shortForLong(fp *topology.Facts, p present, wait int) bool {
	acked, blocked := fp.Status["rpl_semi_sync_source_yes_tx"], commitsWait(fp)
	note := func(waiting bool) {
		d.s.Shortage = &Shortage{Since: d.in.Now, Term: d.in.Term, Acked: acked, Waiting: waiting}
	}
	s := d.s.Shortage
	switch {
	case s == nil || s.Term != d.in.Term:
		note(false)
		return false
	case d.in.Now.Sub(s.Since) < time.Duration(d.in.Spec.Policy.SemiSync.DegradeAfter):
		return false
	case p.sure+p.shown < wait:
		return true
	}
	if s.Waiting && blocked && s.Acked == acked {
		return true
	}
	if s.Waiting != blocked || s.Acked != acked {
		note(blocked)
	}
	return false
}

// degrade suspends the promise about acknowledged writes. It is committed before the primary stops waiting.
func (d *decider) degrade(p present, wait int) {
	s := *d.s.Shortage
	s.Degraded = true
	d.s.Shortage, d.s.Armed, d.s.ProveUpTo = &s, false, gtid.Set{}
	d.s.Unproven = fmt.Sprintf("%s waits for no acknowledgement since %s, because %d of the %d ackers that it needs are there (when_missing: degrade)",
		d.s.Primary, d.in.Now.Format(time.RFC3339), p.sure, wait)
	d.event(Event{Kind: "degraded", Decision: "acknowledged writes are not proven", Reason: d.s.Unproven})
}

// stopWaiting keeps the settings of a primary that waits for nobody.
func (d *decider) stopWaiting(fp *topology.Facts, wait int) {
	settings := append(Required(d.in.Spec.Policy, Role{Primary: true, WaitCount: wait}), notWaiting())
	if diff := Differences(fp, settings); len(diff) > 0 {
		d.do(Action{Kind: ActConfigure, Server: d.s.Primary, Settings: diff}, "/degrade")
	}
}

// notWaiting has a source acknowledge alone, until it boots: then the leader decides anew.
func notWaiting() Setting {
	return Setting{Name: "rpl_semi_sync_source_enabled", Value: "OFF", Transient: true}
}

// freeWriter is the writer of an epoch in which nobody was waited for: only its being read-only proves that it
// acknowledges no more.
func (d *decider) freeWriter() []AckGroup {
	return []AckGroup{{Writer: d.s.Primary, Ackers: d.s.Ackers, Wait: max(d.s.WaitCount, 1), Free: true}}
}

// consentHint tells a person how to accept the loss that degrading makes possible.
func (d *decider) consentHint() string {
	if !d.degraded() {
		return ""
	}
	return d.acceptLossHint()
}

func (d *decider) acceptLossHint() string {
	return fmt.Sprintf("; a person may accept the loss with `regent failover %s --to SERVER --override-region --reason TEXT --ttl 15m`", d.s.Cluster)
}
