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

// Node is a machine with a daemon: it watches the servers, tells the other nodes, and its controller
// decides where it leads.
type Node struct {
	w                  *World
	name, region, site string
	at                 place
	index              int

	up       bool
	process  int
	skew     time.Duration // of its clock
	daemon   *daemon
	raft     standing
	stranded []*entry // proposed in a term that was over
	backlog  []func() // what came in while the process was paused
	disk     disk     // the files of its reports
	desk     desk

	records    []*record
	alertUntil time.Duration
	inbox      map[*Node]heard
	trips      map[*Node]time.Duration // what the last report to another node took, there and back
	seq        uint64
	telling    bool
	toldAt     time.Duration // when the controller was last told that something was seen
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
	stuck    *stuck        // nil: no commit was under way
}

func (w *World) newNode(region string, index int) *Node {
	n := &Node{w: w, name: region + "-1", region: region, site: region + "-a", index: index, disk: disk{}}
	n.at = w.net.join(n.name, region)
	n.raft.alone = -1
	return n
}

func (n *Node) start() {
	n.up, n.process, n.seq = true, n.process+1, 0
	n.records, n.inbox, n.trips, n.telling = nil, map[*Node]heard{}, map[*Node]time.Duration{}, false
	for _, s := range n.w.all {
		r := &record{server: s, since: n.w.now, answered: -1, sight: topology.Sight{Server: s.name(), Reach: topology.ReachUnknown}}
		n.records = append(n.records, r)
		n.probe(r)
	}
	n.raft.heard, n.desk = n.w.now, newDesk()
	n.push()
	n.later(copyPeriod, n.copies)
	n.launch()
}

func (n *Node) stop() {
	n.up, n.backlog = false, nil
	n.process++
	n.raft.leads, n.raft.ready, n.stranded = false, false, nil
	n.daemon.kill()
}

// pause stops the process where it stands.
func (n *Node) pause() {
	if n.serves() {
		n.w.logf("node %s is paused", n.name)
		n.daemon.pause()
	}
}

func (n *Node) resume() {
	if !n.up || !n.daemon.paused {
		return
	}
	n.w.logf("node %s is resumed", n.name)
	n.daemon.resume()
	backlog := n.backlog
	n.backlog = nil
	for _, do := range backlog {
		do()
	}
}

// later does something in this process of the node, when it is served.
func (n *Node) later(d time.Duration, do func()) {
	process := n.process
	alive := func() {
		if n.up && n.process == process {
			do()
		}
	}
	n.w.after(d, func() {
		if n.up && n.daemon.paused {
			n.backlog = append(n.backlog, alive)
			return
		}
		alive()
	})
}

