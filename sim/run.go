package sim

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// Verdict is what a run found.
type Verdict struct {
	Seed       uint64
	Violations []string
	Transcript string
	Plan       string
	Failovers  int
	Aborts     int
	Refusals   int
	Effects    int
	Acked      int
	Elapsed    time.Duration // of virtual time
}

// Run plays the world of a seed: some time of faults, then everything is healed, and the world has to
// come to rest. With read the transcript is written in any case, else only of a world that fails.
func Run(t *testing.T, seed uint64, read bool) Verdict {
	t.Helper()
	return play(t, seed, planOf(seed), read)
}

// play runs a world through a plan, in a bubble of its own.
func play(t *testing.T, seed uint64, plan []decision, read bool) (v Verdict) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		w := newWorld(seed, plan)
		w.mu.Lock()
		w.live()
		w.stop()
		w.mu.Unlock()
		v = Verdict{
			Seed: seed, Violations: w.violations, Plan: describe(plan), Failovers: w.failovers, Aborts: w.aborts,
			Refusals: w.refusals, Effects: w.effects, Acked: len(w.ledger), Elapsed: w.now,
		}
		if read || len(w.violations) > 0 {
			v.Transcript = w.transcript()
		}
	})
	return v
}

// live is the whole life of a world.
func (w *World) live() {
	for i := range w.plan {
		if d := &w.plan[i]; d.when == atBuild {
			d.apply(w)
		}
	}
	w.begin()
	ready := w.runUntil(20*time.Second, func() bool { word, _ := w.condition(); return word == failover.WordOK })
	if !ready && len(w.violations) == 0 {
		_, why := w.condition()
		w.violate("start", "the cluster does not become ok: %s", why)
	}
	if !w.semiSync() {
		w.bootAll()
	}
	began := w.now
	w.raging = true
	for i := range w.plan {
		d := &w.plan[i]
		if d.when != inChaos {
			continue
		}
		w.advance(began + d.at)
		if len(w.violations) > 0 {
			return
		}
		d.apply(w)
	}
	w.run(5 * time.Second)
	w.heal()
	w.converge()
}

// bootAll restarts every server under regent's eyes, which proves how it boots.
func (w *World) bootAll() {
	if len(w.violations) > 0 {
		return
	}
	w.run(time.Second) // so that what is persisted is there
	for _, s := range w.servers {
		s.kill()
		s.start()
	}
	w.run(2 * time.Second) // so that it was seen
	// One that boots writable is written on, and kept apart.
	if !w.runUntil(time.Minute, w.explained) {
		_, why := w.condition()
		w.unless("start", "the cluster does not become ok after all servers were restarted: %s", why)
	}
}

// stop ends every daemon, and waits until nothing is left of them.
func (w *World) stop() {
	for _, n := range w.nodes {
		if n.up {
			n.stop()
		}
	}
	for {
		w.settle()
		left := false
		for _, d := range w.daemons {
			left = left || !d.over
		}
		if !left {
			return
		}
		w.now = max(w.now, w.bubble())
		w.rest(grainAfter(w.now + time.Second))
	}
}

// heal ends all faults, and has somebody correct how servers boot.
func (w *World) heal() {
	if len(w.violations) > 0 {
		return
	}
	w.logf("everything is healed")
	w.calm = true
	for _, u := range w.wrongs {
		u.do()
	}
	for _, s := range w.all {
		s.hang = 0
		s.setClock(-s.stepped)
		s.set("persisted_globals_load", "ON", false)
		s.resume()
		s.start()
	}
	w.linksChanged()
}

// converge lets the world come to rest: by itself as far as it can without people, and then, with an
// operator who does what is asked, completely.
func (w *World) converge() {
	w.runUntil(10*time.Second, func() bool { return w.leader() != nil })
	w.resumed()
	if !w.runUntil(2*time.Minute, w.explained) {
		word, why := w.condition()
		w.unless("convergence", "two minutes after everything was healed the cluster is %s: %s", word, why)
		return
	}
	rested := func() bool {
		word, _ := w.condition()
		s := w.state()
		return word == failover.WordOK && failover.Settled(&s)
	}
	for range 30 {
		if w.runUntil(10*time.Second, rested) {
			if w.run(3 * time.Second); rested() {
				break
			}
			continue
		}
		w.operate()
	}
	if !rested() {
		word, why := w.condition()
		w.unless("convergence", "an operator did what was asked, and the cluster is %s: %s", word, why)
		return
	}
	w.restBeside()
	for _, c := range w.clients {
		c.stopped = true
	}
	w.run(clientTimeout)
	w.runUntil(5*time.Minute, func() bool { return len(w.behind()) == 0 })
	if !w.runUntil(time.Minute, w.doubled) {
		w.unless("copies", "everything is healed, and the files of a report are on one node alone")
	}
	w.kept("in the end")
	w.equal()
}

// unless notes a violation where there is none yet.
func (w *World) unless(what, format string, args ...any) {
	if len(w.violations) == 0 {
		w.violate(what, format, args...)
	}
}

// explained tells whether the cluster rests: it is ok, or all that it lacks is what people are asked for,
// which is to rebuild reported servers and to order an expired override again.
func (w *World) explained() bool {
	word, _ := w.condition()
	s := w.state()
	switch {
	case word == failover.WordOK, word == failover.WordHold && w.expired(&s):
		return true
	case word == failover.WordRecovering, word == failover.WordSplitBrain, w.leader() == nil:
		return false
	}
	v := w.leader().view(w.now)
	apart := 0
	for _, srv := range w.servers {
		q := s.Servers[srv.name()].Quarantine
		f := v.Current(srv.name())
		switch {
		case f == nil:
			return false
		case q != nil:
			apart++
			torn := q.Torn && q.Divergence == "" // nothing of it needs a report, and it waits to be rebuilt
			if !torn && !w.reported(&s, q.Divergence) || !q.Fenced {
				return false
			}
		case srv.name() == s.Primary || s.Hold != nil:
		case f.Source == nil || f.Source.Receiver != topology.ThreadOn || f.Source.Applier != topology.ThreadOn:
			return false
		}
	}
	return (apart > 0 || len(s.Divergences) > 0) && (s.Hold == nil || len(s.Hold.Missing) > 0)
}

func (w *World) reported(s *failover.State, id string) bool {
	for _, d := range s.Divergences {
		if d.ID == id {
			return d.State == failover.DivergenceOpen || d.State == failover.DivergenceSettled
		}
	}
	return false
}

// behind lists the servers that do not hold what the primary holds, or hold more.
func (w *World) behind() []*Server {
	primary := w.server(w.state().Primary)
	var out []*Server
	for _, s := range w.servers {
		if !s.executed.set().Equal(primary.executed.set()) {
			out = append(out, s)
		}
	}
	return out
}

// equal checks that all servers hold the same in the end.
func (w *World) equal() {
	primary := w.server(w.state().Primary)
	for _, s := range w.behind() {
		w.unless("convergence", "%s has %s beside %s of the primary %s", s.name(), w.shown(s.executed.set()), w.shown(primary.executed.set()), primary.name())
	}
}
