package failover

import (
	"fmt"
	"time"
)

// Pause is an operator's stop of all automation for a cluster: a change freeze, which lasts until somebody
// resumes it, or a maintenance, which ends by itself.
type Pause struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	// Until is when a maintenance ends at the latest, on the leader's clock, and TTL the time it was given.
	Until time.Time     `json:"until,omitzero"`
	TTL   time.Duration `json:"ttl,omitempty"`
}

// maintenance tells whether the pause ends by itself.
func (p *Pause) maintenance() bool { return p != nil && !p.Until.IsZero() }

// String says who stopped automation, until when and why.
func (p *Pause) String() string {
	if p.maintenance() {
		return fmt.Sprintf("in maintenance until %s, begun by %s: %s", p.Until.UTC().Format(time.RFC3339), p.By, p.Reason)
	}
	return "paused by " + p.By + ": " + p.Reason
}

// ends is the command that ends the pause.
func (p *Pause) ends(cluster string) string {
	if p.maintenance() {
		return "regent maintenance end " + cluster
	}
	return "regent resume " + cluster
}

// endMaintenance records that a maintenance has lasted as long as it was given.
func (d *decider) endMaintenance() {
	p := d.s.Paused
	if !p.maintenance() || d.in.Now.Before(p.Until) {
		return
	}
	d.s.Paused = nil
	d.event(Event{Kind: "maintenance", Decision: "maintenance ended by itself", Reason: fmt.Sprintf("%s gave it %s: %s", p.By, p.TTL, p.Reason)})
}

// acceptPause stops automation, until it is resumed or for a time.
func (d *decider) acceptPause(p *Preview, o Order) error {
	pause := Pause{By: o.By, Reason: o.Reason, At: d.in.Now}
	e := Event{Kind: "pause", By: o.By, Decision: "automation stopped", Reason: o.Reason}
	p.Summary = "stop all automation for " + d.in.Spec.Name
	p.Risks = []string{"no failover happens until somebody resumes it"}
	if o.Kind == OrderMaintenance {
		if err := d.maintainable(o); err != nil {
			return err
		}
		pause.Until, pause.TTL = d.in.Now.Add(o.TTL), o.TTL
		e.Kind, e.Decision = "maintenance", "maintenance begun, until "+pause.Until.Format(time.RFC3339)
		p.Summary = fmt.Sprintf("stop all automation for %s for %s at most", d.in.Spec.Name, o.TTL)
		p.Risks = []string{fmt.Sprintf("no failover happens before %s, unless somebody ends the maintenance", pause.Until.Format(time.RFC3339))}
	}
	if o.Reason == "" {
		return fmt.Errorf("%w: a %s needs a reason; say why with --reason", ErrBadOrder, o.Kind)
	}
	if d.s.Recovery != nil {
		p.Risks = append(p.Risks, "recovery "+d.s.Recovery.ID+" stops where it is")
	}
	d.s.Paused = &pause
	d.reconnected() // nobody acts on a lapse now: a pause does not keep the primary from its lease
	d.event(e)
	return nil
}

// maintainable tells whether a maintenance may begin, or be given another time.
func (d *decider) maintainable(o Order) error {
	switch p := d.s.Paused; {
	case o.TTL <= 0:
		return fmt.Errorf("%w: a maintenance needs --ttl, such as 30m: how long it may last at most", ErrBadOrder)
	case p != nil && !p.maintenance():
		return refused("%s is %s; `%s` ends that", d.in.Spec.Name, p, p.ends(d.in.Spec.Name))
	case d.s.Recovery != nil && p == nil:
		return refused("recovery %s is under way (%s); begin the maintenance after it", d.s.Recovery.ID, d.s.Recovery.Stage)
	}
	return nil
}

// acceptResume starts automation again. The end of a maintenance ends nothing else.
func (d *decider) acceptResume(p *Preview, o Order) error {
	p.Summary = "start automation for " + d.in.Spec.Name + " again"
	e := Event{Kind: "resume", By: o.By, Decision: "automation started", Reason: o.Reason}
	paused := d.s.Paused
	if o.Kind == OrderMaintenanceEnd {
		switch {
		case paused == nil:
			return refused("%s is not in maintenance", d.in.Spec.Name)
		case !paused.maintenance():
			return refused("%s is %s; `%s` ends that", d.in.Spec.Name, paused, paused.ends(d.in.Spec.Name))
		}
	}
	if paused.maintenance() {
		e.Kind, e.Decision = "maintenance", "maintenance ended by "+o.By
	}
	if paused != nil {
		d.event(e)
	}
	d.s.Paused = nil
	return nil
}
