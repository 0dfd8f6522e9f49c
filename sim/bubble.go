package sim

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// How far the world may be ahead of the clock of the bubble, and the grain of the bubble's time on
// which the world itself wakes up. The daemons' goroutines are woken between two grains, each lane at
// an instant of its own: no two timers then fire at one instant, whose order the runtime would draw.
const (
	ahead   = 5 * time.Millisecond
	grain   = time.Microsecond
	laneGap = 16 // instants of a lane, in nanoseconds
)

// meeting is where the goroutines of the daemons and the world meet. The world moves only while every
// other goroutine of the bubble waits; what they ask of it lies in the box until then.
type meeting struct {
	began time.Time
	mu    sync.RWMutex // held by the world while it moves, so that others may look at it when it rests
	timer *time.Timer
	bell  chan struct{}
	due   []wake // goroutines to wake, one after the other

	boxed sync.Mutex
	box   []*request
}

// wake is something that lets goroutines of a daemon run.
type wake struct {
	lane int
	do   func()
}

// request is what a goroutine of a daemon asks of the world.
type request struct {
	d *daemon
	// key orders requests of one moment. It names node, server and matter, never the goroutine.
	key string
	do  func(*request) // run by the world
	// done is closed with the answer in place; nil: nobody waits.
	done     chan struct{}
	lane     int
	answered bool
	ended    bool // the context of the asker ended
	err      error
	onEnd    func(*request) // run by the world when the context of the asker ended first
}

// convene makes the meeting, in its bubble.
func (m *meeting) convene() {
	m.began, m.bell, m.timer = time.Now(), make(chan struct{}, 1), time.NewTimer(time.Hour)
	m.timer.Stop()
}

// bubble is the time that the daemons' clocks and timers show.
func (m *meeting) bubble() time.Duration { return time.Since(m.began) }

// post puts a request where the world finds it.
func (m *meeting) post(r *request) {
	m.boxed.Lock()
	m.box = append(m.box, r)
	m.boxed.Unlock()
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

// ask hands a request to the world and waits for the answer. That the context ended is told to the
// world too and not acted upon before it has heard of it: several contexts may end at one instant.
func (m *meeting) ask(ctx context.Context, r *request) error {
	r.done = make(chan struct{})
	m.post(r)
	select {
	case <-r.done:
	case <-ctx.Done():
		m.post(&request{d: r.d, key: r.key + " ends", do: func(*request) { r.end(context.Cause(ctx)) }})
		<-r.done
	}
	return r.err
}

// end answers a request whose asker waits no longer.
func (r *request) end(cause error) {
	if r.answered {
		return
	}
	r.ended = true
	if r.onEnd != nil {
		r.onEnd(r)
	}
	r.answer(cause)
}

// answer has the asker go on. Only the first answer counts.
func (r *request) answer(err error) {
	if r.answered {
		return
	}
	r.answered, r.err = true, err
	delete(r.d.open, r)
	r.d.wake(r.lane, func() { close(r.done) })
}

// collect takes the requests out of the box and lets the world deal with them, in an order that does
// not depend on which goroutine came first.
func (w *World) collect() {
	w.boxed.Lock()
	box := w.box
	w.box = nil
	w.boxed.Unlock()
	select {
	case <-w.bell:
	default:
	}
	if len(box) == 0 {
		return
	}
	w.now = max(w.now, w.bubble())
	slices.SortStableFunc(box, func(a, b *request) int { return cmp.Compare(a.key, b.key) })
	for _, r := range box {
		r.d.receive(r)
	}
}

// rest lets the bubble's time go on until a moment, or until somebody asks for something. It tells
// whether the moment was reached.
func (w *World) rest(until time.Duration) bool {
	wait := until - w.bubble()
	if wait <= 0 {
		return true
	}
	w.timer.Reset(wait)
	w.mu.Unlock()
	reached := true
	select {
	case <-w.timer.C:
	case <-w.bell:
		reached = false
		w.timer.Stop()
		synctest.Wait()
	}
	w.mu.Lock()
	if !reached {
		w.collect()
	}
	return reached
}

// grainAfter is the first instant of the world at or after a moment.
func grainAfter(at time.Duration) time.Duration { return (at + grain - 1).Truncate(grain) }

// settle wakes the goroutines that are due, one after the other, and deals with what they ask, until
// all of them wait again and nobody is due.
func (w *World) settle() {
	for len(w.due) > 0 {
		if !w.rest(grainAfter(w.now)) {
			continue // nobody is told anything before its time
		}
		next := w.due[0]
		w.due = w.due[1:]
		w.turns[next.lane]++
		phase := time.Duration(next.lane*laneGap + w.turns[next.lane]%laneGap)
		at := grainAfter(w.bubble()) + phase
		for reached := false; !reached; {
			reached = w.rest(at)
		}
		w.mu.Unlock()
		next.do()
		synctest.Wait()
		w.mu.Lock()
		w.collect()
	}
}

// advance lets the world happen until a moment, or until something is wrong with it.
func (w *World) advance(until time.Duration) {
	for len(w.violations) == 0 {
		w.settle()
		at, some := w.next()
		switch {
		case !some || at > until:
			if w.rest(grainAfter(until)) {
				w.now = max(w.now, until)
				return
			}
		case at > w.bubble()+ahead:
			w.rest(grainAfter(at))
		default:
			w.step()
		}
	}
}
