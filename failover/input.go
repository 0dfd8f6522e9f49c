package failover

import (
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// Input is everything a decision may look at besides the agreed state.
type Input struct {
	// Now is the deciding leader's clock. Within a term it goes on as the leader's monotonic clock
	// does, however its wall clock is set meanwhile.
	Now time.Time
	// Began is when this leader's term began, on that clock: what the record says of earlier moments
	// was noted by other clocks.
	Began time.Time
	Term  uint64 // the leader's Raft term
	Node  string // the deciding node
	Spec  *policy.ClusterSpec
	View  topology.View
	// Results are the outcomes of actions since the last committed decision. They are offered
	// again until a decision that saw them was committed.
	Results []Result
	// Fleet is what the other clusters are doing.
	Fleet FleetView
}

// FleetView is the part of the fleet's state that brakes a single cluster.
type FleetView struct {
	Recovering int // clusters with an open recovery, this one not counted
	Failing    int // clusters whose primary was lost within the brake window, this one not counted
	Clusters   int // clusters under automatic control
	Limits     policy.Fleet
}
