package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// World is one run: everything that exists, the clock, and what was found wrong.
type World struct {
	clock
	rng     *rand.Rand
	net     *network
	spec    policy.ClusterSpec
	servers []*Server
	nodes   []*Node
	clients []*client
	group   *group
	ledger  []ack
	// faults is the share of actions that a fault hits, in percent.
	faults int
	// spite is the share of stages of a recovery in which something more breaks, in percent.
	spite int
	stage failover.Stage
	// chaos is over: nothing is broken any more.
	calm bool

	writer *Server // the server that was opened last
	// forked are the earlier primaries of which an override accepted that they go on; forgiven is
	// what is lost by that.
	forked    map[string]bool
	forgiven  gtid.Set
	failovers int

	lines      []string
	violations []string
}

// New builds the world of a seed: three regions, five servers, three nodes, clients in two regions.
func New(seed uint64) *World {
	w := &World{rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), net: newNetwork(), forked: map[string]bool{}} //nolint:gosec // a seed must say everything
	w.group = newGroup(w)
	w.spec = policy.ClusterSpec{Name: "orders", HomeRegion: "east", Mode: policy.ModeAutomatic, Policy: policy.DefaultPolicy()}
	w.spec.Policy.Cooldown, w.spec.Policy.Flap = 0, policy.Flap{}
	names := []string{"east-db1", "east-db2", "east-db3", "west-db1", "west-db2"}
	if w.rng.IntN(3) == 0 {
		names = append(names, "east-db4")
		w.spec.Policy.SemiSync.Required = 1 + w.rng.IntN(2)
	}
	for i, name := range names {
		region, _, _ := strings.Cut(name, "-")
		spec := policy.ServerSpec{
			Name: name, Address: fmt.Sprintf("10.1.0.%d:3306", 11+i), Region: region, Site: region + "-a",
			Promotion: policy.PromotionNeutral, AddressKind: policy.AddressDirect,
		}
		w.spec.Servers = append(w.spec.Servers, spec)
		w.servers = append(w.servers, w.newServer(spec, i+1))
	}
	w.vary()
	for _, region := range []string{"cloud", "east", "west"} {
		n := &Node{w: w, name: region + "-1", region: region, site: region + "-a"}
		w.net.regions[n.name] = region
		w.nodes = append(w.nodes, n)
	}
	for i, region := range []string{"east", "east", "east", "west"} {
		c := &client{w: w, name: fmt.Sprintf("%s-client%d", region, i+1)}
		w.net.regions[c.name] = region
		w.clients = append(w.clients, c)
	}
	w.begin()
	return w
}

// vary draws what differs between worlds.
func (w *World) vary() {
	if w.rng.IntN(3) == 0 {
		for _, s := range w.servers {
			s.variables["relay_log_recovery"] = "ON"
		}
	}
	if w.rng.IntN(3) == 0 {
		w.servers[1+w.rng.IntN(4)].slow = time.Duration(w.rng.IntN(15)) * time.Millisecond
	}
	if w.rng.IntN(2) == 0 {
		w.faults = w.rng.IntN(8)
	}
	if w.rng.IntN(2) == 0 {
		w.spite = w.rng.IntN(40)
	}
	if w.rng.IntN(4) == 0 {
		// Acknowledged transactions hang on one acker, and that one loses its relay log.
		w.servers[1].slow, w.servers[2].late = 20*time.Millisecond, time.Second
		for _, s := range w.servers {
			s.variables["relay_log_recovery"] = "ON"
		}
	} else if w.rng.IntN(2) == 0 {
		w.servers[1+w.rng.IntN(2)].late = time.Duration(w.rng.IntN(600)) * time.Millisecond
	}
}

// begin starts everything: a primary with its replicas, nodes without a leader, idle clients.
func (w *World) begin() {
	first := w.servers[0]
	first.set("super_read_only", "OFF", false)
	first.set("read_only", "OFF", false)
	w.writer = first
	for _, s := range w.servers[1:] {
		s.point(first)
		s.channel.tuned = false
		s.channel.startReceiver()
	}
	w.must(w.group.apply(fsm.Command{PutSpecs: &fsm.PutSpecs{
		Specs: policy.Specs{Clusters: []policy.ClusterSpec{w.spec}, Fleet: policy.DefaultFleet()}, By: "sim", Reason: "begin", At: w.wall(),
	}}))
	for _, n := range w.nodes {
		n.start()
	}
	w.group.lostSince = 0
	w.group.tend()
	for i, c := range w.clients {
		c.begin(time.Duration(i) * 10 * time.Millisecond)
	}
}

func (w *World) server(name string) *Server {
	for _, s := range w.servers {
		if s.name() == name {
			return s
		}
	}
	return nil
}

func (w *World) nodeIndex(n *Node) int { return slices.Index(w.nodes, n) }

func (w *World) state() failover.State { return w.group.cluster().State }

// run lets time pass.
func (w *World) run(d time.Duration) {
	until := w.now + d
	for more := true; more && len(w.violations) == 0; {
		more = w.step(until)
	}
}

// runUntil lets time pass until done holds, for at most d.
func (w *World) runUntil(d time.Duration, done func() bool) bool {
	until := w.now + d
	for w.now < until && len(w.violations) == 0 {
		if done() {
			return true
		}
		w.run(min(100*time.Millisecond, until-w.now))
	}
	return done()
}

// linksChanged has every receiver notice what a cut, a pause or their end did to it.
func (w *World) linksChanged() {
	for _, s := range w.servers {
		if s.channel != nil && s.channel.stream != nil {
			s.channel.stream.listen()
		}
	}
}

// serverGone tells everybody who is connected that a process died, where packets get through.
func (w *World) serverGone(s *Server) {
	for _, n := range w.nodes {
		if n.up && w.net.delivers(s.name(), n.name) {
			n.later(w.net.delay(s.name(), n.name), func() { n.lost(s) })
		}
	}
	for _, c := range w.clients {
		if c.server == s && c.pending == nil {
			c.server = nil
		}
	}
}

// fault draws whether a fault hits an action.
func (w *World) fault() bool { return !w.calm && w.faults > 0 && w.rng.IntN(100) < w.faults }

func (w *World) logf(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf("%9.3f ", w.now.Seconds())+fmt.Sprintf(format, args...))
}

func (w *World) violate(what, format string, args ...any) {
	text := what + ": " + fmt.Sprintf(format, args...)
	w.logf("VIOLATION %s", text)
	w.violations = append(w.violations, text)
}

func (w *World) must(err error) {
	if err != nil {
		w.violate("sim", "%v", err)
	}
}

// short prints a set with the names of servers in place of their uuids.
func (w *World) short(set gtid.Set) string {
	text := set.String()
	for _, s := range w.servers {
		text = strings.ReplaceAll(text, s.uuid, s.name())
	}
	if text == "" {
		return "nothing"
	}
	return text
}

// condition is the cluster in one word and one sentence, as the leader tells it.
func (w *World) condition() (failover.Word, string) {
	if w.group.leader == nil {
		return failover.WordHold, "no leader"
	}
	v := w.group.leader.view()
	s := w.state()
	return failover.Condition(&w.spec, &s, &v)
}

// Verdict is what a run found.
type Verdict struct {
	Seed       uint64
	Violations []string
	Transcript string
	Failovers  int
	Acked      int
	Elapsed    time.Duration // of virtual time
}
