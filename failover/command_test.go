package failover_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
)

func (s *stage) subject() *server {
	found := s.server(s.arg(1))
	if found == nil {
		s.fail("no such server")
	}
	return found
}

func (s *stage) kill() {
	s.subject().up, s.subject().hung = false, false
	s.look()
}

func (s *stage) start() { s.subject().bootAgain() }

func (s *stage) hang() { s.subject().hung = true; s.look() }

func (s *stage) resume() { s.subject().hung = false }

func (s *stage) cutCommand() { s.cut(s.arg(1), s.arg(2)) }

func (s *stage) heal() { clear(s.cuts) }

// write has a server execute n transactions: "write SERVER N [to NAMES…]". Without "to" every
// attached replica gets them; "to" alone gives them to nobody. With "relay" they are received and not
// applied.
func (s *stage) write() {
	src := s.subject()
	n, err := strconv.Atoi(s.arg(2))
	if err != nil {
		s.fail("%v", err)
	}
	var set gtid.Set
	for range n {
		set = set.Add(gtid.GTID{UUID: src.uuid, Seq: src.next})
		src.next++
	}
	src.executed = src.executed.Union(set)
	for _, r := range s.servers {
		switch {
		case r.source != src.Name:
		case s.arg(3) == "" || slices.Contains(s.fields[3:], r.Name):
			s.settleThreads()
			executed := r.executed
			s.replicate(r)
			if s.fields[0] == "relay" {
				r.executed = executed
			}
		}
	}
}

// sync lets every replica receive and apply what its source has.
func (s *stage) syncAll() {
	s.look()
	for range s.servers {
		for _, r := range s.servers {
			if r.source != "" {
				s.replicate(r)
			}
		}
	}
}

// set changes variables of a running server, persist the persisted ones, configure both, and status what
// it tells of itself: "set SERVER name=value…".
func (s *stage) set() {
	targets := map[string][]map[string]string{
		"set": {s.subject().variables}, "persist": {s.subject().persisted}, "status": {s.subject().status},
		"configure": {s.subject().variables, s.subject().persisted},
	}[s.fields[0]]
	for _, pair := range s.fields[2:] {
		name, value, _ := strings.Cut(pair, "=")
		for _, t := range targets {
			t[name] = value
		}
	}
}

// stranger attaches a server that nobody declared to a source, as an acker, or takes it away.
func (s *stage) stranger() { s.subject().stranger = s.arg(2) }

// configureServer changes what a command cannot do by variables: "server SERVER key=value…".
func (s *stage) configureServer() {
	srv := s.subject()
	i := slices.Index(s.servers, srv)
	for _, pair := range s.fields[2:] {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "source":
			srv.source, srv.receiver = value, value != ""
		case "receiver":
			srv.receiver = on(value)
		case "applier_error":
			srv.applierError = value
		case "uuid":
			srv.uuid = value
		case "region":
			s.spec.Servers[i].Region = value
		case "promotion":
			s.spec.Servers[i].Promotion = policy.Promotion(value)
		case "address_kind":
			s.spec.Servers[i].AddressKind = policy.AddressKind(value)
		case "boots":
			seconds, _ := strconv.Atoi(value)
			srv.boot += int64(seconds)
		default:
			s.fail("unknown key %s", key)
		}
	}
}

func (s *stage) policy() {
	p := &s.spec.Policy
	for _, pair := range s.fields[1:] {
		key, value, _ := strings.Cut(pair, "=")
		n, _ := strconv.Atoi(value)
		d, _ := time.ParseDuration(value)
		if s.guardPolicy(key, value) {
			continue
		}
		switch key {
		case "mode":
			s.spec.Mode = policy.Mode(value)
		case "durability":
			p.Durability = policy.Durability(value)
		case "required":
			p.SemiSync.Required = n
		case "cooldown":
			p.Cooldown = policy.Duration(d)
		case "catch_up_budget":
			p.CatchUpBudget = policy.Duration(d)
		case "max_lost":
			p.MaxLostTransactions = int64(n)
		default:
			s.fail("unknown key %s", key)
		}
	}
}

func (s *stage) fleetCommand() {
	for _, pair := range s.fields[1:] {
		key, value, _ := strings.Cut(pair, "=")
		n, _ := strconv.Atoi(value)
		switch key {
		case "clusters":
			s.fleet.Clusters = n
		case "failing":
			s.fleet.Failing = n
		case "recovering":
			s.fleet.Recovering = n
		}
	}
}

