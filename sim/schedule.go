package sim

import (
	"strings"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
)

// Run plays the world of a seed: some time of faults, then everything is healed, and the world has to
// come to rest.
func Run(seed uint64) Verdict {
	w := runWorld(seed)
	return Verdict{
		Seed: seed, Violations: w.violations, Transcript: strings.Join(w.lines, "\n"), Failovers: w.failovers, Acked: len(w.ledger), Elapsed: w.now,
	}
}

func runWorld(seed uint64) *World {
	w := New(seed)
	ready := w.runUntil(20*time.Second, func() bool { word, _ := w.condition(); return word == failover.WordOK })
	if !ready && len(w.violations) == 0 {
		_, why := w.condition()
		w.violate("start", "the cluster does not become ok: %s", why)
	}
	w.chaos(15*time.Second + time.Duration(w.rng.IntN(20))*time.Second)
	w.heal()
	w.converge()
	return w
}

// chaos breaks and mends things for a while.
func (w *World) chaos(d time.Duration) {
	until := w.now + d
	for w.now < until && len(w.violations) == 0 {
		w.breakSomething()
		pause := time.Duration(w.rng.IntN(300)) * time.Millisecond
		switch w.rng.IntN(3) {
		case 0:
			pause = time.Duration(w.rng.IntN(3000)) * time.Millisecond
		case 1:
			pause = time.Duration(w.rng.IntN(8000)) * time.Millisecond
		}
		w.run(pause)
	}
}

// breakSomething has one fault happen, most of which end by themselves after a while.
func (w *World) breakSomething() {
	s := w.servers[w.rng.IntN(len(w.servers))]
	if w.rng.IntN(2) == 0 {
		s = w.server(w.state().Primary)
	}
	if s == nil {
		s = w.servers[0]
	}
	lasts := time.Duration(w.rng.IntN(10000)) * time.Millisecond
	switch w.rng.IntN(16) {
	case 0, 1, 2:
		s.kill()
		if w.rng.IntN(4) > 0 {
			w.after(lasts, s.start)
		}
	case 3, 4:
		s.pause()
		w.after(lasts, s.resume)
	case 5:
		w.cutOff(w.net.inside(s.spec.Region), lasts)
	case 6:
		w.cutOff([]string{s.name()}, lasts)
	case 7:
		w.cutServers(s.spec.Region, lasts)
	case 8:
		w.oneWay(s.name(), lasts)
	case 9:
		w.moveLead()
	case 10:
		w.restartNode(w.nodes[w.rng.IntN(len(w.nodes))], lasts)
	case 11:
		for _, o := range w.servers {
			if !o.up && w.rng.IntN(2) == 0 {
				o.start()
			}
		}
	case 12:
		w.restartAckerThenKill()
	case 13, 14:
		w.orderSomething()
	case 15:
		w.meddle(s)
	}
}

// restartAckerThenKill loses the primary right after an acker was lost, or came back.
func (w *World) restartAckerThenKill() {
	primary := w.server(w.state().Primary)
	for _, name := range w.state().Ackers {
		s := w.server(name)
		s.kill()
		w.after(time.Duration(w.rng.IntN(2)*w.rng.IntN(4000))*time.Millisecond, s.start)
		w.after(time.Duration(w.rng.IntN(1500))*time.Millisecond, func() {
			primary.kill()
			w.after(time.Duration(w.rng.IntN(6000))*time.Millisecond, primary.start)
		})
		return
	}
}

// orderSomething is an operator at work, who may be wrong.
func (w *World) orderSomething() {
	s := w.state()
	target := w.servers[w.rng.IntN(len(w.servers))].name()
	o := failover.Order{Reason: "try"}
	switch w.rng.IntN(8) {
	case 6, 7:
		o.Kind, o.Server, o.Override = failover.OrderFailover, w.servers[3+w.rng.IntN(2)].name(), true
		o.TTL = time.Duration(w.rng.IntN(20)) * time.Second
	case 0, 1:
		o.Kind, o.Server = failover.OrderFailover, target
	case 2:
		o.Kind = failover.OrderFailover
	case 3:
		o.Kind, o.Server, o.From = failover.OrderClone, target, s.Primary
	case 4:
		o.Kind = failover.OrderPause
		w.after(time.Duration(w.rng.IntN(5000))*time.Millisecond, func() { w.tell(failover.Order{Kind: failover.OrderResume}) })
	case 5:
		o.Kind = failover.OrderRelease
	}
	w.tell(o)
}

