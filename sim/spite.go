package sim

import (
	"time"

	"github.com/regentdb/regent/failover"
)

// beSpiteful breaks something more just when a recovery enters a stage.
func (w *World) beSpiteful(r *failover.Recovery) {
	if r == nil {
		w.stage = ""
		return
	}
	if r.Stage == w.stage {
		return
	}
	w.stage = r.Stage
	if w.calm || w.rng.IntN(100) >= w.spite {
		return
	}
	victims := append([]string{r.Old}, r.Ackers...)
	if r.Candidate != "" {
		victims = append(victims, r.Candidate, r.Candidate, r.Candidate)
	}
	s := w.server(victims[w.rng.IntN(len(victims))])
	lasts := time.Duration(w.rng.IntN(9000)) * time.Millisecond
	w.after(time.Duration(w.rng.IntN(150))*time.Millisecond, func() { w.strike(s, lasts) })
}

// strike hits one server, or whoever leads.
func (w *World) strike(s *Server, lasts time.Duration) {
	switch w.rng.IntN(7) {
	case 0, 1:
		s.kill()
		w.after(lasts, s.start)
	case 2, 3:
		s.pause()
		w.after(lasts, s.resume)
	case 4:
		w.cutOff([]string{s.name()}, lasts)
	case 5:
		w.oneWay(s.name(), lasts)
	case 6:
		w.moveLead()
	}
}
