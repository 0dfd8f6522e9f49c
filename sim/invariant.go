package sim

import (
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// acknowledged is called when a server tells a client that its transaction is committed: only the
// server that was opened last may do that (I1). What that one holds already is no new write: an
// acknowledgement that was on its way before the receivers stopped may end an old wait.
func (w *World) acknowledged(s *Server, c *commit) {
	if s != w.writer && !w.writer.logged.ContainsGTID(c.gtid) {
		if !w.forked[s.name()] {
			w.violate("I1", "%s acknowledges %s after %s was opened", s.name(), w.short(gtid.Of(c.gtid)), w.writer.name())
		}
		w.forgiven = w.forgiven.Add(c.gtid)
	}
	c.client.told(s, c)
}

// opened is called when regent has made a server writable: at home, unless a person permitted more (I2).
func (w *World) opened(s *Server) {
	st := w.state()
	override := st.Recovery != nil && st.Recovery.Kind == failover.KindOverride && st.Recovery.Candidate == s.name()
	if s.spec.Region != w.spec.HomeRegion && !override && w.writer != s {
		w.violate("I2", "%s in region %s is opened without an override", s.name(), s.spec.Region)
	}
	delete(w.forked, s.name())
	if override {
		w.forked[w.writer.name()] = true
		w.forgiven = w.forgiven.Union(w.writer.executed.Subtract(s.executed))
	}
	w.logf("%s is open in epoch %d", s.name(), st.Epoch)
	w.writer = s
}

// decided is called with every decision: what refuses or holds touches nothing (I3).
func (w *World) decided(before *failover.State, in *failover.Input, d *failover.Decision) {
	if d.Next.Recovery != nil || before.Recovery != nil || before.Epoch == 0 {
		return
	}
	diag := failover.Diagnosis(*before, *in)
	answering := diag.Condition == topology.PrimaryHealthy || diag.Condition == topology.PrimaryReadOnly
	if !answering && len(d.Actions) > 0 {
		w.violate("I3", "with a primary that is %s, and no recovery, %s is done to %s", diag.Condition, d.Actions[0].Kind, d.Actions[0].Server)
	}
}

// committed is called with every command that reached the log.
func (w *World) committed(c fsm.Command, err error) {
	if err != nil || c.Advance == nil {
		return
	}
	w.beSpiteful(c.Advance.Next.Recovery)
	for _, e := range c.Advance.Events {
		w.logf("event %s: %s: %s", e.Kind, e.Decision, e.Reason)
		if (e.Kind == string(failover.KindFailover) || e.Kind == string(failover.KindOverride)) && e.Lost != nil && !e.Failed {
			w.failovers++
			w.kept("after a failover")
		}
	}
}

// kept checks that the primary holds every transaction that a client was told to be committed (I4).
func (w *World) kept(when string) {
	primary := w.server(w.state().Primary)
	if primary == nil {
		return
	}
	var lost gtid.Set
	for _, a := range w.ledger {
		if !primary.executed.ContainsGTID(a.gtid) && !w.forgiven.ContainsGTID(a.gtid) && !primary.logged.ContainsGTID(a.gtid) {
			lost = lost.Add(a.gtid)
		}
	}
	if !lost.IsEmpty() {
		w.violate("I4", "%s, %s lacks acknowledged %s", when, primary.name(), w.short(lost))
	}
}
