package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// judge holds the cell against the ledger, the history and the servers.
func (r *cellRun) judge(ctx context.Context) error {
	if r.writers != nil {
		if err := Rest(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	attempts, err := r.stopWriters()
	if err != nil {
		return err
	}
	r.measure(attempts)
	if err := r.judgeWriters(ctx, attempts); err != nil {
		return err
	}
	now, err := r.w.State(ctx)
	if err != nil {
		return err
	}
	if err := r.w.AwaitEqual(ctx, 30*time.Second); err != nil {
		if !errors.Is(err, ErrJudged) {
			return err
		}
		r.broken("servers differ after the heal: %v", err)
	}
	if err := r.w.JudgeLedger(ctx, now.Primary, attempts); err != nil {
		if !errors.Is(err, ErrJudged) {
			return err
		}
		r.broken("%v", err)
	}
	return r.realClock(ctx)
}

// realClock takes libfaketime away again from a server that is a replica by then.
func (r *cellRun) realClock(ctx context.Context) error {
	if r.cell.Troubles[0] != ClockStep {
		return nil
	}
	home := r.w.Servers(r.before.HomeRegion)
	if err := r.w.ensurePrimary(ctx, home[1]); err != nil {
		return err
	}
	if err := r.w.Lab.Clock(ctx, lab.ClockRequest{Server: home[0], Real: true}); err != nil {
		return err
	}
	_, err := r.w.Heal(ctx)
	return err
}

// measure takes the outage from the ledger.
func (r *cellRun) measure(attempts []workload.Attempt) {
	span := slices.DeleteFunc(slices.Clone(attempts), func(a workload.Attempt) bool {
		return a.Region == "local" || a.EndedAt.Before(r.hurt.Add(-time.Second))
	})
	for _, a := range attempts {
		if a.Acknowledged {
			r.out.Writes++
		}
	}
	if len(span) > 0 {
		r.out.Outage = millis(workload.Summarize(span)[0].Outage.Duration())
	}
}

// promotion is a change of primary.
type promotion struct {
	server string
	at     time.Time
}

// promotions lists those since a moment, by the history.
func (w *World) promotions(ctx context.Context, since time.Time) ([]promotion, error) {
	history, err := w.API.History(ctx, w.Cluster, 50)
	if err != nil {
		return nil, err
	}
	var all []promotion
	for _, e := range history {
		if server, _, replaced := strings.Cut(e.Decision, " replaced "); replaced && e.At.After(since) && !e.Failed {
			all = append(all, promotion{server, e.At})
		}
	}
	return all, nil
}

// twoWriters finds an acknowledgement by a server that had been replaced: its attempt began after another
// server had acknowledged one, and the server was not promoted again between the two.
func twoWriters(attempts []workload.Attempt, promotions []promotion) string {
	first := map[string]time.Time{}
	for _, a := range attempts {
		if at, ok := first[a.Server]; a.Acknowledged && (!ok || a.EndedAt.Before(at)) {
			first[a.Server] = a.EndedAt
		}
	}
	for _, a := range attempts {
		for other, at := range first {
			late := a.Acknowledged && other != a.Server && first[a.Server].Before(at) && a.StartedAt.After(at)
			again := slices.ContainsFunc(promotions, func(p promotion) bool {
				return p.server == a.Server && p.at.After(at) && p.at.Before(a.EndedAt)
			})
			if late && !again {
				return fmt.Sprintf("%s acknowledged attempt %s, begun %s after the first acknowledgement of %s", a.Server, a.ID, a.StartedAt.Sub(at), other)
			}
		}
	}
	return ""
}

// judgeWriters checks that at any time one server acknowledged, and always one of the home region.
func (r *cellRun) judgeWriters(ctx context.Context, attempts []workload.Attempt) error {
	promotions, err := r.w.promotions(ctx, r.began)
	if err != nil {
		return err
	}
	if why := twoWriters(attempts, promotions); why != "" {
		r.broken("two servers acknowledged at once: %s", why)
	}
	for _, a := range attempts {
		if a.Acknowledged && r.w.Region(a.Server) != r.before.HomeRegion {
			r.broken("%s, outside the home region, acknowledged attempt %s", a.Server, a.ID)
			break
		}
	}
	for _, p := range promotions {
		if r.w.Region(p.server) != r.before.HomeRegion {
			r.broken("%s, outside the home region, was promoted", p.server)
		}
	}
	return nil
}
