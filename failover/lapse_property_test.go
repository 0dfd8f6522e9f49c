package failover_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// moment is what was true at one time of everything that a lapsed lease rests on.
type moment struct {
	at       time.Time
	term     uint64
	may      bool                // the leader would permit the renewal of the writer's row
	sessions map[string]string   // the leader's connections, by server
	boots    map[string]int64    // by server
	stopped  map[string]bool     // whose receiver is stopped
	sets     map[string][]string // the sets of the rows, by server
}

// historian remembers all moments of a world, without looking at anything that the decisions say.
type historian struct {
	*stage
	past []moment
	late []lateAction
}

// lateAction is an action that a leader takes its time for. Leadership is verified at one moment, and its last
// statement reaches the server at another, whatever was cut or decided between.
type lateAction struct {
	action              failover.Action
	term                uint64
	begun, verify, land time.Time
}

func (h *historian) record() {
	m := moment{
		at: h.now, term: h.term, sessions: map[string]string{}, boots: map[string]int64{}, stopped: map[string]bool{}, sets: map[string][]string{},
	}
	if primary := h.server(h.state.Primary); primary != nil && primary.row != nil {
		o := primary.row.order
		m.may, _ = failover.MayRenew(&h.state, failover.LeaseKey{UUID: primary.row.uuid, Epoch: o.Epoch, SetVersion: o.SetVersion})
	}
	for _, s := range h.servers {
		m.sessions[s.Name], m.boots[s.Name], m.stopped[s.Name] = h.session(s), s.boot, !s.receiver || s.source == "" || !s.up
		if s.row != nil {
			m.sets[s.Name] = s.row.order.Candidates
		}
	}
	h.past = append(h.past, m)
}

// unbroken says what did not hold all the time between two moments, or "".
func (h *historian) unbroken(since, until time.Time, writer, candidate string) string {
	if h.past[0].at.After(since) {
		return "nobody can know"
	}
	i := slices.IndexFunc(h.past, func(m moment) bool { return !m.at.Before(until) })
	now := h.past[i]
	for _, m := range h.past {
		switch {
		case m.at.Before(since) || m.at.After(until):
		case m.term != now.term:
			return fmt.Sprintf("at %s the term was %d", m.at, m.term)
		case m.may:
			return fmt.Sprintf("at %s a renewal was permitted", m.at)
		case m.sessions[candidate] != now.sessions[candidate]:
			return fmt.Sprintf("at %s %s was held on another connection", m.at, candidate)
		case m.boots[candidate] != now.boots[candidate]:
			return fmt.Sprintf("at %s %s was in another boot", m.at, candidate)
		case !m.stopped[candidate]:
			return fmt.Sprintf("at %s %s was receiving", m.at, candidate)
		case m.sets[writer] != nil && !slices.Contains(m.sets[writer], candidate):
			return fmt.Sprintf("at %s %s was not in the row of %s", m.at, candidate, writer)
		}
	}
	return ""
}

// cited is the writer whose lease a decision cites for the first time, or "".
func cited(before, after *failover.Recovery) string {
	if after == nil {
		return ""
	}
	for _, e := range after.Evidence {
		known := before != nil && slices.ContainsFunc(before.Evidence, func(o failover.Evidence) bool { return o.Kind == e.Kind && o.Server == e.Server && o.At.Equal(e.At) })
		if e.Kind == failover.EvidenceLeaseLapsed && !known {
			return e.Server
		}
	}
	return ""
}

// lastClaim is when the claim of the candidate was read back.
func lastClaim(r *failover.Recovery) time.Time {
	var at time.Time
	for _, s := range r.Steps {
		if s.Name == failover.ActClaim && s.Server == r.Candidate && s.Attempt == r.Attempt && s.State == failover.StepDone {
			at = s.EndedAt
		}
	}
	return at
}

// step makes a decision and, if it cites a lease, judges that by what was true.
func (h *historian) step(t *rapid.T) (citation bool) {
	before := h.state
	h.pass(100 * time.Millisecond)
	h.now = h.now.Add(-100 * time.Millisecond) // the tick lets the same time pass
	h.tick(false)
	h.record()
	writer := cited(before.Recovery, h.state.Recovery)
	if writer == "" {
		return false
	}
	g, r := before.Guard, h.state.Recovery
	wait := policy.LapseWait(g.MaxTTL)
	// A claim that breaks after it was looked at last is found by the promotion, which must stay on it.
	looked := lastClaim(r)
	if why := h.unbroken(looked.Add(-wait), looked, writer, r.Candidate); why != "" {
		t.Fatalf("the lease of %s was cited for %s, but %s", writer, r.Candidate, why)
	}
	row := h.server(writer).row
	switch {
	case !g.Armed && !g.Opening:
		t.Fatalf("the lease of %s was cited though its guard was disarmed: %s", writer, g.Disarmed)
	case !slices.Contains(g.Candidates, r.Candidate):
		t.Fatalf("%s was chosen and is not in the set %v", r.Candidate, g.Candidates)
	case row != nil && row.order.Epoch == before.Epoch && row.expiry.After(h.now):
		t.Fatalf("the lease of %s was cited and runs until %s", writer, row.expiry)
	}
	return true
}

