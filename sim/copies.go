package sim

import (
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// Paces of the copies of reports. The patience is the daemon's, shortened to the length of a world.
const (
	copyPeriod   = time.Second
	copyPatience = 10 * time.Second
	copyTakes    = 300 * time.Millisecond
)

// sighting is a state of a report's files, and when a node saw it first.
type sighting struct {
	files uint64
	at    time.Duration
}

// desk is what a process of a node does with the files of reports, by report.
type desk struct {
	since    map[string]sighting
	fetching map[string]bool
	// busy is until when this node changes them itself.
	busy map[string]time.Duration
}

func newDesk() desk {
	return desk{since: map[string]sighting{}, fetching: map[string]bool{}, busy: map[string]time.Duration{}}
}

// enter begins work on a report: a fetch ends, and what was a copy is the original from then on.
func (n *Node) enter(report string) {
	f := n.disk[report]
	f.copyOf = 0
	n.disk[report] = f
	n.desk.busy[report], n.desk.fetching[report] = n.w.now+reportTakes, false
}

// copies looks after what this node is to hold, as package app does.
func (n *Node) copies() {
	state := n.w.group.states[n.raft.applied]
	for _, name := range state.Names() {
		all := state.Clusters[name].State.Divergences
		for i := range all {
			n.followReport(name, &all[i])
		}
	}
	n.later(copyPeriod, n.copies)
}

// followReport brings the copy of one report up to date, where it is this node's turn to hold one.
func (n *Node) followReport(cluster string, v *failover.Divergence) {
	f, has := n.disk[v.ID]
	switch {
	case v.Removed:
		delete(n.disk, v.ID)
	case v.Node == "" || v.Node == n.name || v.Files == 0:
		delete(n.desk.since, v.ID)
	case f.copyOf == v.Files && v.CopiedOn(n.name):
	case f.copyOf == v.Files:
		n.tellCopied(cluster, v)
	case n.turn(v, has || v.CopiedOn(n.name)):
		n.fetch(cluster, *v)
	}
}

// turn tells whether this node is to hold a copy now.
func (n *Node) turn(v *failover.Divergence, held bool) bool {
	origin := n.w.node(v.Node)
	switch {
	case held:
		return true
	case len(v.Holders()) > 1:
		return n.raft.leads && !n.converse(origin)
	case n.desk.since[v.ID].files != v.Files:
		n.desk.since[v.ID] = sighting{v.Files, n.w.now}
	}
	rank := n.index
	if origin.index < n.index {
		rank-- // the nodes are in as many regions: they come in the order of their names
	}
	return n.w.now-n.desk.since[v.ID].at >= time.Duration(rank)*copyPatience
}

// fetch copies the files from whoever has them, if they are the same at its end.
func (n *Node) fetch(cluster string, v failover.Divergence) {
	if n.desk.fetching[v.ID] || n.w.now < n.desk.busy[v.ID] {
		return
	}
	for _, name := range v.Holders() {
		from := n.w.node(name)
		before, some := from.offers(&v)
		if !some || from == n || !n.converse(from) {
			continue
		}
		n.desk.fetching[v.ID] = true
		n.later(copyTakes+2*n.w.net.delay(n.at, from.at), func() {
			wanted := n.desk.fetching[v.ID]
			n.desk.fetching[v.ID] = false
			after, some := from.offers(&v)
			if !wanted || !some || !n.converse(from) || !before.hold(after) || !after.hold(before) {
				return
			}
			before.copyOf = v.Files
			n.disk[v.ID] = before
			n.w.logf("%s holds change %d of report %s, from %s", n.name, v.Files, v.ID, name)
			n.tellCopied(cluster, &v)
		})
		return
	}
}

// offers is what this node has to offer of a report, as another one wants it.
func (n *Node) offers(v *failover.Divergence) (files, bool) {
	f, has := n.disk[v.ID]
	if !has || f.lost || !n.serves() || n.w.now < n.desk.busy[v.ID] {
		return f, false
	}
	if f.copyOf > 0 {
		return f, f.copyOf == v.Files
	}
	known := n.w.group.states[n.raft.applied]
	for _, name := range known.Names() {
		for _, mine := range known.Clusters[name].State.Divergences {
			if mine.ID == v.ID {
				return f, mine.Node == n.name && mine.Files == v.Files
			}
		}
	}
	return f, false
}

// tellCopied has the leader record that this node holds a copy.
func (n *Node) tellCopied(cluster string, v *failover.Divergence) {
	w, leader := n.w, n.raft.follows
	if leader == nil || !n.converse(leader) {
		return
	}
	c := fsm.Command{Copied: &fsm.Copied{Cluster: cluster, Report: v.ID, Copy: failover.Copy{Node: n.name, Files: v.Files, At: w.wall()}}}
	encoded, err := c.Encode()
	w.must(err)
	w.after(w.net.delay(n.at, leader.at), func() {
		if leader.serves() && leader.raft.leads {
			w.group.propose(leader.daemon, &entry{command: c, encoded: encoded, answer: new(error)})
		}
	})
}

func (w *World) node(name string) *Node {
	return w.nodes[slices.IndexFunc(w.nodes, func(n *Node) bool { return n.name == name })]
}

// recorded is a change of a report's files: what they had when it was agreed.
type recorded struct {
	change  uint64
	files   files
	removed bool
}

// copied judges by the disks of the nodes what is agreed about the files of reports: whoever is said to hold them has
// all of them, or has lost them since; of what is not settled, or holds a server back, the last copy is not given up.
func (w *World) copied(was, is *failover.State) {
	for i := range is.Divergences {
		v := &is.Divergences[i]
		if v.Removed {
			w.removed(is, v)
			continue
		}
		if v.Node == "" || v.Files == 0 {
			continue
		}
		agreed := files{captured: v.Captured.Intersect(v.Union())}
		if v.State == failover.DivergenceOpen || v.State == failover.DivergenceSettled {
			agreed.listed = agreed.captured
		}
		if w.changes[v.ID].change != v.Files {
			w.changes[v.ID] = recorded{change: v.Files, files: w.node(v.Node).disk[v.ID]}
		}
		w.counted(was, v)
		for _, name := range v.Holders() {
			if f := w.node(name).disk[v.ID]; !f.lost && (!f.hold(agreed) || !f.hold(w.changes[v.ID].files)) {
				w.violate("copies", "%s is said to hold report %s as of change %d, and has of it %s captured, %s listed, %d replays",
					name, v.ID, v.Files, w.shown(f.captured), w.shown(f.listed), f.decided)
			}
		}
		if !slices.ContainsFunc(w.nodes, func(n *Node) bool { return n.disk[v.ID].hold(agreed) }) {
			w.violate("copies", "no node holds report %s any more", v.ID)
		}
	}
}

// counted checks that what was done to the files of a report counts as a change of them.
func (w *World) counted(was *failover.State, v *failover.Divergence) {
	at := slices.IndexFunc(was.Divergences, func(o failover.Divergence) bool { return o.ID == v.ID })
	if at < 0 {
		return
	}
	before := &was.Divergences[at]
	compared := before.State == failover.DivergenceComparing && v.State == failover.DivergenceOpen
	replayed := before.Tally == nil && v.Tally != nil
	if f := w.node(v.Node).disk[v.ID]; (compared || replayed) && !f.lost && !w.changes[v.ID].files.hold(f) {
		w.violate("copies", "%s has changed the files of report %s, and they still count as change %d", v.Node, v.ID, v.Files)
	}
}

// removed checks that the files of a report were given up which is settled, and on which nothing waits.
func (w *World) removed(is *failover.State, v *failover.Divergence) {
	if w.changes[v.ID].removed {
		return
	}
	w.changes[v.ID] = recorded{removed: true}
	if v.State != failover.DivergenceSettled || v.Job != nil {
		w.violate("copies", "the files of report %s are removed, which is %s", v.ID, v.State)
	}
	for _, s := range w.servers {
		if q := is.Servers[s.name()].Quarantine; q != nil && q.Divergence == v.ID {
			w.violate("copies", "the files of report %s are removed while %s is kept apart by it", v.ID, s.name())
		}
	}
}

// spare tells that every report would outlive the loss of a node's disk: it is on another one as well, and all of it.
func (w *World) spare(lost *Node) bool {
	s := w.state()
	for i := range s.Divergences {
		v := &s.Divergences[i]
		if v.Removed {
			continue
		}
		if v.State != failover.DivergenceOpen && v.State != failover.DivergenceSettled || v.Job != nil {
			return false
		}
		if !slices.ContainsFunc(v.Holders(), func(name string) bool {
			f := w.node(name).disk[v.ID]
			return name != lost.name && !f.lost && f.hold(w.changes[v.ID].files)
		}) {
			return false
		}
	}
	return true
}

// loseDisk has a node die that has files of reports, and come back without them, if they are on another one.
func (w *World) loseDisk(n *Node, d time.Duration) {
	if !n.up || len(n.disk) == 0 || !w.spare(n) {
		return
	}
	w.logf("the disk of %s is lost", n.name)
	for id := range n.disk {
		n.disk[id] = files{lost: true}
	}
	w.restartNode(n, d)
}

// replays gives the order to replay an open report, and has a node lead that can work on it. It tells whether that is
// wanted and not over.
func (w *World) replays(v *failover.Divergence) bool {
	if v.State != failover.DivergenceOpen || v.Tally != nil || v.Transactions == 0 || w.draw(2, v.ID, 1) == 0 {
		return false
	}
	leader := w.leader()
	if leader == nil || v.Job != nil {
		return true
	}
	if f := leader.disk[v.ID]; !f.lost && slices.Contains(v.Holders(), leader.name) {
		w.tell(failover.Order{
			Kind: failover.OrderReplay, Report: v.ID, Reason: "safe",
			Settle: &failover.Settling{Classes: []string{"SAFE"}, Count: v.Transactions, Rows: v.Transactions},
		})
		return true
	}
	for _, name := range v.Holders() {
		if n := w.node(name); n != leader && n.serves() && !n.disk[v.ID].lost {
			w.group.transfer(n)
			break
		}
	}
	return true
}

// doubled tells that the files of every report are on two nodes.
func (w *World) doubled() bool {
	s := w.state()
	return !slices.ContainsFunc(s.Divergences, func(v failover.Divergence) bool {
		return !v.Removed && v.Files > 0 && len(v.Holders()) < 2
	})
}
