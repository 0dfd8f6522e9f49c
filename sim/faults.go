package sim

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/regentdb/regent/policy"
)

// undo ends a fault, once.
type undo struct{ do func() }

// faults are what a plan is made of.
func faults() []fault {
	return []fault{
		{"a server is killed", 6, func(w *World, r *rand.Rand) { w.killFor(w.victim(r), r) }},
		{"a server is paused", 4, func(w *World, r *rand.Rand) { w.pauseFor(w.victim(r), r) }},
		{"the host of a server loses power", 2, func(w *World, r *rand.Rand) { w.powerFor(w.victim(r), r) }},
		{"a region is cut off", 2, func(w *World, r *rand.Rand) { w.cutOff(w.net.inside(w.victim(r).spec.Region), lasts(r)) }},
		{"a server is cut off", 2, func(w *World, r *rand.Rand) { w.cutOff([]place{w.victim(r).at}, lasts(r)) }},
		{"the servers of a region are cut off", 2, func(w *World, r *rand.Rand) { w.cutServers(w.victim(r).spec.Region, lasts(r)) }},
		{"a node is cut off", 2, func(w *World, r *rand.Rand) { w.cutOff([]place{w.anyNode(r).at}, lasts(r)) }},
		{"a cut one way", 3, func(w *World, r *rand.Rand) { w.oneWay(w.victim(r).at, r) }},
		{"a cut one way around a node", 2, func(w *World, r *rand.Rand) { w.oneWay(w.anyNode(r).at, r) }},
		{"a replica is cut from its source", 2, func(w *World, r *rand.Rand) { w.cutLink(w.victim(r), lasts(r)) }},
		{"packets are delayed", 2, func(w *World, r *rand.Rand) { w.slowDown(w.anywhere(r), r) }},
		{"packets get lost", 2, func(w *World, r *rand.Rand) { w.lose(w.anywhere(r), r) }},
		{"the leadership moves", 3, func(w *World, r *rand.Rand) { w.group.transfer(w.nodes[r.IntN(len(w.nodes))]) }},
		{"the leadership moves and comes back", 1, func(w *World, r *rand.Rand) { w.bounce(r) }},
		{"a node dies", 2, func(w *World, r *rand.Rand) { w.restartNode(w.anyNode(r), lasts(r)) }},
		{"a node dies with its disk", 1, func(w *World, r *rand.Rand) { w.loseDisk(w.anyNode(r), lasts(r)) }},
		{"all nodes die", 1, func(w *World, r *rand.Rand) { w.restartAllNodes(2*time.Second + lasts(r)/2) }},
		{"a node is paused", 4, func(w *World, r *rand.Rand) { w.pauseNode(w.anyNode(r), lasts(r)) }},
		{"the clock of a node steps", 2, func(w *World, r *rand.Rand) { w.stepClock(w.anyNode(r), r) }},
		{"somebody starts servers", 2, func(w *World, r *rand.Rand) { w.startSome(r) }},
		{"an acker comes back and the primary goes", 2, func(w *World, r *rand.Rand) { w.restartAckerThenKill(r) }},
		{"statements hang on a server", 2, func(w *World, r *rand.Rand) { w.hangFor(w.victim(r), lasts(r)) }},
		{"an operator gives an order", 4, func(w *World, r *rand.Rand) { w.orderSomething(r) }},
		{"a person overrides, and the new primary is lost", 1, func(w *World, r *rand.Rand) { w.overrideAndLose(r) }},
		{"the primaries of several clusters are lost", 1, func(w *World, r *rand.Rand) { w.losePrimaries(r) }},
		{"a server shuts down", 2, func(w *World, r *rand.Rand) { w.shutDownFor(w.victim(r), r) }},
		{"an override expires while its servers hang", 1, func(w *World, r *rand.Rand) { w.overrideThatExpires(r) }},
		{"the ackers go away", 1, func(w *World, r *rand.Rand) { w.loseAckers(r) }},
		{"acknowledgements are lost with the connections of the ackers", 2, func(w *World, r *rand.Rand) { w.loseAcknowledgements(r) }},
		{"somebody meddles with a server", 2, func(w *World, r *rand.Rand) { w.meddle(w.victim(r), r) }},
	}
}

