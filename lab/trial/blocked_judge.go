package trial

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/lab"
)

// saysWaiting tells whether a sentence names commits that do not end.
func saysWaiting(reason string) bool { return strings.Contains(reason, "commits on") }

// clear takes everything back, and has the cluster become healthy while the applications that stayed with the old
// primary are still there. It may be asked twice.
func (r *blockedRun) clear(ctx context.Context) error {
	if r.out.Old == "" {
		return nil
	}
	_, failed := r.w.Lab.Heal(ctx, lab.CutRequest{})
	if r.c.Ending == Hung && !r.struck.IsZero() && !r.woken {
		r.woken = true
		failed = errors.Join(failed, r.w.Lab.Resume(ctx, r.out.Old))
	}
	failed = errors.Join(failed, r.state.lift(ctx), Rest(ctx, 2*time.Second))
	if r.c.Blockage == FullDisk {
		// It ends itself when the commit that waits for room is ended, which may be now or in a minute.
		failed = errors.Join(failed, r.w.Lab.Kill(ctx, r.out.Old))
	}
	if failed = errors.Join(failed, r.w.Lab.Start(ctx, r.out.Old), r.stop()); failed != nil {
		return failed
	}
	_, err := r.w.Heal(ctx)
	return err
}

// stop ends the applications and collects their attempts, once.
func (r *blockedRun) stop() error {
	moved, errMoved := r.writers.Stop()
	stayed, errStayed := r.kept.Stop()
	r.writers, r.kept = nil, nil
	r.attempts = slices.Concat(r.attempts, moved, stayed)
	if r.state != nil {
		r.attempts = append(r.attempts, r.state.attempts...)
		r.state.attempts = nil
	}
	return errors.Join(errMoved, errStayed)
}

// judge holds a case that was cleared up against the ledger, the history and the servers.
func (r *blockedRun) judge(ctx context.Context) error {
	if err := r.measure(); err != nil {
		return err
	}
	promotions, err := r.w.promotions(ctx, r.began)
	if err != nil {
		return err
	}
	if why := twoWriters(r.attempts, promotions); why != "" {
		return judged("two servers acknowledged at once: %s", why)
	}
	for _, a := range r.attempts {
		if a.Acknowledged && r.w.Region(a.Server) != r.before.HomeRegion {
			return judged("%s, outside the home region, acknowledged attempt %s", a.Server, a.ID)
		}
	}
	if err := r.w.AwaitEqual(ctx, 30*time.Second); err != nil {
		return err
	}
	now, err := r.w.healthy(ctx)
	if err != nil {
		return err
	}
	return r.w.JudgeLedger(ctx, now.Primary, r.attempts)
}

// measure takes figures from the ledger.
func (r *blockedRun) measure() error {
	var first time.Time
	for _, a := range r.attempts {
		if a.Acknowledged {
			r.out.Writes++
		}
		if a.Acknowledged && a.Server == r.out.New && a.EndedAt.After(r.struck) && (first.IsZero() || a.EndedAt.Before(first)) {
			first = a.EndedAt
		}
	}
	switch {
	case r.out.New == "":
		return nil
	case first.IsZero():
		return judged("%s acknowledged nothing", r.out.New)
	}
	r.out.Outage = first.Sub(r.struck)
	return nil
}

// SharedDisks gives a server that was given a disk of its own for a state its data back where it was.
func (w *World) SharedDisks(ctx context.Context) error {
	c, err := w.healthy(ctx)
	if err != nil {
		return err
	}
	home := w.Servers(c.HomeRegion)
	if err := w.ensurePrimary(ctx, home[1]); err != nil {
		return err
	}
	if err := w.Lab.Disk(ctx, lab.DiskRequest{Server: home[0], Room: lab.Shared}); err != nil {
		return err
	}
	_, err = w.Heal(ctx)
	return err
}
