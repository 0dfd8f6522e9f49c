package observer

import (
	"maps"
	"slices"
	"time"

	"github.com/regentdb/regent/topology"
)

// attempt is the outcome of one try to get an answer from a server.
type attempt struct {
	began, ended time.Time
	// existing tells that the connection had answered before.
	existing bool
	facts    *topology.Facts
	reach    topology.Reach
	err      error
}

// record is what this node knows of one server. The times are this process's monotonic clock.
type record struct {
	target Target
	// sight holds what does not age; sightAt fills in the ages.
	sight topology.Sight
	since time.Time // when the reach became what it is
	// answered is when the last attempt that was answered began; zero: never. The server may have
	// answered any time after it: an answer from far away must not look newer than a refusal nearby.
	answered time.Time
	quiet    quiet
	stuck    stuck
}

func newRecord(t Target, now time.Time) *record {
	return &record{
		target: t,
		since:  now,
		sight:  topology.Sight{Server: t.Server.Name, Reach: topology.ReachUnknown},
	}
}

// take applies the outcome of an attempt.
func (r *record) take(a attempt, start time.Time) {
	switch {
	case a.err == nil:
		r.answer(a, start)
	case a.existing && a.reach == topology.ReachRefused:
		// The connection was closed by the other end; a new connection tells what that means.
		r.lose()
	default:
		r.fail(a)
	}
}

func (r *record) answer(a attempt, start time.Time) {
	if up := a.facts.Source; up != nil {
		up.SilentFor = r.quiet.heard(up, a.ended)
	}
	a.facts.Commits.StuckFor = r.stuck.saw(a.facts, a.ended)
	r.turn(topology.ReachOK, a.ended)
	r.answered = a.began
	r.sight.ConnectionLost = false
	r.sight.Refusals = 0
	r.sight.Error = ""
	r.sight.Began, r.sight.Ended = a.began.Sub(start), a.ended.Sub(start)
	r.sight.Facts = a.facts
}

// lose notes that an existing connection was closed by the other end. It means nothing before the
// first answer: then it is not known whose connection it was.
func (r *record) lose() {
	r.sight.ConnectionLost = !r.answered.IsZero()
}

func (r *record) fail(a attempt) {
	r.turn(a.reach, a.ended)
	r.sight.Error = a.err.Error()
	if a.reach == topology.ReachRefused {
		r.sight.Refusals++
	} else {
		r.sight.Refusals = 0
	}
}

func (r *record) turn(to topology.Reach, at time.Time) {
	if r.sight.Reach != to {
		r.sight.Reach, r.since = to, at
	}
}

// sightAt is the sight with the ages it has at that time.
func (r *record) sightAt(now time.Time) topology.Sight {
	s := r.sight
	s.Since = now.Sub(r.since)
	s.LastAnswer = topology.Never
	if !r.answered.IsZero() {
		s.LastAnswer = now.Sub(r.answered)
	}
	return s
}

// wrong tells that something about the server keeps its cluster in alert.
func (r *record) wrong() bool {
	s := &r.sight
	if s.Reach != topology.ReachOK || s.ConnectionLost {
		return true
	}
	return s.Facts.Source != nil && s.Facts.Source.Receiver != topology.ThreadOn
}

// alarming tells whether the step from one sight to the next calls for a close look at the whole
// cluster: the server was lost or came back, or its receiver dropped or returned.
func alarming(old, now *topology.Sight) bool {
	if old.Reach == topology.ReachUnknown && now.Reach == topology.ReachOK {
		return false
	}
	return old.Reach != now.Reach || old.ConnectionLost != now.ConnectionLost ||
		receiverOf(old.Facts) != receiverOf(now.Facts) || rebooted(old.Facts, now.Facts)
}

// lost tells whether the server became unreachable in that step, or one of its connections broke.
func lost(old, now *topology.Sight) bool {
	return (now.Reach != topology.ReachOK && old.Reach != now.Reach) || (now.ConnectionLost && !old.ConnectionLost)
}

// telling tells whether the step is worth a report at once. Positions move with every write and
// are not.
func telling(old, now *topology.Sight) bool {
	if alarming(old, now) || min(old.Refusals, 2) != min(now.Refusals, 2) || (old.Facts == nil) != (now.Facts == nil) {
		return true
	}
	a, b := old.Facts, now.Facts
	if a == nil || a == b {
		return false
	}
	return a.UUID != b.UUID || !maps.Equal(a.Variables, b.Variables) || !maps.Equal(a.Persisted, b.Persisted) ||
		!slices.Equal(a.Replicas, b.Replicas) || acknowledging(a) != acknowledging(b) || channelOf(a) != channelOf(b) ||
		guardOf(a) != guardOf(b) || starved(a.Commits.StuckFor) != starved(b.Commits.StuckFor)
}

// starved is a span in which nothing came that was waited for: news at each second of it, up to a point.
func starved(span time.Duration) time.Duration { return min(span.Truncate(time.Second), alertSpan) }

// guard is the part of a guard that does not move with every renewal and tick.
type guard struct {
	uuid, fault                           string
	epoch, setVersion                     uint64
	there, enabled, scheduled, ticks, out bool
}

func guardOf(f *topology.Facts) guard {
	l := f.Lease
	if l == nil {
		return guard{}
	}
	return guard{
		uuid: l.UUID, fault: l.Fault, epoch: l.Epoch, setVersion: l.SetVersion, there: true, enabled: l.Enabled, scheduled: l.Scheduler,
		ticks: l.TickAge >= 0 && l.TickAge <= topology.TickLimit, out: l.Remaining <= 0,
	}
}

func rebooted(a, b *topology.Facts) bool {
	return a != nil && b != nil && !a.Boot.Same(b.Boot)
}

func receiverOf(f *topology.Facts) topology.ThreadState {
	if f == nil || f.Source == nil {
		return ""
	}
	return f.Source.Receiver
}

// acknowledgement is the part of the status that says how semi-sync stands.
type acknowledgement struct{ source, replica, clients string }

func acknowledging(f *topology.Facts) acknowledgement {
	return acknowledgement{
		f.Status["rpl_semi_sync_source_status"], f.Status["rpl_semi_sync_replica_status"], f.Status["rpl_semi_sync_source_clients"],
	}
}

// channel is the part of a replication channel that does not move with every write.
type channel struct {
	uuid, address, receiverError, applierError string
	receiver, applier                          topology.ThreadState
	silent                                     time.Duration
}

func channelOf(f *topology.Facts) channel {
	u := f.Source
	if u == nil {
		return channel{}
	}
	return channel{u.UUID, u.Address(), u.ReceiverError, u.ApplierError, u.Receiver, u.Applier, starved(u.SilentFor)}
}
