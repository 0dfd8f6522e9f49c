package controller

import (
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// input is everything a decision about the cluster may look at.
func (c *Controller) input(s *fsm.State, cluster *fsm.Cluster, term uint64, results []failover.Result) failover.Input {
	now, began := c.clock.at(term)
	spec := cluster.Spec
	return failover.Input{
		Now:     now,
		Began:   began,
		Term:    term,
		Node:    c.cfg.Node,
		Spec:    &spec,
		View:    c.cfg.Observer.View(spec.Identities()),
		Results: results,
		Fleet:   s.FleetBeside(spec.Name, now, term),
	}
}
