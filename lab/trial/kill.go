package trial

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// Fault is what happens to the primary.
type Fault string

// Faults.
const (
	Kill  Fault = "kill"
	Pause Fault = "pause"
)

// Loss is the outcome of losing the primary once.
type Loss struct {
	Fault       Fault
	Leader      string // the Raft leader at that moment
	Old, New    string
	Outage      time.Duration // last acknowledged to first acknowledged write
	Writes      int           // acknowledged
	Quarantined bool          // the old primary came back with transactions that nobody was told of
}

// LosePrimary takes the primary away under load and judges what followed: a server of the home region
// takes over, every acknowledged write is there, and no other region ever acknowledges one.
func (w *World) LosePrimary(ctx context.Context, fault Fault, seed uint64) (Loss, error) {
	before, err := w.healthy(ctx)
	if err != nil {
		return Loss{}, err
	}
	status, err := w.API.Status(ctx)
	if err != nil {
		return Loss{}, err
	}
	loss := Loss{Fault: fault, Leader: status.Leader, Old: before.Primary}
	options := lab.DefaultWrite()
	options.From, options.Seed = before.HomeRegion, seed
	writers, err := w.StartWriters(ctx, "loss.ndjson", options, true)
	if err != nil {
		return loss, err
	}
	kept, err := w.keepers(ctx, fault, options)
	if err != nil {
		_, _ = writers.Stop()
		return loss, err
	}
	attempts, err := w.takeAway(ctx, &loss, writers, before)
	if err != nil {
		_, _ = writers.Stop()
		_, _ = kept.Stop()
		return loss, err
	}
	stubborn, err := kept.Stop()
	if err != nil {
		return loss, err
	}
	return loss, w.judgeLoss(ctx, &loss, before, attempts, stubborn)
}

// keepers are writers that never leave their connection: a primary that wakes up again must not
// acknowledge to them what the new primary lacks. For a killed one there are none.
func (w *World) keepers(ctx context.Context, fault Fault, options lab.WriteOptions) (*Writers, error) {
	if fault != Pause {
		return nil, nil
	}
	options.KeepConnections, options.Connections, options.Rate = true, 4, 40
	options.Seed++
	return w.StartWriters(ctx, "kept.ndjson", options, true)
}

// healthy answers the status of a cluster that is ok, or becomes so soon: a node that has just taken
// over may still be catching up with what was agreed, and a server that has just joined with the others.
func (w *World) healthy(ctx context.Context) (api.ClusterStatus, error) {
	if err := w.AwaitOK(ctx, 10*time.Second); err != nil {
		return api.ClusterStatus{}, fmt.Errorf("before the trial: %w", err)
	}
	err := Await(ctx, time.Minute, "every server with the same transactions before the trial", func(ctx context.Context) (bool, string) {
		if _, err := w.executedByAll(ctx, w.Servers("")); err != nil {
			return false, err.Error()
		}
		return true, ""
	})
	if err != nil {
		return api.ClusterStatus{}, err
	}
	return w.toldByAll(ctx)
}

func (w *World) takeAway(ctx context.Context, loss *Loss, writers *Writers, before api.ClusterStatus) ([]workload.Attempt, error) {
	if err := Rest(ctx, 2*time.Second); err != nil {
		return nil, err
	}
	act := w.Lab.Kill
	if loss.Fault == Pause {
		act = w.Lab.Pause
	}
	if err := act(ctx, before.Primary); err != nil {
		return nil, err
	}
	err := w.AwaitState(ctx, 30*time.Second, "a new primary", func(c api.ClusterStatus) bool {
		loss.New = c.Primary
		return c.Epoch > before.Epoch && c.Primary != before.Primary && c.State != "recovering" && c.State != "hold"
	})
	if err != nil {
		return nil, err
	}
	if err := Rest(ctx, 2*time.Second); err != nil {
		return nil, err
	}
	if loss.Fault == Pause {
		// The writers that kept their connections are still there when the old primary wakes up.
		if err := w.Lab.Resume(ctx, before.Primary); err != nil {
			return nil, err
		}
		if err := Rest(ctx, 3*time.Second); err != nil {
			return nil, err
		}
	}
	return writers.Stop()
}

