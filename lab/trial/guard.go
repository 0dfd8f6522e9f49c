package trial

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
	"github.com/regentdb/regent/policy"
)

// fenceLimit is how long after its TTL a primary that nobody renews may still take writes.
const fenceLimit = 2 * time.Second

// Guard puts a guard on the cluster and waits until it is armed. The function that it answers takes it off
// again, and waits until its row is gone.
func (w *World) Guard(ctx context.Context, ttl time.Duration, fate policy.OnIsolation) (undo func(context.Context) error, err error) {
	err = w.changePolicy(ctx, func(p *policy.Policy) {
		p.Guard, p.OnIsolation = policy.Guard{Enabled: true, TTL: policy.Duration(ttl)}, fate
	})
	if err != nil {
		return nil, err
	}
	undo = func(ctx context.Context) error {
		err := w.changePolicy(ctx, func(p *policy.Policy) {
			p.Guard, p.OnIsolation = policy.DefaultPolicy().Guard, policy.DefaultPolicy().OnIsolation
		})
		if err != nil {
			return err
		}
		return w.AwaitState(ctx, 30*time.Second, "no guard", func(c api.ClusterStatus) bool { return c.Guard == nil && c.State == "ok" })
	}
	return undo, w.awaitArmed(ctx, ttl)
}

// awaitArmed waits until the primary's guard is in force. On a busy machine it may be armed anew now and then.
func (w *World) awaitArmed(ctx context.Context, ttl time.Duration) error {
	return w.AwaitState(ctx, 30*time.Second, "an armed guard", func(c api.ClusterStatus) bool {
		return c.State == "ok" && c.Guard != nil && c.Guard.Armed && time.Duration(c.Guard.TTL) == ttl
	})
}

func (w *World) changePolicy(ctx context.Context, change func(*policy.Policy)) error {
	specs, err := w.API.Specs(ctx)
	if err != nil {
		return err
	}
	for i := range specs.Clusters {
		if specs.Clusters[i].Name == w.Cluster {
			change(&specs.Clusters[i].Policy)
		}
	}
	return w.Do(ctx, api.SpecsChange(specs, "the trial wants it so"))
}

// Severed is the outcome of cutting the primary off from everything but its clients.
type Severed struct {
	Old, New string
	ReadOnly time.Duration // from the cut until the old primary was read-only
	Promoted time.Duration // from the cut until the new primary acknowledged
	Writes   int           // acknowledged
	Extra    int           // transactions that only the old primary has, reported after the heal
	Evidence string        // by which it was replaced
	began    time.Time     // the cut
}

// Sever cuts the guarded primary off from every node, its own too, and from every server, but not from its
// clients. It judges that its guard made it read-only in time, and that it acknowledged nothing, to writers that
// kept their connections, once another had opened.
func (w *World) Sever(ctx context.Context, ttl time.Duration, seed uint64) (Severed, error) {
	out, all, err := w.severed(ctx, ttl, seed)
	if err != nil {
		return out, err
	}
	if _, err := w.Heal(ctx); err != nil {
		return out, err
	}
	return out, w.JudgeLedger(ctx, out.New, all)
}

// SeverAsync does the same to a cluster without acknowledgements. It judges that the lapse of the lease was the evidence, and
// that what only the old primary had is reported after the heal.
func (w *World) SeverAsync(ctx context.Context, ttl time.Duration, seed uint64) (Severed, error) {
	out, _, err := w.severed(ctx, ttl, seed)
	if err != nil {
		return out, err
	}
	evidence, err := w.evidenceFor(ctx, out.Old, out.began)
	if err != nil {
		return out, err
	}
	parts := make([]string, 0, len(evidence))
	for _, e := range evidence {
		parts = append(parts, e.Kind+": "+e.Detail)
	}
	out.Evidence = strings.Join(parts, "; ")
	if !strings.HasPrefix(out.Evidence, string(failover.EvidenceLeaseLapsed)) {
		return out, judged("%s was replaced by the evidence %q", out.Old, out.Evidence)
	}
	return out, Await(ctx, time.Minute, "a report of what only "+out.Old+" has", func(ctx context.Context) (bool, string) {
		reports, err := w.openReports(ctx)
		if err != nil || len(reports) == 0 {
			return false, fmt.Sprintf("%d reports, %v", len(reports), err)
		}
		out.Extra = reports[0].Transactions
		return reports[0].OldServer == out.Old && reports[0].Complete, reports[0].OldServer
	})
}

