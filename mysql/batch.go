package mysql

import (
	"errors"
	"fmt"
	"strings"
)

// ErrCondition means that the server found a condition of a step false and did nothing.
var ErrCondition = errors.New("condition not met")

// batch is a list of statements that the server runs in order in one round trip, stopping at the
// first that fails.
type batch struct{ sql strings.Builder }

// Columns by which the statements that regent adds are known again among the answers.
const (
	stepColumn  = "regent_step"
	guardColumn = "regent_condition"
	tableColumn = "regent_table"
	tryColumn   = "regent_try"
	readColumn  = "regent_read/"
)

// query adds a statement whose rows are kept under a name.
func (b *batch) query(name, sql string) *batch {
	fmt.Fprintf(&b.sql, "SELECT %s AS %s;\n%s;\n", quote(name), tableColumn, sql)
	return b
}

// mark names what follows in an error.
func (b *batch) mark(what string) *batch {
	fmt.Fprintf(&b.sql, "SELECT %s AS %s;\n", quote(what), stepColumn)
	return b
}

// read adds a query, without its SELECT, whose rows are kept under a name: the name of its first column says
// so, which costs no statement of its own.
func (b *batch) read(name, sql string) *batch {
	fmt.Fprintf(&b.sql, "SELECT 1 AS `%s%s`, %s;\n", readColumn, name, sql)
	return b
}

// effect adds a statement that changes something. The words name it in an error.
func (b *batch) effect(what, sql string) *batch {
	fmt.Fprintf(&b.sql, "SELECT %s AS %s;\n%s;\n", quote(what), stepColumn, sql)
	return b
}

// try adds, at the end of a batch, a query that the server may refuse: its error is then an answer,
// kept under the name, and no failure of the batch.
func (b *batch) try(name, sql string) *batch {
	fmt.Fprintf(&b.sql, "SELECT %s AS %s;\n%s;\n", quote(name), tryColumn, sql)
	return b
}

// require adds a condition that must hold for the rest of the batch to run. A condition that is
// false or NULL fails: EXP of a large number is an error in every SQL mode.
func (b *batch) require(what, condition string) *batch {
	fmt.Fprintf(&b.sql, "SELECT %s AS %s;\nSELECT EXP(IF(%s, 1, 1e6)) AS regent_exp;\n", quote(what), guardColumn, condition)
	return b
}

// add appends another batch.
func (b *batch) add(o *batch) *batch {
	b.sql.WriteString(o.sql.String())
	return b
}

func (b *batch) String() string { return strings.TrimSuffix(b.sql.String(), "\n") }

// quote writes an SQL string literal. Every connection sets sql_mode, so that the backslash escapes.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", `\0`).Replace(s) + "'"
}

// table is the rows of one query; NULL is the empty string.
type table struct {
	columns []string
	rows    [][]string
	refused error // the server's error, where the query was allowed to fail
}

// without is the table but for its first column.
func (t table) without() table {
	out := table{columns: t.columns[1:]}
	for _, r := range t.rows {
		out.rows = append(out.rows, r[1:])
	}
	return out
}

// row is one row by lower-case column name.
type row map[string]string

func (t table) all() []row {
	out := make([]row, 0, len(t.rows))
	for _, values := range t.rows {
		r := row{}
		for i, v := range values {
			r[t.columns[i]] = v
		}
		out = append(out, r)
	}
	return out
}

// first is the first row, empty where there is none.
func (t table) first() row {
	if len(t.rows) == 0 {
		return row{}
	}
	return table{columns: t.columns, rows: t.rows[:1]}.all()[0]
}

// pairs reads a table of names and values, with names in lower case.
func (t table) pairs() map[string]string {
	out := make(map[string]string, len(t.rows))
	for _, r := range t.rows {
		out[strings.ToLower(r[0])] = r[1]
	}
	return out
}

// column is all values of the first column.
func (t table) column() []string {
	out := make([]string, 0, len(t.rows))
	for _, r := range t.rows {
		out = append(out, r[0])
	}
	return out
}

// answers are the tables of a batch by name, those before a failure included.
type answers map[string]table
