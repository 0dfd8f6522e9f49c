package sim

import (
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// judge is what the invariants are judged by: the truth about the servers, which no daemon knows.
type judge struct {
	writer *Server // the server that was opened last
	// forked are the earlier primaries of which an override accepted that they go on; forgiven is
	// what is lost by that, and under async what nobody has promised to keep.
	forked    map[string]bool
	forgiven  gtid.Set
	captured  gtid.Set // on the disk of any node
	changes   map[string]recorded
	failovers int
	refusals  int
	aborts    int
	effects   int
	asked     map[string]settings // when the open recovery began
	intended  map[string]bool     // steps of recoveries, as they were committed
	named     map[string]bool     // servers that were primary of any epoch
	permitted map[string]bool     // those that an override made primary
	writers   []string            // those that were since the last recovery that succeeded
	// lapseSince is when the leader began to wait for a lease to lapse; lapses counts those that were cited.
	lapseSince time.Duration
	lapses     int
}

func (j *judge) begin(first *Server) {
	j.writer, j.forked, j.asked = first, map[string]bool{}, map[string]settings{}
	j.changes = map[string]recorded{}
	j.intended, j.named, j.permitted = map[string]bool{}, map[string]bool{}, map[string]bool{}
}

func (w *World) semiSync() bool { return w.spec.Policy.Durability == policy.DurabilitySemiSync }

// acknowledged is called when a server tells a client that its transaction is committed: only the
// server that was opened last may do that (I1). What that one holds already is no new write: an
// acknowledgement that was on its way before the receivers stopped may end an old wait.
func (w *World) acknowledged(s *Server, c *commit) {
	if s != w.writer && !w.writer.logged.has(c.gtid) {
		if !w.forked[s.name()] && !s.riskOfPause() && (!s.watched.lapsed || !s.watched.doubtful) {
			w.violate("I1", "%s acknowledges %s after %s was opened", s.name(), w.shown(gtid.Of(c.gtid)), w.writer.name())
		}
		w.forgiven = w.forgiven.Add(c.gtid)
	}
	w.promised(s, c)
	c.client.told(s, c)
}

// opened is called when regent has made a server writable: at home, unless a person permitted more (I2).
func (w *World) opened(x *conn) {
	if n := w.neighbourOf(x.s); n != nil {
		w.openedBeside(n, x.s)
		return
	}
	s, st := x.s, w.state()
	override := st.Recovery != nil && st.Recovery.Kind == failover.KindOverride && w.permitted[s.name()]
	if s.spec.Region != w.spec.HomeRegion && !w.permitted[s.name()] && w.writer != s {
		w.violate("I2", "%s in region %s is opened without an override", s.name(), s.spec.Region)
	}
	if s.name() != st.Primary && !reopensOld(&st, s) {
		if !w.named[s.name()] {
			w.violate("I1", "%s is opened and the group has agreed on %s", s.name(), st.Primary)
		}
		w.logf("%s is open, too late: the group has agreed on %s since", s.name(), st.Primary)
		return // it was asked to open when it was named, and counts as an earlier writer since
	}
	if r := st.Recovery; r != nil && r.Stage == failover.StageOpen && w.semiSync() && s.ackers() < r.WaitCount {
		w.violate("I4", "%s is opened with %d of %d ackers attached", s.name(), s.ackers(), r.WaitCount)
	}
	delete(w.forked, s.name())
	s.watched.lapsed = false
	if override {
		w.accept(&st, s)
	}
	if !w.semiSync() {
		w.forgiven = w.forgiven.Union(w.writer.logged.set().Subtract(s.executed.set()))
	}
	if w.writer == s {
		w.tailKept(&st, s)
	}
	w.logf("%s is open in epoch %d", s.name(), st.Epoch)
	w.writer = s
}

// reopensOld tells that an aborted recovery gives a primary back.
func reopensOld(st *failover.State, s *Server) bool {
	return st.Recovery != nil && st.Recovery.Stage == failover.StageAbort && st.Recovery.Old == s.name()
}

// effect is called with everything that a session changes on a server. Whoever does it led at some
// moment after it was given the lock, or is a leader of an earlier term that must not act any more.
func (x *conn) effect(what string) {
	w := x.w
	w.effects++
	if x.gone || x.closed {
		x.s.touched++ // sent for something that was given up since
	}
	w.logf("    %s on %s by %s, term %d", what, x.s.name(), x.d.n.name, x.term)
	if at, over := w.group.replacedAt[x.term]; over && at < x.lockedAt {
		w.violate("epoch", "%s: %s on %s with a lock taken in term %d after another leader was elected", x.d.n.name, what, x.s.name(), x.term)
	}
	if x.s.lock != x {
		w.violate("epoch", "%s: %s on %s without its lock", x.d.n.name, what, x.s.name())
	}
}

// extras are what a server holds and another one does not, less what is on the disk of a node.
func (w *World) extras(s, than *Server) gtid.Set {
	return s.held().Union(s.logged.set()).Subtract(than.held()).Subtract(than.logged.set()).Subtract(w.captured)
}

// repointed is called before a server becomes a replica of another one: it holds nothing that is lost
// from sight by that (I5), and it acknowledges only where that is agreed (I4).
func (w *World) repointed(x *conn, source *Server, acker bool) {
	if w.neighbourOf(x.s) != nil {
		return
	}
	if st := w.state(); acker && w.semiSync() && w.named[source.name()] && !w.forked[source.name()] && !slices.Contains(ackersOf(&st, source.name()), x.s.name()) {
		w.violate("I4", "%s is to acknowledge to %s, and the group has not agreed on that", x.s.name(), source.name())
	}
	if extra := w.extras(x.s, source); !extra.IsEmpty() {
		w.violate("I5", "%s is pointed at %s, which lacks %s, and nobody has captured that", x.s.name(), source.name(), w.shown(extra))
	}
}

// ackersOf is the agreed acker set of a writer.
func ackersOf(st *failover.State, writer string) []string {
	r := st.Recovery
	if r == nil {
		return st.Ackers
	}
	var out []string
	if r.Candidate == writer && (r.Stage == failover.StageAttach || r.Stage == failover.StageAbort) {
		out = r.Ackers
	}
	if st.Primary == writer && r.Stage == failover.StageAbort {
		out = st.Ackers
	}
	for _, g := range r.Groups {
		if g.Writer == writer {
			out = slices.Concat(out, g.Ackers)
		}
	}
	return out
}

// unchanneled is called before a channel is removed with its relay log (I5).
func (w *World) unchanneled(x *conn) {
	if lost := x.s.held().Subtract(x.s.executed.set()); !lost.IsEmpty() {
		w.violate("I5", "the relay log of %s is removed with %s in it", x.s.name(), w.shown(lost))
	}
}

// destroyed is called before the data of a server are replaced (I5).
func (w *World) destroyed(x *conn, donor *Server) {
	if extra := w.extras(x.s, donor).Subtract(w.writer.held()); !extra.IsEmpty() && w.neighbourOf(x.s) == nil {
		w.violate("I5", "%s is rebuilt, and nobody has captured %s", x.s.name(), w.shown(extra))
	}
}

// kept checks that the primary holds every transaction that a client was told to be committed (I4).
func (w *World) kept(when string) {
	primary := w.server(w.state().Primary)
	if primary == nil || !w.semiSync() {
		return
	}
	var lost gtid.Set
	for _, a := range w.ledger {
		if !primary.executed.has(a.gtid) && !w.forgiven.ContainsGTID(a.gtid) && !primary.logged.has(a.gtid) {
			lost = lost.Add(a.gtid)
		}
	}
	if !lost.IsEmpty() {
		w.violate("I4", "%s, %s lacks acknowledged %s", when, primary.name(), w.shown(lost))
	}
}

// touchesLost is called with every decision: what refuses or holds touches nothing (I3).
func touchesLost(before *failover.State, in *failover.Input, d *failover.Decision) string {
	if d.Next.Recovery != nil || before.Recovery != nil || before.Epoch == 0 || len(d.Actions) == 0 {
		return ""
	}
	switch diag := failover.Diagnosis(*before, *in); diag.Condition {
	case topology.PrimaryHealthy, topology.PrimaryReadOnly:
		return ""
	case topology.PrimaryDead, topology.PrimaryHung, topology.PrimaryUnknown, topology.PrimaryUnseen, topology.RegionIsolated:
		return "with a primary that is " + string(diag.Condition) + " and no recovery, " + string(d.Actions[0].Kind) + " is done to " + d.Actions[0].Server
	}
	return ""
}

// settings are what a refusal leaves as it was on a server.
type settings struct {
	source                           string
	receiver, applier, acker         bool
	readOnly, superReadOnly, offline string
	semiSync, wait                   string
	touched                          int // what others did to the server until then
	up, pending                      bool
}

func (s *Server) settings() settings {
	out := settings{
		readOnly: s.variables["read_only"], superReadOnly: s.variables["super_read_only"], offline: s.variables["offline_mode"],
		acker: s.on("rpl_semi_sync_replica_enabled"), semiSync: s.variables["rpl_semi_sync_source_enabled"],
		wait: s.variables["rpl_semi_sync_source_wait_for_replica_count"], touched: s.touched, up: s.up, pending: s.pending != nil,
	}
	if c := s.channel; c != nil {
		out.source, out.receiver, out.applier = c.source.name(), c.receiver, c.applier
	}
	return out
}

// settings are those of all servers, by name.
func (w *World) settings() map[string]settings {
	out := map[string]settings{"": {touched: w.effects}}
	for _, s := range w.servers {
		out[s.name()] = s.settings()
	}
	return out
}

// answered is called with the answer to an order: a refusal has changed nothing (I3).
func (w *World) answered(o *failover.Order, before map[string]settings, err error) {
	if err == nil || before[""].touched != w.effects {
		return // something else was under way
	}
	w.refusals++
	for _, s := range w.servers {
		was, now := before[s.name()], s.settings()
		if now != was && now.touched == was.touched && !was.pending {
			w.violate("I3", "the order %s was refused, and %s is not as it was: %+v, before %+v", o.Kind, s.name(), now, was)
		}
	}
}

// aborted checks that a recovery that was given up left every server that it had touched, and that
// nothing else has hit since, as it was (I3). Of the old primary the record may say that its fence is not over: it may
// have been opened by what was under way before the fence, or stay closed until enough ackers hold what it has. That it
// opens then is seen in the end.
func (w *World) aborted(r *failover.Recovery, is *failover.State) {
	w.aborts++
	for _, s := range w.servers {
		was, now := w.asked[s.name()], s.settings()
		proper := was.source == r.Old && was.receiver && was.applier && !isOn(was.offline) && isOn(was.superReadOnly)
		handedOver := s.name() == r.Old && is.Unfencing
		apart := is.Servers[s.name()].Quarantine != nil // its receiver is to be off, and the quarantine may have begun before
		if was.touched != now.touched || !was.up || (!proper && s.name() != r.Old) || w.unfinished(r, s.name()) || handedOver || apart {
			continue
		}
		if s.spec.Region != w.spec.HomeRegion && !now.acker {
			was.acker = false // somebody had turned that on
		}
		was.semiSync, was.wait, was.pending = now.semiSync, now.wait, now.pending // kept right all the time, also during a recovery
		if s.name() == r.Old {
			was.source, was.receiver, was.applier, was.acker = now.source, now.receiver, now.applier, now.acker
		}
		if was != now {
			w.violate("I3", "recovery %s was given up, and %s is not as it was: %+v, before %+v", r.ID, s.name(), now, was)
		}
	}
}

// unfinished tells that the undoing of a recovery did not succeed on a server, which is said and looked
// after later.
func (w *World) unfinished(r *failover.Recovery, server string) bool {
	return slices.ContainsFunc(r.Steps, func(s failover.Step) bool {
		return s.Server == server && s.Attempt == r.Attempt && s.State != failover.StepDone
	})
}
