package fsm

import (
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// FleetBeside is what the clusters other than the named one are doing, as the leader of the term sees it at
// that time. Clusters that are paused, only observed or not adopted are not under automatic control and
// do not count.
func (s *State) FleetBeside(name string, now time.Time, term uint64) failover.FleetView {
	v := failover.FleetView{Limits: s.Fleet}
	window := time.Duration(s.Fleet.BrakeWindow)
	for other, c := range s.Clusters {
		if c.Spec.Mode != policy.ModeAutomatic || c.State.Paused != nil || c.State.Epoch == 0 {
			continue
		}
		v.Clusters++
		if other == name {
			continue
		}
		if c.State.Recovery != nil {
			v.Recovering++
		}
		if c.State.LostSince(now, term, window) {
			v.Failing++
		}
	}
	return v
}

// braked refuses the opening of an automatic recovery that the brakes over all clusters forbid. Decisions
// of several clusters are computed beside each other; here they come one after the other, so that the
// limits hold exactly.
func (a *Advance) braked(s *State, before *failover.State) error {
	r := a.Next.Recovery
	if r == nil || before.Recovery != nil || r.By != "" {
		return nil
	}
	fleet := s.FleetBeside(a.Cluster, r.StartedAt, r.Term)
	if why := fleet.Brake(); why != "" {
		return fmt.Errorf("%w (%s)", ErrStale, why)
	}
	return nil
}
