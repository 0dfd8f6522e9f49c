package trial

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
	"github.com/regentdb/regent/policy"
)

// Degraded is the outcome of losing every acker of a primary whose policy is when_missing: degrade.
type Degraded struct {
	Primary   string
	Suspended time.Duration   // from the loss of the ackers until the status said that the promise is suspended
	Silence   workload.Outage // the longest time without an acknowledgement from the loss of the ackers until they were back
	Writes    int             // acknowledged while it was suspended
	Rearmed   time.Duration   // from the return of the ackers until the promise was given again
	Hold      string          // why nobody was promoted when the primary died meanwhile
	Reopened  time.Duration   // from its return until the cluster was ok
}

// DegradeWhenMissing has the cluster prefer writes to the promise about them. The function that it answers takes
// that back.
func (w *World) DegradeWhenMissing(ctx context.Context, after time.Duration) (undo func(context.Context) error, err error) {
	set := func(ctx context.Context, s policy.SemiSync) error {
		return w.changePolicy(ctx, func(p *policy.Policy) { p.SemiSync = s })
	}
	prefer := policy.DefaultPolicy().SemiSync
	prefer.WhenMissing, prefer.DegradeAfter = policy.MissingDegrade, policy.Duration(after)
	return func(ctx context.Context) error { return set(ctx, policy.DefaultPolicy().SemiSync) }, set(ctx, prefer)
}

// Degrade kills every acker twice, once until they are back and once with the primary dying meanwhile. It judges
// that writes went on and that status and history say what they are worth, that the promise was given again by
// itself, that nobody was promoted while it was not, and that nothing was lost.
func (w *World) Degrade(ctx context.Context, seed uint64) (Degraded, error) {
	before, err := w.healthy(ctx)
	if err != nil {
		return Degraded{}, err
	}
	out := Degraded{Primary: before.Primary}
	options := lab.DefaultWrite()
	options.From, options.Seed, options.Rate = before.HomeRegion, seed, 100
	writers, err := w.StartWriters(ctx, "degraded.ndjson", options, true)
	if err != nil {
		return out, err
	}
	err = w.degrade(ctx, &out, before, writers)
	attempts, stopped := writers.Stop()
	for _, e := range []error{err, stopped} {
		if e != nil {
			return out, e
		}
	}
	return out, w.JudgeLedger(ctx, out.Primary, attempts)
}

func (w *World) degrade(ctx context.Context, out *Degraded, before api.ClusterStatus, writers *Writers) error {
	ackers := slices.DeleteFunc(w.Servers(before.HomeRegion), func(n string) bool { return n == before.Primary })
	lost := time.Now()
	if err := w.suspend(ctx, before, ackers); err != nil {
		return err
	}
	out.Suspended = time.Since(lost)
	suspended := time.Now()
	if err := Rest(ctx, 2*time.Second); err != nil {
		return err
	}
	returned := time.Now()
	if err := w.promised(ctx, before, ackers); err != nil {
		return err
	}
	out.Rearmed = time.Since(returned)
	attempts, err := writers.Attempts()
	if err != nil {
		return err
	}
	if out.Writes = acknowledgedSince(attempts, suspended, returned); out.Writes == 0 {
		return judged("%s took no writes though it waits for no acknowledgement", before.Primary)
	}
	out.Silence = workload.LongestSilence(attempts, lost, returned)
	return w.dieDegraded(ctx, out, before, ackers)
}

// suspend kills the ackers and waits until the promise about acknowledged writes is said to be suspended.
func (w *World) suspend(ctx context.Context, before api.ClusterStatus, ackers []string) error {
	since := time.Now()
	for _, name := range ackers {
		if err := w.Lab.Kill(ctx, name); err != nil {
			return err
		}
	}
	err := w.AwaitState(ctx, 30*time.Second, "a degraded primary", func(c api.ClusterStatus) bool {
		return c.State == "degraded" && c.Degraded && c.Primary == before.Primary &&
			strings.Contains(c.Unproven, "when_missing: degrade") && strings.Contains(c.Reason, c.Unproven)
	})
	if err != nil {
		return err
	}
	return w.told(ctx, since, "acknowledged writes are not proven")
}

