package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Copy is a node, besides the one that works on a report, that holds the files of it.
type Copy struct {
	Node string `json:"node"`
	// Files is which state of the files it holds, as Divergence.Files counts them.
	Files uint64    `json:"files"`
	At    time.Time `json:"at"`
}

// aloneFor is how long the files of a report may be on one node before people are warned.
const aloneFor = 5 * time.Minute

// changed notes that the files of the report are others than those that copies hold.
func (v *Divergence) changed(now time.Time) { v.Files, v.FilesAt = v.Files+1, now }

// CopiedOn tells whether a node besides the one that works on the report holds its files as they are.
func (v *Divergence) CopiedOn(node string) bool {
	return slices.ContainsFunc(v.Copies, func(c Copy) bool { return c.Node == node && c.Files == v.Files && node != v.Node })
}

// Holders are the nodes that hold the files of the report as they are, the one that works on it first.
func (v *Divergence) Holders() []string {
	var out []string
	if v.Node != "" {
		out = append(out, v.Node)
	}
	for _, c := range v.Copies {
		if v.CopiedOn(c.Node) {
			out = append(out, c.Node)
		}
	}
	return out
}

// Alone says that the files of the report have been on one node for long, or is empty.
func (v *Divergence) Alone(now time.Time) string {
	if v.Removed || v.Files == 0 || len(v.Holders()) > 1 || now.Sub(v.FilesAt) < aloneFor {
		return ""
	}
	return fmt.Sprintf("the files of report %s are on node %s alone since %s", v.ID, v.Node, v.FilesAt.UTC().Format(time.RFC3339))
}

// WithCopy is the state once a node has told that it holds a copy of a report; false where the files have changed since,
// or the node is the one that works on them.
func (s *State) WithCopy(report string, c Copy) (State, bool) {
	next := clone(*s)
	for i := range next.Divergences {
		v := &next.Divergences[i]
		if v.ID != report || v.Removed || v.Files != c.Files || v.Node == c.Node {
			continue
		}
		v.Copies = append(slices.DeleteFunc(v.Copies, func(o Copy) bool { return o.Node == c.Node }), c)
		slices.SortFunc(v.Copies, func(a, b Copy) int { return strings.Compare(a.Node, b.Node) })
		return next, true
	}
	return *s, false
}

// here tells whether this node may work on the files of a report. It takes them over from another one whose copy it
// holds: whoever leads is the only one who works on them.
func (d *decider) here(v *Divergence) bool {
	if v.Node == d.in.Node {
		return true
	}
	if !v.CopiedOn(d.in.Node) {
		return false
	}
	before := v.Node
	v.Copies = slices.DeleteFunc(v.Copies, func(c Copy) bool { return c.Node == d.in.Node })
	v.Node = d.in.Node
	v.FilesAt = d.in.Now
	d.event(Event{Kind: "report", Decision: v.Node + " works on report " + v.ID + " from its copy", Reason: "it leads, and " + before + " did before"})
	return true
}

// elsewhere says whom to make the leader for an order about a report that this node does not hold.
func (v *Divergence) elsewhere() error {
	on := v.Holders()
	if len(on) == 0 {
		return refused("the files of report %s were removed", v.ID)
	}
	return refused("the files of report %s are on %s, which has to lead for this; `regent leader %s`, then repeat the order",
		v.ID, strings.Join(on, " and "), on[len(on)-1])
}

// expire has the files of reports removed that were settled long ago, and on which no server waits.
func (d *decider) expire() {
	keep := time.Duration(d.in.Spec.Policy.Settle.KeepFor)
	for i := range d.s.Divergences {
		v := &d.s.Divergences[i]
		if v.Node != "" && v.Files == 0 {
			v.changed(d.in.Now) // an earlier release wrote them, and counted nothing
		}
		switch {
		case v.State != DivergenceSettled || v.Removed || v.Job != nil || keep == 0 || d.quarantinedBy(v.ID):
		case v.SettledAt.IsZero(): // it was settled under an earlier release
			v.SettledAt = d.in.Now
		case d.in.Now.Sub(v.SettledAt) > keep:
			d.event(Event{
				Kind: "report", Decision: "the files of report " + v.ID + " are removed from " + strings.Join(v.Holders(), ", "),
				Reason: fmt.Sprintf("it was settled more than %s ago", keep),
			})
			v.Removed, v.Node, v.Copies = true, "", nil
		}
	}
}
