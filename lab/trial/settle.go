package trial

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/failover"
)

// safeClass is the class of what may be repeated.
const safeClass = "SAFE"

// repeated is how many transactions a trial has regent repeat: one that is a region away takes seconds for these.
const repeated = 20

// replaySafe has regent repeat on the primary some of what the report calls safe, twice. It judges that each of these
// transactions was replayed, found there or left alone, and that the second time wrote nothing.
func (w *World) replaySafe(ctx context.Context, s *Split) error {
	listed, err := w.transactions(ctx, s.Report.ID)
	if err != nil {
		return err
	}
	var chosen []string
	for _, t := range listed {
		if t.Class == safeClass && len(chosen) < repeated {
			chosen = append(chosen, t.GTID)
		}
	}
	if len(chosen) == 0 {
		return judged("nothing in report %s is safe", s.Report.ID)
	}
	if err := w.MoveLeader(ctx, s.Report.Node); err != nil {
		return err
	}
	first, err := w.replay(ctx, s.Report.ID, chosen)
	if err != nil {
		return err
	}
	// What is settled without a replay counts as there already.
	classes := s.Report.ByClass
	sum := first.Replayed + first.Already + first.Left
	if sum != len(chosen)+classes["NOOP"]+classes["ALREADY"] || first.Replayed == 0 {
		return judged("of %d chosen and %v: %s", len(chosen), classes, &first)
	}
	s.Replayed = first.Replayed
	began := time.Now()
	err = w.loseFiles(ctx, s, chosen, first)
	s.FilesLost = time.Since(began)
	return err
}

// replayAgain orders the same again, and judges that nothing is written by that.
func (w *World) replayAgain(ctx context.Context, s *Split, chosen []string, first failover.Tally) error {
	const executed = "SELECT @@GLOBAL.gtid_executed"
	before, err := w.ask(ctx, s.New, executed)
	if err != nil {
		return err
	}
	second, err := w.replay(ctx, s.Report.ID, chosen)
	if first.Left == 0 && err != nil && strings.Contains(err.Error(), "is left to replay") {
		second, err = first, nil // It is refused where there is nothing to try again.
	}
	if err != nil {
		return err
	}
	after, err := w.ask(ctx, s.New, executed)
	if err != nil {
		return err
	}
	if after != before || second != first {
		return judged("replayed twice: %s, then %s; gtid_executed %s, then %s", &first, &second, before, after)
	}
	return nil
}

// replay orders a replay and waits for its end.
func (w *World) replay(ctx context.Context, report string, chosen []string) (failover.Tally, error) {
	change := api.ReplayChange(report, "the trial repeats what is safe", api.Choice{Transactions: chosen})
	if err := w.Do(ctx, change); err != nil {
		return failover.Tally{}, err
	}
	entry, err := w.jobEnds(ctx, report)
	if err == nil && entry.Tally == nil {
		err = judged("the replay of %s ended without a tally", report)
	}
	if err != nil {
		return failover.Tally{}, err
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