// tell gives an order whose refusal is fine.
func (w *World) tell(o failover.Order) {
	if err := w.order(o); err != nil {
		w.logf("the order is refused: %v", err)
	}
}

// meddle changes a server behind regent's back.
func (w *World) meddle(s *Server) {
	if !s.answers() {
		return
	}
	switch w.rng.IntN(4) {
	case 0:
		w.logf("somebody stops the receiver of %s", s.name())
		if s.channel != nil {
			s.channel.stopReceiver()
		}
	case 1:
		// Nobody is expected to start receivers that a recovery has stopped: acknowledgements that
		// begin behind its back cannot be revoked.
		if s.spec.Region != w.spec.HomeRegion && s.channel != nil && w.state().Recovery == nil {
			w.logf("somebody has %s acknowledge", s.name())
			s.set("rpl_semi_sync_replica_enabled", "ON", true)
			s.channel.stopReceiver()
			s.channel.startReceiver()
		}
	case 2:
		w.logf("somebody writes on %s", s.name())
		if s.channel != nil {
			g := gtid.GTID{UUID: s.uuid, Seq: s.next}
			s.next++
			s.executed = s.executed.Add(g)
			s.append(g)
		}
	case 3:
		w.logf("somebody resets persisted variables of %s", s.name())
		s.persisted = map[string]string{}
	}
}

// cutOff separates some endpoints from all others for a while.
func (w *World) cutOff(inside []string, lasts time.Duration) {
	w.part(inside, w.net.others(inside), true, lasts)
}

// cutServers separates the servers of a region from everything else, the node beside them included.
func (w *World) cutServers(region string, lasts time.Duration) {
	var inside []string
	for _, s := range w.servers {
		if s.spec.Region == region {
			inside = append(inside, s.name())
		}
	}
	for _, c := range w.clients {
		if w.net.regions[c.name] == region {
			inside = append(inside, c.name)
		}
	}
	w.part(inside, w.net.others(inside), true, lasts)
}

// oneWay drops the packets from a server to some others.
func (w *World) oneWay(name string, lasts time.Duration) {
	var to []string
	for _, e := range w.net.others([]string{name}) {
		if w.rng.IntN(2) == 0 {
			to = append(to, e)
		}
	}
	w.part([]string{name}, to, false, lasts)
}

func (w *World) part(a, b []string, both bool, lasts time.Duration) {
	w.logf("cut for %s: %s from %s", lasts, strings.Join(a, " "), strings.Join(b, " "))
	w.net.cut(a, b)
	if both {
		w.net.cut(b, a)
	}
	w.linksChanged()
	w.after(lasts, func() {
		w.logf("heal: %s", strings.Join(a, " "))
		w.net.mend(a, b)
		if both {
			w.net.mend(b, a)
		}
		w.linksChanged()
	})
}

// moveLead makes another node the leader, as a transfer or a hiccup does.
func (w *World) moveLead() {
	if n := w.nodes[w.rng.IntN(len(w.nodes))]; w.group.majority(n) && w.group.leader != n {
		w.group.lead(n)
	}
}

func (w *World) restartNode(n *Node, lasts time.Duration) {
	if !n.up {
		return
	}
	w.logf("node %s dies", n.name)
	n.stop()
	if w.group.leader == n {
		w.group.depose("its node died")
	}
	w.after(lasts, func() {
		w.logf("node %s starts", n.name)
		n.start()
	})
}

// heal ends all faults that do not end by themselves.
func (w *World) heal() {
	w.run(10 * time.Second)
	w.logf("everything is healed")
	w.calm = true
	for _, s := range w.servers {
		s.resume()
		s.start()
	}
	w.linksChanged()
	if w.state().Paused != nil {
		w.tell(failover.Order{Kind: failover.OrderResume})
	}
}

