package sim

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// committed is called with every command that reached the log, with the cluster as it was before.
func (w *World) committed(before *fsm.Cluster, e *entry, err error) {
	if c := e.command.Copied; c != nil && err == nil && c.Cluster == w.spec.Name {
		is := w.state()
		w.copied(&before.State, &is)
		w.agrees(&is)
	}
	a := e.command.Advance
	if err != nil || a == nil {
		return
	}
	was, is := &before.State, &a.Next
	w.fleetBraked(a.Cluster, was, is)
	if a.Cluster != w.spec.Name {
		w.committedBeside(a.Cluster, is)
		return
	}
	w.oneRecord(was, is)
	w.notesLapse(was, is)
	w.recordedOnce(was.Recovery, is.Recovery)
	w.epochs(was, is)
	w.region(is)
	w.intend(is.Recovery)
	w.begins(was, is)
	w.degrades(was, is, a.Events)
	w.quarantines(was, is)
	w.reports(is)
	w.copied(was, is)
	switch {
	case was.Recovery == nil && is.Recovery != nil:
		w.asked = w.settings()
	case was.Recovery != nil && is.Recovery == nil && was.Recovery.Stage == failover.StageAbort:
		w.aborted(was.Recovery, is)
	}
	for _, ev := range a.Events {
		w.logf("event %s: %s: %s", ev.Kind, ev.Decision, ev.Reason)
		if (ev.Kind == string(failover.KindFailover) || ev.Kind == string(failover.KindOverride)) && ev.Lost != nil && !ev.Failed {
			w.failovers++
			w.kept("after a failover")
			w.bounded(&ev)
		}
	}
	w.enter(is.Recovery)
	w.agrees(is)
}

// oneRecord checks that a recovery ends before another one begins, unless an order takes it over (I6).
func (w *World) oneRecord(was, is *failover.State) {
	if was.Recovery == nil || is.Recovery == nil || was.Recovery.ID == is.Recovery.ID {
		return
	}
	if is.Recovery.By == "" {
		w.violate("I6", "recovery %s begins while %s is open", is.Recovery.ID, was.Recovery.ID)
	}
}

// recordedOnce checks that the outcome of a step is recorded once: it changes only after the step was
// asked for again, which the number of its tries shows (I6).
func (w *World) recordedOnce(was, is *failover.Recovery) {
	if was == nil || is == nil || was.ID != is.ID {
		return
	}
	if is.Attempt < was.Attempt {
		w.violate("I6", "recovery %s goes back from attempt %d to %d", is.ID, was.Attempt, is.Attempt)
	}
	if is.Attempt != was.Attempt {
		return
	}
	before, after := lasting(was.Steps), lasting(is.Steps)
	if len(after) < len(before) {
		w.violate("I6", "recovery %s forgets steps", is.ID)
		return
	}
	for i, old := range before {
		now := after[i]
		again := now.Tries > old.Tries || old.State != failover.StepDone
		if now.Name != old.Name || now.Server != old.Server || now.Attempt != old.Attempt || (!again && !reflect.DeepEqual(now, old)) {
			w.violate("I6", "recovery %s: the outcome of %s on %s is recorded twice", is.ID, old.Name, old.Server)
		}
	}
}

// lasting are the steps that are more than a look at what was done: each leader looks anew.
func lasting(steps []failover.Step) []failover.Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s failover.Step) bool { return s.Name == failover.ActClaim })
}

// epochs checks that every change of primary, and nothing else, raises the epoch by one, and that there
// is evidence for every earlier writer by then (I1).
func (w *World) epochs(was, is *failover.State) {
	w.named[is.Primary] = true
	defer func() {
		if !slices.Contains(w.writers, is.Primary) {
			w.writers = append(w.writers, is.Primary)
		}
		if is.Recovery == nil {
			w.writers = []string{is.Primary}
		}
	}()
	switch {
	case was.Epoch == 0 || (was.Primary == is.Primary && was.Epoch == is.Epoch):
		return
	case was.Primary == is.Primary && is.Recovery != nil && is.Epoch == was.Epoch+1:
		// A candidate that was named before is named again, after another pass.
	case is.Epoch != was.Epoch+1:
		w.violate("epoch", "the primary goes from %s to %s and the epoch from %d to %d", was.Primary, is.Primary, was.Epoch, is.Epoch)
		return
	}
	r := is.Recovery
	if r == nil {
		w.violate("I6", "the primary goes from %s to %s without a recovery", was.Primary, is.Primary)
		return
	}
	if r.Kind == failover.KindOverride {
		w.permitted[r.Candidate] = true
	}
	for _, name := range w.writers {
		if name != r.Candidate {
			w.evidence(r, name)
		}
	}
}

