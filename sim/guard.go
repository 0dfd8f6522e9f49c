package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// guardian is the in-server guard of a server: a row, and an event that runs once a second by the server's
// own clock. Both are on disk, survive a boot and are copied by a clone. What the event does, and when it cannot
// run, was measured on real servers (docs/adr/0009).
type guardian struct {
	row   *leaseRow // replaced, never changed; nil: there is none
	event *fenceEvent
	turns int // numbers plans of the next run, so that one that was changed does nothing
	// rowLocked keeps others from changing the row until then, tableLocked from reading it as well.
	rowLocked, tableLocked time.Duration
}

// leaseRow is the row. Its times are on the server's clock, zero: never.
type leaseRow struct {
	uuid            string
	epoch, set      uint64
	candidates      []string
	serve           bool
	ttl             time.Duration
	expires, ticked time.Time
	fault           string
	scheduler       string // event_scheduler before it was armed
}

// fenceEvent is the event: for whom it was made, and when it is due.
type fenceEvent struct {
	uuid    string
	epoch   uint64
	enabled bool
	broken  bool // its definer is gone: each run fails
	next    time.Time
}

// clock is what the server's own clock shows.
func (s *Server) clock() time.Time {
	return s.w.wall().Add(s.offset + time.Duration(float64(s.w.now)*s.drift))
}

// setClock sets the server's clock.
func (s *Server) setClock(by time.Duration) {
	s.offset += by
	s.stepped += by
	s.warped()
	s.planEvent()
}

// lease is the row as a probe reads it, nil without one.
func (s *Server) lease() *topology.Lease {
	g := &s.guard
	switch {
	case g.row == nil:
		return nil
	case s.w.now < g.tableLocked:
		return &topology.Lease{UUID: s.uuid, TickAge: topology.Never, Fault: "its guard row cannot be read: it is locked"}
	}
	now, r := s.clock(), g.row
	l := &topology.Lease{
		UUID: r.uuid, Epoch: r.epoch, SetVersion: r.set, Candidates: r.candidates, Serve: r.serve, TTL: r.ttl,
		Remaining: r.expires.Sub(now), TickAge: topology.Never, Fault: r.fault, Scheduler: s.on("event_scheduler"),
	}
	if !r.ticked.IsZero() {
		l.TickAge = now.Sub(r.ticked)
	}
	e := g.event
	l.Enabled = e != nil && e.enabled && e.uuid == r.uuid && e.epoch == r.epoch
	return l
}

// change replaces the row by one that was changed.
func (g *guardian) change(how func(*leaseRow)) {
	r := *g.row
	how(&r)
	g.row = &r
}

// planEvent has the event run when it is due by the server's clock: a clock that is set back has it wait.
func (s *Server) planEvent() {
	g := &s.guard
	g.turns++
	if g.event == nil || !s.up {
		return
	}
	turn, process := g.turns, s.process
	s.w.after(g.event.next.Sub(s.clock()), func() {
		if g.turns == turn && s.process == process {
			s.eventDue()
		}
	})
}

// eventDue has the event run: at once, or a while after the process was resumed, in no order with what clients do.
func (s *Server) eventDue() {
	process, turn := s.process, s.guard.turns
	due := func() {
		if s.process == process && s.guard.turns == turn {
			s.run(s.runEvent)
		}
	}
	if s.paused {
		s.run(func() { s.w.after(time.Duration(s.w.draw(1000, "resumed", uint64(s.w.now)))*time.Millisecond, due) }) //nolint:gosec // time goes forward
		return
	}
	due()
}

// runEvent is one run, and the plan of the next.
func (s *Server) runEvent() {
	e, now := s.guard.event, s.clock()
	switch {
	case e == nil:
		return // somebody has removed it while the process was paused
	case e.next.After(now):
		s.planEvent() // not yet: clocks drift
		return
	}
	if e.next = e.next.Add(time.Second); !e.next.After(now) {
		e.next = now.Add(time.Second)
	}
	if s.schedules() {
		s.event()
	}
	s.planEvent()
}

// schedules tells whether the scheduler starts events: it cannot write under super_read_only, and waits where
// a change to that waits.
func (s *Server) schedules() bool {
	return s.on("event_scheduler") && !s.on("super_read_only") && s.pending == nil && s.guard.event.enabled
}

