package sim

import (
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
)

// loseReport has a primary die with commits that nobody has received. When it is known what it holds, and a second node
// has the report, the node that wrote that is lost with its disk. A person has another one replay it.
func (w *World) loseReport(r *rand.Rand) {
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
	gone, begins := between(r, 3000, 9000), between(r, 1000, 4000)
	w.once(20*time.Second, w.copiedApart(old), func() {
		id := w.state().Servers[old.name()].Quarantine.Divergence
		w.loseDisk(w.node(w.find(id).Node), gone)
		for at := begins; at < begins+4*time.Second; at += time.Second {
			w.later(at, func() {
				if v := w.find(id); v != nil {
					w.replays(v)
				}
			})
		}
	})
}

// copiedApart tells that a server is kept apart, and that what it holds is known and on two nodes.
func (w *World) copiedApart(s *Server) func(*failover.State) bool {
	reported := w.reportedApart(s)
	return func(is *failover.State) bool {
		if !reported(is) {
			return false
		}
		id := is.Servers[s.name()].Quarantine.Divergence
		for i := range is.Divergences {
			if v := &is.Divergences[i]; v.ID == id {
				return len(v.Holders()) > 1
			}
		}
		return false
	}
}

// find is what is agreed about a report, nil where there is none of that name.
func (w *World) find(id string) *failover.Divergence {
	s := w.state()
	for i := range s.Divergences {
		if s.Divergences[i].ID == id {
			return &s.Divergences[i]
		}
	}
	return nil
}
