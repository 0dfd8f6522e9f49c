package failover

import (
	"math"
	"time"
)

// Clock is a reading of a leader's clock, kept in the state while a deadline is pending. Clocks of two
// leaders are never compared: a new leader moves the deadlines by the difference between its own clock
// and this reading, so that what was left of a wait then is left of it now.
type Clock struct {
	Term uint64    `json:"term,omitempty"` // whose clock
	At   time.Time `json:"at,omitzero"`
}

// clockEvery is how old the reading becomes: a change of leader prolongs a wait by at most that and the
// time without a leader, and never shortens one. An override is not prolonged that way.
const clockEvery = time.Minute

// deadlines are the ends of waits in the state.
func (s *State) deadlines() []*time.Time {
	var out []*time.Time
	add := func(t *time.Time) {
		if !t.IsZero() {
			out = append(out, t)
		}
	}
	add(&s.CooldownUntil)
	if s.Paused != nil {
		add(&s.Paused.Until)
	}
	for i := range s.Failovers {
		add(&s.Failovers[i])
	}
	return out
}

// enterTerm puts the deadlines of an earlier leader on this leader's clock.
func (d *decider) enterTerm() {
	c := d.s.Clock
	if c.Term == 0 || c.Term == d.in.Term {
		return
	}
	shift := d.in.Now.Sub(c.At)
	for _, deadline := range d.s.deadlines() {
		if deadline.After(c.At) {
			*deadline = deadline.Add(shift)
		}
	}
	if o := d.s.Override; o != nil && shift < 0 {
		// A permission is never prolonged by a clock: one that is ahead ends it early.
		o.Expires = o.Expires.Add(shift)
	}
	d.s.Clock = Clock{Term: d.in.Term, At: d.in.Now}
}

// noteClock keeps the reading young while it is needed.
func (d *decider) noteClock() {
	pending := d.s.Override != nil && d.s.Override.Expires.After(d.in.Now)
	for _, deadline := range d.s.deadlines() {
		pending = pending || deadline.After(d.in.Now)
	}
	switch {
	case !pending:
		d.s.Clock = Clock{}
	case d.s.Clock.Term != d.in.Term || d.in.Now.Sub(d.s.Clock.At) >= clockEvery:
		d.s.Clock = Clock{Term: d.in.Term, At: d.in.Now}
	}
}

// since is how long ago a moment of the record is, at least: one that a leader of an earlier term noted
// was before this term began, whatever its clock said. What was never noted is as long ago as can be.
func (d *decider) since(moment time.Time) time.Duration {
	if moment.IsZero() {
		return math.MaxInt64
	}
	term := d.in.Now.Sub(d.in.Began)
	if passed := d.in.Now.Sub(moment); passed >= 0 {
		return min(passed, term)
	}
	return term
}

// rests tells whether a pause that lasts at most longest is not over yet. An end further away than that is
// of another leader's clock.
func (d *decider) rests(until time.Time, longest time.Duration) bool {
	left := until.Sub(d.in.Now)
	return left > 0 && left <= longest
}
