package raftnode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// enqueueLimit is how long a proposal waits for a busy leader when the context has no deadline.
const enqueueLimit = 10 * time.Second

// Propose commits a command and returns its index and what the machine's Apply returned for it, once it was applied here.
// The error matches [ErrNotLeader] if nothing was done, [ErrOutcomeUnknown] if the command may yet be committed, [ErrStorage] if the disk failed.
func (n *Node) Propose(ctx context.Context, command []byte) (index uint64, result any, err error) {
	r, err := n.leading()
	if err != nil {
		return 0, nil, err
	}
	var future raft.ApplyFuture
	err = n.settle(ctx, func() error {
		future = r.Apply(command, enqueueTimeout(ctx))
		return future.Error()
	})
	if err != nil {
		return 0, nil, err
	}
	return future.Index(), future.Response(), nil
}

// Barrier returns once every entry committed before it was applied here. A new leader calls it before it trusts its
// state. The errors are those of Propose.
func (n *Node) Barrier(ctx context.Context) error {
	r, err := n.leading()
	if err != nil {
		return err
	}
	return n.settle(ctx, func() error { return r.Barrier(enqueueTimeout(ctx)).Error() })
}

// settle waits for a proposal, for ctx, or for the storage to fail or stall, whichever is first.
func (n *Node) settle(ctx context.Context, op func() error) error {
	bounded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-n.storage.guard.failed:
			cancel(n.storage.guard.failure())
		case <-n.storage.stall.begins():
			cancel(errStalled)
		case <-stop:
		}
	}()
	err := wait(bounded, op)
	if err != nil && bounded.Err() != nil {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, context.Cause(bounded))
	}
	return n.explain(err)
}

// explain turns the library's errors into this package's.
func (n *Node) explain(err error) error {
	leader, _ := n.Leader()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader):
		return &NotLeaderError{Leader: leader}
	case errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return &NotLeaderError{Reason: "the leadership is being handed over; try again in a moment"}
	case errors.Is(err, raft.ErrLeadershipLost):
		return fmt.Errorf("%w: the leadership was lost meanwhile", ErrOutcomeUnknown)
	case errors.Is(err, raft.ErrRaftShutdown):
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, ErrClosed)
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("raftnode: the leader was too busy to take it and nothing was proposed: %w", err)
	}
	return err
}

// enqueueTimeout is the time left until the deadline of ctx, or the limit.
func enqueueTimeout(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return enqueueLimit
	}
	return max(time.Until(deadline), time.Millisecond)
}
