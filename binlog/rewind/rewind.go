package rewind

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/live"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/binlog/tail"
	"github.com/regentdb/regent/gtid"
)

// ErrTorn is returned where nothing tells any more what the server holds: only a clone helps.
var ErrTorn = errors.New("the rewind ended half-way and cannot go on, rebuild the server with `regent clone`")

// Request says which server to rewind by which report.
type Request struct {
	// Dir is the directory of the report.
	Dir string
	// Server is quarantined: read-only, and it replicates from nobody.
	Server capture.Endpoint
	// Primary is what the current primary has executed.
	Primary gtid.Set
	// Permit is asked before anything is changed; its error ends the run.
	Permit func(context.Context) error
	// Entered is told when another stage was put on disk, before anything of it is done; nil where nobody asks.
	Entered func()
	Log     *slog.Logger
}

// Result is what was undone.
type Result struct {
	Transactions int `json:"transactions"`
	Rows         int `json:"rows"`
	// Executed is what the server has executed, as it stands afterwards.
	Executed gtid.Set `json:"executed"`
}

// Check says what a rewind would undo, or why it is refused. It changes nothing.
func Check(ctx context.Context, r Request) (Result, error) { return r.run(ctx, true) }

// Run rewinds the server. It may be run again after any error. The error wraps ErrRefused where nothing was changed and
// nothing will be, and ErrTorn where only a clone helps.
func Run(ctx context.Context, r Request) (Result, error) { return r.run(ctx, false) }

func (r Request) run(ctx context.Context, dry bool) (result Result, err error) {
	summary, err := report.ReadSummary(r.Dir)
	if err != nil {
		return result, err
	}
	if !summary.Complete {
		return result, refused("report %s is INCOMPLETE", summary.ID)
	}
	session, err := live.OpenSession(ctx, r.Server)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if !dry {
		if err := session.Own(ctx, live.LockName(summary.ID)); err != nil {
			return result, err
		}
	}
	w := &work{Request: r, session: session}
	if err := w.look(ctx, summary); err != nil {
		return result, err
	}
	if w.progress.Stage != settling {
		if err := w.plan(ctx); err != nil {
			return result, err
		}
	}
	result = Result{Transactions: int(w.progress.Extra.Count()), Rows: len(w.todo.Changes), Executed: w.progress.Kept}
	if dry {
		return result, w.asLogged(ctx)
	}
	return result, w.carryOut(ctx)
}

// work is a rewind under way.
type work struct {
	Request
	session  *live.Session
	progress progress
	todo     plan
}

// look finds out what the server holds and how far an earlier run came.
func (w *work) look(ctx context.Context, summary report.Summary) error {
	s, err := stateOf(ctx, w.session)
	if err != nil {
		return err
	}
	if w.progress, err = readProgress(w.Dir, w.Server.Server); err != nil {
		return err
	}
	switch {
	case !s.readOnly:
		return refused("%s is writable", w.Server.Server)
	case s.receiving:
		return refused("%s replicates; it is not quarantined", w.Server.Server)
	case w.progress.Stage != fresh && w.progress.UUID != s.uuid:
		return fmt.Errorf("%w: %s is another server than the one whose rewind was begun", ErrTorn, w.Server.Server)
	case w.progress.Stage == settling:
		return w.settled(s)
	}
	extra := s.executed.Subtract(w.Primary)
	if w.progress.Stage == undoing && !extra.Equal(w.progress.Extra) {
		return fmt.Errorf("%w: %s has executed other transactions since", ErrTorn, w.Server.Server)
	}
	return w.judge(s, extra, summary)
}

// settled checks that the server is somewhere between what it had and what it is to have.
func (w *work) settled(s state) error {
	before := w.progress.Kept.Union(w.progress.Extra)
	if s.executed.IsEmpty() || s.executed.Equal(w.progress.Kept) || s.executed.Equal(before) {
		return nil
	}
	return fmt.Errorf("%w: %s has executed other transactions since", ErrTorn, w.Server.Server)
}

// judge refuses what cannot be undone by its GTIDs alone.
func (w *work) judge(s state, extra gtid.Set, summary report.Summary) error {
	switch unapplied := s.received.Subtract(s.executed).Subtract(w.Primary); {
	case extra.IsEmpty():
		return refused("%s has nothing that the primary lacks", w.Server.Server)
	case !summary.Gtids.Captured.Contains(extra):
		return refused("%s has %s, which report %s does not hold", w.Server.Server, extra.Subtract(summary.Gtids.Captured), summary.ID)
	case !unapplied.IsEmpty():
		return refused("%s received %s and has not applied it", w.Server.Server, unapplied)
	}
	stage := w.progress.Stage
	w.progress = progress{Stage: stage, UUID: s.uuid, Extra: extra, Kept: s.executed.Subtract(extra)}
	return nil
}

// plan gathers what has to be undone.
func (w *work) plan(ctx context.Context) error {
	hidden, err := w.cascadesHidden(ctx)
	if err != nil {
		return err
	}
	p := planner{tables: w.table, cascadesHidden: hidden}
	todo, err := p.gather(ctx, tail.Transactions(w.Dir), w.progress.Extra)
	if err != nil {
		return err
	}
	w.todo = *todo
	return nil
}

// carryOut undoes the rows, where that was not done before, and settles the GTID sets.
func (w *work) carryOut(ctx context.Context) error {
	if err := w.Permit(ctx); err != nil {
		return err
	}
	if w.progress.Stage != settling {
		if err := w.undo(ctx); err != nil {
			return err
		}
	}
	if err := w.settle(ctx); err != nil {
		return fmt.Errorf("rewind: %s: its rows are undone, its GTID sets are not settled: %w", w.Server.Server, err)
	}
	w.Log.InfoContext(ctx, "rewound", slog.String("server", w.Server.Server), slog.Uint64("transactions", w.progress.Extra.Count()))
	return forget(w.Dir, w.Server.Server)
}
