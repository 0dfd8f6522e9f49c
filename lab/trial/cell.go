package trial

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// CellOptions say how a cell is run.
type CellOptions struct {
	// Length is how long the fault lasts at most; it ends a little after a promotion.
	Length time.Duration
	// Heal is how long the cluster may take to be ok again.
	Heal time.Duration
	Seed uint64
}

// cellRun is a cell while it runs.
type cellRun struct {
	w        *World
	cell     Cell
	o        CellOptions
	out      CellResult
	before   api.ClusterStatus
	settings map[string]string
	began    time.Time // of the trial
	hurt     time.Time // when the primary was killed, or the faults struck
	struck   time.Time // when the faults were there
	ended    time.Time // of the faults
	hits     []hit
	last     Agreement // what was agreed last while the faults were there
	lastErr  error     // why nothing was, at the end
	writers  *Writers
	local    *local
	held     *held
}

// RunCell puts the cluster through one cell and judges its invariants. An error says that the cell could not be
// run, or that the cluster did not become healthy after it.
func (w *World) RunCell(ctx context.Context, c Cell, o CellOptions) (CellResult, error) {
	r := &cellRun{w: w, cell: c, o: o, out: CellResult{Cell: c.Name(), Hits: []string{}, Broken: []string{}, Seed: o.Seed}}
	if err := r.stage(ctx); err != nil {
		return r.out, fmt.Errorf("%s: set the stage: %w", c.Name(), err)
	}
	defer r.clear(context.WithoutCancel(ctx))
	for _, part := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"begin writing", r.write}, {"begin the failover", r.lose}, {"strike", r.strike}, {"watch", r.watch}, {"heal", r.heal}, {"judge", r.judge},
	} {
		if err := part.do(ctx); err != nil {
			return r.out, fmt.Errorf("%s: %s: %w", c.Name(), part.what, err)
		}
	}
	return r.out, nil
}

// stage brings the cluster where every cell begins: the preferred server of the home region is the primary,
// the home region's node leads, and all is well.
func (r *cellRun) stage(ctx context.Context) error {
	w := r.w
	c, err := w.healthy(ctx)
	if err != nil {
		return err
	}
	first := w.Servers(c.HomeRegion)[0]
	if r.cell.Troubles[0] == ClockStep {
		if err := r.fakeClock(ctx, c, first); err != nil {
			return err
		}
	}
	if err := w.ensurePrimary(ctx, first); err != nil {
		return err
	}
	if err := w.MoveLeader(ctx, w.nodeIn(c.HomeRegion, true)); err != nil {
		return err
	}
	if r.before, err = w.healthy(ctx); err != nil {
		return err
	}
	r.began = time.Now()
	r.settings, err = w.replicationSettings(ctx)
	return err
}

// ensurePrimary has a server of the home region be the primary.
func (w *World) ensurePrimary(ctx context.Context, server string) error {
	c, err := w.healthy(ctx)
	if err != nil || c.Primary == server {
		return err
	}
	return w.GoHome(ctx, server)
}

// fakeClock puts libfaketime into the server that will be the primary, while it is a replica.
func (r *cellRun) fakeClock(ctx context.Context, c api.ClusterStatus, server string) error {
	other := r.w.Servers(c.HomeRegion)[1]
	if err := r.w.ensurePrimary(ctx, other); err != nil {
		return err
	}
	if err := r.w.Lab.Clock(ctx, lab.ClockRequest{Server: server}); err != nil {
		return err
	}
	_, err := r.w.Heal(ctx)
	return err
}

// nodeIn answers a node inside or outside of a region.
func (w *World) nodeIn(region string, inside bool) string {
	for _, n := range slices.Backward(w.status.Nodes) {
		if (n.Region == region) == inside {
			return n.ID
		}
	}
	return ""
}

// siteOf answers the site of a server.
func (w *World) siteOf(server string) string {
	for _, s := range w.status.Servers {
		if s.Name == server {
			return s.Site
		}
	}
	return ""
}

// write starts the applications, those in the home region and one beside the primary, unless the cell is idle.
func (r *cellRun) write(ctx context.Context) error {
	if r.cell.Phase == Idle {
		return nil
	}
	options := lab.DefaultWrite()
	options.From, options.Seed, options.Rate = r.before.HomeRegion, r.o.Seed, 100
	if slices.Contains(r.cell.Troubles, Slowness) || slices.Contains(r.cell.Troubles, Lossiness) {
		// A login takes several round trips of a second each, and a lost packet is sent again after longer and longer.
		options.ConnectTimeout, options.WriteTimeout = 8*time.Second, 8*time.Second
	}
	var err error
	if r.writers, err = r.w.StartWriters(ctx, "cell.ndjson", options, true); err != nil {
		return err
	}
	if r.cell.Phase == UnderLoad {
		if r.local, err = r.w.writeLocally(ctx, r.before.Primary); err != nil {
			return err
		}
	}
	return Rest(ctx, 500*time.Millisecond)
}

// towards finds the candidate in the reason of a recovery that is under way.
var towards = regexp.MustCompile(`towards ([^:\s]+)`)

