package trial

import (
	"context"
	"time"

	"github.com/regentdb/regent/api"
)

// MoveLeader hands the Raft leadership to a node and waits until it leads. Most nodes must say so, and the
// node itself: one that has just been started again may still be taken for the leader that it was.
func (w *World) MoveLeader(ctx context.Context, node string) error {
	leads := func(ctx context.Context) (bool, string) {
		a, err := w.Agreed(ctx)
		if err != nil {
			return false, err.Error()
		}
		return a.Leader == node, "leader " + a.Leader
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
