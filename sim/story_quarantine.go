package sim

import (
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
)

// reopenQuarantined has a primary die with commits that nobody has received, so that it is kept apart when it comes
// back. Once that is reported somebody opens it, an application writes on it, and statements of regent hang there.
func (w *World) reopenQuarantined(r *rand.Rand) {
	old := w.server(w.state().Primary)
	if old == nil {
		return
	}
	for _, s := range w.servers {
		s.late += time.Second
		w.after(2*time.Second, func() { s.late -= time.Second })
	}
	w.later(between(r, 200, 400), old.kill)
	w.after(between(r, 2500, 4000), old.start)
	settled, hangs, wait := r.IntN(2) == 0, between(r, 6000, 8000), between(r, 0, 1000)
	w.once(20*time.Second, w.reportedApart(old), func() {
		if q := w.state().Servers[old.name()].Quarantine; settled {
			w.tell(failover.Order{Kind: failover.OrderAckReport, Report: q.Divergence, Reason: "settled"})
		}
		w.later(wait, func() { w.openByHand(old, hangs) })
	})
}

// reportedApart tells that a server is kept apart, and that it is known what it holds.
func (w *World) reportedApart(s *Server) func(*failover.State) bool {
	return func(is *failover.State) bool {
		q := is.Servers[s.name()].Quarantine
		return q != nil && q.Fenced && w.reported(is, q.Divergence)
	}
}

// openByHand is a person who makes a server writable that is kept apart, and an application that finds it.
func (w *World) openByHand(s *Server, hangs time.Duration) {
	if !s.answers() || w.state().Servers[s.name()].Quarantine == nil {
		return
	}
	w.logf("somebody opens %s", s.name())
	s.touched++
	s.meddled = w.now
	w.forked[s.name()] = true
	s.set("super_read_only", "OFF", false)
	s.set("read_only", "OFF", false)
	w.hangFor(s, hangs)
	for _, c := range w.clients[:2] {
		c.fail(c.server)
		c.server, c.process = s, s.process
	}
}
