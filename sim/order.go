package sim

import (
	"fmt"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

const topologyOn = topology.ThreadOn

// order gives an operator's order to the leader and returns what it answered.
func (w *World) order(o failover.Order) error {
	g := w.group
	if g.leader == nil {
		return errNoLeader
	}
	c := g.cluster()
	o.Cluster, o.By, o.At = w.spec.Name, "operator", w.wall()
	o.ID = fmt.Sprintf("%s-%s-%d", o.Cluster, o.Kind, c.Version+1)
	d, err := failover.Accept(c.State, g.loop.input(), o)
	w.logf("order %s %s%s: %v", o.Kind, o.Server, o.Report, err)
	if err != nil {
		return err
	}
	command := fsm.Command{Advance: &fsm.Advance{Cluster: o.Cluster, Expect: c.Version, Next: d.Next, Events: d.Events}}
	if err := g.apply(command); err != nil {
		w.violate("fsm", "an accepted order was refused: %v", err)
		return err
	}
	w.committed(command, nil)
	g.wake()
	return nil
}
