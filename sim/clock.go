package sim

import "time"

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

// wall is the time as a clock shows it that was never wrong. Servers have it; nodes need not.
func (c *clock) wall() time.Time { return epoch().Add(c.now) }

// after has do happen in d.
func (c *clock) after(d time.Duration, do func()) {
	c.seq++
	c.queue.push(event{at: c.now + max(d, 0), seq: c.seq, do: do})
}

// next is when the next event happens, ok is false when there is none.
func (c *clock) next() (at time.Duration, ok bool) {
	if len(c.queue) == 0 {
		return 0, false
	}
	return c.queue[0].at, true
}

// step lets the next event happen.
func (c *clock) step() {
	e := c.queue.pop()
	c.now = max(c.now, e.at)
	e.do()
}

// events is a binary heap, the earliest first.
type events []event

func (e events) less(i, j int) bool {
	return e[i].at < e[j].at || (e[i].at == e[j].at && e[i].seq < e[j].seq)
}

func (e *events) push(v event) {
	*e = append(*e, v)
	q := *e
	for i := len(q) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.less(i, up) {
			return
		}
		q[i], q[up] = q[up], q[i]
		i = up
	}
}

func (e *events) pop() event {
	q := *e
	first, last := q[0], len(q)-1
	q[0], q[last] = q[last], event{}
	q = q[:last]
	*e = q
	for i := 0; ; {
		low := 2*i + 1
		if low >= last {
			return first
		}
		if low+1 < last && q.less(low+1, low) {
			low++
		}
		if !q.less(low, i) {
			return first
		}
		q[i], q[low] = q[low], q[i]
		i = low
	}
}
