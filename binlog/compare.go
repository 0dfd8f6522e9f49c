package binlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/binlog/spill"
	"github.com/regentdb/regent/gtid"
)

// ErrNotDiverged is returned when the new primary has everything that was captured: there is nothing to report.
var ErrNotDiverged = errors.New("the new primary lacks none of the captured transactions")

// Endpoint is how to reach a server.
type Endpoint = capture.Endpoint

// Source is a server with what it holds and the new primary lacks.
type Source = capture.Source

// Manifest describes a capture.
type Manifest = capture.Manifest

// Standing is what a server, or its binary log files, say of it.
type Standing = capture.Standing

// TableName names a table.
type TableName = diff.Name

// TableRule is what the policy says about a table.
type TableRule = diff.Rule

// CaptureRequest says what to capture into which directory.
type CaptureRequest = capture.Request

// Capture copies what only the old side has into the directory; see capture.Capture.
func Capture(ctx context.Context, r CaptureRequest) (Manifest, error) {
	return capture.Capture(ctx, r)
}

// Stand asks a server, or reads its files, for what it had executed.
func Stand(ctx context.Context, of Endpoint) (Standing, error) { return capture.Stand(ctx, of) }

// CompareRequest says what to compare and how to name the report.
type CompareRequest struct {
	// ID and Cluster name the report, OldServer the primary of the old side.
	ID, Cluster, OldServer string
	// Dir is the directory of the capture; the report goes there too.
	Dir string
	// NewPrimary is the server that the old side is compared with. The account needs SELECT on the tables concerned
	// and REPLICATION SLAVE. Where it is files only, there are no live rows, and no row change is better than OPAQUE
	// but one without effect.
	NewPrimary Endpoint
	// Enew is what the new primary had executed when the divergence was found.
	Enew gtid.Set
	// Rules are what the policy says about tables.
	Rules map[TableName]TableRule
	// Acknowledged says whether a client was told that a transaction is committed: yes, no or unknown. Nil means that
	// nobody knows.
	Acknowledged func(gtid.GTID) string
	Now          func() time.Time
	Log          *slog.Logger
	// Progress is called now and then while the two sides are read and the report is written; nil where nobody asks.
	Progress func(Progress)
	// Memory is how much of what the comparison remembers is kept in memory, in bytes; 0 means 64 MiB. The rest goes to
	// temporary files below Dir.
	Memory int
}

const (
	// defaultMemory is what a comparison remembers in memory, in bytes.
	defaultMemory = 64 << 20
	// holdBytes is how much of a transaction is held in memory beside that.
	holdBytes = 1 << 20
	// spillName is the directory of temporary files in that of the report.
	spillName = ".comparing"
)

// Compare classifies what was captured against the new primary and writes the report. An incomplete capture gives a
// report that says so, not an error. Compare may be repeated; the report is then made anew. The error wraps
// capture.ErrChecksum where a captured file is not what was captured, capture.ErrPurged where the new primary no
// longer has the log of what it did since the divergence, and ErrNotDiverged.
func Compare(ctx context.Context, r CompareRequest) (report.Summary, error) {
	summary, err := r.compare(ctx)
	if err != nil {
		return report.Summary{}, fmt.Errorf("binlog: compare %s with %s: %w", r.OldServer, r.NewPrimary.Server, err)
	}
	r.Log.InfoContext(ctx, "report", slog.String("id", r.ID), slog.String("cluster", r.Cluster),
		slog.Bool("complete", summary.Complete), slog.String("summary", summary.Sentence))
	return summary, nil
}

func (r CompareRequest) compare(ctx context.Context) (summary report.Summary, err error) {
	manifest, err := capture.ReadManifest(r.Dir)
	if err != nil {
		return report.Summary{}, err
	}
	if err := manifest.Verify(r.Dir); err != nil {
		return report.Summary{}, err
	}
	side, err := r.side(ctx)
	if err != nil {
		return report.Summary{}, err
	}
	defer func() { err = errors.Join(err, side.close()) }()
	return r.against(ctx, manifest, side)
}

// against compares a capture that was verified with the new side.
func (r CompareRequest) against(ctx context.Context, manifest Manifest, side *newSide) (report.Summary, error) {
	executed := side.executed.Union(r.Enew)
	if manifest.Wanted.Subtract(executed).IsEmpty() && !manifest.Unknown() {
		return report.Summary{}, ErrNotDiverged
	}
	space, err := spill.Open(filepath.Join(r.Dir, spillName), cmp.Or(r.Memory, defaultMemory))
	if err != nil {
		return report.Summary{}, err
	}
	out, err := r.judged(ctx, manifest, side, executed, space)
	r.Log.DebugContext(ctx, "temporary files of the comparison", slog.String("id", r.ID), slog.Int64("bytes", space.OnDisk()))
	if err := errors.Join(err, space.Close()); err != nil {
		if out != nil {
			err = errors.Join(err, out.Abandon())
		}
		return report.Summary{}, err
	}
	return out.Finish()
}

