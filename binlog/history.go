package binlog

import (
	"context"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/tail"
)

// Progress is how far a comparison has read what was captured.
type Progress struct {
	// Pass counts how often it was begun. The last pass writes the report; there are two to five.
	Pass int
	// Transactions and Rows were read in this pass; Bytes is how long the transactions are in the log.
	Transactions, Rows, Bytes uint64
}

// history is the captured transactions, row by row. A pass ends early with the context.
func (r CompareRequest) history(ctx context.Context, manifest Manifest) diff.History {
	pass := 0
	return func(v diff.Visitor) error {
		pass++
		w := &watched{Visitor: v, interrupted: ctx.Err, tell: r.Progress, at: Progress{Pass: pass}}
		return tail.Visit(manifest, r.Dir, w)
	}
}

// watched is a pass over the captured transactions that says how far it is and can be interrupted.
type watched struct {
	diff.Visitor

	interrupted func() error
	tell        func(Progress)
	at          Progress
}

// Choose is for whom it watches.
func (w *watched) Choose(table *decode.Table) []bool { return diff.Choose(w.Visitor, table) }

// watchedRows is how many rows are read between two looks at the clock of whoever asks.
const watchedRows = 1 << 12

func (w *watched) Row(tx *decode.Transaction, row decode.Row) error {
	if w.at.Rows++; w.at.Rows%watchedRows == 0 {
		if err := w.look(); err != nil {
			return err
		}
	}
	return w.Visitor.Row(tx, row)
}

func (w *watched) End(tx *decode.Transaction) error {
	w.at.Transactions++
	w.at.Bytes += tx.Size
	if err := w.look(); err != nil {
		return err
	}
	return w.Visitor.End(tx)
}

func (w *watched) look() error {
	if w.tell != nil {
		w.tell(w.at)
	}
	return w.interrupted()
}
