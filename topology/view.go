package topology

import (
	"cmp"
	"slices"
	"time"
)

// NodeView is one node of the group as the viewer knows it.
type NodeView struct {
	Node, Site, Region string
	Age                time.Duration // of its last report, Never if none came
	Peers              []PeerSight
}

// NodeSight is one node's sight of a server; ages are the viewer's.
type NodeSight struct {
	Node, Site, Region string
	Sight
}

// ServerView is everything known of one declared server.
type ServerView struct {
	Server
	Sights []NodeSight // of nodes with a fresh report, sorted by node
	// Facts is the freshest answer any node got, nil when there is none; Age is its age.
	Facts *Facts
	Age   time.Duration
	By    string // the node that got it
	// Asked is the age of the question that Facts answers, as far as its node's clock can tell:
	// they are not older than that, but for the way of the report.
	Asked time.Duration
	// Logs is what its binary logs occupy, nil unless they are kept for a report and somebody counted them.
	Logs *BinaryLogs
}

// BinaryLogs are the binary log files of a server.
type BinaryLogs struct {
	Files int
	Bytes int64
}

// View is one cluster as one node sees it at one moment.
type View struct {
	Nodes   []NodeView   // sorted by node
	Servers []ServerView // in declared order
	// Fresh is the age up to which an answer or a report counts as current.
	Fresh time.Duration
}

// Assemble joins the reports of all nodes into the view of the declared servers. Reports older than
// fresh do not testify; they only show their node's age.
func Assemble(servers []Server, reports []Received, fresh time.Duration) View {
	reports = slices.Clone(reports)
	slices.SortFunc(reports, func(a, b Received) int { return cmp.Compare(a.Report.Node, b.Report.Node) })
	v := View{Fresh: fresh}
	for _, r := range reports {
		v.Nodes = append(v.Nodes, NodeView{
			Node: r.Report.Node, Site: r.Report.Site, Region: r.Report.Region, Age: r.Age, Peers: r.Report.Peers,
		})
	}
	for _, s := range servers {
		v.Servers = append(v.Servers, assembleServer(s, reports, fresh))
	}
	return v
}

func assembleServer(s Server, reports []Received, fresh time.Duration) ServerView {
	sv := ServerView{Server: s, Age: Never}
	for _, r := range reports {
		for _, sight := range r.Report.Sights {
			if sight.Server != s.Name {
				continue
			}
			aged := agedSight(r, sight)
			if sight.Facts != nil && (sv.Facts == nil || aged.LastAnswer < sv.Age) {
				sv.Facts, sv.Age, sv.By = sight.Facts, aged.LastAnswer, r.Report.Node
				sv.Asked = aged.LastAnswer + max(sight.Ended-sight.Began, 0)
			}
			if r.Age <= fresh {
				sv.Sights = append(sv.Sights, aged)
			}
		}
	}
	return sv
}

func agedSight(r Received, s Sight) NodeSight {
	s.Since += r.Age
	if s.LastAnswer != Never {
		s.LastAnswer += r.Age
	}
	return NodeSight{Node: r.Report.Node, Site: r.Report.Site, Region: r.Report.Region, Sight: s}
}

// Find returns the server with that name, nil when it is not declared.
func (v *View) Find(name string) *ServerView {
	for i := range v.Servers {
		if v.Servers[i].Name == name {
			return &v.Servers[i]
		}
	}
	return nil
}

// ByUUID returns the server that last answered with that uuid, nil when none did.
func (v *View) ByUUID(uuid string) *ServerView {
	for i := range v.Servers {
		if f := v.Servers[i].Facts; f != nil && f.UUID == uuid {
			return &v.Servers[i]
		}
	}
	return nil
}

// ByAddress returns the declared server at that address, nil when none is.
func (v *View) ByAddress(address string) *ServerView {
	for i := range v.Servers {
		if v.Servers[i].Address == address {
			return &v.Servers[i]
		}
	}
	return nil
}

// Reachable tells whether any node with a fresh report got an answer that is still current.
func (s *ServerView) Reachable(fresh time.Duration) bool {
	for _, n := range s.Sights {
		if n.Reach == ReachOK && n.LastAnswer != Never && n.LastAnswer <= fresh {
			return true
		}
	}
	return false
}

// Current returns the server's facts when they are current, else nil.
func (v *View) Current(name string) *Facts {
	s := v.Find(name)
	if s == nil || !s.Reachable(v.Fresh) {
		return nil
	}
	return s.Facts
}

// Sites lists the distinct sites of the sights that satisfy ok, sorted.
func (s *ServerView) Sites(ok func(NodeSight) bool) []string {
	var sites []string
	for _, n := range s.Sights {
		if ok(n) && !slices.Contains(sites, n.Site) {
			sites = append(sites, n.Site)
		}
	}
	slices.Sort(sites)
	return sites
}