// evidenceFor is the evidence by which a server was replaced since a moment.
func (w *World) evidenceFor(ctx context.Context, old string, since time.Time) ([]api.Evidence, error) {
	history, err := w.API.History(ctx, w.Cluster, 50)
	if err != nil {
		return nil, err
	}
	var found []api.Evidence
	for _, e := range history {
		for _, v := range e.Evidence {
			if e.Kind == string(failover.KindFailover) && !e.Failed && v.Server == old && e.At.After(since) {
				found = append(found, v)
			}
		}
	}
	return found, nil
}

func (w *World) severed(ctx context.Context, ttl time.Duration, seed uint64) (Severed, []workload.Attempt, error) {
	before, err := w.healthy(ctx)
	if err != nil {
		return Severed{}, nil, err
	}
	out := Severed{Old: before.Primary}
	options := lab.DefaultWrite()
	options.From, options.Seed = before.HomeRegion, seed
	roaming, err := w.StartWriters(ctx, "roaming.ndjson", options, true)
	if err != nil {
		return out, nil, err
	}
	kept, err := w.keepers(ctx, Pause, options)
	if err != nil {
		_, _ = roaming.Stop()
		return out, nil, err
	}
	err = w.sever(ctx, &out, ttl, before)
	moved, errMoved := roaming.Stop()
	stayed, errStayed := kept.Stop()
	for _, e := range []error{err, errMoved, errStayed} {
		if e != nil {
			return out, nil, e
		}
	}
	all := slices.Concat(moved, stayed)
	return out, all, judgeSevered(&out, all)
}

func (w *World) sever(ctx context.Context, out *Severed, ttl time.Duration, before api.ClusterStatus) error {
	if err := Rest(ctx, time.Second); err != nil {
		return err
	}
	if err := w.awaitArmed(ctx, ttl); err != nil {
		return err
	}
	out.began = time.Now()
	for _, other := range w.others(out.Old) {
		if err := w.Lab.Cut(ctx, lab.CutRequest{Target: out.Old, From: other}); err != nil {
			return err
		}
	}
	var err error
	if out.ReadOnly, err = w.awaitReadOnly(ctx, out.Old, out.began, ttl); err != nil {
		return err
	}
	err = w.AwaitState(ctx, 30*time.Second, "a new primary", func(c api.ClusterStatus) bool {
		out.New = c.Primary
		return c.Epoch > before.Epoch && c.Primary != before.Primary && c.State != "recovering" && c.State != "hold"
	})
	if err != nil {
		return err
	}
	if err := Rest(ctx, 2*time.Second); err != nil {
		return err
	}
	if _, err := w.Lab.Heal(ctx, lab.CutRequest{}); err != nil {
		return err
	}
	// The writers that kept their connections are still there when the old primary is back.
	return Rest(ctx, 3*time.Second)
}

// others lists every server and node but one.
func (w *World) others(name string) []string {
	var out []string
	for _, s := range w.status.Servers {
		out = append(out, s.Name)
	}
	for _, n := range w.status.Nodes {
		out = append(out, n.ID)
	}
	return slices.DeleteFunc(out, func(n string) bool { return n == name })
}

