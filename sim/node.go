package sim

import (
	"time"

	"github.com/regentdb/regent/topology"
)

// Paces of the observer, those of the daemon.
const (
	probeEvery   = 500 * time.Millisecond
	alertEvery   = 50 * time.Millisecond
	probeTimeout = time.Second
	freshFor     = 1500 * time.Millisecond
	alertFor     = 2 * time.Second
	reportEvery  = 500 * time.Millisecond
	coalesce     = 5 * time.Millisecond
)

// Node is a daemon: it watches the servers, tells the other nodes, and leads when elected.
type Node struct {
	w                  *World
	name, region, site string
	up                 bool
	process            int
	records            []*record
	alertUntil         time.Duration
	inbox              map[string]heard // by node
	seq                uint64
	telling            bool
}

// heard is a report and when it came.
type heard struct {
	report topology.Report
	at     time.Duration
}

// record is what a node knows of a server.
type record struct {
	server   *Server
	sight    topology.Sight
	since    time.Duration
	answered time.Duration // -1: never
	probing  int           // numbers probes, so that a late answer is dropped
}

func (n *Node) start() {
	n.up, n.process, n.seq = true, n.process+1, 0
	n.records, n.inbox, n.telling = nil, map[string]heard{}, false
	for _, s := range n.w.servers {
		r := &record{server: s, since: n.w.now, answered: -1, sight: topology.Sight{Server: s.name(), Reach: topology.ReachUnknown}}
		n.records = append(n.records, r)
		n.probe(r)
	}
	n.push()
}

func (n *Node) stop() {
	n.up = false
	n.process++
}

// later does something in this process of the node.
func (n *Node) later(d time.Duration, do func()) {
	process := n.process
	n.w.after(d, func() {
		if n.up && n.process == process {
			do()
		}
	})
}

func (n *Node) probe(r *record) {
	r.probing++
	mine, s := r.probing, r.server
	there := n.w.net.delay(n.name, s.name())
	answered, began := false, n.w.now
	n.later(there, func() {
		if !n.w.net.delivers(n.name, s.name()) {
			return
		}
		if !s.up {
			n.later(there, func() { n.heardOf(r, mine, &answered, topology.ReachRefused, nil) })
			return
		}
		s.run(func() {
			f := s.facts()
			n.later(there, func() {
				if !answered && r.probing == mine {
					r.sight.Began, r.sight.Ended = began, n.w.now
				}
				n.heardOf(r, mine, &answered, topology.ReachOK, f)
			})
		})
	})
	n.later(probeTimeout, func() { n.heardOf(r, mine, &answered, topology.ReachSilent, nil) })
}

// heardOf takes the outcome of a probe, the first one only, and plans the next.
func (n *Node) heardOf(r *record, probing int, answered *bool, reach topology.Reach, f *topology.Facts) {
	if *answered || r.probing != probing || (reach != topology.ReachSilent && !n.w.net.delivers(r.server.name(), n.name)) {
		return
	}
	*answered = true
	before := r.sight
	r.sight.Reach = reach
	switch reach {
	case topology.ReachOK:
		r.answered, r.sight.Facts, r.sight.ConnectionLost, r.sight.Refusals = n.w.now, f, false, 0
	case topology.ReachRefused:
		r.sight.Refusals++
		r.sight.ConnectionLost = r.sight.ConnectionLost || r.answered >= 0
	case topology.ReachSilent, topology.ReachUnknown, topology.ReachDenied:
		r.sight.Refusals = 0
	}
	if before.Reach != reach {
		r.since = n.w.now
	}
	if alarming(&before, &r.sight) {
		n.alertUntil = n.w.now + alertFor
		n.tell()
	}
	next := probeEvery
	if n.w.now < n.alertUntil || reach != topology.ReachOK {
		next = alertEvery
	}
	if reach == topology.ReachRefused && r.sight.Refusals < 2 {
		next = coalesce
	}
	n.later(next, func() {
		if r.probing == probing {
			n.probe(r)
		}
	})
	if n.leads() {
		n.w.group.wake()
	}
}

// alarming tells whether a step from one sight to the next is news for the others at once.
func alarming(a, b *topology.Sight) bool {
	return a.Reach != b.Reach || min(a.Refusals, 2) != min(b.Refusals, 2) || receiverOf(a.Facts) != receiverOf(b.Facts) ||
		(a.Facts != nil && b.Facts != nil && (a.Facts.Boot != b.Facts.Boot || a.Facts.Writable() != b.Facts.Writable()))
}

func receiverOf(f *topology.Facts) topology.ThreadState {
	if f == nil || f.Source == nil {
		return ""
	}
	return f.Source.Receiver
}

// lost is the end of the node's connection to a server whose process died: it looks again at once.
func (n *Node) lost(s *Server) {
	for _, r := range n.records {
		if r.server == s {
			r.sight.ConnectionLost = r.answered >= 0
			n.probe(r)
		}
	}
}

// report is what the node knows, with ages.
func (n *Node) report() topology.Report {
	n.seq++
	out := topology.Report{Node: n.name, Site: n.site, Region: n.region, Seq: n.seq, Sights: make([]topology.Sight, 0, len(n.records))}
	for _, r := range n.records {
		s := r.sight
		s.Since, s.LastAnswer = n.w.now-r.since, topology.Never
		if r.answered >= 0 {
			s.LastAnswer = n.w.now - r.answered
		}
		out.Sights = append(out.Sights, s)
	}
	return out
}

// push tells the others now and then.
func (n *Node) push() {
	n.send()
	every := reportEvery
	if n.w.now < n.alertUntil {
		every = alertEvery
	}
	n.later(every, n.push)
}

// tell pushes soon, once for all that is news.
func (n *Node) tell() {
	if n.telling {
		return
	}
	n.telling = true
	n.later(coalesce, func() { n.telling = false; n.send() })
}

func (n *Node) send() {
	r := n.report()
	for _, o := range n.w.nodes {
		if o == n || !n.w.net.delivers(n.name, o.name) {
			continue
		}
		o.later(n.w.net.delay(n.name, o.name), func() {
			if had := o.inbox[n.name]; had.report.Seq > r.Seq && had.at > n.w.now-time.Second {
				return
			}
			o.inbox[n.name] = heard{report: r, at: n.w.now}
			if o.leads() {
				n.w.group.wake()
			}
		})
	}
}

// view is the cluster as this node sees it.
func (n *Node) view() topology.View {
	reports := []topology.Received{{Report: n.report()}}
	for _, o := range n.w.nodes {
		if h, ok := n.inbox[o.name]; ok {
			reports = append(reports, topology.Received{Report: h.report, Age: n.w.now - h.at})
		}
	}
	return topology.Assemble(n.w.spec.Identities(), reports, freshFor)
}

func (n *Node) leads() bool { return n.w.group.leader == n }