// strikes are what breaks besides, just when a recovery enters a stage.
func strikes() []fault {
	later := func(do func(*World, *Server, *rand.Rand)) func(*World, *rand.Rand) {
		return func(w *World, r *rand.Rand) {
			s := w.involved(r)
			w.after(time.Duration(r.IntN(150))*time.Millisecond, func() {
				if !w.calm {
					do(w, s, r)
				}
			})
		}
	}
	return []fault{
		{"a server of the recovery is killed", 4, later(func(w *World, s *Server, r *rand.Rand) { w.killFor(s, r) })},
		{"a server of the recovery is paused", 4, later(func(w *World, s *Server, r *rand.Rand) { w.pauseFor(s, r) })},
		{"a server of the recovery is cut off", 2, later(func(w *World, s *Server, r *rand.Rand) { w.cutOff([]place{s.at}, lasts(r)) })},
		{"a server of the recovery is cut one way", 2, later(func(w *World, s *Server, r *rand.Rand) { w.oneWay(s.at, r) })},
		{"the leadership moves", 3, later(func(w *World, _ *Server, r *rand.Rand) { w.group.transfer(w.nodes[r.IntN(len(w.nodes))]) })},
		{"the leader is paused", 4, later(func(w *World, _ *Server, r *rand.Rand) { w.pauseNode(w.likelyLeader(), lasts(r)) })},
		{"the leader dies", 2, later(func(w *World, _ *Server, r *rand.Rand) { w.restartNode(w.likelyLeader(), lasts(r)) })},
		{"the leader is cut off", 2, later(func(w *World, _ *Server, r *rand.Rand) { w.cutOff([]place{w.likelyLeader().at}, lasts(r)) })},
		{"statements hang on a server of the recovery", 2, later(func(w *World, s *Server, r *rand.Rand) { w.hangFor(s, lasts(r)) })},
		{"the clock of the leader steps", 1, later(func(w *World, _ *Server, r *rand.Rand) { w.stepClock(w.likelyLeader(), r) })},
	}
}

func lasts(r *rand.Rand) time.Duration { return time.Duration(r.IntN(9000)) * time.Millisecond }

// victim is a server, often the primary.
func (w *World) victim(r *rand.Rand) *Server {
	s := w.servers[r.IntN(len(w.servers))]
	if primary := w.server(w.state().Primary); r.IntN(2) == 0 && primary != nil {
		return primary
	}
	return s
}

// involved is a server of the open recovery, often its candidate.
func (w *World) involved(r *rand.Rand) *Server {
	rec := w.state().Recovery
	if rec == nil {
		return w.victim(r)
	}
	names := append([]string{rec.Old}, rec.Ackers...)
	if rec.Candidate != "" {
		names = append(names, rec.Candidate, rec.Candidate, rec.Candidate)
	}
	return w.server(names[r.IntN(len(names))])
}

// anyNode is a node, often the leader.
func (w *World) anyNode(r *rand.Rand) *Node {
	n := w.nodes[r.IntN(len(w.nodes))]
	if r.IntN(2) == 0 {
		return w.likelyLeader()
	}
	return n
}

// likelyLeader is the node that was elected last, the first one before any was.
func (w *World) likelyLeader() *Node {
	if w.group.leader == nil {
		return w.nodes[0]
	}
	return w.group.leader
}

func (w *World) anywhere(r *rand.Rand) place {
	if r.IntN(2) == 0 {
		return w.anyNode(r).at
	}
	return w.victim(r).at
}

// wrong begins a fault that ends by itself after a while, or when everything is healed.
func (w *World) wrong(lasts time.Duration, end func()) {
	over := false
	once := func() {
		if !over {
			over = true
			end()
		}
	}
	w.wrongs = append(w.wrongs, undo{once})
	w.after(lasts, once)
}

func (w *World) killFor(s *Server, r *rand.Rand) {
	s.kill()
	if r.IntN(4) > 0 {
		w.after(lasts(r), s.start)
	}
}

func (w *World) powerFor(s *Server, r *rand.Rand) {
	s.powerOff()
	w.after(lasts(r), s.start)
}

func (w *World) pauseFor(s *Server, r *rand.Rand) {
	s.touched++
	s.pause()
	w.wrong(lasts(r), s.resume)
}

func (w *World) hangFor(s *Server, d time.Duration) {
	w.logf("statements hang on %s for %s", s.name(), d)
	s.touched++
	s.hang = max(s.hang, w.now+d)
}

// cutOff separates some endpoints from all others for a while.
func (w *World) cutOff(inside []place, d time.Duration) {
	w.part(inside, w.net.others(inside), true, d)
}

// cutServers separates the servers of a region from everything else, the node beside them included.
func (w *World) cutServers(region string, d time.Duration) {
	var inside []place
	for _, s := range w.all {
		if s.spec.Region == region {
			inside = append(inside, s.at)
		}
	}
	for _, c := range w.clients {
		if w.net.regions[c.at] == region {
			inside = append(inside, c.at)
		}
	}
	w.part(inside, w.net.others(inside), true, d)
}

// cutLink separates a replica from its source alone.
func (w *World) cutLink(s *Server, d time.Duration) {
	if s.channel != nil {
		w.part([]place{s.at}, []place{s.channel.source.at}, true, d)
	}
}

// oneWay drops the packets from an endpoint to some others, or from those to it.
func (w *World) oneWay(p place, r *rand.Rand) {
	var some []place
	for _, e := range w.net.others([]place{p}) {
		if r.IntN(2) == 0 {
			some = append(some, e)
		}
	}
	if r.IntN(2) == 0 {
		w.part([]place{p}, some, false, lasts(r))
		return
	}
	w.part(some, []place{p}, false, lasts(r))
}

