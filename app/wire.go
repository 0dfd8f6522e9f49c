package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"path/filepath"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/binlog/mirror"
	"github.com/regentdb/regent/binlog/replay"
	"github.com/regentdb/regent/controller"
	"github.com/regentdb/regent/executor"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/guard"
	"github.com/regentdb/regent/metrics"
	"github.com/regentdb/regent/mysql"
	"github.com/regentdb/regent/notify"
	"github.com/regentdb/regent/observer"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// wireSight makes what watches servers and talks to the other nodes.
func (a *App) wireSight() {
	self := a.cfg.Node
	a.peers = &peers{node: a.node, logger: a.logger}
	var group []observer.Node
	for _, p := range a.cfg.Raft.Peers {
		group = append(group, observer.Node{ID: p.ID})
	}
	a.observer = observer.New(observer.Config{
		Self: observer.Node{ID: self.ID, Site: self.Site, Region: self.Region}, Peers: group, Boot: rand.Text(),
		Interval: a.cfg.Probe.Interval, Timeout: a.cfg.Probe.Timeout,
		Connect: a.accounts.observed, Classify: mysql.ReachOf, Lost: mysql.ClosedByPeer,
		Publish: a.peers.publish, Logger: a.logger,
		Probed: func(server string, reach topology.Reach, took time.Duration) { a.metrics.Probed(server, reach, took) },
	})
}

// wireDecision makes what decides and acts.
func (a *App) wireDecision(moved *bell) {
	a.keptLogs = &keptLogs{log: a.log, changed: moved.listen(), accounts: a.accounts, logger: a.logger, told: map[string]time.Time{}, asked: map[string]bool{}}
	a.hook = notify.New(a.cfg.Notify.Command, a.cfg.Notify.Timeout, a.logger)
	a.executor = executor.New(executor.Config{
		Node: a.cfg.Node.ID, Leadership: leading{a.log}, Open: a.accounts.lock, Resolve: a.log.resolve,
		Now: time.Now, Log: a.logger,
	})
	a.reports = &reports{dir: filepath.Join(a.cfg.Node.DataDir, reportsDir), mirror: &mirror.Mirror{Log: replay.LogName}}
	a.copies = newCopies(a.log, a.peers, a.reports, a.identity(), a.logger)
	a.reconciler = &reconciler{source: a.source(), accounts: a.accounts, reports: a.reports, copies: a.copies, logger: a.logger, verify: a.log.verifySince}
	a.controller = controller.New(controller.Config{
		Node: a.cfg.Node.ID, Log: a.log, Observer: a.observer, Servers: a.executor,
		Reports:  a.reconciler,
		Notifier: a.hook, Logger: a.logger, Trap: a.options.Trap,
		Rules: controller.Rules{Decide: failover.Decide, Accept: failover.Accept, Preview: failover.PreviewOrder},
	})
}

// wireService makes what answers to people and peers, and what keeps the node in step.
func (a *App) wireService(moved *bell, encryption *tls.Config) {
	a.metrics = metrics.New(a.source(), a.options.Version, a.logger)
	a.api = api.New(api.Config{
		Source: a.source(), Orders: &orders{log: a.log, controller: a.controller}, Reports: a.reports, Settler: a.reconciler,
		Peers: a.peers, Lead: a.log.lead,
		Tokens: a.tokens, Metrics: a.metrics.Handler(), TLS: encryption, Logger: a.logger, Now: a.controller.Now,
		ProbeInterval: a.cfg.Probe.Interval,
	})
	self := a.identity()
	a.upkeep = &upkeep{
		log: a.log, changed: moved.listen(), observer: a.observer, peers: a.peers, self: self, logger: a.logger,
		nodes: map[string]observer.Node{},
	}
	permits := newPermits(a.log, a.peers, self.ID)
	agreed := &leases{log: a.log, self: self}
	a.guard = guard.New(guard.Config{
		Targets: agreed.targets, Changed: moved.listen(), Connect: a.accounts.guarded, Permit: permits.ask, Logger: a.logger,
	})
	a.peers.serve(a.observer.Receive, a.upkeep.accept, permits.grant, a.api.ForwardHandler())
	a.peers.serveFiles(a.copies)
}

// identity is what this node tells the group about itself.
func (a *App) identity() fsm.Node {
	self := fsm.Node{ID: a.cfg.Node.ID, Region: a.cfg.Node.Region, Site: a.cfg.Node.Site}
	if own, listed := a.cfg.Self(); listed {
		self.API = own.API
	}
	return self
}

func (a *App) source() *source { return &source{log: a.log, observer: a.observer, logs: a.keptLogs} }

// leading is the leadership as the executor asks for it.
type leading struct{ log *agreement }

func (l leading) Term() (uint64, bool) {
	lead := l.log.Leadership()
	return lead.Term, lead.Leads
}

func (l leading) Verify(ctx context.Context, since time.Time) error {
	return l.log.verifySince(ctx, since)
}

// resolve finds a declared server of a cluster.
func (a *agreement) resolve(cluster, server string) (topology.Server, bool) {
	state := a.State()
	c := state.Clusters[cluster]
	s, declared := c.Spec.Find(server)
	return s.Identity(), declared
}