// act carries out what is wanted, or has what gives out a lease come late, together with what is due by now.
func (h *historian) act(t *rapid.T) {
	tenths := func(n int, label string) time.Duration {
		return time.Duration(rapid.IntRange(0, n).Draw(t, label)) * 100 * time.Millisecond
	}
	for _, a := range h.pending {
		if a.Lease == nil || !rapid.Bool().Draw(t, "late") {
			h.carryOut(a)
			continue
		}
		verify := h.now.Add(tenths(30, "verified in"))
		h.late = append(h.late, lateAction{a, h.term, h.now, verify, verify.Add(tenths(80, "lands in"))})
	}
	h.pending = nil
	h.late = slices.DeleteFunc(h.late, func(l lateAction) bool {
		s := h.server(l.action.Server)
		if l.verify.Equal(h.now) && (l.term != h.term || !h.reaches(s, &l.action)) {
			return true
		}
		if l.land.After(h.now) || s.hung {
			return false
		}
		h.land(s, &l)
		return true
	})
}

// reaches tells whether the leader can act on a server, and on the connection that it must act on.
func (h *historian) reaches(s *server, a *failover.Action) bool {
	return s.up && !s.hung && h.connected(h.leader, s.Name) && (a.Session == "" || a.Session == h.session(s))
}

// land has the statements of an action take effect. The lease counts from when the action was begun. Nobody hears
// of the outcome.
func (h *historian) land(s *server, l *lateAction) {
	o := *l.action.Lease
	newer := s.row != nil && (s.row.order.Epoch > o.Epoch || (s.row.order.Epoch == o.Epoch && s.row.order.SetVersion > o.SetVersion))
	open := l.action.Kind == failover.ActOpen
	if !s.up || s.stuck || newer || (on(s.variables["read_only"]) && !open) {
		return
	}
	row := &guardRow{uuid: s.uuid, order: o, expiry: l.begun.Add(o.TTL), tick: h.now}
	if s.row != nil && !o.Fresh {
		row.expiry, row.fault = s.row.expiry, s.row.fault
	}
	s.row, s.scheduler = row, true
	if open {
		s.variables["read_only"], s.variables["super_read_only"] = "OFF", "OFF"
	}
}

// oneWriter wants at most one server that takes writes and whose guard would let it go on.
func (h *historian) oneWriter(t *rapid.T) {
	h.leases()
	var open []string
	for _, s := range h.servers {
		if s.up && !s.hung && !on(s.variables["read_only"]) {
			open = append(open, s.Name)
		}
	}
	if len(open) > 1 {
		t.Fatalf("%v all take writes", open)
	}
}

// mishap changes the world in one way.
func (h *historian) mishap(t *rapid.T) {
	name := rapid.SampledFrom([]string{"east-db1", "east-db1", "east-db1", "east-db2", "east-db3"}).Draw(t, "server")
	if name == "east-db1" && h.state.Primary != "" {
		name = h.state.Primary
	}
	s := h.server(name)
	switch rapid.SampledFrom([]string{
		"hang", "hang", "cut", "cut", "mend", "break", "boot", "leader", "stuck", "failing", "lose", "promotion", "receiver",
	}).Draw(t, "mishap") {
	case "hang":
		s.hung = s.up
	case "cut":
		h.cut(name, "")
	case "mend":
		s.hung = false
		clear(h.cuts)
	case "break":
		s.sessions++
	case "boot":
		s.bootAgain()
	case "leader":
		h.term++
		h.leader = rapid.SampledFrom([]string{"cloud-1", "east-1", "west-1"}).Draw(t, "leader")
		h.pending, h.results = nil, nil
	case "stuck":
		// A guard that stops while nobody sees it is beyond what a lease can prove.
		s.stuck = !s.stuck && s.up && !s.hung && h.connected(h.leader, s.Name)
		for range 45 {
			h.step(t)
			h.act(t)
		}
	case "failing":
		s.failures[rapid.SampledFrom([]failover.ActionKind{failover.ActArm, failover.ActClaim, failover.ActRevoke, failover.ActPrepare}).Draw(t, "kind")] = "by chance"
	case "lose":
		h.pending, h.results = nil, nil
	case "promotion":
		i := slices.Index(h.servers, s)
		h.spec.Servers[i].Promotion = rapid.SampledFrom([]policy.Promotion{policy.PromotionNeutral, policy.PromotionNever}).Draw(t, "promotion")
	case "receiver":
		if s.Name != h.state.Primary && s.source != "" && h.state.Recovery == nil {
			s.receiver = true
		}
	}
}

// TestLeaseIsCitedOnlyAfterAnUnbrokenWait lets chance play with a guarded cluster under async durability, in which
// a lapsed lease is the only way to replace a silent primary. Every citation is judged by what was true all the
// while, and no two servers ever take writes.
func TestLeaseIsCitedOnlyAfterAnUnbrokenWait(t *testing.T) {
	citations := 0
	rapid.Check(t, func(rt *rapid.T) {
		h := &historian{stage: &stage{t: t, world: newWorld()}}
		h.look()
		h.spec.Policy.Durability, h.spec.Policy.AcceptPauseRisk = policy.DurabilityAsync, true
		h.spec.Policy.Guard = policy.Guard{Enabled: true, TTL: policy.Duration(3 * time.Second)}
		h.spec.Policy.MaxLostTransactions = 100
		h.ready()
		h.watch = h.record
		for range rapid.IntRange(5, 25).Draw(rt, "stretches") {
			h.mishap(rt)
			for range rapid.IntRange(1, 60).Draw(rt, "ticks") {
				if h.step(rt) {
					citations++
				}
				h.act(rt)
				h.oneWriter(rt)
			}
		}
	})
	t.Logf("%d leases were cited", citations)
	if citations == 0 {
		t.Error("no lease was ever cited")
	}
}
