package trial

import (
	"context"
	"time"

	"github.com/regentdb/regent/api"
)

// MoveLeader hands the Raft leadership to a node and waits until it leads.
func (w *World) MoveLeader(ctx context.Context, node string) error {
	leads := func(ctx context.Context) (bool, string) {
		s, err := w.API.Status(ctx)
		if err != nil {
			return false, err.Error()
		}
		return s.Leader == node, "leader " + s.Leader
	}
	return Await(ctx, 30*time.Second, "the leadership of "+node, func(ctx context.Context) (bool, string) {
		if ok, saw := leads(ctx); ok {
			return true, saw
		}
		if err := w.Do(ctx, api.LeaderChange(node, "the trial wants it there")); err != nil {
			return false, err.Error()
		}
		return leads(ctx)
	})
}