// failing makes the next action of a kind on a server fail: "failing SERVER KIND TEXT", or each one
// with the text "always".
func (s *stage) failing() {
	if s.arg(3) == "" {
		delete(s.subject().failures, failover.ActionKind(s.arg(2)))
		return
	}
	s.subject().failures[failover.ActionKind(s.arg(2))] = strings.Join(s.fields[3:], " ")
}

func (s *stage) orderOf() failover.Order {
	o := failover.Order{Kind: failover.OrderKind(s.arg(1)), Cluster: "orders", By: "ada", At: s.now, ID: "orders-o" + strconv.FormatUint(s.state.Counter, 10)}
	for _, pair := range s.fields[2:] {
		key, value, _ := strings.Cut(pair, "=")
		value = strings.ReplaceAll(value, "_", " ")
		switch key {
		case "server":
			o.Server = value
		case "from":
			o.From = value
		case "report":
			o.Report = value
		case "override":
			o.Override = true
		case "reason":
			o.Reason = value
		case "ttl":
			o.TTL, _ = time.ParseDuration(value)
		}
	}
	return o
}

func (s *stage) order() {
	s.look()
	before := s.state
	d, err := failover.Accept(s.state, s.input(), s.orderOf())
	if err != nil {
		s.printf("refused: %v (%s)\n", err, sentinel(err))
	}
	s.state = reborn(s.t, d.Next)
	s.show(before, d)
}

func (s *stage) preview() {
	s.look()
	p, err := failover.PreviewOrder(s.state, s.input(), s.orderOf())
	if err != nil {
		s.printf("refused: %v (%s)\n", err, sentinel(err))
		return
	}
	s.printf("%s\n", p.Summary)
	for _, c := range p.Changes {
		s.printf("    change: %s\n", c)
	}
	for _, r := range p.Risks {
		s.printf("    risk: %s\n", r)
	}
	for _, e := range p.Evidence {
		s.printf("    evidence: %s %s: %s\n", e.Kind, e.Server, e.Detail)
	}
	s.printf("    possible loss %d, fingerprint %s\n", p.PossibleLoss, p.Fingerprint[:8])
}

func sentinel(err error) string {
	for name, e := range map[string]error{"ErrRefused": failover.ErrRefused, "ErrUnknownObject": failover.ErrUnknownObject, "ErrBadOrder": failover.ErrBadOrder} {
		if errors.Is(err, e) {
			return name
		}
	}
	return "no sentinel"
}

