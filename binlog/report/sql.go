package report

import (
	"errors"
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

// stop is what a check chooses where it fails: a scalar subquery with two rows is an error, which ends the client.
const stop = "(SELECT 1 UNION ALL SELECT 2)"

// guard ends the client where the statement before it did not change exactly one row.
const guard = "SELECT IF(ROW_COUNT() = 1, 0, " + stop + ");\n"

// WriteSQL writes the replay of the SAFE transactions of a report, each as a transaction of its own, each statement
// bound to the full row that it expects; then, as comments, what is not replayed. It shows values of rows.
func WriteSQL(w io.Writer, dir string) error { return writeSQL(w, dir, nil) }

func writeSQL(w io.Writer, dir string, tell func(Written)) error {
	s, err := ReadSummary(dir)
	if err != nil {
		return err
	}
	definitions, err := readTables(dir)
	if err != nil {
		return err
	}
	out := &sqlWriter{w: w, tables: definitions}
	out.head(s)
	progress := follow(tell, SQLName, s)
	if err := walk(dir, true, progress.on(&replaySection{out}, true)); err != nil {
		return err
	}
	out.section("Not replayed: nothing below is a statement.")
	if err := walkAll(dir, true, progress.on(&restSection{out, remapping{}}, true)); err != nil {
		return err
	}
	return out.err
}

func (o *sqlWriter) head(s Summary) {
	o.line("-- regent report %s of cluster %s: %s", s.ID, s.Cluster, s.Sentence)
	for _, equation := range s.Arithmetic.Equations {
		o.line("--   %s", equation)
	}
	o.text(`--
-- This file holds values of rows. It replays the SAFE transactions, ` + "\n")
	o.line("-- on %s: the primary of the new side when the report was made.", s.NewServer)
	o.text(`-- Run:    mysql --host=HOST --user=USER --password --skip-reconnect < FILE
-- Never with --force: the client must end at the first error. Its open transaction is rolled back then, what was
-- committed before it stays, and running the file again stops at the first transaction that is already there.
-- Each statement is bound to the whole row that it expects, and changes one row or ends the client.
-- Triggers and generated keys of the table are what classes other than SAFE are for. SAFE speaks of rows, not of
-- business rules: what an application read and concluded is in no binary log.
`)
	o.text(session)
	o.line("-- The new side must be here, else this is the wrong server.")
	o.text("SELECT IF(GTID_SUBSET('" + s.Gtids.Common.Union(s.Gtids.NewOnly).String() + "', @@GLOBAL.gtid_executed), 0, " + stop + ");\n")
	o.section("SAFE")
}

// sqlWriter remembers the first error.
type sqlWriter struct {
	w      io.Writer
	tables tables
	// broken says that a row of the open transaction cannot be written, so that it must not be committed.
	broken bool
	err    error
	// before, after and spelled are of the last statement, comment of the last comment on a row.
	before, after    []decode.Value
	spelled, comment []byte
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

func (o *sqlWriter) section(name string) {
	o.text("\n")
	o.line("-- ==== %s ====", name)
}

func (o *sqlWriter) transaction(tx Transaction) {
	o.text("\n")
	o.line("-- %s %s %s: %s", tx.GTID, tx.CommittedAt.UTC().Format(time.RFC3339Nano), tx.Class, tx.Reason)
}

func (o *sqlWriter) rest(row Row) {
	text := o.comment[:0]
	for _, part := range []string{"--   ", row.Op, " ", row.Schema, ".", row.Table, ", ", row.Class.String(), ": ", row.Reason} {
		text = append(text, part...)
	}
	o.comment = text
	o.text(sqltext.Comment(string(text)) + "\n")
}

// replaySection writes the transactions that are safe.
type replaySection struct{ *sqlWriter }

func (o replaySection) begin(tx Transaction) error {
	if tx.Class != classify.Safe {
		return errSkip
	}
	o.transaction(tx)
	o.text("START TRANSACTION;\n")
	return o.err
}

func (o replaySection) row(_ Transaction, row Row) error {
	if row.Class != classify.Safe {
		o.rest(row)
		return o.err
	}
	text, err := o.statement(row)
	if err != nil {
		o.broken = true
		o.line("-- Not replayed: %s of %s.%s: %v", row.Op, row.Schema, row.Table, err)
		return o.err
	}
	if o.err == nil {
		_, o.err = o.w.Write(text)
	}
	return o.err
}

func (o replaySection) end(tx Transaction, _ int) error {
	switch {
	case tx.Class != classify.Safe:
	case o.broken:
		o.text("ROLLBACK;\n")
	default:
		o.text("COMMIT;\n")
	}
	o.broken = false
	return o.err
}

// restSection names the others, and spells proposals as comments.
type restSection struct {
	*sqlWriter
	moved remapping
}

func (o restSection) begin(tx Transaction) error {
	if tx.Class == classify.Safe {
		return errSkip
	}
	o.transaction(tx)
	return o.err
}

func (o restSection) row(tx Transaction, row Row) error {
	o.rest(row)
	if row.Proposal != nil {
		o.line("--     Proposal: give it %s = %s, and have what refers to it refer to that. To be checked, then run in this order:",
			row.Proposal.Column, row.Proposal.Value)
		if listed := len(row.Proposal.Children); listed < row.Proposal.Referring {
			o.line("--     Of %d row changes that refer to it only the first %d are remapped here.", row.Proposal.Referring, listed)
		}
		if err := o.moved.add(row.Proposal); err != nil {
			return err
		}
	}
	moved, found, err := o.moved.remapped(tx.GTID, row)
	if err != nil || !found {
		return errors.Join(err, o.err)
	}
	text, err := o.statement(moved)
	if err != nil {
		o.line("--     cannot be spelled: %v", err)
		return o.err
	}
	for line := range strings.Lines(string(text)) {
		o.line("--     %s", strings.TrimSuffix(line, "\n"))
	}
	return o.err
}

func (o restSection) end(Transaction, int) error { return o.err }

// statement spells one row change, bound to its full before image, and its guard. It is valid until the next one.
func (o *sqlWriter) statement(row Row) (text []byte, err error) {
	d := o.tables[diff.Name{Schema: row.Schema, Table: row.Table}]
	if d == nil {
		return nil, errPartial
	}
	if o.before, err = valuesOf(o.before[:0], d, row, beforeImage, row.Before); err != nil {
		return nil, err
	}
	if o.after, err = valuesOf(o.after[:0], d, row, afterImage, row.After); err != nil {
		return nil, err
	}
	op := decode.Update
	switch {
	case row.Before == nil && row.After == nil:
		return nil, errPartial
	case row.Before == nil:
		op = decode.Insert
	case row.After == nil:
		op = decode.Delete
	}
	if text = sqltext.AppendChange(o.spelled[:0], d, op, o.before, o.after); len(text) == 0 {
		// Nothing changed. The row is only expected: no row would count as changed.
		text = append(text, "SELECT IF((SELECT COUNT(*) FROM "+sqltext.Table(d.Name)...)
		text = append(sqltext.AppendExpected(text, d, o.before), ") = 1, 0, "+stop+");\n"...)
	} else {
		text = append(text, ";\n"+guard...)
	}
	o.spelled = text
	return text, nil
}
