package observer

import (
	"maps"
	"slices"
	"time"

	"github.com/regentdb/regent/topology"
)

// Report is what this node sees now, ages included. Each call is one step of the sequence.
func (o *Observer) Report() topology.Report {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seq++
	r := o.reportHead(now)
	for _, name := range slices.Sorted(maps.Keys(o.probes)) {
		r.Sights = append(r.Sights, o.probes[name].rec.sightAt(now))
	}
	return r
}

// reportHead is this node's report without sights. The lock is held.
func (o *Observer) reportHead(now time.Time) topology.Report {
	self := o.cfg.Self
	r := topology.Report{Node: self.ID, Site: self.Site, Region: self.Region, Boot: o.cfg.Boot, Seq: o.seq}
	for _, id := range slices.Sorted(maps.Keys(o.nodes)) {
		seen := topology.PeerSight{Node: id, Age: topology.Never}
		if h := o.heard[id]; h != nil {
			seen.Age = now.Sub(h.at)
		}
		r.Peers = append(r.Peers, seen)
	}
	return r
}

// View assembles what all nodes see of the given servers. Every member of the group is in it, also
// one that was never heard from.
func (o *Observer) View(servers []topology.Server) topology.View {
	return topology.Assemble(servers, o.received(servers), o.cfg.Fresh)
}

// received are the reports of all nodes, reduced to the given servers.
func (o *Observer) received(servers []topology.Server) []topology.Received {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	own := o.reportHead(now)
	for _, s := range servers {
		if p := o.probes[s.Name]; p != nil {
			own.Sights = append(own.Sights, p.rec.sightAt(now))
		}
	}
	out := []topology.Received{{Report: own}}
	for _, id := range slices.Sorted(maps.Keys(o.nodes)) {
		out = append(out, o.receivedFrom(o.nodes[id], servers, now))
	}
	return out
}

// receivedFrom is a peer's last report, reduced to the given servers. The lock is held.
func (o *Observer) receivedFrom(n Node, servers []topology.Server, now time.Time) topology.Received {
	h := o.heard[n.ID]
	if h == nil {
		return topology.Received{Report: topology.Report{Node: n.ID, Site: n.Site, Region: n.Region}, Age: topology.Never}
	}
	r := h.report
	for _, s := range servers {
		if sight, ok := h.sights[s.Name]; ok {
			r.Sights = append(r.Sights, sight)
		}
	}
	return topology.Received{Report: r, Age: now.Sub(h.at)}
}
