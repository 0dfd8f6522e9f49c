package controller

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// pulseOf is when something that must not take long began, on the monotonic clock.
type pulseOf struct {
	mu    sync.Mutex // leaf-level
	began time.Time  // zero: nothing is under way
}

// begin notes the beginning, and the returned function the end.
func (p *pulseOf) begin() (end func()) {
	p.set(time.Now())
	return func() { p.set(time.Time{}) }
}

func (p *pulseOf) set(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began = t
}

// since is how long it has been under way, 0 when it is not.
func (p *pulseOf) since() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.began.IsZero() {
		return 0
	}
	return time.Since(p.began)
}

// Hanging names what the controller has been busy with for longer than the bound, or "". A decision waits
// for its commit and for locks, each with a limit of its own: beyond their sum something is stuck.
func (c *Controller) Hanging(bound time.Duration) string {
	var stuck []string
	if c.round.since() > bound {
		stuck = append(stuck, "the dispatcher")
	}
	c.mu.Lock()
	for name, l := range c.loops {
		if l.ticking.since() > bound {
			stuck = append(stuck, "the decision about "+name)
		}
	}
	c.mu.Unlock()
	if len(stuck) == 0 {
		return ""
	}
	slices.Sort(stuck)
	return fmt.Sprintf("%s has not ended within %s", stuck[0], bound)
}
