package controller

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestClockCountsWithinATerm: the time of decisions goes on from where the leadership began, whatever the wall clock
// says meanwhile, and begins anew with the next one.
func TestClockCountsWithinATerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		start := c.lead(1)
		<-time.After(time.Second)
		if got := c.lead(1).Sub(start); got != time.Second {
			t.Errorf("a second later it is %s later", got)
		}
		if got := c.now(); !got.Equal(start.Add(time.Second)) || got.Location() != time.UTC {
			t.Errorf("now is %s, began %s", got, start)
		}
		if got := c.lead(2); !got.Equal(time.Now()) {
			t.Errorf("a new term begins at %s, not at %s", got, time.Now())
		}
	})
}
