package controller

import (
	"sync"
	"time"
)

// clock is the time of decisions: the wall clock of the moment at which a leadership began, and what the
// monotonic clock has counted since. A step of the wall clock neither shortens nor prolongs a wait; waits
// begin anew with the next term anyhow.
type clock struct {
	mu   sync.Mutex // leaf-level
	term uint64
	base time.Time
}

// lead begins a term, if it is another one than before, and tells the time.
func (c *clock) lead(term uint64) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base.IsZero() || c.term != term {
		c.term, c.base = term, time.Now()
	}
	return c.read()
}

// now tells the time of the present term.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base.IsZero() {
		c.base = time.Now()
	}
	return c.read()
}

// read adds up; both readings of base count in time.Since, and the sum is kept without its monotonic part, as
// the agreed state keeps it.
func (c *clock) read() time.Time { return c.base.Add(time.Since(c.base)).Round(0).UTC() }
