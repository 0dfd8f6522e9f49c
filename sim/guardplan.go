package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// guardPlan is what a seed has happen in a world whose primary has a guard, nothing in most worlds. alone tells
// that it is all that happens: what a lapse is about takes many seconds without other faults.
func guardPlan(seed uint64) (plan []decision, alone bool) {
	r := rand.New(rand.NewPCG(seed, 0xbf58476d1ce4e5b9)) //nolint:gosec // a seed must say everything
	if r.IntN(3) != 0 {
		return nil, false
	}
	add := func(d decision) {
		d.number, d.seed = 1000+len(plan), r.Uint64()
		plan = append(plan, d)
	}
	add(decision{what: "the policy wants a guard", when: atBuild, do: (*World).wantGuard})
	alone = r.IntN(3) > 0
	if r.IntN(2) == 0 || alone {
		add(decision{what: "a lapsed lease is evidence under async", when: atBuild, do: (*World).acceptLapse})
	}
	at := time.Duration(r.IntN(4000)) * time.Millisecond
	for range 1 + r.IntN(4)/3 {
		ends := at
		for _, f := range pickStory(r) {
			among := 1
			if f.when == atRenewal {
				among = 6
			}
			add(decision{what: f.what, when: f.when, nth: 1 + r.IntN(among), at: at + f.after, do: f.do})
			ends = max(ends, at+f.after)
		}
		at = ends + time.Duration(9+r.IntN(9))*time.Second
		add(decision{what: "time passes", when: inChaos, at: at, do: func(*World, *rand.Rand) {}})
	}
	return plan, alone
}

// joinPlans puts plans into one, in the order in which they happen.
func joinPlans(plan, more []decision, alone bool) []decision {
	if alone {
		plan = slices.DeleteFunc(plan, func(d decision) bool { return d.when != atBuild })
	}
	plan = append(plan, more...)
	slices.SortStableFunc(plan, func(a, b decision) int { return int(a.at - b.at) })
	return plan
}

// scene is a part of a story.
type scene struct {
	what  string
	when  timing
	after time.Duration // the beginning of the story, for inChaos
	do    func(*World, *rand.Rand)
}

// pickStory draws what happens around a primary with a guard.
func pickStory(r *rand.Rand) []scene {
	alone := scene{what: "the primary is left alone", do: func(w *World, r *rand.Rand) { w.leaveAlone(r, false) }, when: inChaos}
	soon := func(s scene, least, most int) scene {
		s.after = time.Duration(least+r.IntN(most-least)) * time.Millisecond
		return s
	}
	chaos := func(what string, do func(*World, *rand.Rand)) scene { return scene{what: what, when: inChaos, do: do} }
	sleeps := scene{what: "a node sleeps with a permission in its hands, and the primary is left alone", when: atRenewal, do: (*World).sleepPermitted}
	clock := []scene{chaos("the clock of the primary is set", (*World).stepServer), soon(alone, 6000, 12000)}
	stops := []scene{chaos("the guard of the primary stops", (*World).stopGuard), soon(alone, 5000, 12000)}
	again := []scene{alone, {what: "somebody has a claimed server receive again", when: atStage, do: (*World).breakClaim}}
	down := []scene{
		chaos("a candidate is down for long", (*World).downForLong),
		{what: "the primary is left alone when its row was written", when: atArming, do: func(w *World, r *rand.Rand) { w.leaveAlone(r, true) }},
		soon(chaos("time passes", func(*World, *rand.Rand) {}), 45000, 46000),
	}
	all := [][]scene{
		{alone},
		{sleeps},
		{chaos("the node beside the primary leads", (*World).leadBeside), soon(chaos("it sleeps, and the primary is left alone with it", (*World).sleepPermitted), 1500, 4000)},
		{{what: "a node sleeps with a permission in its hands, and the policy is changed", when: atRenewal, do: (*World).sleepThroughChange}},
		{chaos("the primary and the nodes beside it freeze", (*World).freeze)},
		{chaos("the policy is changed", (*World).changePolicy), soon(alone, 0, 400)},
		{chaos("its region is cut off", (*World).cutHome)},
		{chaos("all nodes die for long", (*World).loseNodes)},
		{chaos("only the node beside the primary lives", (*World).leaveOneNode)},
		clock, clock, stops, stops, again, again, down,
	}
	return all[r.IntN(len(all))]
}

func longer(r *rand.Rand) time.Duration { return time.Duration(7000+r.IntN(11000)) * time.Millisecond }

