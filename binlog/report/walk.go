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
	row(tx Transaction, row Row) error
	end(tx Transaction) error
}

// ErrDamaged means that the lines of a report are not those that its summary counts.
var ErrDamaged = errors.New("report: the transactions are not those that the summary counts")

// walkLines shows every line to the visitor, without its rows, and every row by itself.
func walkLines(r io.Reader, v visitor) error {
	s := scanReader(r)
	for line := 1; ; line++ {
		first, err := s.token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err == nil && first != '{':
			err = errLine
		case err == nil:
			err = walkLine(s, v)
		}
		if err != nil {
			return fmt.Errorf("report: transaction %d of the file: %w", line, err)
		}
	}
}

// errLine is the error for a line that is no transaction.
var errLine = errors.New("a transaction wanted")

// walkLine reads one object, whose opening brace is read.
func walkLine(s *scanner, v visitor) error {
	var tx Transaction
	begun := false
	err := s.members(func(name string, first byte) error {
		if name != "rows" {
			text, err := s.value(first)
			if err != nil {
				return err
			}
			return tx.decode(name, text)
		}
		if begun {
			return errLine // Rows twice.
		}
		begun = true
		return walkRows(s, first, tx, v)
	})
	if err == nil && !begun {
		if err = v.begin(tx); errors.Is(err, errSkip) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	return v.end(tx)
}

// decode reads one member. Those of a later version are passed over.
func (tx *Transaction) decode(name string, text []byte) error {
	switch name {
	case "gtid":
		return json.Unmarshal(text, &tx.GTID)
	case "committed_at":
		return json.Unmarshal(text, &tx.CommittedAt)
	case "class":
		return json.Unmarshal(text, &tx.Class)
	case "reason":
		return json.Unmarshal(text, &tx.Reason)
	case "acknowledged":
		return json.Unmarshal(text, &tx.Acknowledged)
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

// errSkip asks to pass over the rows of a transaction.
var errSkip = errors.New("skip the rows")

func walkRows(s *scanner, first byte, tx Transaction, v visitor) error {
	skip := false
	switch err := v.begin(tx); {
	case errors.Is(err, errSkip):
		skip = true
	case err != nil:
		return err
	}
	if first != '[' {
		text, err := s.value(first)
		if err == nil && string(text) != "null" {
			err = errLine
		}
		return err
	}
	return s.list(']', func(first byte) error {
		text, err := s.value(first)
		if err != nil || skip {
			return err
		}
		var row Row
		if err := json.Unmarshal(text, &row); err != nil {
			return err
		}
		return v.row(tx, row)
	})
}

// counted counts what passes.
type counted struct {
	visitor
	transactions int
}

func (c *counted) end(tx Transaction) error {
	c.transactions++
	return c.visitor.end(tx)
}

// redacted hides values on the way to a visitor.
type redacted struct {
	visitor
	redactor
}

func (r redacted) begin(tx Transaction) error { return r.visitor.begin(r.head(tx)) }

func (r redacted) row(tx Transaction, row Row) error { return r.visitor.row(r.head(tx), r.hide(row)) }

func (r redacted) end(tx Transaction) error { return r.visitor.end(r.head(tx)) }

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
		v = redacted{visitor: v, redactor: hide}
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
	c.rows = append(c.rows, row)
	return nil
}

func (c *collector) end(tx Transaction) error {
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
