package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// makeDegrade has commits go on without acknowledgements when ackers are missing for some time.
func (w *World) makeDegrade(r *rand.Rand) {
	w.spec.Policy.SemiSync.WhenMissing = policy.MissingDegrade
	w.spec.Policy.SemiSync.DegradeAfter = policy.Duration(time.Duration(500+r.IntN(1500)) * time.Millisecond)
}

// promised checks that a client is told of a commit only when so many ackers have it as is agreed, or it is
// agreed, and with that shown, that nobody may have it (I4).
func (w *World) promised(s *Server, c *commit) {
	if s != w.writer || !w.semiSync() {
		return
	}
	st := w.state()
	wait := 0
	switch {
	case st.Primary != s.name():
	case st.Recovery != nil && st.Recovery.Old != st.Primary:
		wait = waitOf(st.Recovery, s.name())
	case st.Armed && st.Unproven == "":
		wait = st.WaitCount
	}
	if have := s.acknowledgements(c.upTo); have < wait {
		w.violate("I4", "%s acknowledges %v with %d of the %d ackers that are agreed, and nobody is told", s.name(), c.gtid, have, wait)
	}
}

// waitOf is for how many acknowledgements a server waits that a recovery opens.
func waitOf(r *failover.Recovery, writer string) int {
	for _, g := range slices.Backward(r.Groups) {
		if g.Writer == writer && !g.Free {
			return g.Wait
		}
	}
	return 0
}

// degrades checks that a promise that is suspended is said to be, in the record, the history and the word of
// the cluster, and that it is not when the policy wants commits to wait.
func (w *World) degrades(was, is *failover.State, events []failover.Event) {
	if is.Shortage == nil || !is.Shortage.Degraded {
		return
	}
	if w.spec.Policy.SemiSync.WhenMissing != policy.MissingDegrade {
		w.violate("I4", "%s waits for nobody, against its policy", is.Primary)
	}
	told := slices.ContainsFunc(events, func(e failover.Event) bool { return e.Kind == "degraded" })
	if before := was.Shortage; (before == nil || !before.Degraded) && !told {
		w.violate("I4", "%s waits for nobody, and the history does not say so", is.Primary)
	}
	if n := w.leader(); n != nil && is.Recovery == nil {
		v := n.view(w.now)
		if word, _ := failover.Condition(&w.spec, is, &v); is.Unproven == "" || word == failover.WordOK {
			w.violate("I4", "%s waits for nobody, and its cluster is %s", is.Primary, word)
		}
	}
}

// tailKept checks that a primary that was closed is opened again only when what it has is on enough ackers: a
// boot has committed what it waited with. A server that boots just now may have lost it again.
func (w *World) tailKept(st *failover.State, s *Server) {
	if !w.semiSync() || st.Unproven != "" || st.Recovery != nil || !st.Armed {
		return
	}
	const now = 3
	have := 0
	for _, o := range w.servers {
		if o != s && o.spec.Region == s.spec.Region && (o.held().Contains(s.executed.set()) || o.bootedAt+now > w.wall().Unix()) {
			have++
		}
	}
	if have < st.WaitCount {
		w.violate("I4", "%s is opened again with a tail that %d of %d ackers have", s.name(), have, st.WaitCount)
	}
}

// loseAckers has every acker of the primary go away for a while. Where the policy is to go on without them,
// commits do.
func (w *World) loseAckers(r *rand.Rand) {
	how, last := r.IntN(3), time.Duration(4+r.IntN(6))*time.Second
	for _, name := range w.state().Ackers {
		w.loseFor(w.server(name), how, last)
	}
	wait := 3*time.Duration(w.spec.Policy.SemiSync.DegradeAfter) + 2*time.Second
	if w.spec.Policy.SemiSync.WhenMissing != policy.MissingDegrade || !w.semiSync() || last < wait+time.Second {
		return
	}
	s, touched, term := w.writer, w.touched(), w.group.term
	undisturbed := func() bool {
		st, l := w.state(), w.leader()
		return w.touched() == touched && w.group.term == term && l != nil && w.net.joined(l.at, s.at) && w.quiet() && w.flaky == 0 &&
			st.Primary == s.name() && st.Armed && st.Recovery == nil && st.Paused == nil && s.answers() && s.writable() && w.now >= s.hang &&
			slices.ContainsFunc(w.clients, func(c *client) bool { return c.server == s && w.net.joined(c.at, s.at) })
	}
	if !undisturbed() {
		return
	}
	w.after(wait, func() {
		if acked := len(w.ledger); undisturbed() && !w.calm {
			w.after(time.Second, func() {
				if len(w.ledger) == acked && undisturbed() && !w.calm {
					w.violate("degrade", "the ackers of %s are gone for %s, and its commits still wait", s.name(), wait)
				}
			})
		}
	})
}
