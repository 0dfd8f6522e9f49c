package controller

import (
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// input is everything a decision about the cluster may look at.
func (c *Controller) input(s *fsm.State, cluster *fsm.Cluster, term uint64, results []failover.Result) failover.Input {
	now := c.clock.lead(term)
	spec := cluster.Spec
	return failover.Input{
		Now:     now,
		Term:    term,
		Node:    c.cfg.Node,
		Spec:    &spec,
		View:    c.cfg.Observer.View(spec.Identities()),
		Results: results,
		Fleet:   fleetBeside(s, spec.Name, now),
	}
}

// fleetBeside is what the clusters other than the named one are doing. Paused and observed clusters
// are not under automatic control and do not count.
func fleetBeside(s *fsm.State, name string, now time.Time) failover.FleetView {
	v := failover.FleetView{Limits: s.Fleet}
	for other, c := range s.Clusters {
		if c.Spec.Mode != policy.ModeAutomatic || c.State.Paused != nil {
			continue
		}
		v.Clusters++
		if other == name {
			continue
		}
		if c.State.Recovery != nil {
			v.Recovering++
		}
		if failing(&c, now.Add(-time.Duration(s.Fleet.BrakeWindow))) {
			v.Failing++
		}
	}
	return v
}

// failing tells whether a cluster lost its primary since then: it is being recovered, held or
// isolated since, or was failed over.
func failing(c *fsm.Cluster, since time.Time) bool {
	st := &c.State
	if r := st.Recovery; r != nil && r.StartedAt.After(since) {
		return true
	}
	if h := st.Hold; h != nil && h.Since.After(since) {
		return true
	}
	if st.Isolated != "" {
		return true
	}
	for i := len(c.History) - 1; i >= 0 && c.History[i].At.After(since); i-- {
		if c.History[i].Kind == string(failover.KindFailover) {
			return true
		}
	}
	return false
}
