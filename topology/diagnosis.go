package topology

import (
	"fmt"
	"strings"
	"time"
)

// Condition is what a diagnosis finds about a cluster's primary.
type Condition string

// Conditions of a primary.
const (
	PrimaryHealthy  Condition = "healthy"
	PrimaryReadOnly Condition = "read_only"       // answers, and is read-only: it booted, or somebody fenced it
	PrimaryDead     Condition = "dead"            // refuses, and its replicas lost it
	PrimaryHung     Condition = "hung"            // silent to two sites and to every reachable replica
	RegionIsolated  Condition = "region_isolated" // every server of its region is silent at once
	PrimaryUnseen   Condition = "unseen"          // cannot be seen, and nothing proves more than that
	PrimaryUnknown  Condition = "unknown"         // there is no known primary
)

// Diagnosis is a condition with the sentence that explains it.
type Diagnosis struct {
	Condition Condition
	Reason    string
	// Witnesses are the nodes on whose sights the condition rests, sorted.
	Witnesses []string
}

// Question is what a diagnosis is asked about.
type Question struct {
	Primary   string
	Ackers    []string // servers whose receivers testify, the declared replicas of the primary's region
	HangAfter time.Duration
}

// refusalsNeeded is how many new connections in a row must be refused before a refusal counts.
const refusalsNeeded = 2

// Diagnose tells what is wrong with the primary of a view. Silence and refusals testify only
// together with the replicas' own word; a region that is silent as a whole is a partition, never
// a dead host.
func Diagnose(v *View, q Question) Diagnosis {
	p := v.Find(q.Primary)
	if p == nil {
		return Diagnosis{Condition: PrimaryUnknown, Reason: "no primary is known"}
	}
	if p.answering(v.Fresh) {
		return diagnoseAnswering(p)
	}
	if d, ok := diagnoseIsolation(v, p); ok {
		return d
	}
	lost, held := q.lostBy(v)
	refusing := p.nodes(func(n NodeSight) bool { return n.Reach == ReachRefused && n.Refusals >= refusalsNeeded })
	silent := p.nodes(func(n NodeSight) bool { return n.unanswered(q.HangAfter) })
	sites := p.Sites(func(n NodeSight) bool { return n.unanswered(q.HangAfter) })
	switch {
	case len(held) > 0:
		return unseen(p, fmt.Sprintf("%s still receives from it", strings.Join(held, ", ")))
	case len(lost) == 0:
		return unseen(p, "no replica of its region can be asked whether it lost it")
	case len(refusing) > 0:
		return Diagnosis{PrimaryDead, fmt.Sprintf("%s refuses connections (seen by %s) and %s lost it",
			p.Name, strings.Join(refusing, ", "), strings.Join(lost, ", ")), refusing}
	case len(sites) >= 2 && len(silent) == len(p.Sights):
		return Diagnosis{PrimaryHung, fmt.Sprintf("%s has not answered %s for %s, and %s got nothing from it",
			p.Name, strings.Join(silent, ", "), q.HangAfter, strings.Join(lost, ", ")), silent}
	}
	return unseen(p, "not yet silent for "+q.HangAfter.String()+" to nodes in two sites")
}

func diagnoseAnswering(p *ServerView) Diagnosis {
	if p.Facts.Writable() {
		return Diagnosis{Condition: PrimaryHealthy, Reason: p.Name + " answers and is writable"}
	}
	return Diagnosis{Condition: PrimaryReadOnly, Reason: p.Name + " answers and is read-only"}
}

// diagnoseIsolation finds a region whose servers all fell silent: the network's fault until proven
// otherwise, also when the region's node lives on.
func diagnoseIsolation(v *View, p *ServerView) (Diagnosis, bool) {
	servers := 0
	for i := range v.Servers {
		s := &v.Servers[i]
		if s.Region != p.Region {
			continue
		}
		servers++
		if !s.silentTo(v.Fresh) {
			return Diagnosis{}, false
		}
	}
	gone := v.nodesGone(p.Region)
	if servers < 2 && len(gone) == 0 {
		return Diagnosis{}, false
	}
	reason := fmt.Sprintf("all %d servers of region %s are silent", servers, p.Region)
	if len(gone) > 0 {
		reason += ", and so is node " + strings.Join(gone, ", ")
	} else {
		reason += ", though a node there lives"
	}
	witnesses := p.nodes(func(n NodeSight) bool { return n.Reach == ReachSilent })
	return Diagnosis{RegionIsolated, reason + ": a partition, not a dead host", witnesses}, true
}

