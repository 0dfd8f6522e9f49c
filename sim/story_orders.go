package sim

import (
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
)

// overrideAlone has a person promote a server while the one that would acknowledge to it is away, and that comes back
// while statements hang on the server, just when it is opened without it.
func (w *World) overrideAlone(r *rand.Rand) {
	first := 3 + r.IntN(2)
	one, other := w.servers[first], w.servers[7-first]
	hangs, back := between(r, 1000, 2500), between(r, 0, 500)
	other.touched++
	other.pause()
	w.wrong(12*time.Second, other.resume)
	w.later(between(r, 2000, 3000), func() { w.override(one) })
	w.once(9*time.Second, opening(one), func() {
		w.hangFor(one, hangs)
		w.later(back, other.resume)
	})
}

// orderBlocked has a person order a failover while the commits of the primary wait for ackers that it does not
// reach, so that it cannot become read-only.
func (w *World) orderBlocked(r *rand.Rand) {
	st := w.state()
	p := w.server(st.Primary)
	if p == nil {
		return
	}
	var ackers []place
	for _, name := range st.Ackers {
		ackers = append(ackers, w.server(name).at)
	}
	w.part([]place{p.at}, ackers, true, between(r, 6000, 10000))
	w.later(between(r, 100, 2500), func() { w.tell(failover.Order{Kind: failover.OrderFailover, Reason: "try"}) })
}

// orderExpires has a person permit a promotion for a moment. The primary is asked to become read-only, and that hangs
// on it until another node leads, by whose clock the permission is over: it opens what the other still closes.
func (w *World) orderExpires(r *rand.Rand) {
	p := w.server(w.state().Primary)
	if p == nil {
		return
	}
	for _, name := range w.state().Ackers {
		w.server(name).late = between(r, 500, 1500)
	}
	ttl, moves, hangs := between(r, 200, 1000), between(r, 0, 400), between(r, 800, 2200)
	next := w.nodes[(w.likelyLeader().index+1+r.IntN(2))%len(w.nodes)]
	target := w.servers[3+r.IntN(2)].name()
	w.once(3*time.Second, func(is *failover.State) bool { return is.Recovery != nil && is.Recovery.Fencing }, func() {
		w.hangFor(p, hangs)
		w.later(moves, func() { w.group.transfer(next) })
	})
	w.later(between(r, 1000, 2000), func() {
		w.tell(failover.Order{Kind: failover.OrderFailover, Server: target, Override: true, Reason: "quick", TTL: ttl})
	})
}

// orderWaiting is an order in either of two windows.
func (w *World) orderWaiting(r *rand.Rand) {
	if r.IntN(2) == 0 {
		w.orderTakesOver(r)
		return
	}
	w.orderBlocked(r)
}

// orderTakesOver has a recovery wait for an acker whose receiver cannot be stopped, while a server elsewhere that it has
// stopped hangs. A person permits a promotion then, which expires: that server is not asked again, and is to receive again all the same.
func (w *World) orderTakesOver(r *rand.Rand) {
	st := w.state()
	p := w.server(st.Primary)
	if p == nil || len(st.Ackers) < 2 {
		return
	}
	slow, i := w.server(st.Ackers[r.IntN(len(st.Ackers))]), r.IntN(2)
	gone, target := w.servers[3+i], w.servers[4-i]
	stops, unseen, ttl := between(r, 300, 800), between(r, 1800, 2500), between(r, 200, 1000)
	revoking := func(is *failover.State) bool {
		return is.Recovery != nil && is.Recovery.Stage == failover.StageRevoke && is.Recovery.Old == p.name()
	}
	w.once(6*time.Second, revoking, func() {
		w.hangFor(slow, 9*time.Second)
		w.later(stops, func() { // that changes nothing on it
			gone.pause()
			w.wrong(unseen+2*time.Second, gone.resume)
		})
		w.later(stops+unseen, func() {
			w.hangFor(target, ttl+time.Second)
			w.tell(failover.Order{Kind: failover.OrderFailover, Server: target.name(), Override: true, Reason: "quick", TTL: ttl})
		})
	})
	p.kill()
	w.after(12*time.Second, p.start)
}
