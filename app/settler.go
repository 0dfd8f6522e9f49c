package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/replay"
	"github.com/regentdb/regent/binlog/rewind"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/raftnode/fsm"
)

// progressPeriod is how often a replay that is under way tells the log how far it is.
const progressPeriod = 5 * time.Second

// verifyPeriod is how old a proof of leadership may be before a further transaction is replayed.
const verifyPeriod = time.Second

// work carries out the job of a report. It may be repeated: what was done before is found.
func (r *reconciler) work(ctx context.Context, a *failover.Action) failover.Result {
	d := *a.Divergence
	act := r.replay
	switch {
	case a.Kind == failover.ActRewind:
		act = r.rewind
	case d.Job.Kind == failover.OrderAckReport:
		act = r.acknowledge
	}
	outcome, err := act(ctx, a, &d)
	out := failover.Result{Settled: &outcome}
	if err != nil {
		out.Err = fmt.Sprintf("report %s: %s", d.ID, err)
	}
	return out
}

// replay repeats what the job means on the primary.
func (r *reconciler) replay(ctx context.Context, a *failover.Action, d *failover.Divergence) (out failover.JobOutcome, err error) {
	dir, cluster, err := r.place(a, d)
	if err != nil {
		return out, err
	}
	primary, err := r.endpoint(&cluster.Spec, d.Job.Server)
	if err != nil {
		return out, err
	}
	target, err := replay.Connect(ctx, primary, cluster.State.Servers[d.Job.Server].UUID, d.ID)
	if err != nil {
		return out, err
	}
	defer func() { _ = target.Close() }() // What it had open is rolled back, and whether it was is found out the next time.
	request, err := r.request(dir, d)
	if err != nil {
		return failover.JobOutcome{Over: true}, err
	}
	permit, alone := r.permit(a), r.sharing(ctx, d.ID)
	request.Target, request.Progress = target, r.progress(ctx, d.ID)
	request.Permit = func(ctx context.Context) error {
		alone.share(ctx)
		return permit(ctx)
	}
	defer r.endProgress(d.ID)
	return alone.outcome(r.counted(replay.Run(ctx, request)))
}

// acknowledge records the decision of a person about what the job means.
func (r *reconciler) acknowledge(ctx context.Context, a *failover.Action, d *failover.Divergence) (failover.JobOutcome, error) {
	dir, _, err := r.place(a, d)
	if err != nil {
		return failover.JobOutcome{}, err
	}
	request, err := r.request(dir, d)
	if err != nil {
		return failover.JobOutcome{Over: true}, err
	}
	request.Progress = func(replay.Counts) {}
	return r.sharing(ctx, d.ID).outcome(r.counted(replay.Acknowledge(request)))
}

func (r *reconciler) request(dir string, d *failover.Divergence) (replay.Request, error) {
	selection, err := selectionOf(&d.Job.Settle)
	reason := d.Job.Reason
	if d.Job.Approved != "" {
		reason += " (approved by " + d.Job.Approved + ")"
	}
	return replay.Request{
		Report: replay.Open(dir), Selection: selection, Order: d.Job.ID, By: d.Job.By, Reason: reason, Server: d.Job.Server,
	}, err
}

// counted says how a report stands. A damaged decision log is nothing that another try mends.
func (r *reconciler) counted(counts replay.Counts, err error) (failover.JobOutcome, error) {
	tally := tallyOf(counts)
	return failover.JobOutcome{Tally: &tally, Over: errors.Is(err, replay.ErrLog)}, err
}

func tallyOf(c replay.Counts) failover.Tally {
	return failover.Tally{
		Replayed: c.Replayed, Already: c.Already, Left: c.Left, Acknowledged: c.Acknowledged, Undecided: c.Undecided,
	}
}

// rewind undoes on a quarantined server what the primary lacks.
func (r *reconciler) rewind(ctx context.Context, a *failover.Action, d *failover.Divergence) (failover.JobOutcome, error) {
	dir, cluster, err := r.place(a, d)
	if err != nil {
		return failover.JobOutcome{}, err
	}
	request, err := r.rewindRequest(dir, &cluster, d.Job.Server, a.Target)
	if err != nil {
		return failover.JobOutcome{}, err
	}
	alone := r.sharing(ctx, d.ID)
	alone.names = []string{rewind.StageName(d.Job.Server)}
	request.Permit, request.Entered = r.permit(a), func() { alone.share(ctx) }
	_, err = rewind.Run(ctx, request)
	torn := errors.Is(err, rewind.ErrTorn)
	return failover.JobOutcome{Over: torn || errors.Is(err, rewind.ErrRefused), Torn: torn, Alone: alone.alone}, err
}

func (r *reconciler) rewindRequest(dir string, c *fsm.Cluster, server string, primary gtid.Set) (rewind.Request, error) {
	endpoint, err := r.endpoint(&c.Spec, server)
	return rewind.Request{Dir: dir, Server: endpoint, Primary: primary, Log: r.logger}, err
}

// errNotPermitted says what has changed since a job was begun.
func errNotPermitted(format string, args ...any) error {
	return fmt.Errorf("%w: %s", replay.ErrStopped, fmt.Sprintf(format, args...))
}

