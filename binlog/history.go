package binlog

import (
	"context"
	"fmt"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/binlog/tail"
)

// Stage is what a comparison is doing.
type Stage int

const (
	// ReadingOld reads what was captured.
	ReadingOld Stage = iota
	// ReadingNew reads the log of the new side.
	ReadingNew
	// Writing makes a part of the report of its lines.
	Writing
)

// Progress is how far a comparison is.
type Progress struct {
	Stage Stage
	// Pass counts how often the reading of what was captured was begun. The last pass writes the lines of the report;
	// there are two to five.
	Pass int
	// Part is the name of the file that is written.
	Part string
	// Transactions and Rows were read, or written, in this pass, log or part. Of the new side's log, rows that cannot
	// matter are not counted.
	Transactions, Rows uint64
	// Bytes is how long the transactions are in the log; 0 for a part.
	Bytes uint64
	// Of is how many transactions there are. A running server may have more by now.
	Of uint64
}

// String says it as an operator reads it.
func (p Progress) String() string {
	done := fmt.Sprintf("%d of %d transactions, %d row changes", p.Transactions, max(p.Of, p.Transactions), p.Rows)
	switch p.Stage {
	case ReadingOld:
		return fmt.Sprintf("comparing, pass %d: %s, %d MB", p.Pass, done, p.Bytes>>20)
	case ReadingNew:
		return fmt.Sprintf("comparing, log of the new side: %s, %d MB", done, p.Bytes>>20)
	case Writing:
	}
	return fmt.Sprintf("writing %s: %s", p.Part, done)
}

// history is the captured transactions, row by row. A pass ends early with the context.
func (r CompareRequest) history(ctx context.Context, manifest Manifest) diff.History {
	pass, all := 0, manifest.Captured.Count()
	return func(v diff.Visitor) error {
		pass++
		w := &watched{Visitor: v, pace: r.pace(ctx, Progress{Stage: ReadingOld, Pass: pass, Of: all})}
		return tail.Visit(manifest, r.Dir, w)
	}
}

// written tells how far the parts of the report are.
func (r CompareRequest) written() func(report.Written) {
	if r.Progress == nil {
		return nil
	}
	return func(w report.Written) {
		r.Progress(Progress{
			Stage: Writing, Part: w.Part, Transactions: uint64(w.Transactions), Rows: uint64(w.Rows), Of: uint64(w.Of),
		})
	}
}

// pace says how far the reading of a log is, and ends it with the context.
type pace struct {
	interrupted func() error
	tell        func(Progress)
	at          Progress
}

func (r CompareRequest) pace(ctx context.Context, from Progress) pace {
	return pace{interrupted: ctx.Err, tell: r.Progress, at: from}
}

// watchedRows is how many rows are read between two looks at the clock of whoever asks.
const watchedRows = 1 << 12

func (p *pace) row() error {
	if p.at.Rows++; p.at.Rows%watchedRows != 0 {
		return nil
	}
	return p.look()
}

func (p *pace) end(tx *decode.Transaction) error {
	p.at.Transactions++
	p.at.Bytes += tx.Size
	return p.look()
}

func (p *pace) look() error {
	if p.tell != nil {
		p.tell(p.at)
	}
	return p.interrupted()
}

// watched is a pass over the captured transactions that says how far it is and can be interrupted.
type watched struct {
	diff.Visitor
	pace
}

// Choose is for whom it watches.
func (w *watched) Choose(table *decode.Table) []bool { return diff.Choose(w.Visitor, table) }

func (w *watched) Row(tx *decode.Transaction, row decode.Row) error {
	if err := w.row(); err != nil {
		return err
	}
	return w.Visitor.Row(tx, row)
}

func (w *watched) End(tx *decode.Transaction) error {
	if err := w.end(tx); err != nil {
		return err
	}
	return w.Visitor.End(tx)
}

// watchedNew likewise is the log of the new side.
type watchedNew struct {
	*newLog
	pace
}

var _ decode.Skipper = (*watchedNew)(nil) // Else every row is read.

func (w *watchedNew) Row(tx *decode.Transaction, c *decode.Change) error {
	if err := w.row(); err != nil {
		return err
	}
	return w.newLog.Row(tx, c)
}

func (w *watchedNew) End(tx *decode.Transaction) error {
	if err := w.end(tx); err != nil {
		return err
	}
	return w.newLog.End(tx)
}
