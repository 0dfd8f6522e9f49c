package replay

import (
	"context"
	"fmt"
	"time"

	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/rows"
	"github.com/regentdb/regent/gtid"
)

// pending is a transaction that is to be repeated. Before is the last decision about it.
type pending struct {
	id     gtid.GTID
	before Outcome
	work   *work
}

// queue are transactions that wait to be repeated in one round trip. No two of them touch the same row: where the answer
// is lost, the rows of each still say whether it was committed.
type queue struct {
	waiting []pending
	keys    map[diff.Key]bool
	// changes and size are those of all that wait.
	changes, size int
	// width is how many may wait. It follows how long they take.
	width int
}

// How many transactions go together, and how long they should take at least and at most: so long nobody asks whether
// the replay is still permitted.
const (
	firstWidth, mostWidth = 8, 128
	quickBatch, slowBatch = 250 * time.Millisecond, 500 * time.Millisecond
)

func newQueue() queue { return queue{keys: map[diff.Key]bool{}, width: firstWidth} }

// meets tells whether one of those that wait touches the same row.
func (q *queue) meets(t *touched) bool {
	for _, key := range t.keys {
		if q.keys[key] {
			return true
		}
	}
	return false
}

func (q *queue) add(p pending) {
	q.waiting, q.size = append(q.waiting, p), q.size+p.work.size()
	q.changes += len(p.work.Changes)
	for _, key := range p.work.touched.keys {
		q.keys[key] = true
	}
}

func (q *queue) full() bool {
	return len(q.waiting) >= q.width || q.changes > changesAtOnce || q.size > bytesAtOnce
}

// took sets how many go together by how long the last did.
func (q *queue) took(d time.Duration) {
	switch {
	case d > slowBatch:
		q.width = max(1, q.width/2)
	case d < quickBatch:
		q.width = min(2*q.width, mostWidth)
	}
}

// flush repeats what waits. One that cannot be repeated without a look at its rows is looked at, and decided, before
// those after it.
func (r *run) flush(ctx context.Context) error {
	waiting := r.queue.waiting
	r.queue = queue{keys: map[diff.Key]bool{}, width: r.queue.width}
	for len(waiting) > 0 {
		p, err := r.together(ctx, waiting)
		if err != nil {
			return err
		}
		if waiting = waiting[p.Committed:]; len(waiting) == 0 {
			return nil
		}
		if err := r.single(ctx, waiting[0], p.Doubt); err != nil {
			return err
		}
		waiting = waiting[1:]
	}
	return nil
}

// together repeats transactions in one round trip, where that is still permitted, and decides about those that were
// committed.
func (r *run) together(ctx context.Context, waiting []pending) (Progress, error) {
	if err := r.Permit(ctx); err != nil {
		return Progress{}, err
	}
	var begun, done []decided
	var changes [][]rows.Change
	for _, p := range waiting {
		begun, changes = append(begun, decided{id: p.id, verdict: verdict{outcome: Begun}}), append(changes, p.work.Changes)
		done = append(done, decided{p.id, p.before, p.work.done()})
	}
	if err := r.record(begun...); err != nil {
		return Progress{}, err
	}
	start := r.Now()
	p, err := r.Target.Together(ctx, changes)
	r.queue.took(r.Now().Sub(start))
	if err != nil {
		return p, fmt.Errorf("replay: %d transactions from %s on: %w", len(waiting), waiting[0].id, err)
	}
	return p, r.decide(done[:p.Committed]...)
}
