package trial

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/failover"
)

// safeClass is the class of what may be repeated.
const safeClass = "SAFE"

// replaySafe has regent repeat on the primary what the report calls safe, twice. It judges that each of these
// transactions was replayed, found there or left alone, and that the second time wrote nothing.
func (w *World) replaySafe(ctx context.Context, s *Split) error {
	safe := s.Report.ByClass[safeClass]
	if err := w.MoveLeader(ctx, s.Report.Node); err != nil {
		return err
	}
	first, err := w.replay(ctx, s.Report.ID)
	if err != nil {
		return err
	}
	if sum := first.Replayed + first.Already + first.Left; sum != safe || safe > 0 && first.Replayed == 0 {
		return judged("of %d safe transactions: %s", safe, &first)
	}
	const executed = "SELECT @@GLOBAL.gtid_executed"
	before, err := w.ask(ctx, s.New, executed)
	if err != nil {
		return err
	}
	second, err := w.replay(ctx, s.Report.ID)
	if err != nil {
		return err
	}
	after, err := w.ask(ctx, s.New, executed)
	if err != nil {
		return err
	}
	if after != before || second.Replayed+second.Already != first.Replayed+first.Already {
		return judged("replayed twice: %s, then %s; gtid_executed %s, then %s", &first, &second, before, after)
	}
	s.Replayed = first.Replayed
	return nil
}

// replay orders a replay of what is safe and waits for its end.
func (w *World) replay(ctx context.Context, report string) (failover.Tally, error) {
	change := api.ReplayChange(report, "the trial repeats what is safe", api.Choice{Classes: []string{safeClass}})
	if err := w.Do(ctx, change); err != nil {
		return failover.Tally{}, err
	}
	entry, err := w.jobEnds(ctx, report)
	if err != nil || entry.Tally == nil {
		return failover.Tally{}, judged("the replay ended without a tally: %v", err)
	}
	return *entry.Tally, nil
}

// jobEnds waits until a report has no job.
func (w *World) jobEnds(ctx context.Context, report string) (api.ReportEntry, error) {
	var entry api.ReportEntry
	err := Await(ctx, 2*time.Minute, "the end of the job on "+report, func(ctx context.Context) (bool, string) {
		all, err := w.API.Reports(ctx)
		if err != nil {
			return false, err.Error()
		}
		i := slices.IndexFunc(all, func(r api.ReportEntry) bool { return r.ID == report })
		if i < 0 {
			return false, "no such report"
		}
		entry = all[i]
		if entry.Job != nil {
			return false, fmt.Sprintf("%s on %s, try %d: %s", entry.Job.Kind, entry.Job.Server, entry.Job.Tries, entry.Job.Error)
		}
		return true, ""
	})
	return entry, err
}

// rewind has regent undo on the old primary what the report lists, so that it needs no clone.
func (w *World) rewind(ctx context.Context, s *Split) error {
	if err := w.Do(ctx, api.RewindChange(s.Report.ID, s.Old, "the trial takes it back")); err != nil {
		return err
	}
	if _, err := w.jobEnds(ctx, s.Report.ID); err != nil {
		return err
	}
	return Await(ctx, time.Minute, s.Old+" out of quarantine", func(ctx context.Context) (bool, string) {
		t, err := w.API.Topology(ctx, w.Cluster)
		if err != nil {
			return false, err.Error()
		}
		i := slices.IndexFunc(t.Servers, func(server api.ServerStatus) bool { return server.Server == s.Old })
		return i >= 0 && t.Servers[i].Role != "quarantined", s.Old + " is still quarantined"
	})
}

// ackReport settles a report; where a replay has left something alone, the note speaks for that too.
func (w *World) ackReport(ctx context.Context, report string) error {
	entry, err := w.jobEnds(ctx, report)
	if err != nil {
		return err
	}
	const note = "looked at by the trial"
	if entry.Tally != nil {
		return w.Do(ctx, api.AckRestChange(report, note))
	}
	return w.Do(ctx, api.AckReportChange(report, note))
}
