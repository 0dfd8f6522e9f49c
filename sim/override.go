package sim

import (
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
)

// accept is called when an override has a server opened: the earlier primaries that its record names may go
// on, and what they hold alone is lost by a person's decision. Nobody else may.
func (w *World) accept(st *failover.State, opened *Server) {
	names := []string{st.Recovery.Old}
	if st.Override != nil {
		names = append(names, st.Override.Accepts...)
	}
	for _, name := range names {
		if s := w.server(name); s != opened {
			w.forked[name] = true
			w.forgiven = w.forgiven.Union(s.logged.set().Subtract(opened.executed.set()))
		}
	}
}

// overrideAndLose has a person promote a server outside the home region that is lost while it opens, and then
// another one, maybe twice.
func (w *World) overrideAndLose(r *rand.Rand) {
	first := 3 + r.IntN(2)
	one, other := w.servers[first], w.servers[7-first]
	if r.IntN(3) == 0 {
		w.pauseFor(other, r) // nobody is there to acknowledge
	}
	how, last := r.IntN(3), 6*time.Second+time.Duration(r.IntN(9000))*time.Millisecond
	waits := []time.Duration{time.Duration(r.IntN(3000)) * time.Millisecond, 7 * time.Second}[:1+r.IntN(2)]
	w.override(one)
	w.whenOpening(one, 3*time.Second, func() {
		w.loseFor(one, how, last)
		w.whenBegunAgain(10*time.Second, func() {
			for _, wait := range waits {
				w.after(wait, func() { w.override(other) })
			}
		})
	})
}

// override orders the promotion of a server on a person's word.
func (w *World) override(s *Server) {
	if !w.calm {
		w.tell(failover.Order{Kind: failover.OrderFailover, Server: s.name(), Override: true, Reason: "it burns", TTL: time.Minute})
	}
}

// loseFor has a server killed, paused or cut off.
func (w *World) loseFor(s *Server, how int, d time.Duration) {
	switch how {
	case 0:
		s.kill()
		w.after(d, s.start)
	case 1:
		s.touched++
		s.pause()
		w.wrong(d, s.resume)
	default:
		w.cutOff([]place{s.at}, d)
	}
}

// whenOpening does something as soon as a recovery opens a server, if that is soon enough.
func (w *World) whenOpening(s *Server, within time.Duration, do func()) {
	w.watch(within, 5*time.Millisecond, func() bool {
		rec := w.state().Recovery
		return rec != nil && rec.Candidate == s.name() && rec.Stage == failover.StageOpen
	}, do)
}

// whenBegunAgain does something once the open recovery looks for another candidate.
func (w *World) whenBegunAgain(within time.Duration, do func()) {
	w.watch(within, 50*time.Millisecond, func() bool {
		rec := w.state().Recovery
		return rec != nil && rec.Stage == failover.StageRevoke && rec.Attempt > 0
	}, do)
}

// watch does something once a condition holds that is looked at now and then.
func (w *World) watch(within, every time.Duration, holds func() bool, do func()) {
	until := w.now + within
	var look func()
	look = func() {
		switch {
		case w.calm || w.now > until:
		case holds():
			do()
		default:
			w.after(every, look)
		}
	}
	look()
}