// awaitReadOnly waits until a server is closed by its guard, which must have been in time: read-only by both variables, since
// super_read_only alone reads ON while the change waits, and commits are acknowledged then; or, where it waits for good
// behind commits that nobody acknowledges, offline as well.
func (w *World) awaitReadOnly(ctx context.Context, server string, began time.Time, ttl time.Duration) (time.Duration, error) {
	var took time.Duration
	err := Await(ctx, ttl+fenceLimit+w.Slack-time.Since(began), server+" read-only by its guard", func(ctx context.Context) (bool, string) {
		on, err := w.ask(ctx, server, "SELECT CONCAT(@@GLOBAL.super_read_only, @@GLOBAL.read_only, @@GLOBAL.offline_mode)")
		if err != nil {
			return false, err.Error()
		}
		took = time.Since(began)
		return strings.HasPrefix(on, "11") || on == "101", "super_read_only, read_only and offline_mode " + on
	})
	return took, err
}

// judgeSevered looks for an acknowledgement of the old primary after the new one's first.
func judgeSevered(out *Severed, all []workload.Attempt) error {
	var opened time.Time
	for _, a := range all {
		if a.Acknowledged && a.Server == out.New && (opened.IsZero() || a.EndedAt.Before(opened)) {
			opened = a.EndedAt
		}
	}
	if opened.IsZero() {
		return judged("%s acknowledged nothing", out.New)
	}
	out.Promoted = opened.Sub(out.began)
	for _, a := range all {
		if a.Acknowledged {
			out.Writes++
		}
		if a.Acknowledged && a.Server == out.Old && a.EndedAt.After(opened) {
			return judged("%s acknowledged attempt %s %s after %s had opened", out.Old, a.ID, a.EndedAt.Sub(opened), out.New)
		}
	}
	return nil
}

// Fenced is the outcome of cutting off a home region that is to fence itself.
type Fenced struct {
	ReadOnly time.Duration // from the cut until the primary was read-only
	Reopened time.Duration // from the heal until the cluster was ok again
	Writes   int           // acknowledged
}

// IsolateFenced cuts the home region off, with its node alive. It judges that the primary was read-only in time and
// took no write after that, that nobody was promoted, and that it was opened again after the heal.
func (w *World) IsolateFenced(ctx context.Context, ttl, length time.Duration, seed uint64) (Fenced, error) {
	var out Fenced
	before, err := w.healthy(ctx)
	if err != nil {
		return out, err
	}
	both, err := w.writeFromBoth(ctx, before, seed)
	if err != nil {
		return out, err
	}
	defer both.cancel()
	began := time.Now()
	if err := w.cutAll(ctx, []string{before.HomeRegion}); err != nil {
		return out, err
	}
	if out.ReadOnly, err = w.awaitReadOnly(ctx, before.Primary, began, ttl); err != nil {
		return out, err
	}
	fenced := time.Now()
	if err := Rest(ctx, time.Until(began.Add(length))); err != nil {
		return out, err
	}
	healed := time.Now()
	if _, err := w.Lab.Heal(ctx, lab.CutRequest{}); err != nil {
		return out, err
	}
	err = w.AwaitState(ctx, 30*time.Second, "the same primary, open again", func(c api.ClusterStatus) bool {
		out.Reopened = time.Since(healed)
		return c.State == "ok" && c.Primary == before.Primary && c.Epoch == before.Epoch
	})
	if err != nil {
		return out, err
	}
	if err := Rest(ctx, 2*time.Second); err != nil {
		return out, err
	}
	attempts, err := both.stop()
	if err != nil {
		return out, err
	}
	return out, w.judgeFenced(ctx, &out, before.Primary, attempts, fenced, healed)
}

func (w *World) judgeFenced(ctx context.Context, out *Fenced, primary string, attempts []workload.Attempt, fenced, healed time.Time) error {
	if n := acknowledgedSince(attempts, fenced, healed); n > 0 {
		return judged("%d writes were acknowledged while %s was read-only", n, primary)
	}
	if acknowledgedSince(attempts, healed, time.Now()) == 0 {
		return judged("%s took no writes after the heal", primary)
	}
	out.Writes = acknowledgedSince(attempts, time.Time{}, time.Now())
	if err := w.AwaitEqual(ctx, 30*time.Second); err != nil {
		return err
	}
	return w.JudgeLedger(ctx, primary, attempts)
}
