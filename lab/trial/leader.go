package trial

import (
	"context"
	"time"

	"github.com/regentdb/regent/api"
)

// awaitLeaderBut waits until the API tells of a leader that is not the node.
func (w *World) awaitLeaderBut(ctx context.Context, gone string) error {
	return Await(ctx, 10*time.Second, "a leader without "+gone, func(ctx context.Context) (bool, string) {
		s, err := w.API.Status(ctx)
		if err != nil {
			return false, err.Error()
		}
		return s.Leader != "" && s.Leader != gone, "leader " + s.Leader
	})
}

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