// permit tells, each time it is asked, whether the job may go on: nothing has begun since that makes the primary
// uncertain, and this node leads.
func (r *reconciler) permit(a *failover.Action) func(context.Context) error {
	var proven time.Time
	return func(ctx context.Context) error {
		cluster := r.source.State().Clusters[a.Cluster]
		s := &cluster.State
		if why := s.Restless(&cluster.Spec); why != "" {
			return errNotPermitted("%s", why)
		}
		if s.Epoch != a.Epoch {
			return errNotPermitted("the epoch of %s is %d and no longer %d", a.Cluster, s.Epoch, a.Epoch)
		}
		if now := time.Now(); now.Sub(proven) > verifyPeriod {
			if err := r.verify(ctx, now); err != nil {
				return errNotPermitted("this node may no longer lead: %s", err)
			}
			proven = now
		}
		return nil
	}
}

// Progress is how a report stands on which this node works right now, false where it works on none.
func (r *reconciler) Progress(report string) (failover.Tally, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tally, works := r.tallies[report]
	return tally, works
}

func (r *reconciler) noteProgress(report string, c replay.Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tallies == nil {
		r.tallies = map[string]failover.Tally{}
	}
	r.tallies[report] = tallyOf(c)
}

func (r *reconciler) endProgress(report string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tallies, report)
}

// progress keeps how far a replay is, and tells the log now and then.
func (r *reconciler) progress(ctx context.Context, report string) func(replay.Counts) {
	last := time.Now()
	return func(c replay.Counts) {
		r.noteProgress(report, c)
		if now := time.Now(); now.Sub(last) >= progressPeriod {
			last = now
			r.logger.InfoContext(ctx, "replay", slog.String("report", report), slog.Int("replayed", c.Replayed),
				slog.Int("already_there", c.Already), slog.Int("left_alone", c.Left), slog.Int("undecided", c.Undecided))
		}
	}
}

// errSelection means that a selection names no class or transaction.
var errSelection = errors.New("not a selection")

// selectionOf reads what an order means.
func selectionOf(s *failover.Settling) (replay.Selection, error) {
	out := replay.Selection{Tables: s.Tables}
	for _, name := range s.Classes {
		var c classify.Class
		if err := c.UnmarshalText([]byte(name)); err != nil {
			return out, fmt.Errorf("%w: %q is no class of a report", errSelection, name)
		}
		out.Classes = append(out.Classes, c)
	}
	for _, text := range s.Transactions {
		set, err := gtid.Parse(text)
		if err != nil {
			return out, fmt.Errorf("%w: transaction %q: %w", errSelection, text, err)
		}
		out.Transactions = out.Transactions.Union(set)
	}
	return out, nil
}

// Plan completes an order that works on a report with what it means, from the files of the report and the rows that
// there are now. Nothing is changed.
func (r *reconciler) Plan(ctx context.Context, o *failover.Order) error {
	state := r.source.State()
	cluster := state.Clusters[o.Cluster]
	dir, err := r.reports.path(o.Report)
	if err == nil {
		err = r.reports.usable(dir)
	}
	if err != nil {
		return err
	}
	if o.Kind == failover.OrderRewind {
		return r.planRewind(ctx, dir, &cluster, o)
	}
	selection, err := selectionOf(o.Settle)
	if err != nil {
		return fmt.Errorf("%w: %w", failover.ErrBadOrder, err)
	}
	if o.Kind == failover.OrderAckReport {
		counts, err := replay.Count(replay.Open(dir), selection)
		o.Settle.Count, o.Settle.Rows = counts.Meant, counts.Rows
		return err
	}
	for _, class := range selection.Classes {
		if why := replay.Irreplayable(class); why != "" {
			return fmt.Errorf("%w: %s", failover.ErrRefused, why)
		}
	}
	primary, err := r.endpoint(&cluster.Spec, cluster.State.Primary)
	if err != nil {
		return err
	}
	counts, err := replay.Forecast(ctx, replay.Open(dir), selection, primary)
	forecast := tallyOf(counts)
	o.Settle.Count, o.Settle.Rows, o.Settle.Forecast = counts.Meant, counts.Rows, &forecast
	return err
}

func (r *reconciler) planRewind(ctx context.Context, dir string, c *fsm.Cluster, o *failover.Order) error {
	view := r.source.View(c.Spec)
	primary := view.Find(c.State.Primary)
	if primary == nil || primary.Facts == nil {
		return fmt.Errorf("%w: the primary %s is not reachable", failover.ErrRefused, c.State.Primary)
	}
	request, err := r.rewindRequest(dir, c, o.Server, primary.Facts.Executed)
	if err != nil {
		return fmt.Errorf("%w: %w", failover.ErrUnknownObject, err)
	}
	result, err := rewind.Check(ctx, request)
	if errors.Is(err, rewind.ErrRefused) || errors.Is(err, rewind.ErrTorn) {
		err = fmt.Errorf("%w: %w", failover.ErrRefused, err)
	}
	o.Settle = &failover.Settling{Count: result.Transactions, Rows: result.Rows}
	return err
}
