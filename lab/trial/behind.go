package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/regentdb/regent/policy"
)

// behind is how long replicas receive nothing before the primary is lost: less than the leader needs to
// find that out and start them again.
const behind = 150 * time.Millisecond

// fallBehind stops what replicas receive and acknowledge, so that servers elsewhere get ahead of them.
func (w *World) fallBehind(ctx context.Context, servers []string) error {
	for _, server := range servers {
		db, err := w.DB(server)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, "STOP REPLICA IO_THREAD")
		_ = db.Close()
		if err != nil {
			return fmt.Errorf("trial: stop the receiver of %s: %w", server, err)
		}
	}
	return Rest(ctx, behind)
}

// Patient gives candidates enough time to fetch what only another region has. The function that it answers takes
// that back.
func (w *World) Patient(ctx context.Context, budget time.Duration) (undo func(context.Context) error, err error) {
	set := func(d policy.Duration) func(*policy.Policy) {
		return func(p *policy.Policy) { p.CatchUpBudget = d }
	}
	if err := w.changePolicy(ctx, set(policy.Duration(budget))); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return w.changePolicy(ctx, set(policy.DefaultPolicy().CatchUpBudget)) }, nil
}
