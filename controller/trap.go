package controller

import "github.com/regentdb/regent/failover"

// The points of a recovery at which Config.Trap is called. A point is MOMENT:WHAT, where WHAT is
//
//	commit:STAGE   a decision that brings the recovery into a stage; commit:finish closes it
//	KIND:SERVER    an action of the recovery on a server
//
// and MOMENT is before or after it, or received: the outcome of an action is known to this node, and the
// commit that records it has not begun.
const (
	momentBefore   = "before"
	momentAfter    = "after"
	momentReceived = "received"
)

// pass tells the trap that a point is reached; there is none without a name.
func (c *Controller) pass(moment, what string) {
	if c.cfg.Trap != nil && what != "" {
		c.cfg.Trap(moment + ":" + what)
	}
}

// passReceived tells the trap of outcomes that are about to be recorded.
func (c *Controller) passReceived(now *failover.State, results []failover.Result) {
	if now.Recovery == nil {
		return
	}
	for _, r := range results {
		c.pass(momentReceived, stepOf(&r.Action))
	}
}

// turnOf names the stage that a decision brings the recovery into, empty when it stays where it is.
func turnOf(now, next *failover.State) string {
	switch {
	case next.Recovery == nil && now.Recovery == nil:
		return ""
	case next.Recovery == nil:
		return "commit:finish"
	case now.Recovery == nil || now.Recovery.Stage != next.Recovery.Stage:
		return "commit:" + string(next.Recovery.Stage)
	}
	return ""
}

func stepOf(a *failover.Action) string { return string(a.Kind) + ":" + a.Server }
