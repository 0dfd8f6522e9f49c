package sim

import (
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
)

// maintain is a person who stops automation for a while, and ends that, or forgets it.
func (w *World) maintain(r *rand.Rand) {
	w.tell(failover.Order{Kind: failover.OrderMaintenance, Reason: "a new disk", TTL: time.Second + time.Duration(r.IntN(5000))*time.Millisecond})
	if r.IntN(2) == 0 {
		w.after(time.Duration(r.IntN(3000))*time.Millisecond, func() {
			if !w.calm {
				w.tell(failover.Order{Kind: failover.OrderMaintenanceEnd})
			}
		})
	}
}

// touchesPaused is called with every decision: while a person has stopped automation nothing is done.
func touchesPaused(d *failover.Decision) string {
	if d.Next.Paused == nil || len(d.Actions) == 0 {
		return ""
	}
	return "automation was stopped, and " + string(d.Actions[0].Kind) + " is done to " + d.Actions[0].Server
}

// begins checks what a recovery may begin from: nobody has stopped automation, and without an order it is
// known who may have acknowledged what (I4).
func (w *World) begins(was, is *failover.State) {
	r := is.Recovery
	if r == nil || was.Recovery != nil && was.Recovery.ID == r.ID {
		return
	}
	if was.Paused != nil && is.Paused != nil {
		w.violate("pause", "recovery %s begins, and %s", r.ID, was.Paused)
	}
	if r.By == "" && w.semiSync() && is.Unproven != "" {
		w.violate("I4", "recovery %s begins by itself, and what was acknowledged is not known: %s", r.ID, is.Unproven)
	}
}

// resumed has automation go on after the chaos: a maintenance ends by itself, and a pause has to be ended.
func (w *World) resumed() {
	paused := func() bool { return w.state().Paused != nil }
	if p := w.state().Paused; p != nil && p.TTL > 0 {
		if !w.runUntil(30*time.Second, func() bool { return !paused() }) {
			w.unless("pause", "a maintenance of %s has not ended: %s", p.TTL, p)
		}
	}
	if paused() {
		w.tell(failover.Order{Kind: failover.OrderResume})
	}
}
