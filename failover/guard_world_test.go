package failover_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// guardRow is the guard row of a server; its times are by the server's clock.
type guardRow struct {
	uuid         string
	order        failover.LeaseOrder
	expiry, tick time.Time
	fault        string
}

// guarded is what a server has of the guard.
type guarded struct {
	row       *guardRow
	scheduler bool          // event_scheduler is on
	stuck     bool          // the event fails each time
	clock     time.Duration // how far the server's clock is off the world's
	sessions  int           // how often the leader's pinned connection has broken
}

func (s *server) time(w *world) time.Time { return w.now.Add(s.clock) }

// lease is what a probe shows of the guard.
func (w *world) lease(s *server) *topology.Lease {
	if s.row == nil {
		return nil
	}
	o := s.row.order
	l := &topology.Lease{
		UUID: s.row.uuid, Epoch: o.Epoch, SetVersion: o.SetVersion, Candidates: o.Candidates, Serve: o.Serve, TTL: o.TTL,
		Remaining: s.row.expiry.Sub(s.time(w)), TickAge: topology.Never, Enabled: true, Scheduler: s.scheduler, Fault: s.row.fault,
	}
	if !s.row.tick.IsZero() {
		l.TickAge = s.time(w).Sub(s.row.tick)
	}
	return l
}

// arm writes the row, unless it would go back.
func (w *world) arm(s *server, order failover.LeaseOrder) error {
	have := s.row
	if have != nil && have.uuid == s.uuid && (have.order.Epoch > order.Epoch ||
		(have.order.Epoch == order.Epoch && have.order.SetVersion > order.SetVersion)) {
		return fmt.Errorf("arm %s: the row is newer", s.Name)
	}
	if s.stuck {
		return fmt.Errorf("arm %s: its event does not run", s.Name)
	}
	row := &guardRow{uuid: s.uuid, order: order, expiry: s.time(w).Add(order.TTL), tick: s.time(w)}
	if !order.Fresh && have != nil {
		row.expiry, row.fault = have.expiry, have.fault
	}
	s.row, s.scheduler = row, true
	w.event(s)
	return nil
}

// event is one run of the guard's event.
func (w *world) event(s *server) {
	if s.row == nil || !s.up || s.hung || !s.scheduler || s.stuck || s.clock < 0 {
		return
	}
	s.row.tick = s.time(w)
	if s.row.uuid == s.uuid && s.row.expiry.Before(s.time(w)) {
		s.variables["read_only"], s.variables["super_read_only"] = "ON", "ON"
	}
}

// renew has every node that can renew the leases of the servers that are open, with either permission.
func (w *world) renew(s *server) {
	if s.row == nil || !s.up || s.hung || on(s.variables["read_only"]) || s.row.expiry.Before(s.time(w)) {
		return
	}
	for _, n := range w.nodes {
		if !n.down && w.connected(n.name, s.Name) && (w.permits(n, s.row) || w.failsafe(n, s.row)) {
			expiry := s.time(w).Add(s.row.order.TTL)
			if expiry.After(s.row.expiry) {
				s.row.expiry = expiry
			}
			return
		}
	}
}

func (w *world) permits(n *node, row *guardRow) bool {
	if !w.connected(n.name, w.leader) || w.leader == "" {
		return false
	}
	ok, _ := failover.MayRenew(&w.state, failover.LeaseKey{UUID: row.uuid, Epoch: row.order.Epoch, SetVersion: row.order.SetVersion})
	return ok
}

// failsafe asks every server of the row's set; one whose receiver is stopped is claimed.
func (w *world) failsafe(n *node, row *guardRow) bool {
	if !row.order.Serve {
		return false
	}
	for _, name := range row.order.Candidates {
		c := w.server(name)
		if !c.up || c.hung || !w.connected(n.name, name) || !c.receiver || c.source == "" {
			return false
		}
	}
	return true
}

// leases lets the guards live for a moment: renewals, then events.
func (w *world) leases() {
	for _, s := range w.servers {
		w.renew(s)
		w.event(s)
	}
}

// pass lets time pass, the guards living on.
func (w *world) pass(span time.Duration) {
	const step = 100 * time.Millisecond
	for ; span > 0; span -= step {
		w.now = w.now.Add(min(step, span))
		w.leases()
		if w.watch != nil {
			w.watch()
		}
	}
}

// session names the leader's pinned connection to a server.
func (w *world) session(s *server) string {
	return fmt.Sprintf("%s/%d/%d", w.leader, w.term, s.sessions)
}

// guardEffect is what an action does to the guard of a server.
func (w *world) guardEffect(s *server, a failover.Action) error {
	switch {
	case a.Session != "" && a.Session != w.session(s):
		return fmt.Errorf("%s %s: not on the connection %s", a.Kind, s.Name, a.Session)
	case a.Kind == failover.ActArm:
		return w.arm(s, *a.Lease)
	case a.Kind == failover.ActDisarm:
		s.row = nil
	case a.Kind == failover.ActClaim && s.receiver && s.source != "":
		return fmt.Errorf("claim %s: it receives", s.Name)
	}
	return nil
}

