package failover_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
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

// purging says how every server deletes binary logs, now and after a boot: "purging VARIABLE=VALUE".
func (s *stage) purging() {
	name, value, _ := strings.Cut(s.arg(1), "=")
	for _, srv := range s.servers {
		srv.variables[name] = value
		srv.purging = map[string]string{name: value}
	}
}

// copied has a node hold a copy of the last report: "copied NODE [CHANGE]".
func (s *stage) copied() {
	v := s.state.Divergences[len(s.state.Divergences)-1]
	c := failover.Copy{Node: s.arg(1), Files: v.Files, At: s.now}
	if text := s.arg(2); text != "" {
		c.Files, _ = strconv.ParseUint(text, 10, 64)
	}
	next, fits := s.state.WithCopy(v.ID, c)
	s.state = next
	now := next.Divergences[len(next.Divergences)-1]
	s.printf("%t: %s\n", fits, strings.Join(now.Holders(), ","))
}

func (s *stage) hang() { s.subject().hung = true; s.look() }

func (s *stage) resume() { s.subject().hung, s.subject().slow = false, false }

// slow makes a server answer later than a probe waits, while its replicas still get what it sends.
func (s *stage) slow() { s.subject().slow = true; s.look() }

// witnessed notes of every server that an earlier boot came up read-only with the present configuration.
func (s *stage) witnessed() {
	for _, srv := range s.servers {
		m := s.state.Servers[srv.Name]
		m.Witness.Start = srv.startup
		s.state.Servers[srv.Name] = m
	}
}

func (s *stage) cutCommand() { s.cut(s.arg(1), s.arg(2)) }

// betweenCommand says how long answers from another region take: "between 60ms".
func (s *stage) betweenCommand() {
	d, err := time.ParseDuration(s.arg(1))
	if err != nil {
		s.fail("%v", err)
	}
	s.between = d
}

func (s *stage) heal() { clear(s.cuts) }

// write has a server execute n transactions: "write SERVER N [to NAMES…]". Without "to" every
// attached replica gets them; "to" alone gives them to nobody. With "relay" they are received and not
// applied; with "unheard" the server has logged them, and waits for acknowledgements.
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
	before := src.executed
	src.executed = before.Union(set)
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
	if s.fields[0] == "unheard" {
		src.executed = before // the commits wait
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

// stuck has commits wait on a server with none ending: "stuck SERVER FOR WAITING"; no span ends that.
func (s *stage) stuck() {
	s.subject().commits = topology.Commits{}
	if s.arg(2) == "" {
		return
	}
	span, err := time.ParseDuration(s.arg(2))
	waiting, errWaiting := strconv.Atoi(s.arg(3))
	if err != nil || errWaiting != nil {
		s.fail("a span, and a number of commits")
	}
	s.subject().commits = topology.Commits{Waiting: waiting, StuckFor: span}
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
		case "closing":
			srv.closing = on(value)
		case "startup":
			srv.startup = value
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
		case "when_missing":
			p.SemiSync.WhenMissing = policy.WhenMissing(value)
		case "cooldown":
			p.Cooldown = policy.Duration(d)
		case "keep_for":
			p.Settle.KeepFor = policy.Duration(d)
		case "approve_above_rows":
			p.Settle.ApproveAboveRows, _ = strconv.Atoi(value)
		case "flap":
			p.Flap = policy.Flap{Failovers: n, Window: policy.Duration(time.Hour)}
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
	o := failover.Order{Kind: failover.OrderKind(s.arg(1)), Cluster: "orders", By: "ada", At: s.clock(), ID: "orders-o" + strconv.FormatUint(s.state.Counter, 10)}
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
		case "powered_off":
			o.PoweredOff = true
		case "reason":
			o.Reason = value
		case "by":
			o.By = value
		case "means":
			o.Settle = settlingOf(value)
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
