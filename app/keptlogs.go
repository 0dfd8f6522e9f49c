package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// How often this node counts the binary logs of the servers that keep them for a report, how long a server may take to
// answer, and how often the log says what they occupy.
const (
	countPeriod = 30 * time.Second
	countLimit  = 5 * time.Second
	tellPeriod  = 10 * time.Minute
)

// keptLogs knows what the binary logs occupy of servers that keep them for reports: nothing else deletes them, so that
// they grow until somebody settles the report.
type keptLogs struct {
	log      *agreement
	changed  <-chan struct{}
	accounts *accounts
	logger   *slog.Logger

	mu    sync.Mutex // leaf-level
	sizes map[string]topology.BinaryLogs
	// For run alone: when the log said it of a cluster last, and which servers were asked since the last tick.
	told  map[string]time.Time
	asked map[string]bool
}

// of is what the binary logs of a server occupy, nil where that was not counted.
func (k *keptLogs) of(server string) *topology.BinaryLogs {
	k.mu.Lock()
	defer k.mu.Unlock()
	if size, counted := k.sizes[server]; counted {
		return &size
	}
	return nil
}

// run counts until ctx ends: every period, and at once when another server keeps its logs.
func (k *keptLogs) run(ctx context.Context) error {
	ticker := time.NewTicker(countPeriod)
	defer ticker.Stop()
	for {
		k.count(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-k.changed:
		case <-ticker.C:
			clear(k.asked)
		}
	}
}

// count counts the logs of the servers that keep them and were not asked since the last tick.
func (k *keptLogs) count(ctx context.Context) {
	state := k.log.State()
	sizes := map[string]topology.BinaryLogs{}
	for _, name := range state.Names() {
		cluster := state.Clusters[name]
		for _, server := range cluster.State.Keeping() {
			known := k.of(server)
			if !k.asked[server] {
				k.asked[server] = true
				if counted := k.ask(ctx, &cluster, server); counted != nil {
					known = counted
				}
			}
			if known != nil {
				sizes[server] = *known
			}
		}
		k.tell(ctx, &cluster, sizes)
	}
	k.mu.Lock()
	k.sizes = sizes
	k.mu.Unlock()
}

func (k *keptLogs) ask(ctx context.Context, c *fsm.Cluster, name string) *topology.BinaryLogs {
	spec, declared := c.Spec.Find(name)
	if !declared {
		return nil
	}
	server, err := k.accounts.server(spec.Identity())
	if err == nil {
		limit, cancel := context.WithTimeout(ctx, countLimit)
		defer cancel()
		logs, failed := server.BinaryLogs(limit)
		if failed == nil {
			return &topology.BinaryLogs{Files: logs.Files, Bytes: logs.Bytes}
		}
		err = failed
	}
	k.logger.DebugContext(ctx, "binary logs could not be counted", "server", name, "error", err)
	return nil
}

// tell logs now and then what is kept.
func (k *keptLogs) tell(ctx context.Context, c *fsm.Cluster, sizes map[string]topology.BinaryLogs) {
	now := time.Now()
	if now.Sub(k.told[c.Spec.Name]) < tellPeriod {
		return
	}
	for _, server := range c.State.Keeping() {
		size, counted := sizes[server]
		if !counted {
			continue
		}
		k.told[c.Spec.Name] = now
		k.logger.InfoContext(ctx, "a server keeps its binary logs for a report that is not settled", "cluster", c.Spec.Name,
			"server", server, "files", size.Files, "bytes", size.Bytes, "since", c.State.Servers[server].Kept.Since)
	}
}
