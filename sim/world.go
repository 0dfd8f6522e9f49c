package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// maxServers bounds the servers of a world.
const maxServers = 16

// World is one run: everything that exists, the clock, and what was found wrong. It is moved by one
// goroutine; those of the daemons look at it while that rests.
type World struct {
	clock
	meeting
	seed    uint64
	net     *network
	spec    policy.ClusterSpec
	servers []*Server // of the cluster that everything is about
	all     []*Server // of every cluster
	beside  []*neighbour
	lostAt  map[string]loss // when primaries died, by cluster
	nodes   []*Node
	daemons []*daemon // of all lives
	clients []*client
	group   *group
	ledger  []ack
	turns   []int // by lane: how often it was woken
	// connections counts those of executors.
	connections int

	plan   []decision
	wrongs []undo // faults that have not ended
	// flaky is the share of statements that fail on the way, in percent.
	flaky int
	// bootsWritable tells that only what is persisted has a server boot read-only.
	bootsWritable bool
	stage         failover.Stage
	// stages counts stages entered by recoveries.
	stages int
	// chaos is over: nothing is broken any more.
	calm bool

	// guarded tells that the policy wants a guard, or did. raging tells that the chaos has begun. renewals and armings
	// count their moments since, and keeper is the node of the last renewal.
	guarded, raging   bool
	renewals, armings int
	keeper            *Node
	awaited           []awaited // what waits for something to be agreed

	judge
	lines      []line
	violations []string
}

// line is one of the transcript, printed when somebody asks.
type line struct {
	at     time.Duration
	format string
	args   []any
}

// stray is a declared server of which nobody knows in what region it is.
const stray = "somewhere-db1"

// newWorld builds the world of a seed: three regions, five or six servers, three nodes, clients in two
// regions. It is called in the bubble.
func newWorld(seed uint64, plan []decision) *World {
	w := &World{seed: seed, plan: plan, lostAt: map[string]loss{}}
	w.convene()
	w.net = &network{w: w}
	w.group = newGroup(w)
	w.spec = policy.ClusterSpec{Name: "orders", HomeRegion: "east", Mode: policy.ModeAutomatic, Policy: policy.DefaultPolicy()}
	w.spec.Policy.Cooldown, w.spec.Policy.Flap = 0, policy.Flap{}
	if w.draw(2, "budget", 0) == 1 {
		w.spec.Policy.CatchUpBudget = policy.Duration(2 * time.Second) // what only servers far away hold is fetched
	}
	w.spec.Policy.SemiSync.DegradeAfter = policy.Duration(time.Second) // means nothing where commits are to wait
	names := []string{"east-db1", "east-db2", "east-db3", "west-db1", "west-db2"}
	if w.draw(3, "fourth", 0) == 0 {
		names = append(names, "east-db4")
		w.spec.Policy.SemiSync.Required = 1 + w.draw(2, "required", 0)
	}
	if w.draw(6, "stray", 0) == 0 {
		names = append(names, stray)
	}
	for i, name := range names {
		region, _, _ := strings.Cut(name, "-")
		if name == stray {
			region = ""
		}
		spec := policy.ServerSpec{
			Name: name, Address: fmt.Sprintf("10.1.0.%d:3306", 11+i), Region: region, Site: region + "-a",
			Promotion: policy.PromotionNeutral, AddressKind: policy.AddressDirect,
		}
		w.spec.Servers = append(w.spec.Servers, spec)
		w.servers = append(w.servers, w.newServer(spec))
	}
	for i, region := range []string{"cloud", "east", "west"} {
		w.nodes = append(w.nodes, w.newNode(region, i))
	}
	w.turns = make([]int, len(w.nodes)*lanesPerNode)
	patient := w.draw(4, "patient", 0) == 0
	for i, region := range []string{"east", "east", "east", "west"} {
		c := &client{w: w, name: fmt.Sprintf("%s-client%d", region, i+1), patient: patient}
		c.at = w.net.join(c.name, region)
		w.clients = append(w.clients, c)
	}
	return w
}

// begin starts everything: a primary with its replicas, nodes without a leader, idle clients.
func (w *World) begin() {
	w.judge.begin(w.servers[0])
	attach(w.servers)
	w.group.seed(fsm.Command{PutSpecs: &fsm.PutSpecs{Specs: w.fleetSpecs(), By: "sim", Reason: "begin", At: w.wall()}})
	for _, n := range w.nodes {
		n.raft.applied, n.raft.stored = len(w.group.states)-1, len(w.group.states)-1
		n.start()
	}
	w.group.beat()
	w.eachSecond()
	for i, c := range w.clients {
		c.begin(time.Duration(i) * 10 * time.Millisecond)
	}
}

