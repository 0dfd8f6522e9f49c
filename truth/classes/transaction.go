package classes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regentdb/regent/truth/table"
	"github.com/regentdb/regent/truth/verbose"
)

// Transaction is one transaction of a side, over the tables of one schema.
type Transaction struct {
	GTID string
	Rows []Row
	// Statements are DDL and statement format, without the texts of XA.
	Statements []verbose.Statement
	// Opaque says that it has statements, is distributed or has partial images.
	Opaque bool
}

// Row is one row change.
type Row struct {
	Table string
	Op    verbose.Op
	// Before and After are nil where there is no row, and where the image does not fit the table.
	Before, After table.Row
	// Misfit says that the table is missing or differs from the log.
	Misfit bool
}

// Reader converts what mysqlbinlog printed.
type Reader struct {
	Tables map[string]*table.Table
	// Fill returns the images of a row that mysqlbinlog did not print exactly: the n-th change of the table in the
	// transaction. False means that nobody knows them.
	Fill func(gtid, table string, n int) (before, after table.Row, ok bool)
	// Apply works out a change of a JSON document. Nil leaves such changes unknown, and their transactions opaque.
	Apply func(change, document string) (string, error)
}

// Convert converts a transaction of the log.
func (r Reader) Convert(tx verbose.Transaction) (Transaction, error) {
	out := Transaction{GTID: tx.GTID, Opaque: tx.XA}
	for _, s := range tx.Statements {
		if !strings.HasPrefix(s.Text, "XA ") {
			out.Statements, out.Opaque = append(out.Statements, s), true
		}
	}
	seen := map[string]int{}
	for _, row := range tx.Rows {
		row, err := r.applied(row)
		if err != nil {
			return Transaction{}, fmt.Errorf("classes: %s: %w", tx.GTID, err)
		}
		converted, err := r.row(tx.GTID, row, seen)
		if err != nil {
			return Transaction{}, fmt.Errorf("classes: %s: %w", tx.GTID, err)
		}
		out.Rows = append(out.Rows, converted)
		out.Opaque = out.Opaque || partial(row)
	}
	return out, nil
}

func (r Reader) row(gtid string, row verbose.Row, seen map[string]int) (out Row, err error) {
	out = Row{Table: row.Table, Op: row.Op}
	t := r.Tables[row.Table]
	if t == nil || !t.Fits(row.Description) {
		out.Misfit = true
		return out, nil
	}
	if out.Before, err = t.Image(row.Before); err != nil {
		return out, err
	}
	if out.After, err = t.Image(row.After); err != nil {
		return out, err
	}
	n := seen[row.Table]
	seen[row.Table]++ // Also for a row that is exact because what mysqlbinlog rounds is NULL in it.
	if !row.Cut && exact(row) {
		return out, nil
	}
	before, after, ok := r.Fill(gtid, row.Table, n)
	if ok {
		out.Before, out.After = before, after
	} else if row.Cut {
		return out, fmt.Errorf("row of %s: mysqlbinlog cannot print it and the ledger does not have it", row.Table)
	}
	return out, nil
}

// exact says whether mysqlbinlog printed all values exactly, partial updates of documents aside.
func exact(row verbose.Row) bool {
	for _, image := range [][]verbose.Value{row.Before, row.After} {
		for _, v := range image {
			if !v.Exact() && !v.Change && v.Type != verbose.Absent {
				return false
			}
		}
	}
	return true
}

// partial says whether an image leaves columns out or has only the change of a document.
func partial(row verbose.Row) bool {
	for _, image := range [][]verbose.Value{row.Before, row.After} {
		if image == nil || row.Cut {
			continue
		}
		if len(image) < len(row.Description.Columns) {
			return true
		}
		for _, v := range image {
			if v.Type == verbose.Absent || v.Change {
				return true
			}
		}
	}
	return false
}

// applied puts whole documents in the place of changes, where the document before is in the image before.
func (r Reader) applied(row verbose.Row) (verbose.Row, error) {
	if r.Apply == nil {
		return row, nil
	}
	row.After = slices.Clone(row.After)
	for i, v := range row.After {
		if !v.Change || i >= len(row.Before) || row.Before[i].Type != v.Type {
			continue
		}
		document, err := r.Apply(v.Text, table.Document(row.Before[i].Text))
		if err != nil {
			return row, err
		}
		row.After[i] = verbose.Value{Type: v.Type, Text: document, Wide: document}
	}
	return row, nil
}
