package controller

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
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
	lanes map[string]string
	inbox []failover.Result
	ended map[string]ending // by action, of those that are still wanted
	// warmAt is when the session of a server is looked after next.
	warmAt map[string]time.Time
}

func newCrew(l *loop) crew {
	return crew{l: l, lanes: map[string]string{}, ended: map[string]ending{}, warmAt: map[string]time.Time{}}
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
	clear(c.ended)
	clear(c.warmAt)
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

// working tells whether actions are under way besides those of the first n outcomes.
func (c *crew) working(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lanes) > n
}

// ready picks the wanted actions that may start once a decision that saw the first n outcomes stands: at
// most one per lane, in the given order, and none that has just ended.
func (c *crew) ready(wanted []failover.Action, n int) []failover.Action {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(wanted)
	busy := maps.Clone(c.lanes)
	for _, r := range c.inbox[:n] {
		delete(busy, lane(&r.Action))
	}
	var out []failover.Action
	for _, a := range wanted {
		key := lane(&a)
		if _, taken := busy[key]; taken || c.ended[a.ID].rests(&a, now) {
			continue
		}
		busy[key] = a.ID
		out = append(out, a)
	}
	return out
}

// forget drops what is known of actions that are no longer wanted. The lock is held.
func (c *crew) forget(wanted []failover.Action) {
	kept := map[string]ending{}
	for _, a := range wanted {
		if e, known := c.ended[a.ID]; known {
			kept[a.ID] = e
		}
	}
	c.ended = kept
}

// start runs an action in a goroutine of its own. It is told whether the action belongs to a recovery,
// for the points that it passes.
func (c *crew) start(ctx context.Context, g *errgroup.Group, a failover.Action, recovering bool) {
	c.mu.Lock()
	leash, term := c.leash, c.term
	c.lanes[lane(&a)] = a.ID
	c.mu.Unlock()
	limit := cmp.Or(a.Deadline, c.l.c.cfg.Deadline) + deadlineGrace
	c.l.c.cfg.Logger.InfoContext(ctx, "action begins", "cluster", a.Cluster, "server", a.Server,
		"action", a.Kind, "id", a.ID, "epoch", a.Epoch)
	point := ""
	if recovering {
		point = stepOf(&a)
	}
	g.Go(func() error {
		within, cancel := context.WithTimeout(leash, limit)
		defer cancel()
		began := time.Now()
		c.l.c.pass(momentBefore, point)
		r := c.l.c.do(within, a)
		r.At, _ = c.l.c.clock.at(term)
		c.l.c.pass(momentAfter, point)
		c.report(ctx, term, r, time.Since(began))
		return nil
	})
}

// report puts an outcome where the next decision finds it.
func (c *crew) report(ctx context.Context, term uint64, r failover.Result, took time.Duration) {
	c.mu.Lock()
	news := true
	if term == c.term {
		before := c.ended[r.Action.ID]
		c.ended[r.Action.ID] = before.and(&r, time.Now())
		news = before.failed != r.Err
		c.inbox = append(c.inbox, r)
	} else {
		delete(c.lanes, lane(&r.Action))
	}
	c.mu.Unlock()
	notify(c.l.wake)
	c.log(ctx, &r, took, news)
}

// log tells how an action ended. Of actions on servers the executor tells as well.
func (c *crew) log(ctx context.Context, r *failover.Result, took time.Duration, news bool) {
	level := slog.LevelDebug
	switch {
	case !onReport(&r.Action):
	case r.Err == "":
		level = slog.LevelInfo
	case news:
		level = slog.LevelWarn
	}
	c.l.c.cfg.Logger.Log(ctx, level, "action ended", "cluster", r.Action.Cluster, "server", r.Action.Server,
		"action", r.Action.Kind, "id", r.Action.ID, "took", took, "error", r.Err)
}

// do hands an action to whoever can do it and completes the result.
func (c *Controller) do(ctx context.Context, a failover.Action) failover.Result {
	var actor Actor = c.cfg.Servers
	if onReport(&a) {
		actor = c.cfg.Reports
	}
	r := actor.Do(ctx, a)
	r.Action, r.By = a, c.cfg.Node
	return r
}

// onReport tells whether an action works on a report and not on a server.
func onReport(a *failover.Action) bool {
	switch a.Kind {
	case failover.ActCapture, failover.ActCompare, failover.ActReplay, failover.ActRewind:
		return a.Divergence != nil
	case failover.ActConfigure, failover.ActFence, failover.ActRevoke, failover.ActCatchUp, failover.ActPrepare, failover.ActFollow,
		failover.ActOpen, failover.ActArm, failover.ActDisarm, failover.ActClaim, failover.ActQuarantine, failover.ActClone,
		failover.ActRetain, failover.ActNudge:
	}
	return false
}

// lane names what an action occupies: its server, or the report that it works on.
func lane(a *failover.Action) string {
	if onReport(a) {
		return "report/" + a.Divergence.ID
	}
	return "server/" + a.Server
}
