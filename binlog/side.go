package binlog

import (
	"context"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
	"github.com/regentdb/regent/gtid"
)

// newSide is what is known of the new side: a running server with its rows, or only its files.
type newSide struct {
	// executed contains everything that the live rows show.
	executed gtid.Set
	// unknown says what the new side may have that nobody can name.
	unknown []string
	// snapshot is nil where the new side is files.
	snapshot snapshot
}

// snapshot is a running server as it was at one moment.
type snapshot interface {
	classify.LiveRows
	Definition(ctx context.Context, name diff.Name) (*diff.Definition, error)
	Close() error
}

// side reaches the new side.
func (r CompareRequest) side(ctx context.Context) (*newSide, error) {
	if r.NewPrimary.Files != "" {
		standing, err := capture.Stand(ctx, r.NewPrimary)
		return &newSide{executed: standing.Executed, unknown: standing.Unknown}, err
	}
	snapshot, err := live.Open(ctx, r.NewPrimary)
	if err != nil {
		return nil, err
	}
	return &newSide{executed: snapshot.Executed, snapshot: snapshot}, nil
}

func (n *newSide) close() error {
	if n.snapshot == nil {
		return nil
	}
	return n.snapshot.Close()
}

// define adds the definition of a table if it is not there yet: as the new primary has it, or as the log of the old side
// describes it.
func (n *newSide) define(ctx context.Context, table *decode.Table, tables map[diff.Name]*diff.Definition) (err error) {
	name := diff.Name{Schema: table.Schema, Table: table.Name}
	switch {
	case tables[name] != nil:
		return nil
	case n.snapshot == nil:
		tables[name] = logged(name, table)
		return nil
	}
	tables[name], err = n.snapshot.Definition(ctx, name)
	return err
}

// logged is a table as a log describes it: columns and primary key, but no other key, no engine and no trigger.
// Nobody may call a row safe by it.
func logged(name diff.Name, table *decode.Table) *diff.Definition {
	d := &diff.Definition{Name: name, PrimaryKey: table.PrimaryKey, PrefixKey: table.PrefixKey, TriggersHidden: true}
	for _, c := range table.Columns {
		column := diff.Column{Name: c.Name, Type: c.Family}
		if c.Kind == decode.Text {
			// The collation is not in the log; keys that differ only in case are taken for one, which may find too
			// many rows touched by the new side, but misses none of those.
			column.Charset, column.Collation = "utf8mb4", "utf8mb4_general_ci"
		}
		d.Columns = append(d.Columns, column)
	}
	return d
}

// noLiveRows is the reason for whatever cannot be said without the new primary.
const noLiveRows = "the new side is only files, so that no live row was read: without them nothing is safe or settled; " +
	"name the running server as the new side"

// classify checks against live rows where there are any. Without them only a change without effect, and what the new
// side has under the same GTID, keep their class.
func (n *newSide) classify(ctx context.Context, d *diff.Divergence, old diff.History, sink classify.Sink) error {
	c := classify.New(d, old, holdBytes)
	if n.snapshot == nil {
		return c.Classify(&rowless{Sink: sink, shared: d.Shared})
	}
	if err := c.ReadLive(ctx, n.snapshot); err != nil {
		return err
	}
	return c.Classify(sink)
}

// rowless changes the classes that cannot be told without live rows.
type rowless struct {
	classify.Sink

	shared func(gtid.GTID) bool
	keep   bool
}

func (r *rowless) Begin(tx classify.Transaction) error {
	if r.keep = r.shared(tx.GTID); !r.keep {
		tx.Class, tx.Reason = withoutRows(tx.Class, tx.Reason, gtid.GTID{})
	}
	return r.Sink.Begin(tx)
}

func (r *rowless) Row(row classify.Row) error {
	if !r.keep {
		row.Class, row.Reason = withoutRows(row.Class, row.Reason, row.Counterpart)
	}
	return r.Sink.Row(row)
}

// withoutRows is the class without live rows, and why. What keeps a row from being compared at all stays named.
func withoutRows(class classify.Class, reason string, touched gtid.GTID) (classify.Class, string) {
	switch {
	case class == classify.Noop:
		return class, reason
	case (touched != gtid.GTID{}):
		return classify.Opaque, "the new side changed the row in " + touched.String() + "; " + noLiveRows
	case class == classify.Opaque:
		return class, reason + "; " + noLiveRows
	}
	return classify.Opaque, noLiveRows
}
