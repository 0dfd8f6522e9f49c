package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// reconciler captures divergences and compares them, on this node's disk.
type reconciler struct {
	source   *source
	accounts *accounts
	reports  *reports
	copies   *copies
	logger   *slog.Logger
	// verify proves that this node has led at some moment after since.
	verify func(ctx context.Context, since time.Time) error

	mu sync.Mutex // leaf-level
	// tallies are how the reports stand on which this node works right now.
	tallies map[string]failover.Tally
}

var (
	// errGone means that the world moved on since the action was decided.
	errGone = errors.New("app: it is no longer declared")
	// errNotCaptured means that extra transactions are on no disk but their server's yet.
	errNotCaptured = errors.New("app: not everything could be captured yet; it is tried again by itself")
)

// Do carries out what is to be done about a report. All of it may be repeated: what was captured stays.
func (r *reconciler) Do(ctx context.Context, a failover.Action) failover.Result {
	leave, err := r.enter(ctx, &a)
	if err != nil {
		return failover.Result{Err: fmt.Errorf("report %s: %w", a.Divergence.ID, err).Error()}
	}
	defer leave()
	if a.Kind == failover.ActReplay || a.Kind == failover.ActRewind {
		return r.work(ctx, &a)
	}
	d := *a.Divergence
	act := r.capture
	if a.Kind == failover.ActCompare {
		act = r.compare
	}
	if err := act(ctx, &a, &d); err != nil {
		return failover.Result{Err: fmt.Errorf("report %s: %w", d.ID, err).Error()}
	}
	return failover.Result{Report: &d}
}

