package controller

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// Bounds of keeping sessions warm.
const (
	warmEvery = 10 * time.Second
	warmLimit = 2 * time.Second
)

// warm keeps a locked session open on every server that answers, so that a recovery that is led from
// another region need not connect first. It changes nothing on the servers, and a server that an
// action is busy with is left alone.
func (c *crew) warm(ctx context.Context, g *errgroup.Group, spec *policy.ClusterSpec, view *topology.View) {
	if spec.Mode != policy.ModeAutomatic {
		return
	}
	for _, s := range spec.Servers {
		if view.Current(s.Name) == nil || !c.cold(s.Name) {
			continue
		}
		g.Go(func() error {
			limit, cancel := context.WithTimeout(ctx, warmLimit)
			defer cancel()
			if _, err := c.l.c.cfg.Servers.Hold(limit, c.l.name, s.Name); err != nil && ctx.Err() == nil {
				c.l.c.cfg.Logger.DebugContext(ctx, "no session could be kept ready", "cluster", c.l.name, "server", s.Name, "error", err)
			}
			return nil
		})
	}
}

// cold tells whether it is time to look after a server's session, and notes that it is done.
func (c *crew) cold(server string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if _, busy := c.lanes["server/"+server]; busy || c.leash == nil || now.Before(c.warmAt[server]) {
		return false
	}
	c.warmAt[server] = now.Add(warmEvery)
	return true
}
