package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// nodelessGap is the longest time without an acknowledged write while nodes end, are gone and come back, on a
// primary without a guard: nothing in it depends on them.
const nodelessGap = time.Second

// Nodeless is the outcome of ending every node for a while.
type Nodeless struct {
	Length   time.Duration `json:"length"`
	Gap      time.Duration `json:"gap"`       // longest time without an acknowledged write
	ReadOnly time.Duration `json:"read_only"` // from the end of the last node until the guard had closed the primary, 0 without one
	Back     time.Duration `json:"back"`      // from the start of the nodes until the cluster was ok again
	Writes   int           `json:"writes"`    // acknowledged
}

func (n *Nodeless) String() string {
	if n.ReadOnly == 0 {
		return fmt.Sprintf("no node for %s: %d writes acknowledged, longest time without one %d ms; ok again %d ms after the nodes were started",
			n.Length, n.Writes, n.Gap.Milliseconds(), n.Back.Milliseconds())
	}
	return fmt.Sprintf("no node for %s: read-only by its guard after %d ms, open and ok again %d ms after the nodes were started, by itself; %d writes acknowledged, none while it was closed",
		n.Length, n.ReadOnly.Milliseconds(), n.Back.Milliseconds(), n.Writes)
}

// Nodeless ends every node for a while, under write load. Without a guard (a ttl of 0) it judges that writes went on
// all the time; with one that the primary was read-only in time and took nothing until the nodes were back, which
// then opened it without anybody's help. Nobody else was promoted, and nothing was lost.
func (w *World) Nodeless(ctx context.Context, ttl, length time.Duration, seed uint64) (Nodeless, error) {
	out := Nodeless{Length: length}
	before, err := w.healthy(ctx)
	if err != nil {
		return out, err
	}
	options := lab.DefaultWrite()
	options.From, options.Seed = before.HomeRegion, seed
	writers, err := w.StartWriters(ctx, "nodeless.ndjson", options, true)
	if err != nil {
		return out, err
	}
	closed, started, err := w.nodeless(ctx, &out, before, ttl)
	attempts, stopErr := writers.Stop()
	if failed := errors.Join(err, stopErr); failed != nil {
		w.remember(attempts)
		return out, failed
	}
	if err := judgeNodeless(&out, attempts, closed, started, nodelessGap+w.Slack); err != nil {
		w.remember(attempts)
		return out, err
	}
	if err := w.AwaitEqual(ctx, 30*time.Second); err != nil {
		return out, err
	}
	return out, w.JudgeLedger(ctx, before.Primary, attempts)
}

// nodeless ends the nodes and brings them back. It answers when the guard had closed the primary, zero without
// one, and when the nodes were started.
func (w *World) nodeless(ctx context.Context, out *Nodeless, before api.ClusterStatus, ttl time.Duration) (closed, started time.Time, err error) {
	if err := Rest(ctx, time.Second); err != nil {
		return closed, started, err
	}
	if err := w.eachNode(ctx, w.Lab.Kill); err != nil {
		return closed, started, err
	}
	began := time.Now()
	if ttl > 0 {
		out.ReadOnly, err = w.awaitReadOnly(ctx, before.Primary, began, ttl)
		closed = time.Now()
	}
	err = errors.Join(err, Rest(ctx, time.Until(began.Add(out.Length))))
	started = time.Now()
	if err := errors.Join(err, w.eachNode(context.WithoutCancel(ctx), w.Lab.Start)); err != nil {
		return closed, started, err
	}
	err = w.AwaitAgreed(ctx, 30*time.Second, "the same primary, ok and open", func(a Agreement) bool {
		out.Back = time.Since(started)
		return a.Cluster.State == "ok" && a.Cluster.Primary == before.Primary && a.Cluster.Epoch == before.Epoch
	})
	return closed, started, errors.Join(err, Rest(ctx, 2*time.Second))
}

func judgeNodeless(out *Nodeless, attempts []workload.Attempt, closed, started time.Time, limit time.Duration) error {
	gap := workload.Summarize(attempts)[0].Outage
	out.Gap, out.Writes = gap.Duration(), acknowledgedSince(attempts, time.Time{}, time.Now())
	switch {
	case gap.Open && out.Gap > limit, acknowledgedSince(attempts, started, time.Now()) == 0:
		return judged("no write was acknowledged once the nodes were back")
	case out.ReadOnly == 0 && out.Gap > limit:
		return judged("no write was acknowledged for %s while no node was there; %s is allowed", out.Gap, limit)
	case out.ReadOnly > 0 && acknowledgedSince(attempts, closed, started) > 0:
		return judged("%d writes were acknowledged while the guard had closed the primary", acknowledgedSince(attempts, closed, started))
	}
	return nil
}
