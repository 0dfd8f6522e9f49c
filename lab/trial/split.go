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

// Split is the outcome of promoting across regions during a cut, and of what came after.
type Split struct {
	Old, New    string
	Promoted    time.Duration // from the order to the open primary
	Quarantined time.Duration // from the heal until every server of the old side was
	Reported    time.Duration // from the heal until the report was open
	Report      api.ReportEntry
	HomeOnly    int           // writes that only the home region acknowledged
	AwayOnly    int           // writes acknowledged by the new primary during the split
	Replayed    int           // SAFE transactions of the report that the new primary has now
	FilesLost   time.Duration // to go on with a copy of the report, with the node killed that had its files
	Settled     time.Duration
}

// SplitOptions say how a split goes.
type SplitOptions struct {
	To     string        // the server promoted outside the home region
	Before time.Duration // of the cut, before the override
	Apart  time.Duration // with both sides writing
	Seed   uint64
	// Step hears of each turn, for a narrative; it may be nil.
	Step func(turn string, s *Split)
}

// Turns of a split, as SplitOptions.Step hears of them.
const (
	TurnCut         = "cut"
	TurnPromoted    = "promoted"
	TurnHealed      = "healed"
	TurnQuarantined = "quarantined"
	TurnReported    = "reported"
	TurnSettled     = "settled"
)

func (o *SplitOptions) step(turn string, s *Split) {
	if o.Step != nil {
		o.Step(turn, s)
	}
}

// Split cuts the home region off, promotes a server elsewhere by an override, lets both sides write,
// heals, and judges quarantine, report and the way back.
func (w *World) Split(ctx context.Context, o SplitOptions) (Split, error) {
	s := Split{New: o.To}
	before, err := w.healthy(ctx)
	if err != nil {
		return s, err
	}
	s.Old = before.Primary
	both, err := w.writeFromBoth(ctx, before, o.Seed)
	if err != nil {
		return s, err
	}
	defer both.cancel()
	cut := time.Now()
	if err := w.Lab.Cut(ctx, lab.CutRequest{Target: before.HomeRegion}); err != nil {
		return s, err
	}
	o.step(TurnCut, &s)
	if err := w.override(ctx, &s, &o, before); err != nil {
		return s, err
	}
	o.step(TurnPromoted, &s)
	if err := Rest(ctx, o.Apart); err != nil {
		return s, err
	}
	if _, err := w.Lab.Heal(ctx, lab.CutRequest{}); err != nil {
		return s, err
	}
	healed := time.Now()
	o.step(TurnHealed, &s)
	if err := w.awaitQuarantine(ctx, &s, before, healed); err != nil {
		return s, err
	}
	o.step(TurnQuarantined, &s)
	if err := w.awaitReport(ctx, &s, healed); err != nil {
		return s, err
	}
	attempts, err := both.stop()
	if err != nil {
		return s, err
	}
	if err := w.judgeSplit(ctx, &s, attempts, cut); err != nil {
		return s, err
	}
	o.step(TurnReported, &s)
	return s, w.settleSplit(ctx, &s, &o)
}

// override waits until the isolation is seen, lets the cut last, and orders the promotion.
func (w *World) override(ctx context.Context, s *Split, o *SplitOptions, before api.ClusterStatus) error {
	err := w.AwaitState(ctx, 15*time.Second, "a state that names the isolation", func(c api.ClusterStatus) bool {
		return c.State == "isolated" || c.State == "hold"
	})
	if err != nil {
		return err
	}
	if err := Rest(ctx, o.Before); err != nil {
		return err
	}
	began := time.Now()
	change := api.FailoverChange(w.Cluster, api.Failover{To: o.To, OverrideRegion: true, Reason: "the trial forces a split", TTL: 15 * time.Minute})
	if err := w.Do(ctx, change); err != nil {
		return err
	}
	err = w.AwaitState(ctx, 20*time.Second, o.To+" as primary", func(c api.ClusterStatus) bool {
		return c.Primary == o.To && c.Epoch > before.Epoch && c.State != "recovering"
	})
	s.Promoted = time.Since(began)
	return err
}

// awaitQuarantine waits until every server of the old side that holds extras is kept apart.
func (w *World) awaitQuarantine(ctx context.Context, s *Split, before api.ClusterStatus, healed time.Time) error {
	home := w.Servers(before.HomeRegion)
	err := Await(ctx, 30*time.Second, "the quarantine of "+list(home), func(ctx context.Context) (bool, string) {
		t, err := w.API.Topology(ctx, w.Cluster)
		if err != nil {
			return false, err.Error()
		}
		apart := 0
		for _, server := range t.Servers {
			if server.Region == before.HomeRegion && server.Role == "quarantined" && server.Writable != nil && !*server.Writable {
				apart++
			}
		}
		return apart == len(home), fmt.Sprintf("%d of %d quarantined", apart, len(home))
	})
	s.Quarantined = time.Since(healed)
	return err
}

