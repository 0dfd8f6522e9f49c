package failover_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// fresh is how old an answer or a report may be, as in the daemon.
const fresh = 1500 * time.Millisecond

// netTimeout is after how long a receiver gives a silent source up.
const netTimeout = 4 * time.Second

// server is a MySQL server just real enough to be decided about: what is written arrives where a
// command says, and threads follow the reachability of their source.
type server struct {
	topology.Server
	uuid               string
	up, hung, slow     bool
	startup            string // names its start configuration
	boot               int64
	process            uint64
	variables          map[string]string
	persisted          map[string]string
	purging            map[string]string // how it boots to delete binary logs; nil: it shows nothing of that
	status             map[string]string // overrides what follows from the rest
	stranger           string            // host of an attached acker that nobody declared
	executed, received gtid.Set
	next               uint64
	source             string // name; empty: no channel
	receiver           bool   // wanted
	applierError       string
	commits            topology.Commits
	closing            bool      // a change of read_only is pending
	lostSource         time.Time // since when the source is silent, zero: it is not
	receiverConnecting bool
	seenBy             map[string]*sight
	failures           map[failover.ActionKind]string
	guarded
}

// sight is what one node remembers of one server.
type sight struct {
	reach    topology.Reach
	since    time.Time
	answered time.Time
	facts    *topology.Facts
	lost     bool
	refusals int
}

type node struct {
	name, site, region string
	down               bool
}

// world is a cluster, the nodes that see it, and the agreed state.
type world struct {
	now     time.Time
	term    uint64
	leader  string
	skew    time.Duration // of the leader's clock
	between time.Duration // how long an answer from another region takes
	began   time.Time     // the leader's term, on its clock
	spec    policy.ClusterSpec
	fleet   failover.FleetView
	nodes   []*node
	servers []*server
	cuts    map[string]bool // "a|b": a does not reach b, both ways
	state   failover.State
	pending []failover.Action
	results []failover.Result
	watch   func() // sees every moment that passes; nil: nobody does
}

func newWorld() *world {
	w := &world{
		now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), term: 1, leader: "cloud-1", cuts: map[string]bool{},
		nodes: []*node{
			{name: "cloud-1", site: "cloud-a", region: "cloud"},
			{name: "east-1", site: "east-a", region: "east"},
			{name: "west-1", site: "west-a", region: "west"},
		},
		fleet: failover.FleetView{Clusters: 1, Limits: policy.DefaultFleet()},
	}
	w.spec = policy.ClusterSpec{Name: "orders", HomeRegion: "east", Mode: policy.ModeAutomatic, Policy: policy.DefaultPolicy()}
	w.spec.Policy.Cooldown, w.spec.Policy.Flap = 0, policy.Flap{}
	for i, name := range []string{"east-db1", "east-db2", "east-db3", "west-db1", "west-db2"} {
		region, _, _ := strings.Cut(name, "-")
		w.declare(name, region, i+1)
	}
	return w
}

func (w *world) declare(name, region string, i int) {
	s := &server{
		Server: topology.Server{Name: name, Address: fmt.Sprintf("10.1.0.%d:3306", 10+i), Region: region, Site: region + "-a"},
		uuid:   fmt.Sprintf("%08d-0000-0000-0000-000000000000", i), up: true, boot: 1000, process: 1, startup: "defaults", next: 1,
		variables: map[string]string{
			"read_only": "ON", "super_read_only": "ON", "persisted_globals_load": "ON", "init_file": "",
			"log_bin": "ON", "log_replica_updates": "ON", "enforce_gtid_consistency": "ON", "gtid_mode": "ON",
			"relay_log_recovery": "OFF", "sync_relay_log": "1", "sync_binlog": "1", "innodb_flush_log_at_trx_commit": "1",
		},
		persisted: map[string]string{}, status: map[string]string{}, seenBy: map[string]*sight{},
		source: "east-db1", receiver: true, guarded: guarded{scheduler: true},
	}
	s.failures = make(map[failover.ActionKind]string)
	if i == 1 {
		s.source = ""
		s.variables["read_only"], s.variables["super_read_only"] = "OFF", "OFF"
	}
	w.servers = append(w.servers, s)
	w.spec.Servers = append(w.spec.Servers, policy.ServerSpec{
		Name: name, Address: s.Address, Region: s.Region, Site: s.Site, Promotion: policy.PromotionNeutral, AddressKind: policy.AddressDirect,
	})
}

