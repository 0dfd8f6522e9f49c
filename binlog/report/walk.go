package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// visitor takes a report apart, one row at a time, so that no transaction is too large.
type visitor interface {
	// begin takes all of a transaction that stands before its rows. After errSkip it gets none of them.
	begin(tx Transaction) error
	// row takes a row, whose images are valid until it returns. After errSkip it gets no other of the transaction.
	row(tx Transaction, row Row) error
	// end says how many rows were passed over after errSkip.
	end(tx Transaction, passed int) error
}

// ErrDamaged means that the lines of a report are not those that its summary counts.
var ErrDamaged = errors.New("report: the transactions are not those that the summary counts")

// walker shows lines to a visitor.
type walker struct {
	visitor

	scanner *scanner
	rows    *rowReader
	gtids   gtidReader
	// passed counts the rows of the open transaction that the visitor does not want.
	passed int
}

// walkLines shows every line to the visitor, without its rows, and every row by itself.
func walkLines(r io.Reader, v visitor) error {
	w := walker{visitor: v, scanner: scanReader(r), rows: newRowReader()}
	for line := 1; ; line++ {
		first, err := w.scanner.token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err == nil && first != '{':
			err = errLine
		case err == nil:
			err = w.line()
		}
		if err != nil {
			return fmt.Errorf("report: transaction %d of the file: %w", line, err)
		}
	}
}

// errLine is the error for a line that is no transaction.
var errLine = errors.New("a transaction wanted")

