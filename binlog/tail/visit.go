package tail

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

// Visit hands over what [Of] yields row by row: it takes no more memory for a large transaction than for a small one. An
// error of the visitor ends it, and is returned as it is.
func Visit(manifest capture.Manifest, dir string, v diff.Visitor) error {
	var taken gtid.Set
	var queues []*steps
	for _, server := range manifest.Servers {
		all := serverSteps(dir, server, taken, v)
		taken = taken.Union(server.Captured)
		if len(manifest.Servers) == 1 {
			for s, err := range all {
				if err := s.pass(v, err); err != nil {
					return err
				}
			}
			return nil
		}
		next, stop := iter.Pull2(all)
		defer stop()
		queues = append(queues, &steps{next: next})
	}
	return merge(queues, v)
}

// step is one thing that a log holds.
type step struct {
	kind stepKind
	tx   *decode.Transaction
	row  decode.Row
}

type stepKind int

const (
	stepBegin stepKind = iota
	stepRow
	stepEnd
)

// pass hands a step to the visitor, unless it could not be read.
func (s step) pass(v diff.Visitor, err error) error {
	if err != nil {
		return fmt.Errorf("tail: %w", err)
	}
	switch s.kind {
	case stepBegin:
		return v.Begin(s.tx)
	case stepRow:
		return v.Row(s.tx, s.row)
	case stepEnd:
	}
	return v.End(s.tx)
}

// steps are what one server holds, with the beginning of the transaction that comes next.
type steps struct {
	head step
	next func() (step, error, bool)
}

// merge hands on one transaction after the other, each time the oldest that is next.
func merge(queues []*steps, v diff.Visitor) error {
	for _, q := range slices.Clone(queues) {
		if err := q.advance(&queues); err != nil {
			return err
		}
	}
	for len(queues) > 0 {
		q := slices.MinFunc(queues, func(a, b *steps) int { return a.head.tx.CommittedAt.Compare(b.head.tx.CommittedAt) })
		if err := q.transaction(v); err != nil {
			return err
		}
		if err := q.advance(&queues); err != nil {
			return err
		}
	}
	return nil
}

// advance reads the beginning of the next transaction, or takes a queue away that has none.
func (q *steps) advance(queues *[]*steps) error {
	head, err, more := q.next()
	if err != nil {
		return fmt.Errorf("tail: %w", err)
	}
	if q.head = head; !more {
		*queues = slices.DeleteFunc(*queues, func(other *steps) bool { return other == q })
	}
	return nil
}

// transaction hands on what begins with the head.
func (q *steps) transaction(v diff.Visitor) error {
	s, err, more := q.head, error(nil), true
	for more {
		if err := s.pass(v, err); err != nil || s.kind == stepEnd {
			return err
		}
		s, err, more = q.next()
	}
	return nil
}

// serverSteps iterates over what was captured from one server and is not taken yet, in its commit order.
func serverSteps(dir string, server capture.ServerCapture, taken gtid.Set, v diff.Visitor) iter.Seq2[step, error] {
	return func(yield func(step, error) bool) {
		for _, file := range server.Files {
			if !fileSteps(filepath.Join(dir, filepath.Base(file.Name)), taken, v, yield) {
				return
			}
		}
	}
}

// fileSteps yields what is in a file; it is false where no more is wanted.
func fileSteps(path string, taken gtid.Set, v diff.Visitor, yield func(step, error) bool) bool {
	in, err := os.Open(path)
	if err != nil {
		yield(step{}, err)
		return false
	}
	defer func() { _ = in.Close() }() // It was only read.
	r := reader{taken: taken, visitor: v, yield: yield}
	if err := decode.Scan(in, &r); err != nil && !r.stopped {
		yield(step{}, fmt.Errorf("%s: %w", path, err))
		return false
	}
	return !r.stopped
}

// reader makes steps of what a file holds.
type reader struct {
	taken gtid.Set
	yield func(step, error) bool
	// visitor chooses columns: chosen are those of the table of the last row.
	visitor diff.Visitor
	table   *decode.Table
	chosen  []bool
	// pass says that the open transaction was taken from another server.
	pass, stopped bool
}

// errStopped ends the reading where no more is wanted.
var errStopped = errors.New("stopped")

func (r *reader) give(s step) error {
	if !r.pass && !r.yield(s, nil) {
		r.stopped = true
		return errStopped
	}
	return nil
}

func (r *reader) Begin(tx *decode.Transaction) error {
	r.pass = r.taken.ContainsGTID(tx.GTID)
	return r.give(step{kind: stepBegin, tx: tx})
}

func (r *reader) Row(tx *decode.Transaction, c *decode.Change) error {
	if r.pass {
		return nil
	}
	return r.give(step{kind: stepRow, tx: tx, row: c.Some(tx, r.choose(c.Table))})
}

func (r *reader) choose(table *decode.Table) []bool {
	if table != r.table {
		r.table, r.chosen = table, diff.Choose(r.visitor, table)
	}
	return r.chosen
}

func (r *reader) Statement(tx *decode.Transaction, s decode.Statement) error {
	if !r.pass {
		tx.Statements = append(tx.Statements, s)
	}
	return nil
}

func (r *reader) End(tx *decode.Transaction) error { return r.give(step{kind: stepEnd, tx: tx}) }