// guardCommand changes the guard of a server behind regent's back: "guard SERVER key=value…".
func (s *stage) guardCommand() {
	srv := s.subject()
	for _, pair := range s.fields[2:] {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "scheduler":
			srv.scheduler = on(value)
		case "event":
			srv.stuck = value == "stuck"
		case "fault":
			srv.row.fault = strings.ReplaceAll(value, "_", " ")
		case "clock":
			srv.clock, _ = time.ParseDuration(value)
		case "epoch":
			srv.row.order.Epoch, _ = strconv.ParseUint(value, 10, 64)
		case "uuid":
			srv.row.uuid = value
		case "row":
			srv.row = nil
			if value == "written" { // what is agreed, by an action that has not ended
				srv.row = &guardRow{uuid: srv.uuid, order: s.state.Guard.Order, expiry: srv.time(s.world).Add(s.state.Guard.Order.TTL)}
				srv.scheduler = true
			}
		default:
			s.fail("unknown key %s", key)
		}
	}
}

// breakSession ends the leader's pinned connection to a server.
func (s *stage) breakSession() { s.subject().sessions++ }

// rows prints the guard rows as they are on the servers.
func (s *stage) rows() {
	for _, srv := range s.servers {
		if srv.row == nil {
			continue
		}
		o, mode := srv.row.order, "read-only"
		if !on(srv.variables["read_only"]) {
			mode = "writable"
		}
		left := "lapsed"
		if rest := srv.row.expiry.Sub(srv.time(s.world)); rest > 0 {
			left = "runs"
		}
		s.printf("%s %s: epoch %d, set version %d of %s, serve %t, ttl %s, %s\n", srv.Name, mode, o.Epoch, o.SetVersion,
			orNone(strings.Join(o.Candidates, ",")), o.Serve, o.TTL, left)
	}
}

// may prints whether the leader permits the renewal of the row of a server.
func (s *stage) may() {
	row := s.subject().row
	ok, why := failover.MayRenew(&s.state, failover.LeaseKey{UUID: row.uuid, Epoch: row.order.Epoch, SetVersion: row.order.SetVersion})
	if ok {
		why = "yes"
	}
	s.printf("%s\n", s.readable(why))
}

// condition prints the state of the cluster in a word and a sentence.
func (s *stage) condition() {
	view := s.view()
	word, why := failover.Condition(&s.spec, &s.state, &view)
	s.printf("%s: %s\n", word, s.readable(why))
}

// guardPolicy sets a key of the policy that is about the guard, and tells whether it was one.
func (s *stage) guardPolicy(key, value string) bool {
	p := &s.spec.Policy
	switch key {
	case "guard":
		ttl, err := time.ParseDuration(value)
		p.Guard = policy.Guard{Enabled: err == nil, TTL: policy.Duration(ttl)}
	case "on_isolation":
		p.OnIsolation = policy.OnIsolation(value)
	case "accept_pause_risk":
		p.AcceptPauseRisk = value == "true"
	default:
		return false
	}
	return true
}

// describeGuard is the agreed guard in lines.
func (s *stage) describeGuard(g *failover.Guard) []string {
	if g == nil {
		return nil
	}
	state := "armed"
	switch {
	case g.Opening:
		state = "opening"
	case !g.Armed:
		state = "disarmed (" + g.Disarmed + ")"
	}
	lines := []string{
		fmt.Sprintf("guard of epoch %d %s, promotable %s, serve %t, ttl at most %s", g.Epoch, state, orNone(strings.Join(g.Candidates, ",")), g.Serve, g.MaxTTL),
		fmt.Sprintf("guard row %d of %s, serve %t, ttl %s, written %t", g.Order.SetVersion, orNone(strings.Join(g.Order.Candidates, ",")), g.Order.Serve, g.Order.TTL, g.Written),
	}
	switch {
	case g.Cut == nil:
	case g.Cut.Since.IsZero():
		lines = append(lines, "renewals refused from now on")
	default:
		lines = append(lines, "renewals refused since "+g.Cut.Since.Format(time.TimeOnly))
	}
	return lines
}

func describeLapse(w *failover.LapseWait) []string {
	if w == nil {
		return nil
	}
	held := make([]string, 0, len(w.Held))
	for _, h := range w.Held {
		held = append(held, h.Server+" on "+h.Session)
	}
	slices.Sort(held)
	return []string{fmt.Sprintf("lapse of %s since %s, claimed %s", w.Writer, w.Since.Format("15:04:05.0"), strings.Join(held, ", "))}
}

// guardCommands are the commands about the guard.
func (s *stage) guardCommands() map[string]func() {
	return map[string]func(){
		"guard": s.guardCommand, "break": s.breakSession, "rows": s.rows, "may": s.may, "condition": s.condition,
	}
}

func merged[V any](a, b map[string]V) map[string]V {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}