// Secluded tells that a region's servers, though a node of their own region reaches them, are all
// silent to every node elsewhere: the others could not see a second writer there, nor could theirs
// be seen.
func Secluded(v *View, region string) (reason string, ok bool) {
	var outside []string
	servers := 0
	for i := range v.Servers {
		s := &v.Servers[i]
		if s.Region != region {
			continue
		}
		servers++
		outside = s.nodes(func(n NodeSight) bool { return n.Region != region })
		silent := s.nodes(func(n NodeSight) bool { return n.Region != region && n.Reach == ReachSilent })
		if len(outside) == 0 || len(silent) != len(outside) {
			return "", false
		}
	}
	if servers < 2 {
		return "", false
	}
	return fmt.Sprintf("all %d servers of region %s are silent to %s, though a node there reaches them: a partition",
		servers, region, strings.Join(outside, ", ")), true
}

// lostBy splits the reachable ackers into those that lost the primary, by a dropped or starved
// receiver, and those that still hold it.
func (q *Question) lostBy(v *View) (lost, held []string) {
	for _, name := range q.Ackers {
		f := v.Current(name)
		if f == nil || f.Source == nil || name == q.Primary {
			continue
		}
		if f.Source.Receiver != ThreadOn || f.Source.SilentFor >= q.HangAfter {
			lost = append(lost, name)
		} else {
			held = append(held, name)
		}
	}
	return lost, held
}

// answering tells whether a current answer stands that no later refusal contradicts, or the server
// at least speaks the protocol.
func (s *ServerView) answering(fresh time.Duration) bool {
	refused := Never
	for _, n := range s.Sights {
		if n.Reach == ReachRefused && n.Refusals >= refusalsNeeded && (refused == Never || n.Since > refused) {
			refused = n.Since
		}
	}
	for _, n := range s.Sights {
		current := n.Reach == ReachOK && n.LastAnswer != Never && n.LastAnswer <= fresh
		if current && s.Facts != nil && (refused == Never || n.LastAnswer <= refused) {
			return true
		}
	}
	return false
}

func (n *NodeSight) unanswered(since time.Duration) bool {
	return n.Reach == ReachSilent && (n.LastAnswer == Never || n.LastAnswer >= since)
}

// silentTo tells that no node got an answer or even a refusal lately.
func (s *ServerView) silentTo(fresh time.Duration) bool {
	if len(s.Sights) == 0 || s.Reachable(fresh) {
		return false
	}
	for _, n := range s.Sights {
		if n.Reach != ReachSilent {
			return false
		}
	}
	return true
}

func (s *ServerView) nodes(ok func(NodeSight) bool) []string {
	var names []string
	for _, n := range s.Sights {
		if ok(n) {
			names = append(names, n.Node)
		}
	}
	return names
}

func (v *View) nodesGone(region string) []string {
	var gone []string
	for _, n := range v.Nodes {
		if n.Region == region && (n.Age == Never || n.Age > v.Fresh) {
			gone = append(gone, n.Node)
		}
	}
	return gone
}

// Describe says in a few words how the nodes fare with the server.
func (s *ServerView) Describe() string {
	parts := make([]string, 0, len(s.Sights))
	for _, n := range s.Sights {
		word := string(n.Reach)
		if n.Error != "" && n.Reach == ReachDenied {
			word += " (" + n.Error + ")"
		}
		parts = append(parts, word+" to "+n.Node)
	}
	if len(parts) == 0 {
		return "no node reports it"
	}
	return strings.Join(parts, ", ")
}

func unseen(p *ServerView, why string) Diagnosis {
	return Diagnosis{Condition: PrimaryUnseen, Reason: fmt.Sprintf("%s cannot be seen (%s), but %s", p.Name, p.Describe(), why)}
}
