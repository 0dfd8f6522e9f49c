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
	snapshot *live.Snapshot
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

// define adds the definitions of the tables of a transaction that are not there yet: as the new primary has them, or
// as the log of the old side describes them.
func (n *newSide) define(ctx context.Context, tx *decode.Transaction, tables map[diff.Name]*diff.Definition) (err error) {
	for _, row := range tx.Rows {
		name := diff.Name{Schema: row.Table.Schema, Table: row.Table.Name}
		if tables[name] != nil {
			continue
		}
		if n.snapshot == nil {
			tables[name] = logged(name, row.Table)
			continue
		}
		if tables[name], err = n.snapshot.Definition(ctx, name); err != nil {
			return err
		}
	}
	return nil
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
func (n *newSide) classify(ctx context.Context, d *diff.Divergence) ([]classify.Transaction, error) {
	if n.snapshot != nil {
		if err := classify.ReadLive(ctx, d, n.snapshot); err != nil {
			return nil, err
		}
		return classify.Classify(d), nil
	}
	all := classify.Classify(d)
	for i := range all {
		tx := &all[i]
		if n.executed.ContainsGTID(tx.GTID) {
			continue
		}
		for j := range tx.Rows {
			row := &tx.Rows[j]
			row.Class, row.Reason = withoutRows(row.Class, row.Reason, row.Counterpart)
		}
		tx.Class, tx.Reason = withoutRows(tx.Class, tx.Reason, gtid.GTID{})
	}
	return all, nil
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
