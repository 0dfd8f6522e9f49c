package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/guard"
	"github.com/regentdb/regent/mysql"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// permission is what a renewer asks the leader for.
type permission struct {
	Cluster string            `json:"cluster"`
	Row     failover.LeaseKey `json:"row"`
}

// permits are the permissions to renew leases: asked for here, or given where this node leads.
type permits struct {
	log     *agreement
	peers   *peers
	granter *guard.Granter
	self    string
}

func newPermits(log *agreement, peers *peers, self string) *permits {
	return &permits{log: log, peers: peers, granter: guard.NewGranter(leading{log}.Term, log.VerifyLeader), self: self}
}

// ask gets a permission from the leader, see guard.Permit.
func (p *permits) ask(ctx context.Context, cluster string, row topology.Lease) error {
	request := permission{cluster, failover.LeaseKey{UUID: row.UUID, Epoch: row.Epoch, SetVersion: row.SetVersion}}
	leader, known := p.log.node.Leader()
	switch {
	case !known:
		return guard.ErrNoLeader
	case leader == p.self:
		return p.grant(ctx, request)
	}
	err := p.peers.askPermission(ctx, leader, request)
	if errors.Is(err, errConflict) {
		return fmt.Errorf("%w: %w", guard.ErrRefused, err)
	}
	return err
}

// grant permits a renewal, where this node leads.
func (p *permits) grant(ctx context.Context, r permission) error {
	return p.granter.Grant(ctx, func() (ok bool, reason string) {
		cluster, declared := p.log.State().Clusters[r.Cluster]
		if !declared {
			return false, "cluster " + r.Cluster + " is not declared"
		}
		return failover.MayRenew(&cluster.State, r.Row)
	})
}

// leases are the clusters whose primaries may have a guard.
type leases struct {
	log  *agreement
	self fsm.Node
}

// targets lists the clusters with a guard, wanted or still there.
func (l *leases) targets() []guard.Target {
	state := l.log.State()
	var out []guard.Target
	for _, name := range state.Names() {
		c := state.Clusters[name]
		if !c.Spec.Policy.Guard.Enabled && c.State.Guard == nil {
			continue
		}
		primary, declared := c.Spec.Find(c.State.Primary)
		if !declared {
			continue
		}
		t := guard.Target{
			Cluster: name, Primary: primary.Identity(), Servers: map[string]topology.Server{},
			Near: near(l.self, primary.Identity(), state.Nodes),
		}
		for _, s := range c.Spec.Identities() {
			t.Servers[s.Name] = s
		}
		out = append(out, t)
	}
	return out
}

// near tells whether a node stands where the primary does: in its site, or in its region where no node
// stands in that site. Where no node stands in the region, each counts.
func near(self fsm.Node, primary topology.Server, nodes map[string]fsm.Node) bool {
	inSite := func(n fsm.Node) bool { return n.Region == primary.Region && n.Site == primary.Site }
	inRegion := func(n fsm.Node) bool { return n.Region == primary.Region }
	all := []fsm.Node{self}
	for id, n := range nodes {
		if id != self.ID {
			all = append(all, n)
		}
	}
	for _, stands := range []func(fsm.Node) bool{inSite, inRegion} {
		if slices.ContainsFunc(all, stands) {
			return stands(self)
		}
	}
	return true
}

// guarded is a server as the renewer uses it.
type guarded struct {
	accounts *accounts
	server   topology.Server
	open     *mysql.Guard // nil: the next call opens a connection
}

func (a *accounts) guarded(s topology.Server) guard.Server { return &guarded{accounts: a, server: s} }

func (g *guarded) connected() (*mysql.Guard, error) {
	if g.open == nil {
		s, err := g.accounts.server(g.server)
		if err != nil {
			return nil, err
		}
		g.open = s.Guard()
	}
	return g.open, nil
}

// Read reads the guard row and the server's clock.
func (g *guarded) Read(ctx context.Context) (*topology.Lease, time.Time, error) {
	s, err := g.connected()
	if err != nil {
		return nil, time.Time{}, err
	}
	return s.Read(ctx)
}

// Renew has the lease last until that time of the server's clock.
func (g *guarded) Renew(ctx context.Context, row topology.Lease, until time.Time) error {
	s, err := g.connected()
	if err != nil {
		return err
	}
	return s.Renew(ctx, row, until)
}

// Mark writes into the row why the guard does not count.
func (g *guarded) Mark(ctx context.Context, row topology.Lease, fault string) error {
	s, err := g.connected()
	if err != nil {
		return err
	}
	return s.Mark(ctx, row, fault)
}

// Claim says by what the server shows that it is claimed.
func (g *guarded) Claim(ctx context.Context, cluster, source string) (string, error) {
	s, err := g.connected()
	if err != nil {
		return "", err
	}
	return s.Claim(ctx, cluster, source)
}

// Close ends the connection. The next one is opened with the password of then.
func (g *guarded) Close() {
	if g.open != nil {
		g.open.Close()
		g.open = nil
	}
}
