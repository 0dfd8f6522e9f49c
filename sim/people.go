package sim

import (
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
)

// orderSomething is an operator at work, who may be wrong.
func (w *World) orderSomething(r *rand.Rand) {
	target := w.servers[r.IntN(len(w.servers))].name()
	o := failover.Order{Reason: "try"}
	switch r.IntN(9) {
	case 8:
		w.maintain(r)
		return
	case 6, 7:
		o.Kind, o.Server, o.Override = failover.OrderFailover, w.servers[3+r.IntN(2)].name(), true
		o.TTL = time.Duration(r.IntN(20)) * time.Second
	case 0, 1:
		o.Kind, o.Server = failover.OrderFailover, target
	case 2:
		o.Kind = failover.OrderFailover
	case 3:
		o.Kind, o.Server, o.From = failover.OrderClone, target, w.state().Primary
	case 4:
		o.Kind = failover.OrderPause
		w.wrong(time.Duration(r.IntN(5000))*time.Millisecond, func() { w.tell(failover.Order{Kind: failover.OrderResume}) })
	case 5:
		o.Kind = failover.OrderRelease
	}
	w.tell(o)
}

// tell gives an order, whose refusal is fine, to whoever believes to lead.
func (w *World) tell(o failover.Order) {
	n := w.leader()
	for _, other := range w.nodes {
		if n == nil && other.raft.leads && other.serves() {
			n = other
		}
	}
	if n == nil {
		w.logf("nobody takes the order %s", o.Kind)
		return
	}
	o.Cluster, o.By = w.spec.Name, "operator"
	w.logf("order %s %s%s to %s", o.Kind, o.Server, o.Report, n.name)
	before := w.settings()
	n.daemon.submit(o, func(err error) {
		w.logf("the order %s is answered: %v", o.Kind, err)
		w.answered(&o, before, err)
	})
}

// meddle changes a server behind regent's back.
func (w *World) meddle(s *Server, r *rand.Rand) {
	if !s.answers() {
		return
	}
	s.touched++
	switch r.IntN(4) {
	case 0:
		w.logf("somebody stops the receiver of %s", s.name())
		s.stopReceiver()
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
		if s.channel != nil {
			w.logf("somebody writes on %s", s.name())
			g := gtid.GTID{UUID: s.uuid, Seq: s.next}
			s.next++
			s.meddled = w.now
			s.executed.add(g)
			s.append(g)
		}
	case 3:
		if w.bootsWritable {
			return // that would be to start a second primary
		}
		w.logf("somebody resets persisted variables of %s", s.name())
		s.persisted = map[string]string{}
	}
}

// operate gives the orders that the state of the cluster asks for.
func (w *World) operate() {
	s := w.state()
	for i := range s.Divergences {
		if d := &s.Divergences[i]; d.State == failover.DivergenceOpen && !w.replays(d) {
			w.tell(failover.Order{Kind: failover.OrderAckReport, Report: d.ID, Reason: "settled"})
		}
	}
	for _, srv := range w.servers {
		if m := s.Servers[srv.name()]; m.Quarantine != nil && m.Clone == nil {
			w.tell(failover.Order{Kind: failover.OrderClone, Server: srv.name(), From: s.Primary, Reason: "back"})
		}
	}
	if w.expired(&s) {
		w.tell(failover.Order{Kind: failover.OrderFailover, Server: s.Override.Target, Override: true, Reason: "again", TTL: time.Minute})
	}
}

// expired tells that an override has expired before its recovery ended, by the leader's clock.
func (w *World) expired(s *failover.State) bool {
	n := w.leader()
	return n != nil && s.Override != nil && s.Recovery != nil && n.daemon.clock().After(s.Override.Expires)
}
