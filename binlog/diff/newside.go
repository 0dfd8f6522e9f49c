package diff

import "github.com/regentdb/regent/binlog/decode"

// NewSide takes the log of the new side, row by row: it is a [decode.Visitor]. Of most rows it reads only the key, or
// of inserted ones also what a repetition would share with the old side. A row that the old side may have met is read
// as a whole. A value that nothing depends on is not read, so that it does not matter whether it can be.
type NewSide struct {
	d      *Divergence
	sieves map[Name]*sieve
	// tables are what is known of the tables of the log, and last is the one of the last row event.
	tables map[*decode.Table]*logTable
	last   *logTable
	// shared says that the transaction belongs to both sides.
	shared bool
	// misfits are the tables of the transaction that cannot be compared.
	misfits []*logTable
}

// logTable is a table as the log of the new side describes it.
type logTable struct {
	table *decode.Table
	// definition is nil where the old side did not touch the table.
	definition *Definition
	// mismatch says why its rows cannot be compared; empty where they can.
	mismatch string
	// sieve is nil where no row of the table matters.
	sieve *sieve
}

// NewSide returns the visitor for the log of the new side. All transactions of the old side must have been added.
func (d *Divergence) NewSide() *NewSide {
	n := &NewSide{d: d, last: &logTable{}}
	n.sieves = d.sieves()
	return n
}

// Begin begins a transaction.
func (n *NewSide) Begin(tx *decode.Transaction) error {
	n.shared = n.d.Shared(tx.GTID)
	n.misfits = n.misfits[:0]
	return nil
}

// Skip says whether no row of the table can matter.
func (n *NewSide) Skip(table *decode.Table) bool {
	if n.last.table != table {
		n.last = n.describe(table)
	}
	return n.shared || n.last.sieve == nil && n.last.mismatch == ""
}

// Row takes a row change.
func (n *NewSide) Row(tx *decode.Transaction, c *decode.Change) error {
	if n.Skip(c.Table) {
		return nil
	}
	if n.last.mismatch != "" {
		if last := len(n.misfits) - 1; last < 0 || n.misfits[last] != n.last {
			n.misfits = append(n.misfits, n.last)
		}
		return nil
	}
	if n.last.sieve.holds(c) {
		n.d.touch(tx, c.Values(tx))
	}
	return nil
}

// Statement takes a change that was logged as text.
func (n *NewSide) Statement(tx *decode.Transaction, s decode.Statement) error {
	if !n.shared {
		n.d.alter(tx, s)
	}
	return nil
}

// End ends a transaction.
func (n *NewSide) End(tx *decode.Transaction) error {
	if n.shared {
		return nil
	}
	n.d.obscure(tx)
	for _, t := range n.misfits {
		n.d.misfit(tx, t.definition, t.mismatch)
	}
	return nil
}

func (n *NewSide) describe(table *decode.Table) *logTable {
	if known := n.tables[table]; known != nil {
		return known
	}
	if n.tables == nil || len(n.tables) >= manyTables {
		n.tables = map[*decode.Table]*logTable{}
	}
	name := Name{table.Schema, table.Name}
	t := &logTable{table: table, definition: n.d.Tables[name], sieve: n.sieves[name]}
	if t.definition != nil {
		t.mismatch = t.definition.Mismatch(table)
	}
	n.tables[table] = t
	return t
}