// reborn passes a state through the encoding it has in the log.
func reborn(t *testing.T, s failover.State) failover.State {
	t.Helper()
	return decode(t, encode(t, s))
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func decode(t *testing.T, text string) failover.State {
	t.Helper()
	var s failover.State
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// print writes a set with servers' names in place of their uuids.
func (w *world) print(set gtid.Set) string {
	text := set.String()
	for _, s := range w.servers {
		text = strings.ReplaceAll(text, s.uuid, s.Name)
	}
	return text
}

// show prints a decision: its sentence, what it changes in the state, its events and actions.
func (s *stage) show(before failover.State, d failover.Decision) {
	s.printf("%s\n", s.readable(d.Reason))
	old := strings.Split(s.describe(before), "\n")
	for _, line := range strings.Split(s.describe(d.Next), "\n") {
		if !slices.Contains(old, line) {
			s.printf("    = %s\n", line)
		}
	}
	for _, e := range d.Events {
		failed := ""
		if e.Failed {
			failed = " (failed)"
		}
		s.printf("    event %s: %s: %s%s\n", e.Kind, e.Decision, s.readable(e.Reason), failed)
		for _, v := range e.Candidates {
			s.printf("        %s eligible=%t: %s\n", v.Server, v.Eligible, v.Reason)
		}
		for _, v := range e.Evidence {
			s.printf("        evidence %s %s: %s\n", v.Kind, v.Server, v.Detail)
		}
	}
	for _, a := range d.Actions {
		s.printf("    > %s\n", s.action(a))
	}
}

// readable is a sentence with names in place of uuids.
func (s *stage) readable(text string) string {
	for _, srv := range s.servers {
		text = strings.ReplaceAll(text, srv.uuid, srv.Name)
	}
	return text
}

func (s *stage) action(a failover.Action) string {
	parts := []string{string(a.Kind), a.Server}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("source", a.Source)
	add("target", s.print(a.Target))
	add("donors", strings.Join(a.Donors, ","))
	if a.Acker {
		add("acker", "true")
	}
	if a.WaitCount > 0 {
		add("wait", strconv.Itoa(a.WaitCount))
	}
	settings := make([]string, 0, len(a.Settings))
	for _, v := range a.Settings {
		settings = append(settings, v.Name)
	}
	if more := len(settings) - 3; more > 0 {
		settings = append(settings[:3], fmt.Sprintf("%d more", more))
	}
	add("settings", strings.Join(settings, ","))
	if a.Divergence != nil {
		add("report", a.Divergence.ID)
	}
	if o := a.Lease; o != nil {
		add("row", fmt.Sprintf("%d:%s", o.SetVersion, orNone(strings.Join(o.Candidates, ","))))
	}
	add("session", a.Session)
	return strings.Join(parts, " ")
}

// describe is a state in lines, of which a transcript shows those that changed.
func (s *stage) describe(st failover.State) string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	add("epoch %d, primary %s", st.Epoch, orNone(st.Primary))
	add("ackers %s, wait %d, armed %t", orNone(strings.Join(st.Ackers, ",")), st.WaitCount, st.Armed)
	add("unproven: %s", orNone(st.Unproven))
	if st.Hold == nil {
		add("no hold")
	} else {
		add("hold: %s", s.readable(st.Hold.Reason))
		add("missing: %s", orNone(strings.Join(st.Hold.Missing, "; ")))
	}
	add("isolated: %s", orNone(st.Isolated))
	if st.Override != nil {
		add("override %s to %s until %s", st.Override.ID, st.Override.Target, st.Override.Expires.Format(time.TimeOnly))
	}
	lines = append(lines, s.describeGuard(st.Guard)...)
	lines = append(lines, s.describeRecovery(st.Recovery)...)
	for _, name := range slices.Sorted(maps.Keys(st.Servers)) {
		m := st.Servers[name]
		state := ""
		if m.Quarantine != nil {
			state += fmt.Sprintf(" quarantined (extra %s, fenced %t, report %s)", orNone(s.print(m.Quarantine.Extra)), m.Quarantine.Fenced, m.Quarantine.Divergence)
		}
		if m.Clone != nil {
			state += " clone from " + m.Clone.From
		}
		if m.Former > 0 {
			state += fmt.Sprintf(" primary of epoch %d before", m.Former)
		}
		if m.Away {
			state += " away"
		}
		add("%s:%s", name, orNone(state))
	}
	for _, div := range st.Divergences {
		add("report %s %s old=%s new=%s captured=%s transactions=%d complete=%t", div.ID, div.State, div.OldServer, div.NewServer, orNone(s.print(div.Captured)), div.Transactions, div.Complete)
	}
	if st.Paused != nil {
		add("paused by %s", st.Paused.By)
	}
	if !st.CooldownUntil.IsZero() {
		add("cooldown until %s", st.CooldownUntil.Format(time.TimeOnly))
	}
	return strings.Join(lines, "\n")
}

func (s *stage) describeRecovery(r *failover.Recovery) []string {
	if r == nil {
		return []string{"no recovery"}
	}
	lines := []string{fmt.Sprintf("recovery %s %s, attempt %d, candidate %s, ackers %s, wait %d", r.Kind, r.Stage, r.Attempt, orNone(r.Candidate), orNone(strings.Join(r.Ackers, ",")), r.WaitCount)}
	lines = append(lines, describeLapse(r.Lapse)...)
	if !r.Target.IsEmpty() || !r.Tail.IsEmpty() {
		lines = append(lines, fmt.Sprintf("target %s, tail %s from %s", s.print(r.Target), orNone(s.print(r.Tail)), orNone(strings.Join(r.TailFrom, ","))))
	}
	for _, g := range r.Groups {
		lines = append(lines, fmt.Sprintf("group %s: %d of %s", g.Writer, g.Wait, orNone(strings.Join(g.Ackers, ","))))
	}
	for _, step := range r.Steps {
		note := ""
		if step.Name == failover.ActRevoke && step.State == failover.StepDone && !step.Counts {
			note = " (does not count: " + step.Why + ")"
		}
		lines = append(lines, fmt.Sprintf("step %d %s %s %s%s", step.Attempt, step.Name, step.Server, step.State, note))
	}
	return lines
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