func (w *World) judgeLoss(ctx context.Context, loss *Loss, before api.ClusterStatus, attempts, stubborn []workload.Attempt) error {
	var open bool
	if loss.Outage, loss.Writes, open = outageOf(before.Primary, attempts); open {
		return judged("no write was acknowledged after the loss of %s", before.Primary)
	}
	if w.Region(loss.New) != before.HomeRegion {
		return judged("%s in region %s became primary, outside the home region %s", loss.New, w.Region(loss.New), before.HomeRegion)
	}
	for _, region := range []string{"west", "cloud"} {
		if err := w.neverIn(region, attempts); err != nil {
			return err
		}
	}
	return w.JudgeLedger(ctx, loss.New, slices.Concat(attempts, stubborn))
}

// outageOf is the time from the last write that the old primary acknowledged to the first that another
// server did, and the number of all acknowledged writes. It is open when there is none of the latter.
func outageOf(old string, attempts []workload.Attempt) (outage time.Duration, writes int, open bool) {
	var last, first time.Time
	for _, a := range attempts {
		switch {
		case !a.Acknowledged:
			continue
		case a.Server == old && a.EndedAt.After(last):
			last = a.EndedAt
		case a.Server != old && (first.IsZero() || a.EndedAt.Before(first)):
			first = a.EndedAt
		}
		writes++
	}
	return first.Sub(last), writes, first.IsZero()
}

// Recover brings the lab back to health after a loss: the old primary starts again, and where it holds
// what nobody was told of it is rebuilt after its report.
func (w *World) Recover(ctx context.Context, loss *Loss) error {
	if loss.Fault == Kill {
		if err := w.Lab.Start(ctx, loss.Old); err != nil {
			return err
		}
	}
	settled, err := w.Heal(ctx)
	for _, r := range settled {
		loss.Quarantined = loss.Quarantined || slices.ContainsFunc(r.Servers, func(s api.ReportServer) bool { return s.Server == loss.Old })
	}
	return err
}

func (w *World) openReports(ctx context.Context) ([]api.ReportEntry, error) {
	all, err := w.API.Reports(ctx)
	if err != nil {
		return nil, err
	}
	var open []api.ReportEntry
	for _, r := range all {
		if r.State == "open" {
			open = append(open, r)
		}
	}
	return open, nil
}

// Settle rebuilds every quarantined server of a report from a clean one of its own region where there
// is one, and acknowledges the report. A server that comes back meanwhile may join the report.
func (w *World) Settle(ctx context.Context, report api.ReportEntry) error {
	rebuilt := map[string]bool{}
	for {
		server, err := w.toRebuild(ctx, report.ID, rebuilt)
		if err != nil {
			return err
		}
		if server == "" {
			return w.ackReport(ctx, report.ID)
		}
		donor, err := w.donor(ctx, server)
		if err != nil {
			return err
		}
		if err := w.Do(ctx, api.CloneChange(server, donor, "rebuild after report "+report.ID)); err != nil {
			return err
		}
		rebuilt[server] = true
	}
}

// toRebuild is a quarantined server of a report that was not rebuilt yet, or "".
func (w *World) toRebuild(ctx context.Context, report string, rebuilt map[string]bool) (string, error) {
	open, err := w.openReports(ctx)
	if err != nil {
		return "", err
	}
	topology, err := w.API.Topology(ctx, w.Cluster)
	if err != nil {
		return "", err
	}
	for _, r := range open {
		for _, s := range topology.Servers {
			listed := slices.ContainsFunc(r.Servers, func(l api.ReportServer) bool { return l.Server == s.Server })
			if r.ID == report && listed && s.Role == "quarantined" && !rebuilt[s.Server] {
				return s.Server, nil
			}
		}
	}
	return "", nil
}

// donor finds a clean server for a rebuild: a replica of the same region, else the primary of that
// region, else any clean server.
func (w *World) donor(ctx context.Context, server string) (string, error) {
	topology, err := w.API.Topology(ctx, w.Cluster)
	if err != nil {
		return "", err
	}
	best, score := "", 0
	for _, s := range topology.Servers {
		if s.Server == server || !s.Reachable || (s.Role != "replica" && s.Role != "primary") {
			continue
		}
		points := 1
		if s.Role == "replica" {
			points++
		}
		if s.Region == w.Region(server) {
			points += 2
		}
		if points > score {
			best, score = s.Server, points
		}
	}
	if best == "" {
		return "", judged("no clean server is there to rebuild %s from", server)
	}
	return best, nil
}
