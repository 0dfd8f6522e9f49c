package guard

import (
	"fmt"
	"time"
)

// reading is what a server's clock said at some moment between two of the node's monotonic clock.
type reading struct {
	clock         time.Time
	before, after time.Time
}

// step is by how much the server's clock moved more, or less, than the node's between two readings,
// as far as the ways of question and answer do not explain it: 0 where they may.
func (r reading) step(last reading) time.Duration {
	moved := r.clock.Sub(last.clock)
	least, most := r.before.Sub(last.after), r.after.Sub(last.before)
	switch {
	case moved < least:
		return moved - least
	case moved > most:
		return moved - most
	}
	return 0
}

// fault is what a step of the server's clock means for its guard, "" where it is within half of the
// margin. A longer time than apart lies between two readings says nothing: clocks drift.
func (r reading) fault(last reading, margin, apart time.Duration) string {
	if last.clock.IsZero() || r.after.Sub(last.after) > apart {
		return ""
	}
	step := r.step(last)
	way := "forward"
	if step < 0 {
		way, step = "back", -step
	}
	if step <= margin/2 {
		return ""
	}
	return fmt.Sprintf("its clock was set %s by %s", way, step.Round(time.Millisecond))
}