// evidence checks that a recovery has evidence against a writer, and that it is true.
func (w *World) evidence(r *failover.Recovery, writer string) {
	s := w.server(writer)
	some, accepted := false, false
	for _, e := range r.Evidence {
		accepted = accepted || (e.Kind == failover.EvidenceOperator && e.Server == writer)
		some = some || e.Server == writer
		if e.Kind == failover.EvidenceProcessDead && e.Server == writer && !s.bootsReadOnly() {
			w.violate("I1", "%s counts as dead, and would boot writable", writer)
		}
	}
	if !some {
		w.violate("I1", "%s is named primary without evidence that %s writes no more", r.Candidate, writer)
	}
	if w.lapseCited(r, s) || accepted || !s.writable() || s.name() == r.Candidate {
		return
	}
	wait, armed := 0, 0
	for _, g := range r.Groups {
		if g.Writer == writer {
			wait = g.Wait
		}
	}
	for _, o := range w.servers {
		if o.acknowledgesTo(s) {
			armed++
		}
	}
	if wait == 0 || armed >= wait {
		w.violate("I1", "%s is named primary while %s is writable and %d of its ackers receive from it", r.Candidate, writer, armed)
	}
}

// intend notes the steps that were committed.
func (w *World) intend(r *failover.Recovery) {
	if r == nil {
		return
	}
	for _, s := range r.Steps {
		w.intended[stepName(r.ID, s.Attempt, s.Name, s.Server)] = true
	}
}

func stepName(recovery string, attempt int, kind failover.ActionKind, server string) string {
	return fmt.Sprintf("%s/%d/%s/%s", recovery, attempt, kind, server)
}

// begun checks that a step of a recovery is in the record before it is taken (I6). The name of its
// action ends with recovery, attempt and try.
func (w *World) begun(a *failover.Action) {
	parts := strings.Split(a.ID, "/")
	if len(parts) != 7 {
		return
	}
	attempt, err := strconv.Atoi(parts[5])
	if err == nil && !w.intended[stepName(parts[4], attempt, a.Kind, a.Server)] {
		w.violate("I6", "%s is done to %s, and no record intends it (%s)", a.Kind, a.Server, a.ID)
	}
}

// quarantines checks that a server is kept apart only if it holds what the primary lacks.
func (w *World) quarantines(was, is *failover.State) {
	for _, s := range w.servers {
		q := is.Servers[s.name()].Quarantine
		if q == nil || q.Extra.IsEmpty() || was.Servers[s.name()].Quarantine != nil {
			continue
		}
		primary := w.server(is.Primary)
		if primary.held().Union(primary.logged.set()).Contains(q.Extra) {
			w.violate("I5", "%s is quarantined for %s, which %s has", s.name(), w.shown(q.Extra), primary.name())
		}
	}
}

// acknowledgesTo tells whether a server acknowledges to a source, or will as soon as it reaches it again.
// What people have turned on outside the home region counts where it is attached.
func (s *Server) acknowledgesTo(source *Server) bool {
	c := s.channel
	if c == nil || c.source != source {
		return false
	}
	home := s.up && s.spec.Region == s.w.spec.HomeRegion && c.receiver && s.on("rpl_semi_sync_replica_enabled")
	return home || (c.stream != nil && c.stream.acker)
}

// region checks that a recovery has no candidate outside the home region but by an override (I2).
func (w *World) region(is *failover.State) {
	r := is.Recovery
	if r == nil || r.Candidate == "" || r.Kind == failover.KindOverride {
		return
	}
	if s, _ := w.spec.Find(r.Candidate); s.Region != w.spec.HomeRegion {
		w.violate("I2", "recovery %s has the candidate %s in region %q", r.ID, r.Candidate, s.Region)
	}
}

// bounded checks that under async nobody was promoted with a loss above the bound.
func (w *World) bounded(e *failover.Event) {
	if w.semiSync() || e.Kind == string(failover.KindOverride) || e.By != "" {
		return
	}
	if *e.Lost < 0 || *e.Lost > w.spec.Policy.MaxLostTransactions {
		w.violate("I4", "a failover with a possible loss of %d, above the bound", *e.Lost)
	}
}