// attach has the first of some servers be the primary of the others.
func attach(servers []*Server) {
	first := servers[0]
	first.set("super_read_only", "OFF", false)
	first.set("read_only", "OFF", false)
	for _, s := range servers[1:] {
		s.point(first)
		s.channel.tuned = false
		s.channel.startReceiver()
	}
}

// eachSecond is what the kernels of the nodes do, and what is judged by the time that has passed.
func (w *World) eachSecond() {
	for _, n := range w.nodes {
		n.keepAlive()
	}
	w.noticeGuards()
	w.unnoticed()
	st := w.state()
	w.reports(&st) // also while nothing is agreed
	w.after(time.Second, w.eachSecond)
}

func (w *World) server(name string) *Server {
	for _, s := range w.all {
		if s.name() == name {
			return s
		}
	}
	return nil
}

func (w *World) serverIndex(name string) int {
	for i, s := range w.all {
		if s.name() == name {
			return i
		}
	}
	return laneReport
}

// serverAt finds the server at an address.
func (w *World) serverAt(address string) *Server {
	for _, s := range w.all {
		if s.spec.Address == address {
			return s
		}
	}
	return nil
}

func (w *World) state() failover.State { return w.group.current().State }

// run lets time pass.
func (w *World) run(d time.Duration) { w.advance(w.now + d) }

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
	for _, s := range w.all {
		if s.channel != nil && s.channel.stream != nil {
			s.channel.stream.listen()
		}
	}
}

// serverGone tells everybody who is connected that a process died, where packets get through.
func (w *World) serverGone(s *Server) {
	for _, n := range w.nodes {
		if n.up && w.net.delivers(s.at, n.at) {
			n.later(w.net.delay(s.at, n.at), func() { n.lost(s) })
		}
	}
	for _, c := range w.clients {
		if c.server == s && c.pending == nil {
			c.server = nil
		}
	}
}

// draw is a number below n. It follows from the seed and the words alone, so that leaving out one fault
// does not change what is drawn for another.
func (w *World) draw(n int, what string, k uint64) int {
	h := w.seed*0x9e3779b97f4a7c15 ^ k*0xbf58476d1ce4e5b9
	for i := range len(what) {
		h = (h ^ uint64(what[i])) * 0x100000001b3
	}
	h ^= h >> 31
	h *= 0x94d049bb133111eb
	h ^= h >> 29
	return int(h % uint64(n)) //nolint:gosec // n is a small positive number
}

func (w *World) logf(format string, args ...any) {
	w.lines = append(w.lines, line{w.now, format, args})
}

func (w *World) violate(what, format string, args ...any) {
	w.logf("VIOLATION "+what+": "+format, args...)
	w.violations = append(w.violations, what+": "+fmt.Sprintf(format, args...))
}

func (w *World) must(err error) {
	if err != nil {
		w.violate("sim", "%v", err)
	}
}

// transcript is everything that happened.
func (w *World) transcript() string {
	var b strings.Builder
	for _, l := range w.lines {
		fmt.Fprintf(&b, "%9.3f ", l.at.Seconds())
		fmt.Fprintf(&b, l.format, l.args...)
		b.WriteByte('\n')
	}
	return b.String()
}

// shown is a set that is printed with the names of servers in place of their uuids.
type shown struct {
	w   *World
	set gtid.Set
}

func (w *World) shown(set gtid.Set) shown { return shown{w, set} }

func (s shown) String() string {
	text := s.set.String()
	for _, server := range s.w.all {
		text = strings.ReplaceAll(text, server.uuid, server.name())
	}
	if text == "" {
		return "nothing"
	}
	return text
}

// leader is the node that leads in truth and takes part, nil when there is none.
func (w *World) leader() *Node {
	if n := w.group.leader; n != nil && n.raft.leads && n.raft.ready && n.serves() {
		return n
	}
	return nil
}

// condition is the cluster in one word and one sentence, as the leader tells it.
func (w *World) condition() (failover.Word, string) {
	n := w.leader()
	if n == nil {
		return failover.WordHold, "no leader"
	}
	v := n.view(w.now)
	s := w.state()
	return failover.Condition(&w.spec, &s, &v)
}
