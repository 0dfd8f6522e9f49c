package fsm_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

func TestFleetBeside(t *testing.T) {
	const term = 7
	now := at(0)
	cluster := func(mode policy.Mode, st failover.State) fsm.Cluster {
		st.Epoch = 1
		return fsm.Cluster{Spec: policy.ClusterSpec{Mode: mode}, State: st}
	}
	lost := func(ago time.Duration, term uint64) *failover.Loss {
		return &failover.Loss{At: now.Add(-ago), Term: term}
	}
	s := fsm.Empty()
	s.Clusters = map[string]fsm.Cluster{
		"self":        cluster(policy.ModeAutomatic, failover.State{Recovery: &failover.Recovery{}, Lost: lost(0, term)}),
		"recovering":  cluster(policy.ModeAutomatic, failover.State{Recovery: &failover.Recovery{}, Lost: lost(time.Second, term)}),
		"recovered":   cluster(policy.ModeAutomatic, failover.State{Lost: &failover.Loss{At: now.Add(-time.Second), Term: term, Over: true}}),
		"stuck":       cluster(policy.ModeAutomatic, failover.State{Recovery: &failover.Recovery{}, Lost: lost(time.Hour, term)}),
		"lost before": cluster(policy.ModeAutomatic, failover.State{Lost: lost(time.Second, term-1)}),
		"held":        cluster(policy.ModeAutomatic, failover.State{Hold: &failover.Hold{Since: now}}),
		"isolated":    cluster(policy.ModeAutomatic, failover.State{Isolated: "east", Lost: lost(time.Second, term)}),
		"isolated on": cluster(policy.ModeAutomatic, failover.State{Isolated: "east", Lost: lost(time.Hour, term)}),
		"observed":    cluster(policy.ModeObserve, failover.State{Lost: lost(0, term)}),
		"paused":      cluster(policy.ModeAutomatic, failover.State{Paused: &failover.Pause{}, Lost: lost(0, term)}),
		"not adopted": {Spec: policy.ClusterSpec{Mode: policy.ModeAutomatic}},
	}
	want := failover.FleetView{Recovering: 2, Failing: 3, Clusters: 8, Limits: policy.DefaultFleet()}
	if diff := cmp.Diff(want, s.FleetBeside("self", now, term)); diff != "" {
		t.Errorf("fleet (-want +got):\n%s", diff)
	}
}

// TestBrakesHoldExactly has every cluster of a fleet open a recovery by a decision that saw no other.
func TestBrakesHoldExactly(t *testing.T) {
	for name, tt := range map[string]struct {
		by     string
		lost   bool
		schema int
		want   int
	}{
		"concurrency":          {want: policy.DefaultFleet().MaxConcurrentRecoveries},
		"many lost at once":    {lost: true},
		"ordered":              {by: "ada", lost: true, want: 40},
		"of an earlier schema": {lost: true, schema: 1, want: 40},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			for i := range 40 {
				names = append(names, fmt.Sprint("c", i))
			}
			declare := specs(names...)
			for i := range declare.Clusters {
				declare.Clusters[i].Mode = policy.ModeAutomatic
			}
			m := fsm.New()
			if err := m.Apply(1, encoded(t, fsm.Command{PutSpecs: &fsm.PutSpecs{Specs: declare, By: "ada", At: at(1)}})); err != nil {
				t.Fatal(err)
			}
			index := uint64(1)
			advance := func(cluster string, expect uint64, next failover.State) error {
				index++
				command := encoded(t, fsm.Command{Advance: &fsm.Advance{Cluster: cluster, Expect: expect, Next: next}})
				if tt.schema != 0 {
					command = fmt.Appendf(nil, `{"schema":%d%s`, tt.schema, command[len(`{"schema":2`):])
				}
				err, _ := m.Apply(index, command).(error)
				return err
			}
			for _, c := range names {
				st := failover.State{Epoch: 1}
				if tt.lost {
					st.Lost = &failover.Loss{At: at(2), Term: 3}
				}
				if err := advance(c, 1, st); err != nil {
					t.Fatal(err)
				}
			}
			opened := 0
			for _, c := range names {
				st := m.State().Clusters[c].State
				st.Recovery = &failover.Recovery{By: tt.by, StartedAt: at(3), Term: 3}
				switch err := advance(c, 2, st); {
				case err == nil:
					opened++
				case !errors.Is(err, fsm.ErrStale):
					t.Fatal(err)
				}
			}
			if opened != tt.want {
				t.Errorf("%d recoveries were opened, want %d", opened, tt.want)
			}
		})
	}
}
