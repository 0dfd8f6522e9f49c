package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// neighbour is a cluster beside the one that a world is about. Nobody writes to it; it is there for what
// clusters have in common: the nodes, the network, and the brakes of the fleet.
type neighbour struct {
	spec    policy.ClusterSpec
	servers []*Server
	limits  policy.Fleet
	state   failover.State // as agreed
}

// addClusters puts two clusters of three servers beside the first, and limits what may fail over at once.
func (w *World) addClusters(r *rand.Rand) {
	limits := policy.Fleet{
		MaxConcurrentRecoveries: 1 + r.IntN(2), BrakeFraction: []float64{0.5, 0.8}[r.IntN(2)], BrakeWindow: policy.Duration(20 * time.Second),
	}
	for i, name := range []string{"bills", "carts"} {
		n := &neighbour{spec: w.spec, limits: limits}
		n.spec.Name, n.spec.Servers, n.spec.Policy.SemiSync.Required = name, nil, 1
		for j := range 3 {
			spec := policy.ServerSpec{
				Name: fmt.Sprintf("%s-db%d", name, j+1), Address: fmt.Sprintf("10.1.%d.%d:3306", 1+i, 11+j), Region: "east", Site: "east-a",
				Promotion: policy.PromotionNeutral, AddressKind: policy.AddressDirect,
			}
			n.spec.Servers = append(n.spec.Servers, spec)
			n.servers = append(n.servers, w.newServer(spec))
		}
		attach(n.servers)
		w.beside = append(w.beside, n)
	}
	w.after(time.Duration(8+r.IntN(8))*time.Second, func() {
		if !w.calm {
			w.losePrimaries(r)
		}
	})
}

// fleetSpecs is what the owners declare.
func (w *World) fleetSpecs() policy.Specs {
	specs := policy.Specs{Clusters: []policy.ClusterSpec{w.spec}, Fleet: policy.DefaultFleet()}
	for _, n := range w.beside {
		specs.Clusters, specs.Fleet = append(specs.Clusters, n.spec), n.limits
	}
	return specs
}

// neighbourOf is the cluster of a server that is not of the first one, nil when it is.
func (w *World) neighbourOf(s *Server) *neighbour {
	for _, n := range w.beside {
		for _, o := range n.servers {
			if o == s {
				return n
			}
		}
	}
	return nil
}

// losePrimaries has the primaries of some clusters die within a moment, or soon after each other.
func (w *World) losePrimaries(r *rand.Rand) {
	if len(w.beside) == 0 {
		return
	}
	within := []int{1, 50, 1500, 4000}[r.IntN(4)]
	for i := range len(w.beside) + 1 {
		if i == 0 && r.IntN(4) == 0 {
			continue
		}
		last := time.Duration(6+r.IntN(8)) * time.Second
		w.after(time.Duration(r.IntN(within))*time.Millisecond, func() { w.losePrimary(i, last) })
	}
}

// losePrimary has the primary of a cluster die: 0 is the first, the others are its neighbours. It notes the loss
// where the leader cannot but see it.
func (w *World) losePrimary(i int, last time.Duration) {
	cluster, st := w.spec.Name, w.state()
	if i > 0 {
		cluster, st = w.beside[i-1].spec.Name, w.beside[i-1].state
	}
	s, l := w.server(st.Primary), w.leader()
	if s == nil || !s.up || w.calm {
		return
	}
	if l != nil && w.net.joined(l.at, s.at) && w.quiet() && st.Recovery == nil && st.Paused == nil {
		w.lostAt[cluster] = loss{at: w.now, term: w.group.term}
	}
	s.kill()
	w.after(last, s.start)
}

// loss is when a primary died, and in which term.
type loss struct {
	at   time.Duration
	term uint64
}