// enter gives the files of the report to the action.
func (r *reconciler) enter(ctx context.Context, a *failover.Action) (leave func(), err error) {
	dir, err := r.reports.path(a.Divergence.ID)
	if err != nil {
		return nil, err
	}
	if leave, err = r.copies.take(ctx, a.Divergence.ID); err != nil {
		return nil, err
	}
	if err := r.copies.own(dir, a.Kind == failover.ActCapture); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// capture copies the extras of every server of the divergence.
func (r *reconciler) capture(ctx context.Context, a *failover.Action, d *failover.Divergence) error {
	dir, cluster, err := r.place(a, d)
	if err != nil {
		return err
	}
	servers, err := r.holders(&cluster.Spec, d)
	if err != nil {
		return err
	}
	m, err := binlog.Capture(ctx, binlog.CaptureRequest{
		Servers: servers, Common: common(servers, d.Union()), Enew: a.Target, Dir: dir, Now: time.Now, Log: r.logger.With("report", d.ID),
		Room: durable.RoomAt,
	})
	if err != nil {
		return err
	}
	d.Captured, d.Complete = m.Captured, m.Complete
	if !m.Captured.Contains(d.Union()) || m.Grew() { // what grew is looked at anew, and is an extra by then or none
		return fmt.Errorf("%w: %s", errNotCaptured, m.Reason)
	}
	return nil
}

// compare writes the report: what was captured against what the new primary has.
func (r *reconciler) compare(ctx context.Context, a *failover.Action, d *failover.Divergence) error {
	dir, cluster, err := r.place(a, d)
	if err != nil {
		return err
	}
	primary, err := r.endpoint(&cluster.Spec, cluster.State.Primary)
	if err != nil {
		return err
	}
	if err := roomToCompare(dir); err != nil {
		return err
	}
	s, err := binlog.Compare(ctx, binlog.CompareRequest{
		ID: d.ID, Cluster: a.Cluster, OldServer: d.OldServer, Dir: dir, NewPrimary: primary, Enew: a.Target,
		Rules:        rules(cluster.Spec.Policy.Reconcile),
		Acknowledged: acknowledged(&cluster, r.source.View(cluster.Spec), d.Epoch), Now: time.Now, Log: r.logger,
		Progress: r.comparing(ctx, d.ID),
	})
	if err != nil {
		return err
	}
	d.NewServer = cluster.State.Primary
	d.Complete, d.Transactions, d.Undecodable = s.Complete, s.Listed, s.Unreadable
	d.ByClass, d.From, d.To = s.ByClass, s.From, s.To
	return nil
}

// comparing tells the log now and then how far a comparison is.
func (r *reconciler) comparing(ctx context.Context, report string) func(binlog.Progress) {
	last := time.Now()
	return func(p binlog.Progress) {
		if now := time.Now(); now.Sub(last) >= progressPeriod {
			last = now
			r.logger.InfoContext(ctx, "report under way", slog.String("id", report), slog.String("progress", p.String()))
		}
	}
}

// roomToCompare makes sure that a comparison of what was captured, and the report about it, fit on the disk.
func roomToCompare(dir string) error {
	m, err := capture.ReadManifest(dir)
	if err != nil {
		return err
	}
	room, err := durable.RoomAt(dir)
	if err != nil {
		return err
	}
	var size int64
	for _, server := range m.Servers {
		for _, file := range server.Files {
			size += file.Size
		}
	}
	if need := size * capture.ReportFactor; !room.Holds(need) {
		return fmt.Errorf("%w; it is tried again by itself", capture.NoRoom("the comparison and its report", dir, need, room))
	}
	return nil
}

// rules are what a policy says about tables, as the comparison takes it.
func rules(r policy.Reconcile) map[binlog.TableName]binlog.TableRule {
	out := make(map[binlog.TableName]binlog.TableRule, len(r.Tables))
	for _, rule := range r.Tables {
		schema, table, _ := rule.Name()
		out[binlog.TableName{Schema: schema, Table: table}] = binlog.TableRule{
			Volatile: rule.Volatile, Mergeable: rule.Mergeable, Harmless: rule.Harmless,
		}
	}
	return out
}

// place is the directory of a report and the cluster that it is about.
func (r *reconciler) place(a *failover.Action, d *failover.Divergence) (string, fsm.Cluster, error) {
	dir, err := r.reports.path(d.ID)
	if err != nil {
		return "", fsm.Cluster{}, err
	}
	state := r.source.State()
	cluster, declared := state.Clusters[a.Cluster]
	if !declared {
		return "", fsm.Cluster{}, fmt.Errorf("%w: cluster %s", errGone, a.Cluster)
	}
	return dir, cluster, nil
}

// holders are the servers that hold extras, with what they had executed as last seen.
func (r *reconciler) holders(spec *policy.ClusterSpec, d *failover.Divergence) ([]binlog.Source, error) {
	view := r.source.View(*spec)
	var out []binlog.Source
	for _, name := range slices.Sorted(maps.Keys(d.Extras)) {
		endpoint, err := r.endpoint(spec, name)
		if err != nil {
			return nil, err
		}
		s := binlog.Source{Endpoint: endpoint, Extra: d.Extras[name], Executed: d.Extras[name]}
		if seen := view.Find(name); seen != nil && seen.Facts != nil {
			s.Executed = s.Executed.Union(seen.Facts.Executed)
		}
		out = append(out, s)
	}
	return out, nil
}

// endpoint is how to read a server's binary log and its rows.
func (r *reconciler) endpoint(spec *policy.ClusterSpec, server string) (binlog.Endpoint, error) {
	s, declared := spec.Find(server)
	if !declared {
		return binlog.Endpoint{}, fmt.Errorf("%w: server %q", errGone, server)
	}
	options, err := r.accounts.options()
	if err != nil {
		return binlog.Endpoint{}, err
	}
	return binlog.Endpoint{
		Server: server, Address: s.Address, User: options.Control.User, Password: options.Control.Password,
		TLS: tlsTowards(options.TLS, s.Address),
	}, nil
}

// common is what every holder had executed besides the extras: what both sides share.
func common(servers []binlog.Source, extras gtid.Set) gtid.Set {
	var out gtid.Set
	for i, s := range servers {
		held := s.Executed.Subtract(extras)
		if i == 0 {
			out = held
			continue
		}
		out = out.Intersect(held)
	}
	return out
}
