package sim

import (
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
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

// orderBehind has a person order a failover while the replicas are behind: they have to have the last transactions
// before the old primary lets nobody in.
func (w *World) orderBehind(r *rand.Rand) {
	for _, s := range w.servers {
		s.late += between(r, 100, 600)
	}
	w.later(between(r, 500, 2500), func() { w.tell(failover.Order{Kind: failover.OrderFailover, Reason: "try"}) })
}
