package sim

import (
	"container/heap"
	"time"
)

// clock is virtual time and what is to happen in it. Events of one moment happen in the order in
// which they were asked for.
type clock struct {
	now   time.Duration
	seq   uint64
	queue events
}

// event is something that happens at one moment.
type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

// epoch is when every world begins.
func epoch() time.Time { return time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC) }

// wall is the virtual time as clocks on walls show it; all machines agree on it.
func (c *clock) wall() time.Time { return epoch().Add(c.now) }

// after has do happen in d.
func (c *clock) after(d time.Duration, do func()) {
	c.seq++
	heap.Push(&c.queue, event{at: c.now + d, seq: c.seq, do: do})
}

// step lets the next event happen and tells whether there was one before the given moment.
func (c *clock) step(until time.Duration) bool {
	if len(c.queue) == 0 || c.queue[0].at > until {
		c.now = until
		return false
	}
	e, ok := heap.Pop(&c.queue).(event)
	if !ok {
		return false
	}
	c.now = e.at
	e.do()
	return true
}

// events is a heap by time.
type events []event

func (e events) Len() int { return len(e) }

func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || (e[i].at == e[j].at && e[i].seq < e[j].seq)
}

func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push appends x; only container/heap calls it.
func (e *events) Push(x any) {
	if v, ok := x.(event); ok {
		*e = append(*e, v)
	}
}

// Pop removes the last event; only container/heap calls it.
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}
