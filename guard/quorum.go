package guard

import (
	"context"
	"sync"
	"time"
)

// quorum answers whether this node leads, by one question to the quorum for all who ask at the same time:
// renewals of many leases come at once.
type quorum struct {
	ask  func(context.Context) error
	turn chan struct{} // held while a question is under way

	mu   sync.Mutex // leaf-level
	next *question  // has not begun yet; nil: nobody waits for one
}

// question is one verification and its answer, which stands when done is closed.
type question struct {
	done chan struct{}
	err  error
}

func newQuorum(ask func(context.Context) error) *quorum {
	return &quorum{ask: ask, turn: make(chan struct{}, 1)}
}

// quorumLimit bounds one question.
const quorumLimit = time.Second

// verify returns nil if this node led at some moment after the call.
func (q *quorum) verify(ctx context.Context) error {
	q.mu.Lock()
	mine, first := q.next, false
	if mine == nil {
		mine, first = &question{done: make(chan struct{})}, true
		q.next = mine
	}
	q.mu.Unlock()
	if first {
		q.put(ctx, mine)
	}
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// put asks once the question before has its answer, for as long as the first who wanted to know waits.
func (q *quorum) put(ctx context.Context, mine *question) {
	select {
	case q.turn <- struct{}{}:
		defer func() { <-q.turn }()
		q.close()
		mine.err = q.bounded(ctx)
	case <-ctx.Done():
		q.close()
		mine.err = context.Cause(ctx)
	}
	close(mine.done)
}

// close begins the question that waits: who comes from now on waits for another one.
func (q *quorum) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next = nil
}

// bounded asks within the limit and the deadline of the first who wanted to know. That this one goes away
// does not end it, since others wait as well.
func (q *quorum) bounded(ctx context.Context) error {
	within := quorumLimit
	if end, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(end))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	return q.ask(ctx)
}
