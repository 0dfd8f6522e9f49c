package trial

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab/daemon"
)

// askWithin bounds a question to one node, which may be stopped or cut off.
const askWithin = time.Second

// Agreement is what the node that leads says, while most nodes say that it does.
type Agreement struct {
	Leader  string
	Nodes   []api.NodeStatus
	Cluster api.ClusterStatus
}

// Agreed asks every node at once, so that neither a stopped node nor a deposed leader is taken at its
// word. The error says that no node leads.
func (w *World) Agreed(ctx context.Context) (Agreement, error) {
	answers := w.askAll(ctx)
	votes := map[string]int{}
	for _, s := range answers {
		if s.Leader != "" {
			votes[s.Leader]++
		}
	}
	best := Agreement{}
	for id, s := range answers {
		cluster := slices.IndexFunc(s.Clusters, func(c api.ClusterStatus) bool { return c.Cluster == w.Cluster })
		if s.Leader != id || cluster < 0 || 2*votes[id] <= len(w.status.Nodes) {
			continue
		}
		if c := s.Clusters[cluster]; best.Leader == "" || c.Epoch > best.Cluster.Epoch {
			best = Agreement{Leader: id, Nodes: s.Nodes, Cluster: c}
		}
	}
	if best.Leader == "" {
		return best, fmt.Errorf("trial: no node leads; %d of %d answered, and they name %v", len(answers), len(w.status.Nodes), votes)
	}
	return best, nil
}

// toldByAll waits until every node tells the same of the cluster's epoch, and answers the cluster's status: a node that was
// started just now still tells of earlier epochs.
func (w *World) toldByAll(ctx context.Context) (api.ClusterStatus, error) {
	var told api.ClusterStatus
	err := Await(ctx, 20*time.Second, "the same epoch on every node", func(ctx context.Context) (bool, string) {
		agreed, err := w.Agreed(ctx)
		if err != nil {
			return false, err.Error()
		}
		told = agreed.Cluster
		answers, same := w.askAll(ctx), 0
		for _, s := range answers {
			if slices.ContainsFunc(s.Clusters, func(c api.ClusterStatus) bool { return c.Cluster == told.Cluster && c.Epoch == told.Epoch }) {
				same++
			}
		}
		return same == len(w.status.Nodes), fmt.Sprintf("%d of %d nodes tell of epoch %d", same, len(w.status.Nodes), told.Epoch)
	})
	return told, err
}

// askAll answers the status as each node tells it, of those that answer.
func (w *World) askAll(ctx context.Context) map[string]api.Status {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	answers := map[string]api.Status{}
	for id, client := range w.nodes {
		asking.Go(func() {
			s, err := client.Status(ctx)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers[id] = s
		})
	}
	asking.Wait()
	return answers
}

// AwaitAgreed waits until what the nodes agree on satisfies a condition.
func (w *World) AwaitAgreed(ctx context.Context, limit time.Duration, what string, ok func(Agreement) bool) error {
	return Await(ctx, limit, what, func(ctx context.Context) (bool, string) {
		a, err := w.Agreed(ctx)
		if err != nil {
			return false, err.Error()
		}
		c := a.Cluster
		return ok(a), fmt.Sprintf("leader %s, state %s, primary %s, epoch %d, %s", a.Leader, c.State, c.Primary, c.Epoch, c.Reason)
	})
}

// AwaitNodes waits until every node takes part again.
func (w *World) AwaitNodes(ctx context.Context, limit time.Duration) error {
	return w.AwaitAgreed(ctx, limit, "every node in reach of the leader", func(a Agreement) bool {
		return !slices.ContainsFunc(a.Nodes, func(n api.NodeStatus) bool { return !n.Reachable })
	})
}

// nodeState answers the state of a node's process.
func (w *World) nodeState(ctx context.Context, id string) (daemon.State, error) {
	status, err := w.Lab.Status(ctx)
	if err != nil {
		return daemon.Down, err
	}
	for _, n := range status.Nodes {
		if n.ID == id {
			return n.State, nil
		}
	}
	return daemon.Down, fmt.Errorf("trial: the lab has no node %s", id)
}
