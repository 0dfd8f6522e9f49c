package controller

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Controller decides for every declared cluster while its node leads.
type Controller struct {
	cfg   Config
	clock clock

	mu    sync.Mutex // leaf-level
	loops map[string]*loop
	pulse chan struct{} // closed and replaced when something may have changed, if only the time
}

// New returns a controller that does nothing before Run.
func New(cfg Config) *Controller {
	return &Controller{cfg: cfg.withDefaults(), loops: map[string]*loop{}, pulse: make(chan struct{})}
}

// Run decides until ctx ends, and returns when every action has ended.
func (c *Controller) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { c.dispatch(ctx, g); return nil })
	defer c.cfg.Servers.Release()
	return g.Wait()
}

// dispatch wakes the clusters' loops when something happened, and at least every Tick.
func (c *Controller) dispatch(ctx context.Context, g *errgroup.Group) {
	ticker := time.NewTicker(c.cfg.Tick)
	defer ticker.Stop()
	for {
		c.renew(ctx, g)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-c.cfg.Observer.Changed():
		case <-c.cfg.Log.Changed():
		}
		if !c.cfg.Log.Leadership().Leads {
			c.cfg.Servers.Release()
		}
		c.wakeAll()
		c.beat()
	}
}

// renew starts the loops of new clusters and ends those of clusters that are gone.
func (c *Controller) renew(ctx context.Context, g *errgroup.Group) {
	state := c.cfg.Log.State()
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, l := range c.loops {
		if _, declared := state.Clusters[name]; !declared {
			l.end()
			delete(c.loops, name)
		}
	}
	for _, name := range state.Names() {
		if c.loops[name] == nil {
			alive, end := context.WithCancel(ctx)
			l := newLoop(c, name, end)
			c.loops[name] = l
			g.Go(func() error { return l.run(alive) })
		}
	}
}

func (c *Controller) wakeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.loops {
		notify(l.wake)
	}
}

// beat tells whoever awaits something to look again.
func (c *Controller) beat() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.pulse)
	c.pulse = make(chan struct{})
}

func (c *Controller) nextBeat() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pulse
}

// notify leaves a note in a channel of capacity one.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