// judged writes every transaction with its class. The writer, where there is one, is to be finished or abandoned.
func (r CompareRequest) judged(
	ctx context.Context, manifest Manifest, side *newSide, executed gtid.Set, store diff.Store,
) (*report.Writer, error) {
	old := r.history(ctx, manifest)
	d, err := r.old(ctx, old, side, manifest.Captured.Intersect(executed), store)
	if err != nil {
		return nil, err
	}
	for _, column := range d.Declare(r.Rules) {
		r.Log.WarnContext(ctx, "the policy declares a column that does not exist", slog.String("id", r.ID), slog.String("column", column))
	}
	common := ancestor(manifest, executed)
	newOnly, gaps, err := r.new(ctx, common, executed, d)
	if err != nil {
		return nil, err
	}
	manifest = lacking(manifest, append(gaps, side.unknown...))
	out, err := report.Create(r.Dir, report.Input{
		ID: r.ID, Cluster: r.Cluster, OldServer: r.OldServer, NewServer: r.NewPrimary.Server,
		Manifest: manifest, Common: common, OldOnly: manifest.Wanted, NewOnly: newOnly,
		Acknowledged: r.Acknowledged, CreatedAt: r.Now(), Harmless: harmless(r.Rules),
		Progress: r.written(),
	})
	if err != nil {
		return nil, err
	}
	if err := side.classify(ctx, d, old, out); err != nil {
		return out, err
	}
	return out, store.Err()
}

// harmless are the columns whose values every reader of the report may see.
func harmless(rules map[TableName]TableRule) []report.Column {
	var out []report.Column
	for table, rule := range rules {
		for _, column := range rule.Harmless {
			out = append(out, report.Column{Schema: table.Schema, Table: table.Table, Column: column})
		}
	}
	slices.SortFunc(out, func(a, b report.Column) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column))
	})
	return out
}

// old takes the captured transactions, and the definitions of the tables that they touch as these come up.
func (r CompareRequest) old(
	ctx context.Context, old diff.History, side *newSide, shared gtid.Set, store diff.Store,
) (*diff.Divergence, error) {
	tables := map[diff.Name]*diff.Definition{}
	d := diff.New(tables, shared, store)
	return d, old(&defining{Visitor: d, define: func(table *decode.Table) error { return side.define(ctx, table, tables) }})
}

// defining sees to it that the definition of a table is there before its rows come.
type defining struct {
	diff.Visitor

	define func(*decode.Table) error
	last   *decode.Table
}

func (v *defining) Row(tx *decode.Transaction, row decode.Row) error {
	if row.Table != v.last {
		if err := v.define(row.Table); err != nil {
			return err
		}
		v.last = row.Table
	}
	return v.Visitor.Row(tx, row)
}

// ancestor is what the two sides share: all that the new primary has and any captured server had too. A replica that
// was behind does not make it smaller, else what it lacked would look like a change of the new side.
func ancestor(manifest Manifest, executed gtid.Set) gtid.Set {
	old := manifest.Common
	for _, server := range manifest.Servers {
		old = old.Union(server.Executed)
	}
	return executed.Intersect(old)
}

// new reads what the new side did since the common ancestor and returns which transactions these were. The exclusion
// holds nothing that the new primary never had: it refuses its own GTIDs that it lacks. What files of the new side do
// not hold comes back as gaps; of a running server that is an error.
func (r CompareRequest) new(
	ctx context.Context, common, executed gtid.Set, d *diff.Divergence,
) (newOnly gtid.Set, gaps []string, err error) {
	log := newLog{NewSide: d.NewSide()}
	watch := &watchedNew{newLog: &log, pace: r.pace(ctx, Progress{Stage: ReadingNew, Of: executed.Subtract(common).Count()})}
	err = capture.Scan(ctx, r.NewPrimary, common, watch)
	if errors.Is(err, files.ErrIncomplete) {
		gaps = append(gaps, err.Error())
	} else if err != nil {
		return newOnly, nil, err
	}
	if newOnly, err = log.seen.Set(); err != nil {
		return newOnly, nil, err
	}
	missing := r.Enew.Subtract(common).Subtract(newOnly)
	if missing.IsEmpty() {
		return newOnly, gaps, nil
	}
	ends := fmt.Sprintf("the binary log of %s ends without %s", r.NewPrimary.Server, missing)
	if r.NewPrimary.Files == "" {
		return newOnly, nil, errors.New(ends)
	}
	return newOnly, append(gaps, ends), nil
}

// newLog compares what the new side did, and notes which transactions these were.
type newLog struct {
	*diff.NewSide
	seen files.Collector
}

// Begin begins a transaction.
func (l *newLog) Begin(tx *decode.Transaction) error {
	l.seen.Add(tx.GTID)
	return l.NewSide.Begin(tx)
}

// lacking makes a manifest incomplete for what is not known of the new side.
func lacking(m Manifest, gaps []string) Manifest {
	if len(gaps) > 0 {
		m.Complete = false
		m.Reason = strings.TrimPrefix(m.Reason+"; "+strings.Join(gaps, "; "), "; ")
	}
	return m
}
