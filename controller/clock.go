package controller

import (
	"sync"
	"time"
)

// clock is the time of decisions. It is set to the wall clock when this node's term begins, and within the
// term goes on as the monotonic clock does: setting the wall clock neither shortens nor prolongs a wait.
type clock struct {
	mu   sync.Mutex // leaf-level
	term uint64
	base time.Time // when the term began here, with its monotonic reading
}

// at is the time now, and when the term began here. A term that is over already does not set the clock.
func (c *clock) at(term uint64) (now, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if term > c.term || c.base.IsZero() {
		c.term, c.base = term, time.Now()
	}
	began = c.base.UTC().Round(0)
	return began.Add(time.Since(c.base)), began
}

// Now is the clock by which this node decides: that of its term while it leads, else its wall clock.
func (c *Controller) Now() time.Time {
	lead := c.cfg.Log.Leadership()
	if !lead.Leads {
		return time.Now().UTC()
	}
	now, _ := c.clock.at(lead.Term)
	return now
}