func (w *World) awaitReport(ctx context.Context, s *Split, healed time.Time) error {
	err := Await(ctx, time.Minute, "an open report", func(ctx context.Context) (bool, string) {
		open, err := w.openReports(ctx)
		if err != nil {
			return false, err.Error()
		}
		if len(open) != 1 {
			return false, fmt.Sprintf("%d open reports", len(open))
		}
		s.Report = open[0]
		return true, ""
	})
	s.Reported = time.Since(healed)
	return err
}

// judgeSplit compares the report with the ledger, and the new primary with its own side's ledger.
func (w *World) judgeSplit(ctx context.Context, s *Split, attempts []workload.Attempt, cut time.Time) error {
	if !s.Report.Complete {
		return judged("report %s is not complete", s.Report.ID)
	}
	home, away := w.sides(s, attempts, cut)
	s.HomeOnly, s.AwayOnly = len(home.acknowledged), away
	if s.HomeOnly == 0 || s.AwayOnly == 0 {
		return judged("not both sides wrote during the split (%d and %d acknowledged writes)", s.HomeOnly, s.AwayOnly)
	}
	if err := w.judgeReport(ctx, s.Report, home); err != nil {
		return err
	}
	if err := w.JudgeLedger(ctx, s.New, withoutSide(attempts, home)); err != nil {
		return err
	}
	w.remember(doubted(home.acknowledged)) // A replay brings some of them back.
	return nil
}

// side are the attempts of one side of a split.
type side struct {
	acknowledged []workload.Attempt // begun after the cut and confirmed: only this side can have them
	possible     []workload.Attempt // also those around the cut, and of unknown outcome
}

// sides sorts the attempts on the old side, and counts those that the new primary confirmed.
func (w *World) sides(s *Split, attempts []workload.Attempt, cut time.Time) (home side, away int) {
	around := cut.Add(-2 * time.Second)
	for _, a := range attempts {
		switch {
		case a.Server == s.New && a.Acknowledged:
			away++
		case a.Outcome == workload.Refused || w.Region(a.Server) == w.Region(s.New):
		case a.Acknowledged && a.StartedAt.After(cut) && len(changesOf(a)) > 0:
			home.acknowledged = append(home.acknowledged, a)
			home.possible = append(home.possible, a)
		case a.EndedAt.After(around):
			home.possible = append(home.possible, a)
		}
	}
	// What a client gave up on in an earlier cut may still commit in this one: its socket, closed
	// long ago, goes on sending the statement until the server takes it.
	for _, a := range w.past {
		if a.Outcome == workload.Unknown && w.Region(a.Server) != w.Region(s.New) {
			home.possible = append(home.possible, a)
		}
	}
	return home, away
}

// withoutSide answers the attempts as the other side knows them: what only this side confirmed is
// gone, and what happened around the cut is of unknown outcome.
func withoutSide(attempts []workload.Attempt, home side) []workload.Attempt {
	lost, doubtful := map[string]bool{}, map[string]bool{}
	for _, a := range home.possible {
		doubtful[a.ID] = true
	}
	for _, a := range home.acknowledged {
		lost[a.ID] = true
	}
	out := slices.DeleteFunc(slices.Clone(attempts), func(a workload.Attempt) bool { return lost[a.ID] })
	for i := range out {
		if doubtful[out[i].ID] {
			out[i].Outcome, out[i].Acknowledged = workload.Unknown, false
		}
	}
	return out
}

// doubted answers the attempts as ones of unknown outcome.
func doubted(attempts []workload.Attempt) []workload.Attempt {
	out := slices.Clone(attempts)
	for i := range out {
		out[i].Outcome, out[i].Acknowledged = workload.Unknown, false
	}
	return out
}

// settleSplit takes the way back: replay some of what is safe, clone every server of the old side, acknowledge, and find
// all equal.
func (w *World) settleSplit(ctx context.Context, s *Split, o *SplitOptions) error {
	began := time.Now()
	if err := w.awaitLogsKept(ctx, true); err != nil {
		return err
	}
	if err := w.replaySafe(ctx, s); err != nil {
		return err
	}
	if err := w.Settle(ctx, s.Report); err != nil {
		return err
	}
	if err := w.AwaitOK(ctx, 2*time.Minute); err != nil {
		return err
	}
	if err := w.AwaitEqual(ctx, 30*time.Second); err != nil {
		return err
	}
	if err := w.awaitLogsKept(ctx, false); err != nil {
		return err
	}
	s.Settled = time.Since(began)
	o.step(TurnSettled, s)
	return nil
}

// GoHome brings the primary back to a server of the home region by an ordered failover there.
func (w *World) GoHome(ctx context.Context, to string) error {
	change := api.FailoverChange(w.Cluster, api.Failover{To: to, Reason: "back to the home region"})
	if err := w.Do(ctx, change); err != nil {
		return err
	}
	return w.AwaitState(ctx, time.Minute, to+" as primary", func(c api.ClusterStatus) bool {
		return c.Primary == to && c.State == "ok"
	})
}
