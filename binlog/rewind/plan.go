package rewind

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/rows"
	"github.com/regentdb/regent/gtid"
)

// ErrRefused is returned for what cannot be undone exactly. The server is as it was before.
var ErrRefused = errors.New("the server cannot be rewound, rebuild it with `regent clone`")

// sizeLimit is how many bytes of rows are undone in one transaction; beyond it a clone is quicker, and surer.
const sizeLimit = 256 << 20

// tables reads how tables are defined on the server.
type tables func(ctx context.Context, name diff.Name) (*rows.Table, error)

// plan is what has to be undone.
type plan struct {
	rows.Set
	transactions int
	size         int
}

// planner gathers a plan.
type planner struct {
	plan
	tables tables
	known  map[diff.Name]*rows.Table
	// cascadesHidden says that the server did not log what foreign keys changed.
	cascadesHidden bool
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// gather makes the plan that undoes the extra transactions, all of which must be in the tail.
func (p *planner) gather(ctx context.Context, tail iter.Seq2[*decode.Transaction, error], extra gtid.Set) (*plan, error) {
	p.known = map[diff.Name]*rows.Table{}
	var seen gtid.Set
	for tx, err := range tail {
		if err != nil {
			return nil, fmt.Errorf("rewind: %w", err)
		}
		if !extra.ContainsGTID(tx.GTID) {
			continue
		}
		seen = seen.Add(tx.GTID)
		if err := p.add(ctx, tx); err != nil {
			return nil, err
		}
	}
	if lost := extra.Subtract(seen); !lost.IsEmpty() {
		return nil, refused("%s was not captured", lost)
	}
	if p.Gap != "" {
		return nil, refused("%s: the history of a row has a gap", p.Gap)
	}
	return &p.plan, nil
}

func (p *planner) add(ctx context.Context, tx *decode.Transaction) error {
	switch {
	case len(tx.Undecodable) > 0:
		return refused("%s cannot be decoded: %s", tx.GTID, tx.Undecodable[0])
	case len(tx.Statements) > 0:
		return refused("%s ran a statement that was logged as text, such as a change of a table", tx.GTID)
	case len(tx.Opaque) > 0:
		return refused("%s: %s", tx.GTID, tx.Opaque[0])
	}
	for _, row := range tx.Rows {
		if err := p.undo(ctx, tx.GTID, row); err != nil {
			return err
		}
	}
	p.transactions++
	return nil
}

func (p *planner) undo(ctx context.Context, id gtid.GTID, row decode.Row) error {
	name := diff.Name{Schema: row.Table.Schema, Table: row.Table.Name}
	table := p.known[name]
	if table == nil {
		var err error
		if table, err = p.tables(ctx, name); err != nil {
			return fmt.Errorf("rewind: %w", err)
		}
		p.known[name] = table
	}
	if why := p.obstacle(table, row); why != "" {
		return refused("%s: %s: %s", id, name, why)
	}
	p.size += size(row.Before) + size(row.After)
	if p.size > sizeLimit {
		return refused("it would undo more than %d MiB of rows in one transaction", sizeLimit>>20)
	}
	p.Add(table, row)
	return nil
}

// obstacle says why a change cannot be undone; empty where it can. Foreign keys are off while rows are undone, so that
// only what the change itself may have set off, unlogged, is in the way.
func (p *planner) obstacle(table *rows.Table, row decode.Row) string {
	if why := table.Unusable(row); why != "" {
		return why
	}
	c := rows.Change{Table: table.Definition, Op: row.Op, Before: row.Before, After: row.After}
	inverse := c.Inverse()
	if names := table.Hazards.Fired(inverse.Op); names != "" {
		return "undoing it would fire trigger " + names
	}
	if key := table.Hazards.Cascading(c.Table, c.Op, c.Before, c.After); key != "" && p.cascadesHidden {
		return "what foreign key " + key + " changed with it is not in the binary log"
	}
	return ""
}

func size(image []decode.Value) int {
	n := 0
	for _, v := range image {
		n += len(v.Text)
	}
	return n
}
