package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/failover"
)

// crew are the actions under way for one cluster, and their outcomes until a decision has seen them.
type crew struct {
	l *loop

	mu    sync.Mutex // leaf-level
	term  uint64     // of the leadership that the crew serves, 0: none
	leash context.Context
	let   context.CancelFunc
	held  bool // the servers of an open record were locked in this term
	// lanes maps what may do one thing at a time to the action that occupies it: until its outcome
	// was seen by a committed decision.
	lanes    map[string]string
	inbox    []failover.Result
	failures map[string]failure // by action
}

// failure is how an action has fared so far.
type failure struct {
	times int
	until time.Time // not tried again before
	text  string
}

func newCrew(l *loop) crew {
	return crew{l: l, lanes: map[string]string{}, failures: map[string]failure{}}
}

// serve follows the leadership and tells whether this node leads. Another term ends all actions of
// the one before, and their outcomes count no more: the new leader looks for itself.
func (c *crew) serve(ctx context.Context, lead Leadership) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leash != nil && (!lead.Leads || lead.Term != c.term) {
		c.release()
	}
	if lead.Leads && c.leash == nil {
		c.term = lead.Term
		c.leash, c.let = context.WithCancel(ctx)
	}
	return lead.Leads
}

// release ends the crew's term. The lock is held. Actions that have not ended keep their lanes.
func (c *crew) release() {
	c.let()
	for _, r := range c.inbox {
		delete(c.lanes, lane(&r.Action))
	}
	c.inbox, c.leash, c.let, c.term, c.held = nil, nil, nil, 0, false
	clear(c.failures)
}

// dismiss ends all actions for good.
func (c *crew) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leash != nil {
		c.release()
	}
}

// hold locks every server that an open record names, once per term, before the first decision: what an
// earlier leader has under way there ends. A server that cannot be locked is left to the decision.
func (c *crew) hold(ctx context.Context, r *failover.Recovery) {
	c.mu.Lock()
	again := c.held
	c.held = true
	c.mu.Unlock()
	if again || r == nil {
		return
	}
	limit, cancel := context.WithTimeout(ctx, holdLimit)
	defer cancel()
	var g errgroup.Group
	for _, server := range named(r) {
		g.Go(func() error {
			if _, err := c.l.c.cfg.Servers.Hold(limit, c.l.name, server); err != nil {
				c.l.c.cfg.Logger.WarnContext(ctx, "a server of an open recovery could not be locked",
					"cluster", c.l.name, "server", server, "recovery", r.ID, "error", err)
			}
			return nil
		})
	}
	_ = g.Wait() // Failures are logged above.
}

// named are the servers of the recovery's record, sorted.
func named(r *failover.Recovery) []string {
	names := []string{r.Old}
	for _, s := range r.Steps {
		names = append(names, s.Server)
	}
	if r.Candidate != "" {
		names = append(names, r.Candidate)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// outcomes are the results that no committed decision has seen yet.
func (c *crew) outcomes() []failover.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inbox[:len(c.inbox):len(c.inbox)]
}

// settle drops the first n outcomes: a decision that saw them stands. Their lanes are free.
func (c *crew) settle(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = min(n, len(c.inbox))
	for _, r := range c.inbox[:n] {
		delete(c.lanes, lane(&r.Action))
	}
	c.inbox = append([]failover.Result(nil), c.inbox[n:]...)
}

// ready picks the wanted actions that may start now: at most one per lane, in the given order, and
// none that has just failed. It forgets the failures of what is no longer wanted.
func (c *crew) ready(wanted []failover.Action) []failover.Action {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(wanted)
	taken := map[string]bool{}
	var out []failover.Action
	for _, a := range wanted {
		key := lane(&a)
		if _, busy := c.lanes[key]; busy || taken[key] || now.Before(c.failures[a.ID].until) {
			continue
		}
		taken[key] = true
		out = append(out, a)
	}
	return out
}

func (c *crew) forget(wanted []failover.Action) {
	kept := map[string]failure{}
	for _, a := range wanted {
		if f, failed := c.failures[a.ID]; failed {
			kept[a.ID] = f
		}
	}
	c.failures = kept
}

// start runs an action in a goroutine of its own.
func (c *crew) start(ctx context.Context, g *errgroup.Group, a failover.Action) {
	c.mu.Lock()
	leash, term := c.leash, c.term
	c.lanes[lane(&a)] = a.ID
	c.mu.Unlock()
	limit := a.Deadline
	if limit <= 0 {
		limit = c.l.c.cfg.Deadline
	}
	c.l.c.cfg.Logger.InfoContext(ctx, "action begins", "cluster", a.Cluster, "server", a.Server,
		"action", a.Kind, "id", a.ID, "epoch", a.Epoch)
	g.Go(func() error {
		within, cancel := context.WithTimeout(leash, limit)
		defer cancel()
		began := time.Now()
		r := c.l.c.do(within, a)
		c.report(ctx, term, r, time.Since(began))
		return nil
	})
}

// report puts an outcome where the next decision finds it.
func (c *crew) report(ctx context.Context, term uint64, r failover.Result, took time.Duration) {
	c.mu.Lock()
	news := true
	if term == c.term {
		news = c.judge(&r)
		c.inbox = append(c.inbox, r)
	} else {
		delete(c.lanes, lane(&r.Action))
	}
	c.mu.Unlock()
	notify(c.l.wake)
	log := c.l.c.cfg.Logger.With("cluster", r.Action.Cluster, "server", r.Action.Server,
		"action", r.Action.Kind, "id", r.Action.ID, "took", took)
	switch {
	case r.Err == "":
		log.InfoContext(ctx, "action done")
	case news:
		log.WarnContext(ctx, "action failed", "error", r.Err)
	}
}

// judge counts a failure and tells whether it says anything new. The lock is held.
func (c *crew) judge(r *failover.Result) bool {
	id := r.Action.ID
	before := c.failures[id]
	if r.Err == "" {
		delete(c.failures, id)
		return true
	}
	wait := min(firstRetry<<min(before.times, 10), lastRetry)
	c.failures[id] = failure{times: before.times + 1, until: time.Now().Add(wait), text: r.Err}
	return before.text != r.Err
}

// do hands an action to whoever can do it and completes the result.
func (c *Controller) do(ctx context.Context, a failover.Action) failover.Result {
	var actor Actor = c.cfg.Servers
	if a.Kind == failover.ActCapture || a.Kind == failover.ActCompare {
		actor = c.cfg.Reports
	}
	r := actor.Do(ctx, a)
	r.Action, r.By = a, c.cfg.Node
	if r.At.IsZero() {
		r.At = time.Now().UTC()
	}
	return r
}

// lane names what an action occupies: its server, or the report that it works on.
func lane(a *failover.Action) string {
	if a.Kind == failover.ActCapture || a.Kind == failover.ActCompare {
		if a.Divergence != nil {
			return "report/" + a.Divergence.ID
		}
		return "report/"
	}
	return "server/" + a.Server
}
