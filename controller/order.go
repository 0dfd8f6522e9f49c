package controller

import (
	"context"
	"errors"
	"fmt"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// Preview tells what an order would do. The error wraps those of orders in package failover,
// [fsm.ErrNotFound] or [ErrNotLeader].
func (c *Controller) Preview(_ context.Context, o failover.Order) (failover.Preview, error) {
	cluster, in, err := c.ask(&o)
	if err != nil {
		return failover.Preview{}, err
	}
	return c.cfg.Rules.Preview(cluster.State, in, o)
}

// Submit commits an order together with its audit entry and returns the cluster right after that,
// before anything was done. A refusal is audited too. Errors are those of Preview and of the log.
func (c *Controller) Submit(ctx context.Context, o failover.Order) (fsm.Cluster, error) {
	var err error
	for range submitTries {
		var after fsm.Cluster
		if after, err = c.submitOnce(ctx, o); !errors.Is(err, fsm.ErrStale) {
			return after, err
		}
	}
	return fsm.Cluster{}, err
}

func (c *Controller) submitOnce(ctx context.Context, o failover.Order) (fsm.Cluster, error) {
	cluster, in, err := c.ask(&o)
	if err != nil {
		return fsm.Cluster{}, err
	}
	d, err := c.cfg.Rules.Accept(cluster.State, in, o)
	if err != nil {
		return fsm.Cluster{}, c.refuse(ctx, &cluster, &o, &d, err)
	}
	entry := auditOf(&o, "accepted", o.Reason)
	err = c.cfg.Log.Propose(ctx, fsm.Command{Advance: &fsm.Advance{
		Cluster: o.Cluster, Expect: cluster.Version, Next: d.Next, Events: d.Events, Audit: &entry,
	}})
	if err != nil {
		return fsm.Cluster{}, err
	}
	c.announce(ctx, d.Events)
	c.wakeAll()
	return c.find(o.Cluster)
}

// ask gathers what an order is judged by, and completes it.
func (c *Controller) ask(o *failover.Order) (fsm.Cluster, failover.Input, error) {
	lead := c.cfg.Log.Leadership()
	if !lead.Leads {
		return fsm.Cluster{}, failover.Input{}, ErrNotLeader
	}
	state := c.cfg.Log.State()
	cluster, declared := state.Clusters[o.Cluster]
	if !declared {
		return fsm.Cluster{}, failover.Input{}, fmt.Errorf("%w: %s", fsm.ErrNotFound, o.Cluster)
	}
	if o.At.IsZero() {
		o.At, _ = c.clock.at(lead.Term)
	}
	if o.ID == "" {
		o.ID = fmt.Sprintf("%s-%s-%d", o.Cluster, o.Kind, cluster.Version+1)
	}
	return cluster, c.input(&state, &cluster, lead.Term, nil), nil
}

// refuse leaves a trace of an order that policy or safety forbids, in the audit log and, where the
// rules ask for it, in the history. It returns the cause, or ErrStale to have the order looked at again.
func (c *Controller) refuse(ctx context.Context, cluster *fsm.Cluster, o *failover.Order, d *failover.Decision, cause error) error {
	entry := auditOf(o, "refused", cause.Error())
	c.cfg.Logger.InfoContext(ctx, "an order was refused", "cluster", o.Cluster, "order", o.Kind, "by", o.By, "reason", cause)
	command := fsm.Command{Audit: &entry}
	if len(d.Events) > 0 {
		command = fsm.Command{Advance: &fsm.Advance{
			Cluster: o.Cluster, Expect: cluster.Version, Next: d.Next, Events: d.Events, Audit: &entry,
		}}
	}
	switch err := c.cfg.Log.Propose(ctx, command); {
	case errors.Is(err, fsm.ErrStale):
		return err
	case err != nil:
		return errors.Join(cause, fmt.Errorf("controller: record the refusal: %w", err))
	}
	c.announce(ctx, d.Events)
	return cause
}

func auditOf(o *failover.Order, outcome, reason string) fsm.AuditEntry {
	object := "cluster/" + o.Cluster
	switch {
	case o.Report != "":
		object = "report/" + o.Report
	case o.Kind == failover.OrderClone:
		object = "server/" + o.Server
	}
	if s := o.Settle; s != nil && s.Count > 0 {
		reason = fmt.Sprintf("%s (%d transactions, %d rows: %s)", reason, s.Count, s.Rows, s)
	}
	return fsm.AuditEntry{At: o.At, By: o.By, Action: string(o.Kind), Object: object, Outcome: outcome, Reason: reason}
}

// Await returns the cluster as soon as done holds of it, or the context's error. It asks again at every
// change and at least every Tick, since done may depend on the time. It works on every node while Run runs.
func (c *Controller) Await(ctx context.Context, cluster string, done func(fsm.Cluster) bool) (fsm.Cluster, error) {
	for {
		next := c.nextBeat()
		found, err := c.find(cluster)
		if err != nil || done(found) {
			return found, err
		}
		select {
		case <-ctx.Done():
			return found, ctx.Err()
		case <-next:
		}
	}
}

func (c *Controller) find(cluster string) (fsm.Cluster, error) {
	state := c.cfg.Log.State()
	found, declared := state.Clusters[cluster]
	if !declared {
		return fsm.Cluster{}, fmt.Errorf("%w: %s", fsm.ErrNotFound, cluster)
	}
	return found, nil
}