func (w *world) server(name string) *server {
	for _, s := range w.servers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// connected tells whether two of the world's servers and nodes reach each other.
func (w *world) connected(a, b string) bool { return !w.cuts[a+"|"+b] && !w.cuts[b+"|"+a] }

// members lists the servers and nodes that a name stands for: itself, or all of a region.
func (w *world) members(name string) []string {
	var out []string
	for _, s := range w.servers {
		if s.Name == name || s.Region == name || (name == s.Region+"-servers") {
			out = append(out, s.Name)
		}
	}
	for _, n := range w.nodes {
		if n.name == name || n.region == name || (name == n.region+"-nodes") {
			out = append(out, n.name)
		}
	}
	return out
}

func (w *world) everybody() []string {
	var out []string
	for _, s := range w.servers {
		out = append(out, s.Name)
	}
	for _, n := range w.nodes {
		out = append(out, n.name)
	}
	return out
}

func (w *world) cut(a, b string) {
	inside := w.members(a)
	outside := w.members(b)
	if b == "" {
		outside = slices.DeleteFunc(w.everybody(), func(n string) bool { return slices.Contains(inside, n) })
	}
	for _, x := range inside {
		for _, y := range outside {
			w.cuts[x+"|"+y] = true
		}
	}
}

// settleThreads moves receivers to where their sources' reachability leads them.
func (w *world) settleThreads() {
	for _, s := range w.servers {
		if s.source == "" || !s.receiver || !s.up {
			s.lostSource, s.receiverConnecting = time.Time{}, false
			continue
		}
		src := w.server(s.source)
		switch {
		case !src.up && w.connected(s.Name, src.Name):
			s.receiverConnecting, s.lostSource = true, time.Time{}
		case src.hung || !w.connected(s.Name, src.Name) || !src.up:
			if s.lostSource.IsZero() {
				s.lostSource = w.now
			}
			s.receiverConnecting = s.receiverConnecting || w.now.Sub(s.lostSource) >= netTimeout
		default:
			s.receiverConnecting, s.lostSource = false, time.Time{}
		}
	}
}

// attached tells whether the server's receiver is connected to its source right now.
func (w *world) attached(s *server) bool {
	return s.up && s.source != "" && s.receiver && !s.receiverConnecting
}

func (w *world) facts(s *server) *topology.Facts {
	f := &topology.Facts{
		UUID: s.uuid, Version: "9.7.4", Boot: topology.Boot{Started: s.boot, Process: s.process}, Start: s.startup, Variables: maps.Clone(s.variables), Persisted: maps.Clone(s.persisted),
		Status: map[string]string{"rpl_semi_sync_source_status": onOff(on(s.variables["rpl_semi_sync_source_enabled"]))}, Executed: s.executed,
	}
	clients := 0
	for _, r := range w.servers {
		if r.source == s.Name && w.attached(r) {
			acker := on(r.variables["rpl_semi_sync_replica_enabled"])
			f.Replicas = append(f.Replicas, topology.Attached{UUID: r.uuid, Host: r.Name, Acker: acker})
			if acker {
				clients++
			}
		}
	}
	if s.stranger != "" {
		f.Replicas = append(f.Replicas, topology.Attached{UUID: "99999999-0000-0000-0000-000000000000", Host: s.stranger, Acker: true})
		clients++
	}
	f.Status["rpl_semi_sync_source_clients"] = fmt.Sprint(clients)
	maps.Copy(f.Status, s.status)
	f.Lease, f.Commits, f.Closing = w.lease(s), s.commits, s.closing
	if s.source == "" {
		return f
	}
	src := w.server(s.source)
	host, _, _ := strings.Cut(src.Address, ":")
	f.Source = &topology.Upstream{
		UUID: src.uuid, Host: host, Port: 3306, Receiver: topology.ThreadOff, Applier: topology.ThreadOn, ApplierError: s.applierError,
		Received: s.received, AutoPosition: true, ConnectRetry: 1, RetryCount: 4294967295, HeartbeatPeriod: time.Second,
	}
	if s.applierError != "" {
		f.Source.Applier = topology.ThreadOff
	}
	switch {
	case w.attached(s):
		f.Source.Receiver = topology.ThreadOn
		if !s.lostSource.IsZero() {
			f.Source.SilentFor = w.now.Sub(s.lostSource)
		}
	case s.receiver:
		f.Source.Receiver = topology.ThreadConnecting
	}
	f.Status["rpl_semi_sync_replica_status"] = onOff(w.attached(s) && on(s.variables["rpl_semi_sync_replica_enabled"]))
	return f
}

// look lets every node see every server once.
func (w *world) look() {
	w.settleThreads()
	w.leases()
	for _, n := range w.nodes {
		for _, s := range w.servers {
			w.lookAt(n, s)
		}
	}
}

func (w *world) lookAt(n *node, s *server) {
	seen := s.seenBy[n.name]
	if seen == nil {
		seen = &sight{reach: topology.ReachUnknown, since: w.now}
		s.seenBy[n.name] = seen
	}
	before := seen.reach
	switch {
	case n.down:
		return
	case !w.connected(n.name, s.Name) || (s.up && (s.hung || s.slow)):
		seen.reach, seen.refusals = topology.ReachSilent, 0
	case !s.up:
		seen.reach, seen.lost = topology.ReachRefused, !seen.answered.IsZero()
		seen.refusals += 2
	default:
		seen.reach, seen.lost, seen.refusals = topology.ReachOK, false, 0
		seen.answered, seen.facts = w.now, w.facts(s)
	}
	if seen.reach != before {
		seen.since = w.now
	}
}

// view is what the leader sees.
func (w *world) view() topology.View {
	var reports []topology.Received
	for _, n := range w.nodes {
		if n.down || !w.connected(n.name, w.leader) {
			reports = append(reports, topology.Received{Report: topology.Report{Node: n.name, Site: n.site, Region: n.region}, Age: time.Minute})
			continue
		}
		r := topology.Report{Node: n.name, Site: n.site, Region: n.region}
		for _, s := range w.servers {
			seen := s.seenBy[n.name]
			sight := topology.Sight{
				Server: s.Name, Reach: seen.reach, Since: w.now.Sub(seen.since), LastAnswer: topology.Never,
				ConnectionLost: seen.lost, Refusals: seen.refusals, Facts: seen.facts,
			}
			if s.Region != n.region {
				sight.Ended = w.between
			}
			if !seen.answered.IsZero() {
				sight.LastAnswer = w.now.Sub(seen.answered)
			}
			r.Sights = append(r.Sights, sight)
		}
		reports = append(reports, topology.Received{Report: r, Age: 10 * time.Millisecond})
	}
	return topology.Assemble(w.spec.Identities(), reports, fresh)
}

func (w *world) input() failover.Input {
	spec := w.spec
	return failover.Input{
		Now: w.clock(), Began: w.began, Term: w.term, Node: w.leader, Spec: &spec, View: w.view(), Results: w.results, Fleet: w.fleet,
	}
}

// clock is the leader's.
func (w *world) clock() time.Time { return w.now.Add(w.skew) }

func on(v string) bool { return strings.EqualFold(v, "ON") || v == "1" }

func onOff(v bool) string {
	if v {
		return "ON"
	}
	return "OFF"
}
