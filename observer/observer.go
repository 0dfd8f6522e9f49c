package observer

import (
	"context"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/topology"
)

// Observer watches servers and exchanges what it sees with the other nodes.
type Observer struct {
	cfg     Config
	start   time.Time
	changed chan struct{}
	renewed chan struct{} // the targets were replaced
	peers   []*peer

	mu      sync.Mutex // leaf-level: nothing blocks while it is held
	seq     uint64
	targets map[string]Target
	probes  map[string]*probe
	alerts  map[string]alert    // by cluster
	nodes   map[string]Node     // the other members, by id
	heard   map[string]*hearsay // by node
}

// New returns an observer that sees nothing before Run.
func New(cfg Config) *Observer {
	cfg = cfg.withDefaults()
	o := &Observer{
		cfg: cfg, start: time.Now(), changed: make(chan struct{}, 1), renewed: make(chan struct{}, 1),
		targets: map[string]Target{}, probes: map[string]*probe{}, alerts: map[string]alert{},
		nodes: map[string]Node{}, heard: map[string]*hearsay{},
	}
	for _, n := range cfg.Peers {
		if n.ID == cfg.Self.ID {
			continue
		}
		o.nodes[n.ID] = n
		o.peers = append(o.peers, newPeer(n.ID))
	}
	return o
}

// Run probes and tells until ctx ends, and returns when every goroutine has.
func (o *Observer) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range o.peers {
		g.Go(func() error { o.tell(ctx, p); return nil })
	}
	g.Go(func() error {
		for {
			o.renew(ctx, g)
			select {
			case <-ctx.Done():
				return nil
			case <-o.renewed:
			}
		}
	})
	return g.Wait()
}

// SetServers replaces the servers to watch, by name. A server that stays is not disturbed; one
// whose declaration changed starts anew, unseen.
func (o *Observer) SetServers(targets map[string]Target) {
	o.mu.Lock()
	o.targets = maps.Clone(targets)
	o.mu.Unlock()
	notify(o.renewed)
}

// SetNode completes what is known of another member of the group.
func (o *Observer) SetNode(n Node) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, member := o.nodes[n.ID]; member {
		o.nodes[n.ID] = n
	}
}

// Changed signals that something was seen. It has one consumer; several changes may be one signal.
func (o *Observer) Changed() <-chan struct{} { return o.changed }

// renew ends the probes of what is no longer declared and starts those of what is.
func (o *Observer) renew(ctx context.Context, g *errgroup.Group) {
	o.mu.Lock()
	defer o.mu.Unlock()
	clusters := map[string]bool{}
	for _, t := range o.targets {
		clusters[t.Cluster] = true
	}
	for cluster := range o.alerts {
		if !clusters[cluster] {
			delete(o.alerts, cluster)
		}
	}
	for name, p := range o.probes {
		if o.targets[name] != p.target {
			p.cancel()
			delete(o.probes, name)
		}
	}
	for name, t := range o.targets {
		if o.probes[name] == nil {
			alive, cancel := context.WithCancel(ctx)
			p := newProbe(o, t, cancel)
			o.probes[name] = p
			g.Go(func() error { return p.run(alive) })
		}
	}
}

// take records the outcome of an attempt and returns how many connections were refused in a row.
func (o *Observer) take(p *probe, a attempt) (refusals int) {
	o.cfg.Probed(p.target.Server.Name, a.reach, a.ended.Sub(a.began))
	o.update(p, func(r *record) {
		r.take(a, o.start)
		refusals = r.sight.Refusals
	})
	return refusals
}

// update changes the record of a server and tells whoever must know.
func (o *Observer) update(p *probe, change func(*record)) {
	now := time.Now()
	o.mu.Lock()
	old := p.rec.sight
	change(p.rec)
	sight := p.rec.sight
	if o.probes[p.target.Server.Name] != p {
		o.mu.Unlock()
		return // Its declaration changed: nobody asks for this record any more.
	}
	if alarming(&old, &sight) {
		o.alarm(p.target.Cluster, now, lost(&old, &sight))
	}
	urgent, soon := telling(&old, &sight), o.alerted(p.target.Cluster, now)
	o.mu.Unlock()
	if old.Reach != sight.Reach {
		o.logReach(p.target.Server, &old, &sight)
	}
	o.tellPeers(urgent, soon)
	notify(o.changed)
}

func (o *Observer) logReach(s topology.Server, old, now *topology.Sight) {
	o.cfg.Logger.Info("the reach of a server changed", "server", s.Name, "address", s.Address,
		"from", old.Reach, "to", now.Reach, "connection_lost", now.ConnectionLost, "error", now.Error)
}
