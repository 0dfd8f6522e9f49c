package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/sqltext"
)

// session makes every client store exactly what the statements say.
const session = `SET NAMES utf8mb4;
SET SESSION time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,STRICT_ALL_TABLES';
SET SESSION foreign_key_checks = 1, unique_checks = 1;
`

// guard ends the client where the statement before it did not change exactly one row: a scalar subquery with two rows
// is an error.
const guard = "SELECT IF(ROW_COUNT() = 1, 0, (SELECT 1 UNION ALL SELECT 2));\n"

// writeSQL writes the replay of the SAFE transactions, each as a transaction of its own, each statement bound to the
// full row that it expects. The other transactions are comments in their places.
func writeSQL(w io.Writer, s Summary, all []classify.Transaction) error {
	out := &sqlWriter{w: w}
	out.line("-- regent report %s of cluster %s: %s", s.ID, s.Cluster, s.Sentence)
	out.line("-- Replays the SAFE transactions on %s. Run it with the mysql client, which stops at the first error;", s.NewServer)
	out.line("-- end its session then: the open transaction is rolled back with it.")
	out.line("-- SAFE speaks of rows, not of business rules.")
	out.text(session)
	for _, tx := range all {
		out.transaction(tx)
	}
	return out.err
}

// sqlWriter remembers the first error.
type sqlWriter struct {
	w   io.Writer
	err error
}

func (o *sqlWriter) text(text string) {
	if o.err == nil {
		_, o.err = io.WriteString(o.w, text)
	}
}

// line writes a comment or a fixed text; arguments cannot break out of the line.
func (o *sqlWriter) line(format string, args ...any) {
	o.text(sqltext.Comment(fmt.Sprintf(format, args...)) + "\n")
}

func (o *sqlWriter) transaction(tx classify.Transaction) {
	o.text("\n")
	o.line("-- %s %s %s: %s", tx.GTID, tx.CommittedAt.UTC().Format(time.RFC3339Nano), tx.Class, tx.Reason)
	if tx.Class != classify.Safe {
		for _, row := range tx.Rows {
			o.line("--   %s %s.%s, %s: %s", row.Op, row.Table.Schema, row.Table.Name, row.Class, row.Reason)
		}
		return
	}
	o.text("START TRANSACTION;\n")
	for _, row := range tx.Rows {
		if row.Class == classify.Safe {
			o.text(statement(row) + ";\n" + guard)
		} else {
			o.line("--   %s %s.%s, %s: %s", row.Op, row.Table.Schema, row.Table.Name, row.Class, row.Reason)
		}
	}
	o.text("COMMIT;\n")
}

// statement spells one row change, bound to its full before image.
func statement(row classify.Row) string {
	d := row.Definition
	switch row.Op {
	case decode.Insert:
		var names, values []string
		for i, c := range d.Columns {
			if !c.Generated {
				names = append(names, sqltext.Identifier(c.Name))
				values = append(values, sqltext.Literal(c, row.After[i]))
			}
		}
		return "INSERT INTO " + sqltext.Table(d.Name) + " (" + strings.Join(names, ", ") + ") VALUES (" +
			strings.Join(values, ", ") + ")"
	case decode.Update:
		var sets []string
		for i, c := range d.Columns {
			if !c.Generated && row.Before[i] != row.After[i] {
				sets = append(sets, sqltext.Identifier(c.Name)+" = "+sqltext.Literal(c, row.After[i]))
			}
		}
		return "UPDATE " + sqltext.Table(d.Name) + " SET " + strings.Join(sets, ", ") + expected(d, row.Before)
	case decode.Delete:
	}
	return "DELETE FROM " + sqltext.Table(d.Name) + expected(d, row.Before)
}

// expected is the condition that finds the row by its primary key, and only if it is exactly the image.
func expected(d *diff.Definition, image []decode.Value) string {
	var parts []string
	for _, i := range d.PrimaryKey {
		parts = append(parts, sqltext.Same(d.Columns[i], image[i]))
	}
	for i, c := range d.Columns {
		if !c.Generated {
			parts = append(parts, sqltext.Exactly(c, image[i]))
		}
	}
	return " WHERE " + strings.Join(parts, " AND ")
}
