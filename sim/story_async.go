package sim

import (
	"math/rand/v2"
	"time"
)

// shutDownSlowly has the primary refuse new connections, those of nodes too, while it serves those that it has.
func (w *World) shutDownSlowly(r *rand.Rand) {
	p := w.server(w.state().Primary)
	if p == nil {
		return
	}
	in := between(r, 1500, 4000)
	p.shutDown(in)
	w.refuseNodes(p)
	w.after(in+lasts(r), p.start)
}

// loseBoth has the primary die, and the candidate that is to follow it while that is opened.
func (w *World) loseBoth(r *rand.Rand) {
	old := w.server(w.state().Primary)
	if old == nil {
		return
	}
	at := between(r, 0, 30)
	for _, s := range w.servers {
		w.once(8*time.Second, opening(s), func() {
			w.hangFor(s, time.Second)
			w.later(at, s.kill)
			w.after(14*time.Second, s.start)
		})
	}
	old.kill()
	w.after(14*time.Second, old.start)
}
