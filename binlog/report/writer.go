package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/gtid"
)

// Input is what a report is made of.
type Input struct {
	ID, Cluster          string
	OldServer, NewServer string
	Manifest             capture.Manifest
	// Common is what the two sides shared when the comparison was made.
	Common gtid.Set
	// OldOnly is what only the old side has: what the report must account for.
	OldOnly gtid.Set
	// NewOnly is what only the new side had when the live rows were read.
	NewOnly gtid.Set
	// Transactions are those that Write lists, in commit order; Create takes them one at a time instead.
	Transactions []classify.Transaction
	// Acknowledged says whether a client was told that the transaction is committed: yes, no or unknown. Nil means
	// that nobody knows.
	Acknowledged func(gtid.GTID) string
	// Harmless are the columns whose values every reader of the report may see.
	Harmless  []Column
	CreatedAt time.Time
	// Progress is called now and then while the parts are made of the lines; nil where nobody asks.
	Progress func(Written)
}

// Write makes the report in the directory, in place of an earlier one.
func Write(dir string, in Input) (Summary, error) {
	w, err := Create(dir, in)
	if err != nil {
		return Summary{}, err
	}
	for _, tx := range in.Transactions {
		if err := w.Add(tx); err != nil {
			return Summary{}, errors.Join(err, w.Abandon())
		}
	}
	return w.Finish()
}

// Writer makes a report of transactions that arrive one at a time, in commit order, and holds none of them. A
// transaction comes whole with Add, or with Begin, one Row after the other, and End. Finish or Abandon ends it.
type Writer struct {
	dir     string
	in      Input
	summary Summary
	tables  tables
	seen    gtids
	files   []*output
	// listed and undecodable are the two files, current the one that the open transaction goes to.
	listed, undecodable, current *lineWriter
	open                         Transaction
	rows                         rowMaker
}

// output is a file that gets its name when it is whole.
type output struct {
	path   string
	file   *os.File
	buffer *bufio.Writer
}

// Create begins a report in the directory, in place of an earlier one.
func Create(dir string, in Input) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if err := keepKey(dir); err != nil {
		return nil, err
	}
	w := &Writer{dir: dir, in: in, summary: newSummary(in), tables: tables{}}
	for _, name := range []string{TransactionsName, UndecodableName} {
		path := filepath.Join(dir, name)
		file, err := durable.Create(path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("report: %w", err), w.Abandon())
		}
		w.files = append(w.files, &output{path: path, file: file, buffer: bufio.NewWriterSize(file, 1<<18)})
	}
	w.listed, w.undecodable = &lineWriter{w: w.files[0].buffer, made: true}, &lineWriter{w: w.files[1].buffer, made: true}
	return w, nil
}

// Add takes the next transaction.
func (w *Writer) Add(tx classify.Transaction) error {
	if err := w.Begin(tx); err != nil {
		return err
	}
	for _, row := range tx.Rows {
		if err := w.Row(row); err != nil {
			return err
		}
	}
	return w.End()
}

// Begin opens the next transaction; its rows are not looked at.
func (w *Writer) Begin(tx classify.Transaction) error {
	w.open = headOf(tx, w.in.acknowledged(tx.GTID))
	w.seen.add(tx.GTID)
	w.current = w.listed
	if len(tx.Undecodable) > 0 {
		w.current = w.undecodable
	}
	w.summary.count(w.open)
	return w.current.begin(w.open)
}

// Row takes the next row of the open transaction.
func (w *Writer) Row(r classify.Row) error {
	row := w.rows.row(r)
	w.tables.add(r.Definition)
	w.summary.countRow(row)
	return w.current.row(w.open, row)
}

// End closes the open transaction.
func (w *Writer) End() error { return w.current.end(w.open, 0) }

// Finish publishes the report with everything that derives from its lines.
func (w *Writer) Finish() (Summary, error) {
	if err := w.publish(); err != nil {
		return w.summary, errors.Join(err, w.Abandon())
	}
	w.summary.conclude(w.seen.all())
	if err := w.tables.write(w.dir); err != nil {
		return w.summary, err
	}
	if err := writeSummary(w.dir, w.summary); err != nil {
		return w.summary, err
	}
	if err := writeFile(w.dir, SQLName, func(out io.Writer) error { return writeSQL(out, w.dir, w.in.Progress) }); err != nil {
		return w.summary, err
	}
	return w.summary, writeFile(w.dir, HTMLName, func(out io.Writer) error { return writeHTML(out, w.dir, false, w.in.Progress) })
}

func (w *Writer) publish() error {
	files := w.files
	w.files = nil
	var errs []error
	for _, f := range files {
		errs = append(errs, f.buffer.Flush(), f.file.Sync(), f.file.Close())
	}
	for _, f := range files {
		if errors.Join(errs...) == nil {
			errs = append(errs, durable.Publish(f.path))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// Abandon drops what was written; an earlier report stays.
func (w *Writer) Abandon() error {
	var errs []error
	for _, f := range w.files {
		errs = append(errs, f.file.Close(), os.Remove(f.file.Name()))
	}
	w.files = nil
	return errors.Join(errs...)
}

// Answers to the question whether a client was told that a transaction is committed.
const (
	toldYes     = "yes"
	toldNo      = "no"
	toldUnknown = "unknown"
)

func (in Input) acknowledged(id gtid.GTID) string {
	if in.Acknowledged == nil {
		return toldUnknown
	}
	if told := in.Acknowledged(id); told == toldYes || told == toldNo {
		return told
	}
	return toldUnknown
}

// gtids is a set that grows cheaply.
type gtids struct {
	set   gtid.Set
	fresh []gtid.GTID
}

// freshLimit bounds what is kept beside the set.
const freshLimit = 4096

func (s *gtids) add(g gtid.GTID) {
	if s.fresh = append(s.fresh, g); len(s.fresh) >= freshLimit {
		s.all()
	}
}

func (s *gtids) all() gtid.Set {
	s.set = s.set.Union(gtid.Of(s.fresh...))
	s.fresh = s.fresh[:0]
	return s.set
}
