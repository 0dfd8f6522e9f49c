package guard

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"
)

// Renewer renews the leases of all guarded primaries. A node runs one.
type Renewer struct {
	cfg     Config
	keepers map[string]tended // by cluster, owned by Run
}

// tended is a cluster that is looked after.
type tended struct {
	target Target
	end    context.CancelFunc
}

// New answers a renewer that does nothing before Run.
func New(cfg Config) *Renewer {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Renewer{cfg: cfg, keepers: map[string]tended{}}
}

// Run renews until ctx ends, and returns when every goroutine has. The error is always nil: what goes
// wrong with a lease is tried again, and logged.
func (r *Renewer) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for {
			r.follow(ctx, g)
			select {
			case <-ctx.Done():
				return nil
			case <-r.cfg.Changed:
			}
		}
	})
	return g.Wait()
}

// follow looks after exactly the clusters that are agreed now. One whose terms changed starts anew.
func (r *Renewer) follow(ctx context.Context, g *errgroup.Group) {
	wanted := map[string]Target{}
	for _, t := range r.cfg.Targets() {
		wanted[t.Cluster] = t
	}
	for cluster, k := range r.keepers {
		if t, still := wanted[cluster]; !still || !t.equal(&k.target) {
			k.end()
			delete(r.keepers, cluster)
		}
	}
	for cluster, t := range wanted {
		if _, tending := r.keepers[cluster]; tending {
			continue
		}
		alive, end := context.WithCancel(ctx)
		r.keepers[cluster] = tended{t, end}
		k := newKeeper(&r.cfg, t)
		g.Go(func() error {
			defer end()
			return k.run(alive)
		})
	}
}