// converge lets the world come to rest: by itself as far as it can without people, and then, with an
// operator who does what is asked, completely.
func (w *World) converge() {
	if !w.runUntil(2*time.Minute, w.explained) {
		word, why := w.condition()
		w.unless("convergence", "two minutes after everything was healed the cluster is %s: %s", word, why)
		return
	}
	rested := func() bool {
		word, _ := w.condition()
		s := w.state()
		return word == failover.WordOK && failover.Settled(&s)
	}
	for range 30 {
		if w.runUntil(10*time.Second, rested) {
			break
		}
		w.operate()
	}
	if !rested() {
		word, why := w.condition()
		w.unless("convergence", "an operator did what was asked, and the cluster is %s: %s", word, why)
		return
	}
	for _, c := range w.clients {
		c.stopped = true
	}
	w.run(clientTimeout)
	w.runUntil(time.Minute, func() bool { return len(w.behind()) == 0 })
	w.kept("in the end")
	w.equal()
}

// unless notes a violation where there is none yet.
func (w *World) unless(what, format string, args ...any) {
	if len(w.violations) == 0 {
		w.violate(what, format, args...)
	}
}

// explained tells whether the cluster rests: it is ok, or all that it lacks is what people are asked for,
// which is to rebuild reported servers and to order an expired override again.
func (w *World) explained() bool {
	word, _ := w.condition()
	s := w.state()
	expired := s.Override != nil && s.Recovery != nil && w.wall().After(s.Override.Expires)
	switch {
	case word == failover.WordOK, word == failover.WordHold && expired:
		return true
	case word == failover.WordRecovering, word == failover.WordSplitBrain, w.group.leader == nil:
		return false
	}
	v := w.group.leader.view()
	apart := 0
	for _, srv := range w.servers {
		q := s.Servers[srv.name()].Quarantine
		f := v.Current(srv.name())
		switch {
		case f == nil:
			return false
		case q != nil:
			apart++
			if !w.reported(&s, q.Divergence) || !q.Fenced {
				return false
			}
		case srv.name() == s.Primary || s.Hold != nil:
		case f.Source == nil || f.Source.Receiver != topologyOn || f.Source.Applier != topologyOn:
			return false
		}
	}
	return (apart > 0 || len(s.Divergences) > 0) && (s.Hold == nil || len(s.Hold.Missing) > 0)
}

func (w *World) reported(s *failover.State, id string) bool {
	for _, d := range s.Divergences {
		if d.ID == id {
			return d.State == failover.DivergenceOpen || d.State == failover.DivergenceSettled
		}
	}
	return false
}

// operate gives the orders that the state of the cluster asks for.
func (w *World) operate() {
	s := w.state()
	for _, d := range s.Divergences {
		if d.State == failover.DivergenceOpen {
			w.tell(failover.Order{Kind: failover.OrderAckReport, Report: d.ID, Reason: "settled"})
		}
	}
	for _, srv := range w.servers {
		if m := s.Servers[srv.name()]; m.Quarantine != nil && m.Clone == nil {
			w.tell(failover.Order{Kind: failover.OrderClone, Server: srv.name(), From: s.Primary, Reason: "back"})
		}
	}
	if s.Override != nil && w.wall().After(s.Override.Expires) {
		w.tell(failover.Order{Kind: failover.OrderFailover, Server: s.Override.Target, Override: true, Reason: "again", TTL: time.Minute})
	}
}

// behind lists the servers that do not hold what the primary holds, or hold more.
func (w *World) behind() []*Server {
	primary := w.server(w.state().Primary)
	var out []*Server
	for _, s := range w.servers {
		if !s.executed.Equal(primary.executed) {
			out = append(out, s)
		}
	}
	return out
}

// equal checks that all servers hold the same in the end.
func (w *World) equal() {
	primary := w.server(w.state().Primary)
	for _, s := range w.behind() {
		w.violate("convergence", "%s has %s beside %s of the primary %s", s.name(), w.short(s.executed), w.short(primary.executed), primary.name())
	}
}
