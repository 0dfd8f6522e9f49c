package controller

import (
	"testing"
	"time"

	"github.com/regentdb/regent/failover"
)

func TestHanging(t *testing.T) {
	const bound = 30 * time.Second
	run(t, func(t *testing.T, w *world) {
		advance(time.Hour)
		if what := w.Hanging(bound); what != "" {
			t.Errorf("a controller at work: %s", what)
		}
		stuck := make(chan struct{})
		w.setDecide(func(s failover.State, _ failover.Input) failover.Decision {
			if s.Cluster == "orders" {
				<-stuck
			}
			return failover.Decision{Next: s}
		})
		advance(29 * time.Second)
		if what := w.Hanging(bound); what != "" {
			t.Errorf("before the bound: %s", what)
		}
		advance(2 * time.Second)
		if what := w.Hanging(bound); what != "the decision about orders has not ended within 30s" {
			t.Errorf("after the bound: %q", what)
		}
		close(stuck)
		advance(time.Second)
		if what := w.Hanging(bound); what != "" {
			t.Errorf("after its end: %s", what)
		}
	}, "orders")
}