// noticed is within what time regent sees that somebody wrote on a quarantined server.
const noticed = 5 * time.Second

// unnoticed puts that off for as long as no leader sees both that server and the primary.
func (w *World) unnoticed() {
	leader, primary := w.leader(), w.server(w.state().Primary)
	for _, s := range w.servers {
		if s.meddled == 0 || w.now > s.meddled+noticed {
			continue
		}
		seen := func(o *Server) bool { return o != nil && o.answers() && w.net.joined(leader.at, o.at) }
		if leader == nil || !seen(s) || !seen(primary) || w.state().Hold != nil {
			s.meddled = w.now
		}
	}
}

// reports checks that what was captured is listed or undecodable, and that a complete report has all
// that the servers hold which it names (I7).
func (w *World) reports(is *failover.State) {
	for i := range is.Divergences {
		d := &is.Divergences[i]
		if d.State != failover.DivergenceOpen && d.State != failover.DivergenceSettled {
			continue
		}
		if n := int(d.Captured.Count()); n != d.Transactions+d.Undecodable { //nolint:gosec // a few transactions
			w.violate("I7", "report %s: %d captured, %d listed, %d undecodable", d.ID, n, d.Transactions, d.Undecodable)
		}
		if !d.Complete {
			continue
		}
		for _, s := range w.servers {
			q := is.Servers[s.name()].Quarantine
			if _, named := d.Extras[s.name()]; !named || q == nil || !q.Fenced || q.Divergence != d.ID || is.Recovery != nil || w.now < s.meddled+noticed {
				continue
			}
			primary := w.server(is.Primary)
			missing := s.logged.set().Subtract(primary.held()).Subtract(primary.logged.set()).Subtract(d.Captured)
			if !missing.IsEmpty() {
				w.violate("I7", "report %s is complete and lacks %s of %s", d.ID, w.shown(missing), s.name())
			}
		}
	}
}

// enter has the decisions happen that wait for a recovery to enter a stage.
func (w *World) enter(r *failover.Recovery) {
	if r == nil {
		w.stage = ""
		return
	}
	if r.Stage == w.stage {
		return
	}
	w.stage = r.Stage
	w.stages++
	for i := range w.plan {
		if d := &w.plan[i]; d.when == atStage && d.nth == w.stages && !w.calm {
			d.apply(w)
		}
	}
}

// watchAlone checks that a primary goes on taking writes while no node lives, if nothing else is wrong
// with it (I8).
func (w *World) watchAlone(d time.Duration) {
	const settled, observed = time.Second, time.Second
	if d < settled+observed {
		return
	}
	w.after(settled, func() {
		s := w.writer
		if w.anyNodeUp() || !w.takesWrites(s) || w.guarded {
			return
		}
		touched, acked := w.touched(), len(w.ledger)
		w.after(observed, func() {
			if !w.anyNodeUp() && w.touched() == touched && len(w.ledger) == acked && w.takesWrites(s) && !s.unheard() && w.quiet() {
				w.violate("I8", "no node is alive, and %s has acknowledged nothing for %s", s.name(), observed)
			}
		})
	})
}

func (w *World) anyNodeUp() bool {
	return slices.ContainsFunc(w.nodes, func(n *Node) bool { return n.up })
}

func (w *World) touched() int {
	n := len(w.wrongs)
	for _, s := range w.servers {
		n += s.touched
	}
	return n
}

// takesWrites tells whether a server can acknowledge what clients near it write.
func (w *World) takesWrites(s *Server) bool {
	if !s.answers() || !s.writable() || s.pending != nil || w.now < s.hang {
		return false
	}
	flowing := 0
	for _, d := range s.dumps {
		if d.acker && d.open && d.flows() && d.replica.late < 300*time.Millisecond {
			flowing++
		}
	}
	if s.waits() && flowing < s.waitCount() {
		return false
	}
	return slices.ContainsFunc(w.clients, func(c *client) bool { return c.server == s && c.process == s.process && w.net.joined(c.at, s.at) })
}

// quiet tells that no packets are delayed or lost, nor on their way since they were.
func (w *World) quiet() bool {
	const late = resend * 16
	return (w.net.loudAt == 0 || w.now > w.net.loudAt+late) && !slices.ContainsFunc(w.net.slow, func(d time.Duration) bool { return d > 0 }) && !slices.ContainsFunc(w.net.loss, func(n int) bool { return n > 0 })
}
