package api

import (
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// holdLasts is how long a recovery may say what is missing before its caller is told that it is held:
// an acker that takes a second to attach is no reason to give up.
const holdLasts = 5 * time.Second

// progress follows a committed order until it is done or held.
type progress struct {
	order    failover.Order
	last     string // the ID of the newest event before the order
	epoch    uint64
	recovery string
	now      func() time.Time
}

func newProgress(o failover.Order, before, accepted fsm.Cluster, now func() time.Time) *progress {
	p := &progress{order: o, last: lastEvent(&before), epoch: before.State.Epoch, now: now}
	if r := accepted.State.Recovery; r != nil {
		p.recovery = r.ID
	}
	return p
}

// ended tells that nothing more will come of the order without somebody's help.
func (p *progress) ended(c fsm.Cluster) bool {
	switch p.order.Kind {
	case failover.OrderFailover:
		return !p.recovering(&c) || p.held(&c)
	case failover.OrderClone:
		return p.clonedOrFailed(&c) || p.held(&c)
	case failover.OrderReplay, failover.OrderRewind, failover.OrderApprove, failover.OrderAckReport:
		return p.settled(&c)
	case failover.OrderAck, failover.OrderRelease, failover.OrderPause, failover.OrderResume,
		failover.OrderMaintenance, failover.OrderMaintenanceEnd:
		return true
	}
	return true
}

// settled tells that no job of the order is under way on a report, nor one that it approved.
func (p *progress) settled(c *fsm.Cluster) bool {
	for i := range c.State.Divergences {
		div := &c.State.Divergences[i]
		job := div.Job
		if job == nil || job.Waits {
			continue
		}
		if job.ID == p.order.ID || (p.order.Kind == failover.OrderApprove && div.ID == p.order.Report) {
			return false
		}
	}
	return true
}

func (p *progress) recovering(c *fsm.Cluster) bool {
	return c.State.Recovery != nil && c.State.Recovery.ID == p.recovery
}

// held tells that the cluster has said for a while what is missing.
func (p *progress) held(c *fsm.Cluster) bool {
	h := c.State.Hold
	return h != nil && !p.now().Before(h.Since.Add(holdLasts)) && h.Since.After(p.order.At)
}

// clonedOrFailed tells that the copy is over and the server follows the primary again.
func (p *progress) clonedOrFailed(c *fsm.Cluster) bool {
	m := c.State.Servers[p.order.Server]
	if m.Clone != nil {
		return false
	}
	return p.failed(c) != nil || (m.Quarantine == nil && !m.Away)
}

// failed is the event that says that the order was given up, nil when there is none.
func (p *progress) failed(c *fsm.Cluster) *failover.Event {
	events := eventsAfter(c.History, p.last)
	for i := range events {
		e := &events[i]
		clone := p.order.Kind == failover.OrderClone
		if e.Failed && (e.Kind == "clone") == clone {
			return e
		}
	}
	return nil
}

// outcome is what became of the order: an empty code and what was done, or the code of the error and
// what is missing.
func (p *progress) outcome(c fsm.Cluster) (Code, string) {
	if e := p.failed(&c); e != nil {
		return CodeRefused, fmt.Sprintf("%s: %s; `regent history %s` has the steps", e.Decision, e.Reason, p.order.Cluster)
	}
	if p.order.Kind == failover.OrderFailover && (p.recovering(&c) || c.State.Epoch == p.epoch) {
		return CodeHeld, p.missing(&c)
	}
	if p.order.Kind == failover.OrderClone && !p.clonedOrFailed(&c) {
		return CodeHeld, p.missing(&c)
	}
	return "", p.done(&c)
}

func (p *progress) missing(c *fsm.Cluster) string {
	if h := c.State.Hold; h != nil {
		return fmt.Sprintf("held: %s; `regent status` shows when that changes", h.Reason)
	}
	return fmt.Sprintf("%s of %s did not come to its end; `regent history %s` has the steps", p.order.Kind, p.order.Cluster, p.order.Cluster)
}

// done is the sentence of the newest event that the order led to.
func (p *progress) done(c *fsm.Cluster) string {
	events := eventsAfter(c.History, p.last)
	if len(events) == 0 {
		return "nothing had to be changed"
	}
	return events[len(events)-1].Decision
}