// event is what the event does.
func (s *Server) event() {
	g := &s.guard
	r := g.row
	mine := r != nil && r.uuid == s.uuid && g.event.uuid == s.uuid && r.epoch == g.event.epoch
	switch {
	case g.event.broken || !mine || s.w.now < g.tableLocked:
	case !r.expires.After(s.clock()):
		s.w.logf("the guard of %s finds its lease of epoch %d expired", s.name(), r.epoch)
		s.fenceItself()
	case s.w.now >= g.rowLocked:
		g.change(func(r *leaseRow) { r.ticked = s.clock() })
	}
}

// fenceItself makes the server read-only. A write in the way has a second, in which writes are acknowledged.
// Where commits wait for acknowledgements applications are cut off, and the change stays pending for good.
func (s *Server) fenceItself() {
	s.touched++
	s.watched.expiries++
	process, patience := s.process, time.Duration(0)
	if len(s.waiting) == 0 && s.w.draw(5, "in the way", uint64(s.w.now)) == 0 { //nolint:gosec // time goes forward
		patience = time.Duration(s.w.draw(1100, "patience", uint64(s.w.now))) * time.Millisecond //nolint:gosec // the same
	}
	if s.w.draw(4, "acknowledgements lost", uint64(s.w.now)) == 0 { //nolint:gosec // the same
		// The fence cuts the ackers off with acknowledgements on their way.
		s.deafFor(200 * time.Millisecond)
		patience = max(patience, 200*time.Millisecond)
	}
	s.w.after(patience, func() {
		if s.process != process {
			return
		}
		s.run(func() {
			if s.on("super_read_only") {
				return
			}
			if patience >= time.Second || len(s.waiting) > 0 {
				s.offline()
			}
			s.pending = &pending{}
			s.set("super_read_only", "ON", false)
			s.release()
			s.w.logf("the guard of %s has fenced it, %d commits wait", s.name(), len(s.waiting))
		})
	})
}

// arm writes row and event of an epoch. The first arming notes how the scheduler stood.
func (s *Server) arm(want topology.Lease, until time.Time, event bool) string {
	g, now := &s.guard, s.clock()
	own := g.row != nil && g.row.uuid == s.uuid
	switch {
	case own && (g.row.epoch > want.Epoch || (g.row.epoch == want.Epoch && g.row.set > want.SetVersion)):
		return "no newer guard row is there"
	case until.IsZero() && (!own || g.row.epoch != want.Epoch):
		return "its lease of this epoch goes on"
	}
	r := leaseRow{
		uuid: s.uuid, epoch: want.Epoch, set: want.SetVersion, candidates: slices.Clone(want.Candidates), serve: want.Serve, ttl: want.TTL,
		expires: now, scheduler: s.variables["event_scheduler"],
	}
	if before := g.row; before != nil {
		r.expires, r.ticked, r.fault, r.scheduler = before.expires, before.ticked, before.fault, before.scheduler
	}
	if !until.IsZero() {
		r.expires, r.ticked, r.fault = until, time.Time{}, ""
		s.unwarped()
	}
	g.row = &r
	if event {
		g.event = &fenceEvent{uuid: s.uuid, epoch: want.Epoch, enabled: true, next: now}
	}
	s.set("event_scheduler", "ON", false)
	s.planEvent()
	return ""
}

// disarm removes row and event.
func (s *Server) disarm() {
	if s.guard.row != nil {
		s.set("event_scheduler", s.guard.row.scheduler, false)
	}
	s.guard = guardian{turns: s.guard.turns + 1}
}

// holds tells whether the row is the one that a renewer has read: what a renewal compares.
func (s *Server) holds(row topology.Lease) bool {
	r := s.guard.row
	return r != nil && r.uuid == s.uuid && strings.EqualFold(r.uuid, row.UUID) && r.epoch == row.Epoch && r.set == row.SetVersion
}

// claimed says by what the server shows that a leader has claimed it, or that it does not follow source.
func (s *Server) claimed(source string) string {
	c := s.channel
	switch {
	case s.claim != nil:
		return "a leader holds its claim"
	case c == nil:
		return "it has no channel"
	case !c.receiver:
		return "its receiver is off"
	case c.source.uuid != source:
		return "it receives from " + c.source.name()
	}
	return ""
}

// fencesWithin is how long after the end of a lease writes may still be acknowledged, by the server's clock.
const fencesWithin = policy.GuardEvent + policy.GuardPatience