// wantGuard has the policy of the world want a guard, and gives servers clocks of their own.
func (w *World) wantGuard(r *rand.Rand) {
	w.guarded = true
	p := &w.spec.Policy
	p.Guard = policy.Guard{Enabled: true, TTL: policy.Duration(3000+r.IntN(3000)) * policy.Duration(time.Millisecond)}
	if r.IntN(3) == 0 {
		p.OnIsolation = policy.IsolationFence
	}
	for _, s := range w.servers {
		s.offset = time.Duration(r.IntN(7_200_000)-3_600_000) * time.Millisecond
		s.drift = float64(r.IntN(400)-200) / 1e6
		if r.IntN(4) == 0 {
			s.set("event_scheduler", "OFF", false)
		}
	}
}

// acceptLapse has commits wait for nobody, and a lapsed lease count, mostly.
func (w *World) acceptLapse(r *rand.Rand) {
	p := &w.spec.Policy
	p.Durability, p.MaxLostTransactions, p.AcceptPauseRisk = policy.DurabilityAsync, 1_000_000, r.IntN(5) > 0
}

// leaveAlone cuts the primary, with some of what is beside it, from the rest, for long. Each replica goes with it, or
// stays with the rest, or reaches both and not the primary itself. With one, servers that are down come back
// outside, and one replica that was up goes with the primary.
func (w *World) leaveAlone(r *rand.Rand, one bool) {
	p := w.server(w.state().Primary)
	if p == nil || p.channel != nil {
		return
	}
	d := longer(r)
	inside := []place{p.at}
	for _, n := range w.nodes {
		if n.region == p.spec.Region && r.IntN(8) > 0 {
			inside = append(inside, n.at)
		}
	}
	for i, c := range w.clients {
		if w.net.regions[c.at] == p.spec.Region && i%2 == 0 {
			inside = append(inside, c.at)
		}
	}
	var between []place
	left := 0
	for _, s := range w.servers {
		if s == p || s.spec.Region != p.spec.Region {
			continue
		}
		where := r.IntN(3)
		switch {
		case one && !s.up:
			s.start()
			left++
		case one && left == 0 && where > 0:
			inside = append(inside, s.at)
		case where == 0:
			inside = append(inside, s.at)
		case where == 1:
			between = append(between, s.at)
		}
	}
	outside := slices.DeleteFunc(w.net.others(inside), func(e place) bool { return slices.Contains(between, e) })
	w.part(inside, outside, true, d)
	if len(between) > 0 {
		w.part([]place{p.at}, between, true, d)
	}
}

// sleepPermitted stops the node beside the primary, for so long that the lease has nearly run out when it goes on.
func (w *World) sleepPermitted(r *rand.Rand) {
	w.leaveAlone(r, false)
	ttl := time.Duration(w.currentPolicy().Guard.TTL)
	for _, n := range w.nodes {
		if w.near(n, w.spec.HomeRegion) {
			w.pauseNode(n, ttl/2+time.Duration(r.IntN(int(ttl))))
		}
	}
}

// leadBeside has the node beside the primary lead.
func (w *World) leadBeside(*rand.Rand) {
	for _, n := range w.nodes {
		if w.near(n, w.spec.HomeRegion) {
			w.group.transfer(n)
		}
	}
}

// sleepThroughChange stops the node that gets a permission, and changes the policy meanwhile.
func (w *World) sleepThroughChange(r *rand.Rand) {
	w.pauseNode(w.keeper, time.Duration(1000+r.IntN(4000))*time.Millisecond)
	w.changePolicy(r)
}

// stepServer sets the clock of the primary, mostly back.
func (w *World) stepServer(r *rand.Rand) {
	s := w.server(w.state().Primary)
	by := -time.Duration(r.IntN(10_000)) * time.Millisecond
	switch r.IntN(6) {
	case 0, 1:
		by = -time.Hour
	case 2:
		by = -by
	}
	w.logf("the clock of %s steps by %s", s.name(), by)
	s.setClock(by)
}

// stopGuard has somebody keep the guard of the primary from running.
func (w *World) stopGuard(r *rand.Rand) {
	s := w.server(w.state().Primary)
	g, d := &s.guard, time.Duration(500+r.IntN(8000))*time.Millisecond
	kind := r.IntN(7)
	switch {
	case g.event == nil || !s.answers():
		return
	case kind == 0:
		s.set("event_scheduler", "OFF", false)
	case kind == 1:
		g.event.enabled = false
	case kind == 2:
		g.rowLocked = w.now + d
		w.logf("somebody locks the guard row of %s for %s", s.name(), d)
		return
	case kind == 3:
		g.tableLocked = w.now + d
	default:
		g.event.broken = true
	}
	w.logf("somebody stops the guard of %s (%d)", s.name(), kind)
	s.warped()
}