// told judges that the history has an entry about the promise that says so.
func (w *World) told(ctx context.Context, since time.Time, decision string) error {
	history, err := w.API.History(ctx, w.Cluster, 50)
	if err != nil {
		return err
	}
	for _, e := range history {
		if e.Kind == "degraded" && strings.Contains(e.Decision, decision) && e.At.After(since.Add(-time.Second)) {
			return nil
		}
	}
	return judged("the history does not say %q", decision)
}

// promised starts the ackers and waits until the primary waits for them again and the promise is given.
func (w *World) promised(ctx context.Context, before api.ClusterStatus, servers []string) error {
	since := time.Now()
	for _, name := range servers {
		if err := w.Lab.Start(ctx, name); err != nil {
			return err
		}
	}
	err := w.AwaitState(ctx, time.Minute, "the promise about acknowledged writes", func(c api.ClusterStatus) bool {
		return c.State == "ok" && !c.Degraded && c.Unproven == "" && c.Primary == before.Primary && c.Epoch == before.Epoch
	})
	if err != nil {
		return err
	}
	if err := w.told(ctx, since, "waits for acknowledgements again"); err != nil {
		return err
	}
	on, err := w.ask(ctx, before.Primary, "SELECT CONCAT(@@GLOBAL.rpl_semi_sync_source_enabled, (SELECT variable_value FROM performance_schema.global_status WHERE variable_name = 'rpl_semi_sync_source_status'))")
	if err != nil {
		return err
	}
	if on != "1ON" {
		return judged("%s is said to wait for acknowledgements, and semi-sync and its status read %s", before.Primary, on)
	}
	return nil
}

// dieDegraded kills the primary while it is degraded: nobody may be promoted without a person who accepts the loss.
func (w *World) dieDegraded(ctx context.Context, out *Degraded, before api.ClusterStatus, ackers []string) error {
	if err := w.suspend(ctx, before, ackers); err != nil {
		return err
	}
	if err := Rest(ctx, time.Second); err != nil {
		return err
	}
	if err := w.Lab.Kill(ctx, before.Primary); err != nil {
		return err
	}
	for _, name := range ackers {
		if err := w.Lab.Start(ctx, name); err != nil {
			return err
		}
	}
	err := w.AwaitState(ctx, 30*time.Second, "a hold that names the loss", func(c api.ClusterStatus) bool {
		out.Hold = c.Reason
		return c.State == "hold" && strings.Contains(c.Reason, "the loss of acknowledged writes is unknown") && strings.Contains(c.Reason, "accept the loss")
	})
	if err != nil {
		return err
	}
	if err := w.refusesWith(ctx, api.Failover{Reason: "the trial wants it"}, "the loss of acknowledged writes is unknown"); err != nil {
		return err
	}
	loss, err := w.PossibleLoss(ctx, api.Failover{To: ackers[0], OverrideRegion: true, Reason: "the trial only asks", TTL: time.Minute})
	if err != nil || loss != -1 {
		return judged("the preview of an override says that %d transactions may be lost, and nobody can know (%v)", loss, err)
	}
	if err := Rest(ctx, 2*time.Second); err != nil {
		return err
	}
	c, err := w.State(ctx)
	if err != nil {
		return err
	}
	if c.Epoch != before.Epoch {
		return judged("%s was promoted though acknowledged writes may be on %s alone", c.Primary, before.Primary)
	}
	returned := time.Now()
	err = w.promised(ctx, before, []string{before.Primary})
	out.Reopened = time.Since(returned)
	return err
}

// refusesWith judges that an ordered failover is refused, for a reason that says so.
func (w *World) refusesWith(ctx context.Context, f api.Failover, why string) error {
	_, err := w.API.Preview(ctx, api.FailoverChange(w.Cluster, f))
	if err == nil || !strings.Contains(err.Error(), why) {
		return judged("a failover that should be refused because %s: %v", why, err)
	}
	return nil
}