func (w *World) part(a, b []place, both bool, d time.Duration) {
	names := strings.Join(w.net.named(a), " ")
	w.logf("cut for %s: %s from %s, both ways %t", d, names, strings.Join(w.net.named(b), " "), both)
	turn := func(by int) {
		w.net.cut(a, b, by)
		if both {
			w.net.cut(b, a, by)
		}
		w.disturb(append(append([]place{}, a...), b...))
		w.linksChanged()
	}
	turn(1)
	w.wrong(d, func() {
		w.logf("heal: %s", names)
		turn(-1)
	})
}

// disturb notes that servers were hit by something that is not regent's doing.
func (w *World) disturb(places []place) {
	for _, s := range w.all {
		for _, p := range places {
			if s.at == p {
				s.touched++
			}
		}
	}
}

func (w *World) slowDown(p place, r *rand.Rand) {
	by := time.Duration(20+r.IntN(480)) * time.Millisecond
	w.logf("packets of %s take %s more", w.net.names[p], by)
	w.net.slow[p] += by
	w.wrong(lasts(r), func() { w.net.slow[p] -= by; w.net.loudAt = w.now })
}

func (w *World) lose(p place, r *rand.Rand) {
	share := 5 + r.IntN(30)
	w.logf("%d %% of the packets of %s get lost", share, w.net.names[p])
	w.net.loss[p] += share
	w.wrong(lasts(r), func() { w.net.loss[p] -= share; w.net.loudAt = w.now })
}

func (w *World) restartNode(n *Node, d time.Duration) {
	if !n.up {
		return
	}
	w.logf("node %s dies", n.name)
	n.stop()
	w.wrong(d, func() {
		w.logf("node %s starts", n.name)
		n.start()
	})
}

func (w *World) restartAllNodes(d time.Duration) {
	for _, n := range w.nodes {
		w.restartNode(n, d)
	}
	w.watchAlone(d)
	w.watchGuard(d)
}

func (w *World) pauseNode(n *Node, d time.Duration) {
	if len(w.beside) > 0 {
		return // what the loops of a stopped process were at could be taken up again in any order
	}
	n.pause()
	w.wrong(d, n.resume)
}

// stepClock sets the clock of a node, by up to an hour.
func (w *World) stepClock(n *Node, r *rand.Rand) {
	by := time.Duration(r.IntN(7_200_000)-3_600_000) * time.Millisecond
	if r.IntN(2) == 0 {
		by = time.Duration(r.IntN(20_000)-10_000) * time.Millisecond
	}
	w.logf("the clock of %s steps by %s", n.name, by)
	n.skew += by
}

func (w *World) startSome(r *rand.Rand) {
	for _, s := range w.servers {
		if !s.up && r.IntN(2) == 0 {
			s.start()
		}
	}
}

// restartAckerThenKill loses the primary right after an acker was lost, or came back.
func (w *World) restartAckerThenKill(r *rand.Rand) {
	st := w.state()
	primary := w.server(st.Primary)
	if primary == nil || len(st.Ackers) == 0 {
		return
	}
	s := w.server(st.Ackers[0])
	s.kill()
	w.after(time.Duration(r.IntN(2)*r.IntN(4000))*time.Millisecond, s.start)
	back := time.Duration(r.IntN(6000)) * time.Millisecond
	w.after(time.Duration(r.IntN(1500))*time.Millisecond, func() {
		if !w.calm {
			primary.kill()
			w.after(back, primary.start)
		}
	})
}

// makeAsync has commits wait for nobody.
func (w *World) makeAsync(r *rand.Rand) {
	w.spec.Policy.Durability = policy.DurabilityAsync
	w.spec.Policy.MaxLostTransactions = []int64{0, 3, 100}[r.IntN(3)]
	if r.IntN(3) == 0 {
		// It boots with what is in its configuration alone, and says so.
		w.servers[r.IntN(3)].set("persisted_globals_load", "OFF", false)
		w.bootWritable()
	}
}

// bootWritable has only what is persisted keep a server read-only in a boot; somebody has persisted that
// everywhere before regent came.
func (w *World) bootWritable() {
	w.bootsWritable = true
	for _, s := range w.all {
		s.persist("super_read_only", "ON")
		s.persist("skip_replica_start", "ON")
	}
}

// prefer has the owner of the cluster wish for one acker, and against another.
func (w *World) prefer(r *rand.Rand) {
	one := 1 + r.IntN(2)
	w.spec.Servers[one].Promotion = policy.PromotionPrefer
	w.spec.Servers[3-one].Promotion = []policy.Promotion{policy.PromotionAvoid, policy.PromotionNeutral, policy.PromotionNever}[r.IntN(3)]
}
