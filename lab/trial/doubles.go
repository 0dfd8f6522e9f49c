package trial

import (
	"context"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// Double is the outcome of losing a replica and the primary.
type Double struct{ Replica, Primary, New string }

// neighbour answers a replica in the primary's region.
func (w *World) neighbour(primary string) string {
	for _, name := range w.Servers(w.Region(primary)) {
		if name != primary {
			return name
		}
	}
	return ""
}

// LoseReplicaThenPrimary kills an acker, waits, and kills the primary: the other acker is promoted and
// holds every acknowledged write. It leaves the lab healthy.
func (w *World) LoseReplicaThenPrimary(ctx context.Context, pause time.Duration, seed uint64) (Double, error) {
	before, err := w.healthy(ctx)
	if err != nil {
		return Double{}, err
	}
	d := Double{Primary: before.Primary, Replica: w.neighbour(before.Primary)}
	options := lab.DefaultWrite()
	options.From, options.Seed = before.HomeRegion, seed
	writers, err := w.StartWriters(ctx, "double.ndjson", options, true)
	if err != nil {
		return d, err
	}
	attempts, err := w.replicaThenPrimary(ctx, &d, before, writers, pause)
	if err != nil {
		_, _ = writers.Stop()
		return d, err
	}
	if err := w.JudgeLedger(ctx, d.New, attempts); err != nil {
		return d, err
	}
	return d, w.bringBack(ctx, d.Replica, d.Primary)
}

func (w *World) replicaThenPrimary(ctx context.Context, d *Double, before api.ClusterStatus, writers *Writers, pause time.Duration) ([]workload.Attempt, error) {
	if err := w.Lab.Kill(ctx, d.Replica); err != nil {
		return nil, err
	}
	if err := Rest(ctx, pause); err != nil {
		return nil, err
	}
	if err := w.Lab.Kill(ctx, d.Primary); err != nil {
		return nil, err
	}
	err := w.AwaitState(ctx, 20*time.Second, "the promotion of the other replica", func(c api.ClusterStatus) bool {
		d.New = c.Primary
		return c.Epoch > before.Epoch && w.Region(c.Primary) == before.HomeRegion
	})
	if err != nil {
		return nil, err
	}
	return writers.Stop()
}

// LoseBoth kills an acker and the primary at once, expects a hold that names what is missing, and
// resolves it by starting one of them; the other follows. It answers the reason of the hold.
func (w *World) LoseBoth(ctx context.Context, replicaFirst bool, seed uint64) (string, error) {
	before, err := w.healthy(ctx)
	if err != nil {
		return "", err
	}
	replica := w.neighbour(before.Primary)
	options := lab.DefaultWrite()
	options.From, options.Seed = before.HomeRegion, seed
	writers, err := w.StartWriters(ctx, "both.ndjson", options, true)
	if err != nil {
		return "", err
	}
	reason, err := w.holdWithout(ctx, before, replica)
	attempts, stopErr := writers.Stop()
	if err == nil {
		err = stopErr
	}
	if err != nil {
		return reason, err
	}
	first, second := before.Primary, replica
	if replicaFirst {
		first, second = replica, before.Primary
	}
	if err := w.Lab.Start(ctx, first); err != nil {
		return reason, err
	}
	var primary string
	err = w.AwaitState(ctx, 30*time.Second, "an open primary after the start of "+first, func(c api.ClusterStatus) bool {
		primary = c.Primary
		return c.State == "ok" || c.State == "degraded"
	})
	if err != nil {
		return reason, err
	}
	if err := w.JudgeLedger(ctx, primary, attempts); err != nil {
		return reason, err
	}
	return reason, w.bringBack(ctx, second)
}

func (w *World) holdWithout(ctx context.Context, before api.ClusterStatus, replica string) (string, error) {
	if err := w.Lab.Kill(ctx, replica); err != nil {
		return "", err
	}
	if err := w.Lab.Kill(ctx, before.Primary); err != nil {
		return "", err
	}
	var reason string
	err := w.AwaitState(ctx, 15*time.Second, "a hold that names "+replica, func(c api.ClusterStatus) bool {
		reason = c.Reason
		return c.State == "hold" && c.Hold != nil && len(c.Hold.Missing) > 0
	})
	if err != nil {
		return reason, err
	}
	if err := Rest(ctx, 3*time.Second); err != nil {
		return reason, err
	}
	c, err := w.State(ctx)
	if err == nil && (c.Epoch != before.Epoch || c.State != "hold") {
		err = judged("%s was promoted without %s (state %s)", c.Primary, replica, c.State)
	}
	return reason, err
}

// bringBack starts servers, settles what they bring with them, and waits until the lab is ok.
func (w *World) bringBack(ctx context.Context, servers ...string) error {
	for _, name := range servers {
		if err := w.Lab.Start(ctx, name); err != nil {
			return err
		}
	}
	_, err := w.Heal(ctx)
	return err
}

// Heal settles every report as it opens, until the lab is ok, and answers those reports. A report that
// another returning server has just joined is settled once it is open again.
func (w *World) Heal(ctx context.Context) ([]api.ReportEntry, error) {
	var settled []api.ReportEntry
	err := Await(ctx, 2*time.Minute, "a healthy lab", func(ctx context.Context) (bool, string) {
		agreed, err := w.Agreed(ctx)
		if err != nil {
			return false, err.Error()
		}
		c := agreed.Cluster
		if c.State == "ok" {
			return true, ""
		}
		reports, err := w.openReports(ctx)
		if err != nil {
			return false, err.Error()
		}
		for _, r := range reports {
			if err := w.Settle(ctx, r); err != nil {
				return false, err.Error()
			}
			settled = append(settled, r)
		}
		return false, c.State + ": " + c.Reason
	})
	return settled, err
}

// KillNodes kills each node and starts it again, and then all of them at once, while writers write. It
// answers the longest time without an acknowledged write.
func (w *World) KillNodes(ctx context.Context, seed uint64) (time.Duration, error) {
	before, err := w.healthy(ctx)
	if err != nil {
		return 0, err
	}
	options := lab.DefaultWrite()
	options.From, options.Seed = before.HomeRegion, seed
	writers, err := w.StartWriters(ctx, "nodes.ndjson", options, true)
	if err != nil {
		return 0, err
	}
	err = w.killNodes(ctx, before)
	attempts, stopErr := writers.Stop()
	if err == nil {
		err = stopErr
	}
	if err != nil {
		return 0, err
	}
	outage := workload.Summarize(attempts)[0].Outage
	if outage.Open {
		return outage.Duration(), judged("writes stopped when nodes died")
	}
	if err := w.JudgeLedger(ctx, before.Primary, attempts); err != nil {
		return outage.Duration(), err
	}
	return outage.Duration(), w.AwaitOK(ctx, time.Minute)
}

func (w *World) killNodes(ctx context.Context, before api.ClusterStatus) error {
	for _, n := range w.status.Nodes {
		if err := w.killNode(ctx, n.ID); err != nil {
			return err
		}
	}
	if err := w.eachNode(ctx, w.Lab.Kill); err != nil {
		return err
	}
	if err := Rest(ctx, 5*time.Second); err != nil {
		return err
	}
	if err := w.eachNode(ctx, w.Lab.Start); err != nil {
		return err
	}
	return w.AwaitState(ctx, 30*time.Second, "the same primary after all nodes died", func(c api.ClusterStatus) bool {
		return c.State == "ok" && c.Primary == before.Primary && c.Epoch == before.Epoch
	})
}

// killNode kills a node, sees another lead, and starts it again.
func (w *World) killNode(ctx context.Context, id string) error {
	if err := w.Lab.Kill(ctx, id); err != nil {
		return err
	}
	if err := w.awaitLeaderBut(ctx, id); err != nil {
		return err
	}
	if err := w.Lab.Start(ctx, id); err != nil {
		return err
	}
	return w.AwaitOK(ctx, 30*time.Second)
}

func (w *World) eachNode(ctx context.Context, do func(context.Context, string) error) error {
	for _, n := range w.status.Nodes {
		if err := do(ctx, n.ID); err != nil {
			return err
		}
	}
	return nil
}

// Version is that of the servers.
func (w *World) Version() string { return w.status.MySQL.Version }

// Storage says where the lab's data lies.
func (w *World) Storage() string { return w.status.Storage }