// lose kills the primary for a cell in the middle of a failover, which is kept there by a candidate that has
// still something to execute.
func (r *cellRun) lose(ctx context.Context) error {
	s := scene{site: r.w.siteOf(r.before.Primary), leader: r.w.nodeIn(r.before.HomeRegion, true), node: r.w.nodeIn(r.before.HomeRegion, false)}
	home := slices.DeleteFunc(r.w.Servers(r.before.HomeRegion), func(n string) bool { return n == r.before.Primary })
	s.subject, s.replica, s.third = r.before.Primary, home[0], home[1]
	if r.cell.Phase == MidFailover {
		var err error
		if r.held, err = r.w.holdApply(ctx, home); err != nil {
			return err
		}
		r.hurt = time.Now()
		if err := r.w.Lab.Kill(ctx, r.before.Primary); err != nil {
			return err
		}
		err = r.w.AwaitAgreed(ctx, 20*time.Second, "a recovery with a candidate", func(a Agreement) bool {
			m := towards.FindStringSubmatch(a.Cluster.Reason)
			if a.Cluster.State != "recovering" || m == nil {
				return false
			}
			s.subject = m[1]
			return true
		})
		if err != nil {
			return err
		}
		away := slices.DeleteFunc(r.w.Servers(""), func(n string) bool { return r.w.Region(n) == r.before.HomeRegion })
		s.replica, s.third = home[0], away[0]
		if s.subject == home[0] {
			s.replica = home[1]
		}
	}
	r.hits = hits(r.cell, s)
	return nil
}

func (r *cellRun) strike(ctx context.Context) error {
	if r.hurt.IsZero() {
		r.hurt = time.Now()
	}
	if err := r.w.strike(ctx, r.hits); err != nil {
		return err
	}
	r.struck = time.Now()
	for _, h := range r.hits {
		r.out.Hits = append(r.out.Hits, h.words)
	}
	r.held.letGo()
	return nil
}

// afterPromotion is how long a fault goes on after another server was opened.
const afterPromotion = 3 * time.Second

// watch follows what the nodes agree on until the fault is over.
func (r *cellRun) watch(ctx context.Context) error {
	end := r.struck.Add(r.o.Length)
	for promoted := false; time.Now().Before(end); {
		if err := Rest(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		a, err := r.w.Agreed(ctx)
		if r.lastErr = err; err != nil {
			continue
		}
		r.last = a
		open := a.Cluster.State == "ok" || a.Cluster.State == "degraded"
		if !promoted && open && a.Cluster.Epoch > r.before.Epoch {
			promoted = true
			if soon := time.Now().Add(afterPromotion); soon.Before(end) {
				end = soon
			}
		}
	}
	r.out.Outcome = r.outcome()
	after, err := r.w.replicationSettings(ctx)
	if err == nil && r.untouched() && !maps.Equal(r.settings, after) {
		r.broken("settings of servers changed though nothing was begun: before %v, after %v", r.settings, after)
	}
	return nil
}

// outcome is in words what the cluster has made of the fault.
func (r *cellRun) outcome() string {
	c := r.last.Cluster
	switch {
	case r.lastErr != nil:
		return "no node leads, nothing is decided"
	case c.Epoch > r.before.Epoch && (c.State == "ok" || c.State == "degraded"):
		return fmt.Sprintf("%s promoted in region %s", c.Primary, r.w.Region(c.Primary))
	case c.State == "ok":
		return "nothing happened"
	case c.State == "degraded":
		return "nothing happened; degraded: " + c.Reason
	default:
		return c.State + ": " + c.Reason
	}
}

// untouched tells whether no recovery was begun, so that nothing may have been changed.
func (r *cellRun) untouched() bool {
	if r.cell.Phase == MidFailover || r.last.Cluster.Epoch != r.before.Epoch || r.last.Cluster.State == "recovering" {
		return false
	}
	for _, t := range []Trouble{Shutdown, Hang, ClockStep} {
		if slices.Contains(r.cell.Troubles, t) {
			return false
		}
	}
	return r.lastErr == nil
}

// heal takes the faults back and waits until the cluster is ok and its writers write.
func (r *cellRun) heal(ctx context.Context) error {
	r.ended = time.Now()
	r.out.Available, r.out.Why = r.availability()
	if err := r.w.calm(ctx, r.hits); err != nil {
		return err
	}
	if r.cell.Phase == MidFailover {
		if err := r.w.Lab.Start(ctx, r.before.Primary); err != nil {
			return err
		}
	}
	healed := time.Now()
	limited, cancel := context.WithTimeout(ctx, r.o.Heal)
	defer cancel()
	if _, err := r.w.Heal(limited); err != nil {
		return err
	}
	r.out.OKAfter = millis(time.Since(healed))
	return r.w.AwaitNodes(ctx, 30*time.Second)
}

// availability tells whether writes were acknowledged when the fault ended, and if not why, in the
// cluster's own words.
func (r *cellRun) availability() (available bool, why string) {
	if r.writers == nil {
		return false, ""
	}
	attempts, err := r.writers.Attempts()
	if err == nil && acknowledgedSince(attempts, r.ended.Add(-3*time.Second), r.ended) > 0 {
		return true, ""
	}
	if r.lastErr != nil {
		return false, r.lastErr.Error()
	}
	return false, strings.TrimPrefix(r.last.Cluster.State+": "+r.last.Cluster.Reason, "ok: ")
}

func (r *cellRun) broken(format string, args ...any) {
	r.out.Broken = append(r.out.Broken, fmt.Sprintf(format, args...))
}

// clear ends what a cell that failed left behind, and gives the clock back.
func (r *cellRun) clear(ctx context.Context) {
	r.held.letGo()
	if r.writers != nil {
		attempts, _ := r.stopWriters()
		r.w.remember(attempts)
	}
	if r.ended.IsZero() {
		_ = r.w.calm(ctx, r.hits)
		_ = r.w.Lab.Start(ctx, r.before.Primary)
	}
}

// stopWriters ends all applications and answers their attempts.
func (r *cellRun) stopWriters() ([]workload.Attempt, error) {
	beside := r.local.end()
	attempts, err := r.writers.Stop()
	r.writers, r.local = nil, nil
	return append(attempts, beside...), err
}
