package controller

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClockOfATerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		start := time.Now()
		_, began := c.at(3)
		advance(time.Minute)
		now, same := c.at(3)
		if !began.Equal(start) || !same.Equal(began) || now.Sub(began) != time.Minute {
			t.Errorf("term 3 began at %s, then at %s, and it is %s", began, same, now)
		}
		if _, again := c.at(2); !again.Equal(began) {
			t.Errorf("a term that is over set the clock to %s", again)
		}
		if now, next := c.at(4); !next.Equal(start.Add(time.Minute)) || !now.Equal(next) {
			t.Errorf("term 4 began at %s, and it is %s", next, now)
		}
	})
}