// breakClaim has somebody end regent's connection to a server that is claimed and start its receiver.
func (w *World) breakClaim(r *rand.Rand) {
	if w.semiSync() {
		return // acknowledgements that begin behind the back of a recovery cannot be revoked
	}
	at := time.Duration(2200+r.IntN(2500)) * time.Millisecond
	for range 8 {
		w.after(at, w.unclaimSome)
		at += 300 * time.Millisecond // regent stops them again
	}
}

// unclaimSome ends connections of regent that claim, and starts the receivers again.
func (w *World) unclaimSome() {
	for _, s := range w.servers {
		apart := w.state().Servers[s.name()].Quarantine != nil
		if s.claim == nil || s.channel == nil || apart || !s.answers() || w.calm || w.draw(8, "unclaim"+s.name(), uint64(w.now)) == 0 { //nolint:gosec // time goes forward
			continue
		}
		w.logf("somebody has %s receive again", s.name())
		s.touched++
		s.claim.kill()
		s.channel.startReceiver()
	}
}

// freeze pauses the primary and the nodes beside it, and has them go on at the same time.
func (w *World) freeze(r *rand.Rand) {
	p, d := w.server(w.state().Primary), longer(r)
	for _, n := range w.nodes {
		if n.region == p.spec.Region && r.IntN(3) > 0 {
			w.pauseNode(n, d)
		}
	}
	p.touched++
	p.pause()
	w.wrong(d, p.resume)
}

// changePolicy is an operator who applies another policy of the guard.
func (w *World) changePolicy(r *rand.Rand) {
	spec := w.group.current().Spec
	p := &spec.Policy
	p.Guard.TTL = policy.Duration(3000+r.IntN(2)*r.IntN(3000)) * policy.Duration(time.Millisecond)
	if r.IntN(2) == 0 {
		p.OnIsolation = []policy.OnIsolation{policy.IsolationFence, policy.IsolationServe}[r.IntN(2)]
	}
	n := w.leader()
	if n == nil {
		return
	}
	w.logf("the policy is changed: ttl %s, on_isolation %s", time.Duration(p.Guard.TTL), p.OnIsolation)
	c := fsm.Command{PutSpecs: &fsm.PutSpecs{
		Specs: policy.Specs{Clusters: []policy.ClusterSpec{spec}, Fleet: policy.DefaultFleet()}, By: "sim", Reason: "change",
		At: w.wall(), Expect: map[string]uint64{spec.Name: w.group.current().Version},
	}}
	n.daemon.propose(c)
}

// cutHome separates the home region from all others.
func (w *World) cutHome(r *rand.Rand) {
	d := longer(r)
	w.cutOff(w.net.inside(w.spec.HomeRegion), d)
	w.watchGuard(d)
}

// leaveOneNode stops all nodes but those beside the primary.
func (w *World) leaveOneNode(r *rand.Rand) {
	p, d := w.server(w.state().Primary), longer(r)
	for _, n := range w.nodes {
		if n.region != p.spec.Region {
			w.restartNode(n, d)
		}
	}
	w.watchGuard(d)
}

// loseNodes ends all nodes for so long that the guard closes the primary. In half of the cases the leader stops while that is being
// opened again.
func (w *World) loseNodes(r *rand.Rand) {
	w.restartAllNodes(longer(r))
	if r.IntN(2) == 0 {
		return
	}
	stops, d := between(r, 20, 250), between(r, 2000, 5000)
	begun := func(is *failover.State) bool { return is.Guard != nil && is.Guard.Opening && is.Recovery == nil }
	w.once(40*time.Second, begun, func() {
		w.later(stops, func() {
			if n := w.leader(); n != nil {
				w.pauseNode(n, d)
			}
		})
	})
}

// downForLong ends a candidate for so long that it leaves the row.
func (w *World) downForLong(r *rand.Rand) {
	s := w.servers[1+r.IntN(2)]
	if s.name() == w.state().Primary {
		return
	}
	s.kill()
	w.after(45*time.Second, s.start)
}

// renewing is called when a node gets a permission to renew.
func (w *World) renewing(n *Node) {
	if w.raging && n.serves() && w.near(n, w.spec.HomeRegion) {
		w.renewals++
		w.keeper = n
		w.happen(atRenewal, w.renewals)
	}
}

// armed is called when the row of a server was written; an open one counts.
func (w *World) armed(s *Server) {
	if w.raging && s.writable() {
		w.armings++
		w.happen(atArming, w.armings)
	}
}

// happen has the decisions happen that wait for the so-and-so-manieth moment of a kind.
func (w *World) happen(when timing, nth int) {
	for i := range w.plan {
		if d := &w.plan[i]; d.when == when && d.nth == nth && !w.calm {
			d.apply(w)
		}
	}
}
