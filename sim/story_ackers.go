package sim

import (
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
)

// loseHolders cuts all but one acker from the primary, and the replicas elsewhere, so that what is acknowledged is on
// that one alone. It dies with what it has received and not applied, and then the primary dies: whoever may be promoted
// has not got it, nor has that acker when it comes back. In half of the cases it is back before the primary dies, and receives
// slowly what it lost.
func (w *World) loseHolders(r *rand.Rand) {
	st := w.state()
	p := w.server(st.Primary)
	if p == nil || len(st.Ackers) < 2 {
		return
	}
	const last = 11 * time.Second
	holds := w.server(st.Ackers[r.IntN(len(st.Ackers))])
	var others []place
	for _, s := range w.servers {
		if s != p && s != holds {
			others = append(others, s.at)
		}
	}
	w.relayRecovery()
	holds.slow = between(r, 20, 100)
	w.part([]place{p.at}, others, true, last)
	dies := between(r, 200, 1200)
	w.later(dies, holds.kill)
	back, lost := dies+between(r, 1000, 6000), dies+between(r, 100, 3000)
	if r.IntN(2) == 0 {
		back = dies + between(r, 300, 1000)
		lost = back + between(r, 300, 2500)
		slow := between(r, 1000, 3000)
		w.later(dies, func() { holds.late += slow })
		w.after(last, func() { holds.late = max(holds.late-slow, 0) })
	}
	w.after(back, holds.start)
	w.later(lost, p.kill)
	w.after(last, p.start)
}

// keepReceiving has the primary hang while statements hang on one of its ackers, which goes on receiving from it: nobody
// can have that one stop, and nobody may be promoted.
func (w *World) keepReceiving(r *rand.Rand) {
	st := w.state()
	p := w.server(st.Primary)
	if p == nil || len(st.Ackers) == 0 {
		return
	}
	const last = 12 * time.Second
	p.touched++
	p.pause()
	w.wrong(last, p.resume)
	w.hangFor(w.server(st.Ackers[r.IntN(len(st.Ackers))]), last)
}

// limitCommits has somebody give commits on the primary a time after which they wait for nobody, and the primary dies
// as soon as that was seen.
func (w *World) limitCommits(r *rand.Rand) {
	p := w.server(w.state().Primary)
	if p == nil {
		return
	}
	w.logf("somebody limits how long commits on %s wait", p.name())
	p.touched++
	p.set("rpl_semi_sync_source_timeout", "10000", false)
	at, last := between(r, 0, 60), between(r, 5000, 9000)
	w.once(3*time.Second, func(is *failover.State) bool { return is.Armed && is.Unproven != "" }, func() {
		w.later(at, p.kill)
		w.after(last, p.start)
	})
}

// comeBackEarly has an old primary come back while statements hang on the candidate that is being opened, so that it
// acknowledges to that; often the candidate is lost then.
func (w *World) comeBackEarly(r *rand.Rand) {
	old := w.server(w.state().Primary)
	if old == nil {
		return
	}
	hangs, lost, how := between(r, 1000, 3000), r.IntN(2) == 0, r.IntN(3)
	at, last := between(r, 500, 3000), between(r, 3000, 8000)
	named := func(is *failover.State) bool {
		return is.Recovery != nil && is.Recovery.Stage == failover.StageOpen && is.Recovery.Old == old.name()
	}
	w.once(8*time.Second, named, func() {
		c := w.server(w.state().Recovery.Candidate)
		w.hangFor(c, hangs)
		old.start()
		if lost {
			w.later(at, func() { w.loseFor(c, how, last) })
		}
	})
	old.kill()
	w.after(8*time.Second, old.start)
}

// makeImpatient has commits go on without ackers after a while.
func (w *World) makeImpatient(r *rand.Rand) {
	w.makeBlock(r)
	w.makeDegrade(r)
}

// degradeAndReturn has the ackers go away. In half of the cases they are back, and statements hang on the primary,
// just when its commits are to wait no more.
func (w *World) degradeAndReturn(r *rand.Rand) {
	p := w.server(w.state().Primary)
	if p == nil || r.IntN(2) == 0 {
		w.loseAckers(r)
		return
	}
	for _, name := range w.state().Ackers {
		s := w.server(name)
		s.touched++
		s.pause()
		w.wrong(12*time.Second, s.resume)
	}
	hangs, back := between(r, 500, 3500), between(r, 0, 400)
	w.once(10*time.Second, func(is *failover.State) bool { return is.Shortage != nil && is.Shortage.Degraded }, func() {
		w.hangFor(p, hangs)
		w.later(back, func() {
			for _, s := range w.servers {
				s.resume()
			}
		})
	})
}