func (n *Node) probe(r *record) {
	r.probing++
	mine, s := r.probing, r.server
	answered, began := false, n.w.now
	n.later(n.w.net.delay(n.at, s.at), func() {
		if !n.w.net.delivers(n.at, s.at) || s.off {
			return
		}
		if !s.up || (s.closing && r.sight.Reach != topology.ReachOK) {
			n.later(n.w.net.delay(s.at, n.at), func() { n.heardOf(r, mine, &answered, topology.ReachRefused, nil) })
			return
		}
		s.run(func() {
			f := s.facts()
			n.later(n.w.net.delay(s.at, n.at), func() {
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
	if *answered || r.probing != probing || (reach != topology.ReachSilent && !n.w.net.delivers(r.server.at, n.at)) {
		return
	}
	*answered = true
	before := r.sight
	r.sight.Reach = reach
	switch reach {
	case topology.ReachOK:
		f.Commits.StuckFor = r.stuckFor(f, n.w.now)
		// An answer is as old as its question.
		r.answered, r.sight.Facts, r.sight.ConnectionLost, r.sight.Refusals = r.sight.Began, f, false, 0
	case topology.ReachRefused:
		r.sight.Refusals++
		r.sight.ConnectionLost = r.sight.ConnectionLost || (r.answered >= 0 && !r.server.closing)
	case topology.ReachSilent, topology.ReachUnknown, topology.ReachDenied:
		r.sight.Refusals = 0
	}
	if before.Reach != reach {
		r.since = n.w.now
	}
	news := alarming(&before, &r.sight)
	if news {
		n.alert()
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
	n.sees(news)
}

// stuckFor is for how long all answers have shown commits under way and the same transactions as executed, as
// package observer measures it.
func (r *record) stuckFor(f *topology.Facts, now time.Duration) time.Duration {
	switch before := r.stuck; {
	case f.Commits.Waiting == 0:
		r.stuck = nil
		return 0
	case before == nil || !before.facts.Boot.Same(f.Boot) || !before.facts.Executed.Equal(f.Executed):
		r.stuck = &stuck{facts: f, since: now}
	}
	return now - r.stuck.since
}

// stuck is the first of the answers that showed no commit end, and when it came.
type stuck struct {
	facts *topology.Facts
	since time.Duration
}

// alert has the node look closely for a while.
func (n *Node) alert() { n.alertUntil = n.w.now + alertFor }

// sees tells the controller that something was seen: news at once, and the rest as often as matters to
// it, since every signal makes a decision.
func (n *Node) sees(news bool) {
	pause := 4 * alertEvery
	if n.w.now < n.alertUntil {
		pause = alertEvery
	}
	if n.raft.leads && n.up && (news || n.w.now-n.toldAt >= pause) {
		n.toldAt = n.w.now
		d := n.daemon
		d.wake(d.lane(laneSeen), func() { notify(d.seen) })
	}
}

// logMoved tells the controller that state or leadership changed.
func (n *Node) logMoved() {
	if n.up {
		d := n.daemon
		d.wake(d.lane(laneMoved), func() { notify(d.logMoved) })
		n.moved()
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
	r := n.records[s.index]
	r.sight.ConnectionLost = r.answered >= 0
	n.probe(r)
}

// report is what the node knows at a moment, with ages.
func (n *Node) report(now time.Duration) topology.Report {
	out := topology.Report{Node: n.name, Site: n.site, Region: n.region, Seq: n.seq, Sights: make([]topology.Sight, 0, len(n.records))}
	for _, r := range n.records {
		s := r.sight
		s.Since, s.LastAnswer = now-r.since, topology.Never
		if r.answered >= 0 {
			s.LastAnswer = now - r.answered
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
	n.seq++
	for _, o := range n.w.nodes {
		if o == n || !n.w.net.delivers(n.at, o.at) || !o.up {
			continue
		}
		if o.daemon.paused && len(o.backlog) > 0 {
			continue // the one before has not been taken yet
		}
		r := n.report(n.w.now)
		for i := range r.Sights {
			if r.Sights[i].LastAnswer != topology.Never {
				r.Sights[i].LastAnswer += n.trips[o] // as old as it will be at the latest, as far as the last one tells
			}
		}
		way := n.w.net.delay(n.at, o.at)
		n.trips[o] = 2 * way
		o.later(way, func() { o.take(n, r) })
	}
}

// take is a report that came in.
func (n *Node) take(from *Node, r topology.Report) {
	if had := n.inbox[from]; had.report.Seq > r.Seq && had.at > n.w.now-time.Second {
		return
	}
	n.inbox[from] = heard{report: r, at: n.w.now}
	n.sees(false)
}

// view is the cluster as this node sees it at a moment.
func (n *Node) view(now time.Duration) topology.View { return n.viewOf(n.w.spec.Identities(), now) }

// viewOf is that of any servers.
func (n *Node) viewOf(servers []topology.Server, now time.Duration) topology.View {
	reports := make([]topology.Received, 0, len(n.w.nodes))
	reports = append(reports, topology.Received{Report: n.report(now)})
	for _, o := range n.w.nodes {
		switch h, ok := n.inbox[o]; {
		case o == n:
		case ok:
			reports = append(reports, topology.Received{Report: h.report, Age: now - h.at})
		default:
			reports = append(reports, topology.Received{Report: topology.Report{Node: o.name, Site: o.site, Region: o.region}, Age: topology.Never})
		}
	}
	return topology.Assemble(servers, reports, freshFor)
}
