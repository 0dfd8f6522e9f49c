package decode

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Visitor takes what a log holds, in the order of the log. An error that one of its methods returns ends the reading,
// and is what [Scan] returns.
type Visitor interface {
	// Begin announces a transaction: its identity, time and size.
	Begin(*Transaction) error
	// Row takes a row change, which is valid until the method returns.
	Row(*Transaction, *Change) error
	// Statement takes a change that was logged as text.
	Statement(*Transaction, Statement) error
	// End says that all of the transaction was read and that its checksums are right. Its Opaque and Undecodable are
	// complete but for values, which nobody reads unless asked.
	End(*Transaction) error
}

// Skipper is a [Visitor] that does without the rows of some tables. It is asked once for each row event, and of those
// that it skips no row is read, so that nothing of them is noted on the transaction either.
type Skipper interface {
	Skip(*Table) bool
}

// Change is one row change in the bytes of the log.
type Change struct {
	Op    Op
	Table *Table
	// Offset is where the event begins that holds the change, in bytes of the stream. Of a compressed transaction it is
	// the event of the whole payload.
	Offset int64
	// Row counts the changes before it in its event; of a compressed transaction, in its inner event.
	Row int
	// Before and After are nil where the operation has no such image.
	Before, After *Image

	texts texts
}

// Values makes all values of the change, and says on the transaction which could not be made.
func (c *Change) Values(tx *Transaction) Row { return c.Some(tx, nil) }

// Some is Values with the wanted columns alone, by their number; all others are Absent. Nil means all.
func (c *Change) Some(tx *Transaction, wanted []bool) Row {
	row, width := Row{Op: c.Op, Table: c.Table}, len(c.Table.Columns)
	c.texts.reset()
	switch {
	case c.Before != nil && c.After != nil:
		all := make([]Value, 2*width)
		row.Before, row.After = all[:width:width], all[width:]
		tx.Note(c.Before.gather(&c.texts, row.Before, nil, wanted))
		tx.Note(c.After.gather(&c.texts, row.After, row.Before, wanted))
		c.texts.hand(all)
	case c.Before != nil:
		row.Before = make([]Value, width)
		tx.Note(c.Before.gather(&c.texts, row.Before, nil, wanted))
		c.texts.hand(row.Before)
	case c.After != nil:
		row.After = make([]Value, width)
		tx.Note(c.After.gather(&c.texts, row.After, nil, wanted))
		c.texts.hand(row.After)
	}
	return row
}

// Scan reads a binary log file and hands everything in it to the visitor, row by row: the memory that it takes does not
// grow with the transactions, compressed or not, only with the largest row. An error wraps ErrCorrupt where the bytes
// are at fault; what the visitor was told of a transaction without an End is void then.
func Scan(in io.Reader, visitor Visitor) error {
	f, err := open(in)
	if err != nil {
		return err
	}
	var r contents
	r.tell(visitor)
	r.offset = f.offset
	for {
		head, err := f.head()
		if errors.Is(err, io.EOF) {
			return r.Close()
		}
		if err == nil {
			err = r.next(f, head)
		}
		switch {
		case r.stopped != nil:
			return r.stopped
		case err != nil:
			return fmt.Errorf("decode: before offset %d: %w", f.offset, err)
		}
	}
}

// next reads one event: a compressed payload as a stream, anything else as a whole.
func (r *contents) next(f *frames, head Event) error {
	if head.Type() == payloadEvent && r.format != nil {
		size := head.Size()
		if err := r.stream(head, f.source); err != nil {
			return f.failed(err)
		}
		f.offset += size
		return nil
	}
	e, err := f.event(head)
	if err != nil {
		return err
	}
	return r.event(e)
}

// Transactions iterates over the transactions of a binary log file. It ends after the first error, which wraps
// ErrCorrupt where the bytes are at fault.
func Transactions(in io.Reader) iter.Seq2[*Transaction, error] {
	return func(yield func(*Transaction, error) bool) {
		err := Scan(in, collector{func(tx *Transaction) error {
			if !yield(tx, nil) {
				return errStopped
			}
			return nil
		}})
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// errStopped says that the consumer of a stream wants no more.
var errStopped = errors.New("stopped")

// collector makes transactions with all their rows and values.
type collector struct{ done func(*Transaction) error }

func (c collector) Begin(*Transaction) error  { return nil }
func (c collector) End(tx *Transaction) error { return c.done(tx) }
func (c collector) Row(tx *Transaction, change *Change) error {
	tx.Rows = append(tx.Rows, change.Values(tx))
	return nil
}

func (c collector) Statement(tx *Transaction, s Statement) error {
	tx.Statements = append(tx.Statements, s)
	return nil
}

// readAhead is large enough that reading costs little beside decoding.
const readAhead = 1 << 20

// open reads the beginning of a binary log file.
func open(in io.Reader) (*frames, error) {
	f := &frames{source: bufio.NewReaderSize(in, readAhead), offset: int64(len(Magic))}
	magic := make([]byte, len(Magic))
	if _, err := io.ReadFull(f.source, magic); err != nil || string(magic) != Magic {
		return nil, fmt.Errorf("decode: no binary log header: %w", ErrCorrupt)
	}
	return f, nil
}