// line reads one object, whose opening brace is read.
func (w *walker) line() error {
	var tx Transaction
	begun := false
	w.passed = 0
	err := w.scanner.members(func(name string, first byte) error {
		if name != "rows" {
			text, err := w.scanner.value(first)
			if err != nil {
				return err
			}
			return w.head(&tx, name, text)
		}
		if begun {
			return errLine // Rows twice.
		}
		begun = true
		return w.list(first, tx)
	})
	if err == nil && !begun {
		if err = w.begin(tx); errors.Is(err, errSkip) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	return w.end(tx, w.passed)
}

// head reads one member. Those of a later version are passed over.
func (w *walker) head(tx *Transaction, name string, text []byte) error {
	switch name {
	case "gtid":
		if g, ok := w.gtids.read(text); ok {
			tx.GTID = g
			return nil
		}
		return json.Unmarshal(text, &tx.GTID)
	case "committed_at":
		return tx.CommittedAt.UnmarshalJSON(text)
	case "class":
		if class, found := w.rows.classes[string(text)]; found {
			tx.Class = class
			return nil
		}
		return json.Unmarshal(text, &tx.Class)
	case "reason":
		return readText(text, &tx.Reason)
	case "acknowledged":
		return readText(text, &tx.Acknowledged)
	case "statements":
		return json.Unmarshal(text, &tx.Statements)
	case "undecodable":
		return json.Unmarshal(text, &tx.Undecodable)
	}
	if !json.Valid(text) {
		return errJSON
	}
	return nil
}

// readText reads a text; null leaves it as it is.
func readText(text []byte, to *string) error {
	if string(text) == "null" {
		return nil
	}
	plain, err := textOf(text)
	*to = plain
	return err
}

// errSkip asks to pass over the rows of a transaction.
var errSkip = errors.New("skip the rows")

// list reads the rows of a transaction.
func (w *walker) list(first byte, tx Transaction) error {
	skip := false
	wanted := func(err error) error {
		if skip = errors.Is(err, errSkip); skip {
			return nil
		}
		return err
	}
	if err := wanted(w.begin(tx)); err != nil {
		return err
	}
	if first != '[' {
		text, err := w.scanner.value(first)
		if err == nil && string(text) != "null" {
			err = errLine
		}
		return err
	}
	return w.scanner.list(']', func(first byte) error {
		if skip {
			w.passed++
			return w.scanner.past(first)
		}
		row, err := w.readRow(first)
		if err != nil {
			return err
		}
		return wanted(w.row(tx, row))
	})
}

// readRow reads a row where it lies if all of it is there.
func (w *walker) readRow(first byte) (Row, error) {
	if first == '{' {
		if row, size := w.rows.read(w.scanner.window); size > 0 {
			w.scanner.window = w.scanner.window[size:]
			return row, nil
		}
	}
	text, err := w.scanner.value(first)
	if err != nil {
		return Row{}, err
	}
	if row, size := w.rows.read(text[1:]); first == '{' && size == len(text)-1 {
		return row, nil
	}
	var row Row
	return row, json.Unmarshal(text, &row)
}

// counted counts what passes.
type counted struct {
	visitor
	transactions int
}

func (c *counted) end(tx Transaction, passed int) error {
	c.transactions++
	return c.visitor.end(tx, passed)
}

// redacted hides values on the way to a visitor.
type redacted struct {
	visitor
	*redactor

	// open is the transaction without its values.
	open Transaction
}

func (r *redacted) begin(tx Transaction) error {
	r.open = r.head(tx)
	return r.visitor.begin(r.open)
}

func (r *redacted) row(_ Transaction, row Row) error { return r.visitor.row(r.open, r.hide(row)) }

func (r *redacted) end(_ Transaction, passed int) error { return r.visitor.end(r.open, passed) }

// walk shows the transactions of a report that could be read to the visitor, in commit order, with values only where
// reveal says so. The error wraps ErrDamaged where lines are missing or too many.
func walk(dir string, reveal bool, v visitor) error {
	s, err := ReadSummary(dir)
	if err != nil {
		return err
	}
	return walkFile(s, TransactionsName, s.Listed, reveal, v)
}

// walkAll shows those too of which only a part could be read, after the others.
func walkAll(dir string, reveal bool, v visitor) error {
	s, err := ReadSummary(dir)
	if err != nil {
		return err
	}
	if err := walkFile(s, TransactionsName, s.Listed, reveal, v); err != nil {
		return err
	}
	return walkFile(s, UndecodableName, s.Unreadable, reveal, v)
}

func walkFile(s Summary, name string, want int, reveal bool, v visitor) (err error) {
	if !reveal {
		hide, err := readRedactor(s.Dir, s.Harmless)
		if err != nil {
			return err
		}
		v = &redacted{visitor: v, redactor: hide}
	}
	in, err := os.Open(filepath.Join(s.Dir, name))
	if errors.Is(err, fs.ErrNotExist) && want == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	count := &counted{visitor: v}
	if err := walkLines(in, count); err != nil {
		return err
	}
	if count.transactions != want {
		return fmt.Errorf("%w: %s has %d, and %d are counted", ErrDamaged, name, count.transactions, want)
	}
	return nil
}

// collector puts transactions together again.
type collector struct {
	rows  []Row
	yield func(Transaction, error) bool
}

// errStop ends a walk early.
var errStop = errors.New("stop")

func (c *collector) begin(Transaction) error {
	c.rows = []Row{}
	return nil
}

func (c *collector) row(_ Transaction, row Row) error {
	c.rows = append(c.rows, row.clone())
	return nil
}

func (c *collector) end(tx Transaction, _ int) error {
	tx.Rows = c.rows
	if !c.yield(tx, nil) {
		return errStop
	}
	return nil
}

// iterate makes an iterator of a walk. It ends after the first error.
func iterate(walk func(visitor) error) iter.Seq2[Transaction, error] {
	return func(yield func(Transaction, error) bool) {
		if err := walk(&collector{yield: yield}); err != nil && !errors.Is(err, errStop) {
			yield(Transaction{}, err)
		}
	}
}

// ParseTransactions iterates over the lines of a report. It ends after the first error.
func ParseTransactions(r io.Reader) iter.Seq2[Transaction, error] {
	return iterate(func(v visitor) error { return walkLines(r, v) })
}

// Transactions iterates over the transactions of a report in commit order, with values only where reveal says so. It
// ends after the first error.
func Transactions(dir string, reveal bool) iter.Seq2[Transaction, error] {
	return iterate(func(v visitor) error { return walk(dir, reveal, v) })
}

// CopyTransactions writes the transactions of a report as NDJSON, with values only where reveal says so. The error
// wraps ErrDamaged where lines are missing or too many.
func CopyTransactions(w io.Writer, dir string, reveal bool) error {
	return walk(dir, reveal, &lineWriter{w: w})
}
