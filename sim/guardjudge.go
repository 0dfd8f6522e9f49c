package sim

import (
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// watched is what the judge knows of the guard of a server and no daemon does.
type watched struct {
	// doubtful tells that the guard may not end the lease in time, and that nobody may have noticed yet: its clock
	// was set, or its event kept from running. seen is for how many seconds everybody could have.
	doubtful bool
	seen     int
	resumed  time.Duration // when the process was resumed last
	lapsed   bool          // a leader has cited its lease, and it has not been opened again
	expiries int           // how often its event found its lease expired
}

// warped notes that something happened to a guard that its argument does not cover before it is noticed.
func (s *Server) warped() { s.watched.doubtful, s.watched.seen = true, 0 }

// unwarped is called when a lease begins: what was wrong before is over, or will be noticed by whoever armed it.
func (s *Server) unwarped() { s.watched.doubtful = s.guard.event != nil && s.guard.event.broken }

// noticesIn is for how many seconds leader and renewer must see a server until they have noticed what is wrong with
// its guard: a tick is old after three.
const noticesIn = 6

// noticed counts, once a second, how long what is wrong with guards could have been seen.
func (w *World) noticeGuards() {
	if !w.guarded {
		return
	}
	leader := w.leader()
	for _, s := range w.servers {
		if !s.watched.doubtful {
			continue
		}
		seen := leader != nil && s.answers() && w.net.joined(leader.at, s.at) && w.now >= s.hang &&
			!slices.ContainsFunc(w.nodes, func(n *Node) bool { return !n.serves() || !w.net.joined(n.at, s.at) })
		if s.watched.seen++; !seen {
			s.watched.seen = 0
		}
		if s.watched.seen >= noticesIn {
			s.watched.doubtful = false
		}
	}
}

// riskOfPause tells that a server may acknowledge writes though its lease was cited: it is, or was a moment ago,
// paused, which the policy accepts.
func (s *Server) riskOfPause() bool {
	recently := s.watched.resumed > 0 && s.w.now <= s.watched.resumed+fencesWithin
	return s.watched.lapsed && s.w.currentPolicy().AcceptPauseRisk && (s.paused || recently)
}

func (w *World) currentPolicy() policy.Policy { return w.group.current().Spec.Policy }

// lapseCited tells whether somebody is named primary because the lease of a writer has lapsed, and checks that in truth
// the writer takes no writes (I1).
func (w *World) lapseCited(r *failover.Recovery, s *Server) bool {
	lapsed := slices.ContainsFunc(r.Evidence, func(e failover.Evidence) bool {
		return e.Kind == failover.EvidenceLeaseLapsed && e.Server == s.name()
	})
	if !lapsed {
		return false
	}
	s.watched.lapsed = true
	w.lapses++
	if !w.currentPolicy().AcceptPauseRisk {
		w.violate("I1", "the lease of %s is cited, and accept_pause_risk is false", s.name())
	}
	if s.writable() && !s.riskOfPause() && !s.watched.doubtful {
		w.violate("I1", "%s is named primary because the lease of %s has lapsed, and that is writable", r.Candidate, s.name())
	}
	return true
}

// renewed is called with every renewal that takes effect. It is of the row that it was permitted for. A claim that
// stood from the beginning of a leader's wait until now stood when it was permitted, unless that was before the wait:
// then it does not last longer than the leader waits for (I1).
func (w *World) renewed(s *Server, row topology.Lease, until time.Time) {
	if !s.holds(row) {
		w.violate("guard", "what was permitted for set version %d of epoch %d renews set version %d of epoch %d on %s",
			row.SetVersion, row.Epoch, s.guard.row.set, s.guard.row.epoch, s.name())
	}
	st := w.state()
	r := st.Recovery
	if r == nil || r.Lapse == nil || r.Lapse.Writer != s.name() || row.Epoch != st.Epoch || s.watched.doubtful || st.Guard == nil {
		return
	}
	for _, h := range r.Lapse.Held {
		c := w.server(h.Server)
		if c.claim == nil || c.claimedAt > w.lapseSince {
			return
		}
	}
	lasts, margin := until.Sub(s.clock()), policy.GuardMargin(st.Guard.MaxTTL)
	if over := w.now + lasts - (w.lapseSince + st.Guard.MaxTTL + margin); over > 0 {
		w.violate("I1", "the lease of %s is renewed for %s more than the leader waits that has claimed %v", s.name(), over, r.Lapse.Held)
	}
}

// waits notes when a leader began to wait for a lease to lapse.
func (w *World) notesLapse(was, is *failover.State) {
	lapse := func(s *failover.State) *failover.LapseWait {
		if s.Recovery == nil {
			return nil
		}
		return s.Recovery.Lapse
	}
	before, now := lapse(was), lapse(is)
	if now != nil && (before == nil || !before.Since.Equal(now.Since) || before.Term != now.Term) {
		w.lapseSince = w.now
	}
}

// watchGuard checks, while nodes are dead or a region is cut off, that the guard does what the policy says: without
// anybody who renews its lease the primary goes read-only; by failsafe it goes on (I8).
func (w *World) watchGuard(d time.Duration) {
	s := w.writer
	l := s.lease()
	if !w.guarded || l == nil || l.UUID != s.uuid || l.Fault != "" || !s.writable() || s.paused || s.watched.resumed > w.now-time.Second || w.renewable(s) {
		return
	}
	ends := l.TTL + fencesWithin + 100*time.Millisecond
	if d <= ends {
		return
	}
	before, expiries, asked, began := w.touched()+w.lives(), s.watched.expiries, w.answersFailsafe(s), w.now
	w.after(ends, func() {
		since := w.touched() + w.lives() - before
		// A server that was killed is not writable either, and its guard has nothing to do with that.
		fenced := since == 1 && s.watched.expiries == expiries+1
		if s != w.writer || s.watched.doubtful || since > 1 || w.renewable(s) {
			return
		}
		switch alone := w.failsafes(s); {
		case s.writable() && !alone:
			w.violate("I8", "nobody renews the lease of %s since %s, and it takes writes", s.name(), began)
		case !s.writable() && alone && fenced && asked && w.answersFailsafe(s) && w.quiet() && w.flaky == 0:
			w.violate("I8", "all candidates of %s answer without a claim, and its guard has fenced it", s.name())
		}
	})
}

// lives counts the starts of nodes.
func (w *World) lives() int {
	n := 0
	for _, o := range w.nodes {
		n += o.process
	}
	return n
}

// renewable tells whether a node that reaches a server may reach a majority.
func (w *World) renewable(s *Server) bool {
	return slices.ContainsFunc(w.nodes, func(n *Node) bool {
		with := 0
		for _, o := range w.nodes {
			if n.serves() && (o == n || n.converse(o)) {
				with++
			}
		}
		return w.net.joined(n.at, s.at) && with >= w.group.enough()
	})
}

// failsafes tells whether a node reaches a server that renews its lease by failsafe, as its policy says.
func (w *World) failsafes(s *Server) bool {
	l := s.lease()
	return l != nil && l.Serve && slices.ContainsFunc(w.nodes, func(n *Node) bool { return n.serves() && w.net.joined(n.at, s.at) })
}

// answersFailsafe tells whether the node beside a server reaches it and every candidate of its row, and finds no claim.
func (w *World) answersFailsafe(s *Server) bool {
	for _, n := range w.nodes {
		knows := w.group.states[n.raft.applied].Clusters[w.spec.Name].State.Primary == s.name()
		if n.region != s.spec.Region || !n.serves() || !w.net.joined(n.at, s.at) || s.guard.row == nil || !knows {
			continue
		}
		return !slices.ContainsFunc(s.guard.row.candidates, func(name string) bool {
			c := w.server(name)
			return !c.answers() || !w.net.joined(n.at, c.at) || c.claimed(s.uuid) != ""
		})
	}
	return false
}