// openedBeside checks that the primary of a neighbour is who its group has agreed on (I1, I2).
func (w *World) openedBeside(n *neighbour, s *Server) {
	w.logf("%s is open in epoch %d of %s", s.name(), n.state.Epoch, n.spec.Name)
	if n.state.Primary != s.name() {
		w.violate("I1", "%s is opened, and the primary of %s is %s", s.name(), n.spec.Name, n.state.Primary)
	}
}

// committedBeside takes what was agreed about a neighbour.
func (w *World) committedBeside(cluster string, is *failover.State) {
	w.intend(is.Recovery)
	for _, n := range w.beside {
		if n.spec.Name == cluster {
			n.state = *is
		}
	}
}

// fleetBraked checks that a recovery that nobody ordered begins only where the limits of the fleet let it: not
// beside as many others as there may be, and not while too many clusters have lost their primary, as it is agreed
// and as it is.
func (w *World) fleetBraked(cluster string, was, is *failover.State) {
	r := is.Recovery
	if len(w.beside) == 0 || was.Recovery != nil || r == nil || r.By != "" {
		return
	}
	agreed := w.group.states[len(w.group.states)-1]
	open, lost, clusters := 0, 0, 0
	for name, c := range agreed.Clusters {
		s := c.State
		if s.Paused != nil || s.Epoch == 0 {
			continue
		}
		clusters++
		if name == cluster {
			continue
		}
		if s.Recovery != nil {
			open++
		}
		noted := s.Lost != nil && s.Lost.Term == r.Term && r.StartedAt.Sub(s.Lost.At) < time.Duration(agreed.Fleet.BrakeWindow)
		if noted || w.trulyLost(name, r.Term) {
			lost++
		}
	}
	if open >= agreed.Fleet.MaxConcurrentRecoveries {
		w.violate("fleet", "recovery %s begins beside %d others", r.ID, open)
	}
	if lost > 1 && float64(lost+1) > agreed.Fleet.BrakeFraction*float64(clusters) {
		w.violate("fleet", "recovery %s begins while %d of %d clusters have lost their primary", r.ID, lost+1, clusters)
	}
}

// trulyLost tells whether a primary died within the window, and so long ago that this is agreed.
func (w *World) trulyLost(cluster string, term uint64) bool {
	const noticed = 700 * time.Millisecond
	l, known := w.lostAt[cluster]
	window := time.Duration(w.beside[0].limits.BrakeWindow)
	return known && l.term == term && w.now > l.at+noticed && w.now < l.at+window-noticed
}

// restBeside checks that the neighbours come to rest as well.
func (w *World) restBeside() {
	for _, n := range w.beside {
		why := ""
		rested := func() bool {
			l := w.leader()
			if l == nil {
				return false
			}
			v := l.viewOf(n.spec.Identities(), w.now)
			var word failover.Word
			word, why = failover.Condition(&n.spec, &n.state, &v)
			return word == failover.WordOK
		}
		if !w.runUntil(time.Minute, rested) {
			w.unless("convergence", "%s is not well in the end: %s", n.spec.Name, why)
		}
	}
}

// clusterOf is the cluster that a command is about.
func clusterOf(c *fsm.Command) string {
	if c.Advance == nil {
		return ""
	}
	return c.Advance.Cluster
}

// turnOf has the loops of a process decide one after the other: they are woken at one instant, and what they
// ask for then would come in any order.
func (d *daemon) turnOf(cluster string) {
	if len(d.w.beside) == 0 {
		return
	}
	lane := laneLog
	for i, n := range d.w.beside {
		if n.spec.Name == cluster {
			lane = laneMoved + i
		}
	}
	_ = d.command("turn of "+cluster, lane, func(r *request) { r.answer(nil) }) // A dead process may decide too.
}

// says tells whether the sentence of a cluster's decision is another one than before.
func (d *daemon) says(cluster, reason string) bool {
	d.own.Lock()
	defer d.own.Unlock()
	before := d.reasons[cluster]
	d.reasons[cluster] = reason
	return before != reason
}
