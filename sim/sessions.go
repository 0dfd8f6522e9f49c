package sim

import (
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// displaced is called when a session takes the lock from another one: never from one of a later term.
func (w *World) displaced(held, by *conn) {
	if held.term > by.term {
		w.violate("epoch", "%s of term %d takes the lock of %s from %s of term %d", by.d.n.name, by.term, by.s.name(), held.d.n.name, held.term)
	}
}

// ofThisTerm is called with every statement that a node sends. Its lock tells others in which term it leads, so
// that one of an earlier term would be taken from it by a leader that is deposed.
func (w *World) ofThisTerm(x *conn) {
	const noticed = time.Second // what runs on when the leadership comes back at once is ended then
	if r := x.d.n.raft; r.leads && r.term != x.term && w.now > w.group.electedAt+noticed {
		w.violate("epoch", "%s leads in term %d and uses the lock of term %d on %s", x.d.n.name, r.term, x.term, x.s.name())
	}
}

// bounce moves the leadership to another node and back soon.
func (w *World) bounce(r *rand.Rand) {
	from := w.likelyLeader()
	w.group.transfer(w.nodes[(from.index+1+r.IntN(2))%len(w.nodes)])
	w.after(time.Duration(r.IntN(400))*time.Millisecond, func() { w.group.transfer(from) })
}

// shutDown has a server end in an orderly way: it refuses new connections, maybe those of nodes too, which
// connect anew, and serves those that it has for a while.
func (s *Server) shutDown(in time.Duration) {
	if !s.answers() {
		return
	}
	s.w.logf("%s shuts down within %s", s.name(), in)
	s.touched++
	s.closing = true
	if s.w.draw(2, "connects anew", uint64(s.w.now)) == 0 { //nolint:gosec // it counts up
		s.w.refuseNodes(s)
	}
	process := s.process
	s.w.after(in, func() {
		if s.process == process {
			s.kill()
		}
	})
}

// refuseNodes has the nodes connect anew to a server that takes no new connections.
func (w *World) refuseNodes(s *Server) {
	for _, n := range w.nodes {
		if n.up && s.closing {
			r := n.records[s.index]
			r.sight.Reach = topology.ReachUnknown
			n.probe(r)
		}
	}
}

// shutDownFor shuts a server down that is started again later.
func (w *World) shutDownFor(s *Server, r *rand.Rand) {
	in := time.Duration(r.IntN(3000)) * time.Millisecond
	s.shutDown(in)
	w.after(in+lasts(r), s.start)
}

// overrideThatExpires has a person permit a promotion for a moment only, and the servers that it is about hang
// just then: what was asked of them is answered when it is wanted no more.
func (w *World) overrideThatExpires(r *rand.Rand) {
	first := 3 + r.IntN(2)
	one, other := w.servers[first], w.servers[7-first]
	ttl := time.Duration(500+r.IntN(1000)) * time.Millisecond
	ends := w.now + ttl
	w.tell(failover.Order{Kind: failover.OrderFailover, Server: one.name(), Override: true, Reason: "quick", TTL: ttl})
	w.watch(ttl, 5*time.Millisecond, func() bool {
		rec := w.state().Recovery
		return rec != nil && rec.Candidate == one.name() && rec.Stage == failover.StageAttach
	}, func() {
		one.hang = ends + time.Duration(r.IntN(1500))*time.Millisecond
		other.hang = ends + time.Duration(r.IntN(1500))*time.Millisecond
	})
}
