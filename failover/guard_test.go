package failover_test

import (
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/failover"
)

// guardedState is a cluster in epoch 3 whose primary carries set version 4 of its guard row.
func guardedState() failover.State {
	order := failover.LeaseOrder{Epoch: 3, SetVersion: 4, Candidates: []string{"db2"}, Serve: true, TTL: 5 * time.Second, Fresh: true}
	return failover.State{
		Epoch: 3, Primary: "db1", Servers: map[string]failover.Member{"db1": {UUID: "aaaa"}},
		Guard: &failover.Guard{Epoch: 3, Order: order, Written: true, Candidates: order.Candidates, Serve: true, MaxTTL: order.TTL, Armed: true},
	}
}

func aborting(states ...failover.StepState) *failover.Recovery {
	r := &failover.Recovery{ID: "r1", Stage: failover.StageAbort, Attempt: 1, Steps: []failover.Step{
		{Name: failover.ActRevoke, Server: "db2", State: failover.StepDone},
		{Name: failover.ActFollow, Server: "db9", State: failover.StepPending}, // of an earlier attempt
	}}
	for _, s := range states {
		r.Steps = append(r.Steps, failover.Step{Name: failover.ActFollow, Server: "db2", Attempt: 1, State: s})
	}
	return r
}

// TestMayRenew: nobody is permitted to renew while a claim may stand, or a row that is not the agreed one.
func TestMayRenew(t *testing.T) {
	tests := map[string]struct {
		change func(*failover.State, *failover.LeaseKey)
		why    string // empty: permitted
	}{
		"the row as agreed":        {func(*failover.State, *failover.LeaseKey) {}, ""},
		"upper case":               {func(_ *failover.State, k *failover.LeaseKey) { k.UUID = "AAAA" }, ""},
		"a row before the newest":  {func(_ *failover.State, k *failover.LeaseKey) { k.SetVersion = 3 }, ""},
		"disarmed: it is to serve": {func(s *failover.State, _ *failover.LeaseKey) { s.Guard.Armed = false }, ""},
		"paused":                   {func(s *failover.State, _ *failover.LeaseKey) { s.Paused = &failover.Pause{By: "ada"} }, ""},
		"on hold":                  {func(s *failover.State, _ *failover.LeaseKey) { s.Hold = &failover.Hold{} }, ""},
		"a row after the newest":   {func(_ *failover.State, k *failover.LeaseKey) { k.SetVersion = 5 }, "set version 5"},
		"another server":           {func(_ *failover.State, k *failover.LeaseKey) { k.UUID = "bbbb" }, "not that of the primary db1"},
		"an epoch that is over":    {func(_ *failover.State, k *failover.LeaseKey) { k.Epoch = 2 }, "epoch 2 is over"},
		"no guard":                 {func(s *failover.State, _ *failover.LeaseKey) { s.Guard = nil }, "no guard is agreed"},
		"a guard of another epoch": {func(s *failover.State, _ *failover.LeaseKey) { s.Guard.Epoch = 2 }, "no guard is agreed"},
		"cut off and to fence":     {func(s *failover.State, _ *failover.LeaseKey) { s.Guard.Cut = &failover.CutOff{} }, "isolated"},
		"claims": {func(s *failover.State, _ *failover.LeaseKey) {
			s.Recovery = &failover.Recovery{ID: "r1", Stage: failover.StageRevoke}
		}, "recovery r1 is open"},
		"being opened": {func(s *failover.State, _ *failover.LeaseKey) {
			s.Recovery = &failover.Recovery{ID: "r1", Stage: failover.StageOpen}
		}, "recovery r1 is open"},
		"claims being undone": {func(s *failover.State, _ *failover.LeaseKey) {
			s.Recovery = aborting(failover.StepDone, failover.StepPending)
		}, "recovery r1 is open"},
		"a claim that stays": {func(s *failover.State, _ *failover.LeaseKey) { s.Recovery = aborting(failover.StepFailed) }, "recovery r1 is open"},
		"claims undone":      {func(s *failover.State, _ *failover.LeaseKey) { s.Recovery = aborting(failover.StepDone) }, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, key := guardedState(), failover.LeaseKey{UUID: "aaaa", Epoch: 3, SetVersion: 4}
			tt.change(&s, &key)
			ok, why := failover.MayRenew(&s, key)
			if ok != (tt.why == "") || !strings.Contains(why, tt.why) {
				t.Errorf("got %t, %q; want %q", ok, why, tt.why)
			}
		})
	}
}
