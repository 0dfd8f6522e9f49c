package observer

import (
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// quiet measures how long a replica's receiver has got nothing: the time between two of the
// replica's answers in which neither a heartbeat nor a transaction arrived. It never overstates:
// what happened between two answers counts as having happened just before the later one.
type quiet struct {
	source     string
	heartbeats uint64
	received   gtid.Set
	since      time.Time
}

// stuck measures how long commits have waited on a server while none of them ended: the time between two of its
// answers, all of which showed waiting commits and the same transactions as executed. It never overstates either.
type stuck struct {
	boot     topology.Boot
	executed gtid.Set
	since    time.Time
}

// saw takes the next answer and returns for how long nothing was committed up to it.
func (s *stuck) saw(f *topology.Facts, at time.Time) time.Duration {
	switch {
	case f.Commits.Waiting == 0:
		s.since = time.Time{}
		return 0
	case s.since.IsZero() || !s.boot.Same(f.Boot) || !s.executed.Equal(f.Executed):
		s.since = at
	}
	s.boot, s.executed = f.Boot, f.Executed
	return at.Sub(s.since)
}

// heard takes the next answer and returns the silence up to it.
func (q *quiet) heard(up *topology.Upstream, at time.Time) time.Duration {
	// A restarted receiver counts its heartbeats from 0 again: fewer than before is no sign of life.
	alive := q.source != up.UUID || up.Heartbeats > q.heartbeats || !up.Received.Equal(q.received)
	if alive || q.since.IsZero() {
		q.since = at
	}
	q.source, q.heartbeats, q.received = up.UUID, up.Heartbeats, up.Received
	return at.Sub(q.since)
}
