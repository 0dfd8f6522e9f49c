package binlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
	"github.com/regentdb/regent/binlog/report"
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

// CompareRequest says what to compare and how to name the report.
type CompareRequest struct {
	// ID and Cluster name the report, OldServer the primary of the old side.
	ID, Cluster, OldServer string
	// Dir is the directory of the capture; the report goes there too.
	Dir string
	// NewPrimary is the server that the old side is compared with. The account needs SELECT on the tables concerned
	// and REPLICATION SLAVE.
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
}

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
	snapshot, err := live.Open(ctx, r.NewPrimary)
	if err != nil {
		return report.Summary{}, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	executed := snapshot.Executed.Union(r.Enew)
	if manifest.Wanted.Subtract(executed).IsEmpty() {
		return report.Summary{}, ErrNotDiverged
	}
	d, err := r.old(ctx, manifest, snapshot, executed)
	if err != nil {
		return report.Summary{}, err
	}
	for _, column := range d.Declare(r.Rules) {
		r.Log.WarnContext(ctx, "the policy declares a volatile column that does not exist", slog.String("id", r.ID), slog.String("column", column))
	}
	common := ancestor(manifest, executed)
	newOnly, err := r.new(ctx, common, d)
	if err != nil {
		return report.Summary{}, err
	}
	if err := classify.ReadLive(ctx, d, snapshot); err != nil {
		return report.Summary{}, err
	}
	return report.Write(r.Dir, report.Input{
		ID: r.ID, Cluster: r.Cluster, OldServer: r.OldServer, NewServer: r.NewPrimary.Server,
		Manifest: manifest, Common: common, OldOnly: manifest.Wanted, NewOnly: newOnly,
		Transactions: classify.Classify(d), Acknowledged: r.Acknowledged, CreatedAt: r.Now(),
	})
}

// old reads the captured transactions and the definitions of the tables that they touch.
func (r CompareRequest) old(
	ctx context.Context, manifest Manifest, snapshot *live.Snapshot, executed gtid.Set,
) (*diff.Divergence, error) {
	all, err := captured(manifest, r.Dir)
	if err != nil {
		return nil, err
	}
	tables := map[diff.Name]*diff.Definition{}
	for _, tx := range all {
		for _, row := range tx.Rows {
			name := diff.Name{Schema: row.Table.Schema, Table: row.Table.Name}
			if tables[name] != nil {
				continue
			}
			if tables[name], err = snapshot.Definition(ctx, name); err != nil {
				return nil, err
			}
		}
	}
	d := diff.New(tables)
	for _, tx := range all {
		if executed.ContainsGTID(tx.GTID) {
			d.AddShared(tx)
		} else {
			d.AddOld(tx)
		}
	}
	return d, nil
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
// holds nothing that the new primary never had: it refuses its own GTIDs that it lacks.
func (r CompareRequest) new(ctx context.Context, common gtid.Set, d *diff.Divergence) (gtid.Set, error) {
	var seen []gtid.GTID
	err := capture.Transactions(ctx, r.NewPrimary, common, func(tx *decode.Transaction) error {
		seen = append(seen, tx.GTID)
		d.AddNew(tx)
		return nil
	})
	if err != nil {
		return gtid.Set{}, err
	}
	newOnly := gtid.Of(seen...)
	if missing := r.Enew.Subtract(common).Subtract(newOnly); !missing.IsEmpty() {
		return gtid.Set{}, fmt.Errorf("the binary log of %s ends without %s", r.NewPrimary.Server, missing)
	}
	return newOnly, nil
}

// captured reads the transactions of all files, each once, in the order of their commits: within a file its own order,
// between files by time.
func captured(manifest Manifest, dir string) ([]*decode.Transaction, error) {
	var queues [][]*decode.Transaction
	var taken gtid.Set
	for _, server := range manifest.Servers {
		for _, file := range server.Files {
			queue, err := fileTransactions(dir, file, taken)
			if err != nil {
				return nil, err
			}
			queues = append(queues, queue)
		}
		taken = taken.Union(server.Captured)
	}
	return merged(queues), nil
}

// merged takes from the queue whose next transaction is the oldest.
func merged(queues [][]*decode.Transaction) []*decode.Transaction {
	var out []*decode.Transaction
	for {
		queues = slices.DeleteFunc(queues, func(q []*decode.Transaction) bool { return len(q) == 0 })
		if len(queues) == 0 {
			return out
		}
		first := 0
		for i, queue := range queues {
			if queue[0].CommittedAt.Before(queues[first][0].CommittedAt) {
				first = i
			}
		}
		out = append(out, queues[first][0])
		queues[first] = queues[first][1:]
	}
}
