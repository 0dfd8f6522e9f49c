package app

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/regentdb/regent/observer"
	"github.com/regentdb/regent/raftnode/fsm"
)

// upkeepPeriod is how often is checked what no change announces.
const upkeepPeriod = time.Second

// upkeep keeps what this node does in step with what the group has agreed: the servers that it
// watches, what it knows of the other nodes, and what they know of it.
type upkeep struct {
	log      *agreement
	changed  <-chan struct{}
	observer *observer.Observer
	peers    *peers
	self     fsm.Node
	logger   *slog.Logger

	watched map[string]observer.Target
	nodes   map[string]observer.Node
}

// run follows the state until ctx ends.
func (u *upkeep) run(ctx context.Context) error {
	ticker := time.NewTicker(upkeepPeriod)
	defer ticker.Stop()
	for {
		u.followServers()
		u.followNodes()
		select {
		case <-ctx.Done():
			return nil
		case <-u.changed:
		case <-ticker.C:
			u.announce(ctx)
		}
	}
}

// followServers has the observer watch exactly the declared servers.
func (u *upkeep) followServers() {
	state := u.log.State()
	targets := map[string]observer.Target{}
	for _, name := range state.Names() {
		spec := state.Clusters[name].Spec
		for _, s := range spec.Identities() {
			targets[s.Name] = observer.Target{Server: s, Cluster: name}
		}
	}
	if !maps.Equal(targets, u.watched) {
		u.watched = targets
		u.observer.SetServers(targets)
	}
}

// followNodes tells the observer where the other nodes stand, which a node that was never heard from
// cannot say itself.
func (u *upkeep) followNodes() {
	for id, n := range u.log.State().Nodes {
		known := observer.Node{ID: id, Site: n.Site, Region: n.Region}
		if u.nodes[id] != known {
			u.nodes[id] = known
			u.observer.SetNode(known)
		}
	}
}

// announce tells the group what this node is, where that is not agreed yet.
func (u *upkeep) announce(ctx context.Context) {
	if u.log.State().Nodes[u.self.ID] == u.self {
		return
	}
	leader, known := u.log.node.Leader()
	if !known {
		return
	}
	limit, cancel := context.WithTimeout(ctx, upkeepPeriod)
	defer cancel()
	var err error
	if leader == u.self.ID {
		err = u.accept(limit, u.self)
	} else {
		err = u.peers.announceTo(limit, leader, u.self)
	}
	if err != nil {
		u.logger.DebugContext(ctx, "this node could not be announced yet", "leader", leader, "error", err)
	}
}

// accept records what a node says about itself.
func (u *upkeep) accept(ctx context.Context, n fsm.Node) error {
	return u.log.Propose(ctx, fsm.Command{Announce: &n})
}
