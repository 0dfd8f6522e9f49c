package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/controller"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/metrics"
	"github.com/regentdb/regent/observer"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// source is what the API's reads need, from this node's own copy.
type source struct {
	log      *agreement
	observer *observer.Observer
	logs     *keptLogs
}

func (s *source) State() fsm.State { return s.log.State() }

func (s *source) View(c policy.ClusterSpec) topology.View {
	view := s.observer.View(c.Identities())
	for i := range view.Servers {
		view.Servers[i].Logs = s.logs.of(view.Servers[i].Name)
	}
	return view
}

// Group is the group of nodes as this one sees it.
func (s *source) Group() api.GroupStatus {
	st := s.log.node.Status()
	now := time.Now()
	g := api.GroupStatus{Node: st.ID, Leader: st.Leader, Age: age(now, st.LeaderContact)}
	if st.Leader == st.ID {
		g.Age = 0
	}
	known := s.log.State().Nodes
	g.Nodes = append(g.Nodes, api.GroupNode{ID: st.ID, Region: st.Region, Site: st.Site, State: selfState(st), Reachable: true})
	for _, p := range st.Peers {
		n := api.GroupNode{
			ID: p.ID, Region: p.Region, Site: p.Site, State: "follower", Reachable: p.Reachable, LastContact: age(now, p.LastContact),
		}
		if n.Region == "" {
			n.Region, n.Site = known[p.ID].Region, known[p.ID].Site
		}
		switch {
		case !p.Reachable:
			n.State = "unreachable"
		case p.ID == st.Leader:
			n.State = "leader"
		}
		g.Nodes = append(g.Nodes, n)
	}
	return g
}

// Raft is how this node stands in its group, for metrics.
func (s *source) Raft() metrics.Raft {
	st := s.log.node.Status()
	r := metrics.Raft{
		Leads: st.Leader == st.ID, Term: st.Term, AppliedIndex: st.AppliedIndex, Age: age(time.Now(), st.LeaderContact),
		Peers: map[string]bool{},
	}
	if r.Leads {
		r.Age = 0
	}
	for _, p := range st.Peers {
		r.Peers[p.ID] = p.Reachable
	}
	return r
}

// selfState is the state of this node; one that takes no part yet has none of Raft's.
func selfState(st raftnode.Status) string {
	if st.State == "" {
		return string(st.Phase)
	}
	return st.State
}

func age(now, at time.Time) time.Duration {
	if at.IsZero() {
		return topology.Never
	}
	return now.Sub(at)
}

// orders is what the API's changes need.
type orders struct {
	log        *agreement
	controller *controller.Controller
}

// asLeader gives the errors of a node that does not lead the name that the API knows.
func asLeader(err error) error {
	if errors.Is(err, controller.ErrNotLeader) || errors.Is(err, raftnode.ErrNotLeader) {
		return fmt.Errorf("%w: %w", api.ErrNotLeader, err)
	}
	return err
}

func (o *orders) Preview(ctx context.Context, order failover.Order) (failover.Preview, error) {
	p, err := o.controller.Preview(ctx, order)
	return p, asLeader(err)
}

func (o *orders) Submit(ctx context.Context, order failover.Order) (fsm.Cluster, error) {
	c, err := o.controller.Submit(ctx, order)
	return c, asLeader(err)
}

func (o *orders) Await(ctx context.Context, cluster string, done func(fsm.Cluster) bool) (fsm.Cluster, error) {
	return o.controller.Await(ctx, cluster, done)
}

// Declare commits a declaration of clusters.
func (o *orders) Declare(ctx context.Context, put fsm.PutSpecs) error {
	return asLeader(o.log.Propose(ctx, fsm.Command{PutSpecs: &put}))
}
