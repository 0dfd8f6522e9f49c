package api

import (
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// statusOf shapes the whole group.
func statusOf(src Source, now time.Time) Status {
	group, state := src.Group(), src.State()
	status := Status{Leader: group.Leader, Nodes: []NodeStatus{}, Clusters: []ClusterStatus{}}
	for _, n := range group.Nodes {
		status.Nodes = append(status.Nodes, nodeStatus(n))
	}
	for _, name := range state.Names() {
		c := state.Clusters[name]
		view := src.View(c.Spec)
		cluster := clusterStatus(&c, &view, now)
		if len(group.Nodes) > 1 {
			cluster.Warnings = warnings(&c, now)
		}
		status.Clusters = append(status.Clusters, cluster)
	}
	return status
}

func nodeStatus(n GroupNode) NodeStatus {
	s := NodeStatus{ID: n.ID, Region: n.Region, Site: n.Site, State: n.State, Reachable: n.Reachable}
	if n.LastContact != topology.Never {
		age := policy.Duration(n.LastContact.Round(time.Millisecond))
		s.LastContact = &age
	}
	return s
}

func clusterStatus(c *fsm.Cluster, view *topology.View, now time.Time) ClusterStatus {
	word, reason := failover.Condition(&c.Spec, &c.State, view)
	s := ClusterStatus{
		Cluster: c.Spec.Name, State: string(word), Reason: reason, Primary: c.State.Primary, Epoch: c.State.Epoch,
		HomeRegion: c.Spec.HomeRegion, Mode: c.Spec.Mode, Hold: c.State.Hold, Paused: c.State.Paused, Flapping: c.State.Flapping,
		Guard: guardStatus(c, view),
	}
	if c.Spec.Policy.Durability == policy.DurabilitySemiSync {
		s.Unproven, s.Degraded = c.State.Unproven, c.State.Shortage != nil && c.State.Shortage.Degraded
	}
	if c.State.CooldownUntil.After(now) {
		s.CooldownUntil = optional(c.State.CooldownUntil)
	}
	return s
}

// warnings are what somebody should look at before it is needed.
func warnings(c *fsm.Cluster, now time.Time) []string {
	var out []string
	for i := range c.State.Divergences {
		v := &c.State.Divergences[i]
		if alone := v.Alone(now); alone != "" {
			out = append(out, alone)
		}
		if v.Error != "" {
			out = append(out, "report "+v.ID+" waits: "+v.Error)
		}
	}
	for _, name := range c.State.Keeping() {
		if failure := c.State.Servers[name].Kept.Error; failure != "" {
			out = append(out, name+" may delete binary logs that a report needs: "+failure)
		}
	}
	return out
}

// optional is null for a time that is not set.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
