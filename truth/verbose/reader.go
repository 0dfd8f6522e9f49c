package verbose

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// delimiter ends a statement.
const delimiter = "/*!*/;"

// Read returns the transactions of the text in its order. It returns an error that wraps ErrFormat, with the number of
// the line, for text that mysqlbinlog does not print.
func Read(in io.Reader) ([]Transaction, error) {
	r := reader{described: map[string]*Description{}}
	lines := bufio.NewReaderSize(in, 1<<20)
	for number := 1; ; number++ {
		line, err := lines.ReadString('\n')
		if line = strings.TrimSuffix(line, "\n"); line != "" || err == nil {
			if failure := r.line(line); failure != nil {
				return nil, fmt.Errorf("line %d: %w", number, failure)
			}
		}
		if errors.Is(err, io.EOF) {
			return r.transactions, r.endRow()
		}
		if err != nil {
			return nil, fmt.Errorf("verbose: %w", err)
		}
	}
}

// reader holds where in the text it is.
type reader struct {
	transactions []Transaction
	// next is what has been said of the transaction whose GTID is still to come.
	next Transaction
	// schema is the default one, which is printed only where it changes.
	schema string
	// kind is the type of the event that the lines belong to.
	kind string
	// text are the lines of a statement that has not ended.
	text []string

	// described are the tables by `schema`.`table`, table the one that is being described. All rows of a statement are
	// printed behind its last event, so that numbers of tables do not tell which is which.
	described map[string]*Description
	table     *Description

	row   *Row
	after bool
	// pending is the column that may go on in the next line.
	pending string
}

func (r *reader) line(line string) error {
	if len(r.text) > 0 {
		return r.statement(line)
	}
	if kind, rest, ok := headerOf(line); ok {
		r.kind = kind
		return errors.Join(r.endRow(), r.event(rest))
	}
	if gtid, ok := strings.CutPrefix(line, "SET @@SESSION.GTID_NEXT= '"); ok {
		return r.gtid(gtid)
	}
	switch {
	case r.kind == "Table_map":
		return r.table.line(line)
	case strings.HasPrefix(line, "### ") && strings.Contains(r.kind, "_rows"):
		return r.rowLine(strings.TrimPrefix(line, "### "))
	case r.kind == "Query" || strings.HasPrefix(r.kind, "XA "):
		return r.statement(line)
	}
	return nil
}

// headerOf reads the line that opens an event and returns the event's type and what is said of it.
func headerOf(line string) (kind, rest string, ok bool) {
	if len(line) < 8 || line[0] != '#' || line[1] < '0' || line[1] > '9' || !strings.Contains(line, " server id ") {
		return "", "", false
	}
	_, rest, ok = strings.Cut(line, "end_log_pos ")
	if !ok {
		return "", "", false
	}
	_, rest, ok = strings.Cut(rest, "\t")
	kind, _, _ = strings.Cut(rest, "\t")
	kind, _, _ = strings.Cut(kind, ":")
	return strings.TrimSpace(kind), rest, ok
}

// event starts the description of a table or of a transaction.
func (r *reader) event(rest string) error {
	if r.kind == "GTID" {
		return r.opening(rest)
	}
	if r.kind != "Table_map" {
		return nil
	}
	name, _, ok := strings.Cut(strings.TrimPrefix(rest, "Table_map: "), " mapped to number ")
	if !ok {
		return fmt.Errorf("verbose: table: %w", ErrFormat)
	}
	r.table = &Description{}
	r.described[name] = r.table
	return nil
}

// opening reads the line of the event that opens a transaction.
func (r *reader) opening(rest string) (err error) {
	r.next = Transaction{}
	for word := range strings.FieldsSeq(rest) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "original_committed_timestamp":
			r.next.Committed, err = strconv.ParseUint(value, 10, 64)
		case "transaction_length":
			r.next.Size, err = strconv.ParseUint(value, 10, 64)
		}
		if err != nil {
			return fmt.Errorf("verbose: %s: %w", name, ErrFormat)
		}
	}
	return nil
}

// gtid starts a transaction.
func (r *reader) gtid(rest string) error {
	gtid, _, ok := strings.Cut(rest, "'")
	if !ok {
		return fmt.Errorf("verbose: GTID: %w", ErrFormat)
	}
	if gtid != "AUTOMATIC" {
		r.next.GTID = gtid
		r.transactions = append(r.transactions, r.next)
	}
	return nil
}

// current is the transaction that is being read.
func (r *reader) current() (*Transaction, error) {
	if len(r.transactions) == 0 {
		return nil, fmt.Errorf("verbose: a change before the first GTID: %w", ErrFormat)
	}
	return &r.transactions[len(r.transactions)-1], nil
}

// statement reads a line of a statement, or of the settings in front of it, which are one line each.
func (r *reader) statement(line string) error {
	if line != delimiter {
		if len(r.text) > 0 || !strings.HasSuffix(line, delimiter) && line != "" && !strings.HasPrefix(line, "# at ") {
			r.text = append(r.text, line)
		} else if use, ok := strings.CutPrefix(line, "use "); ok {
			schema, _, err := quotedName(use)
			r.schema = schema
			return err
		}
		return nil
	}
	text := strings.Join(r.text, "\n")
	r.text = nil
	tx, err := r.current()
	if err != nil {
		return err
	}
	switch {
	case text == "" || text == "BEGIN" || text == "COMMIT":
	case strings.HasPrefix(text, "XA "):
		tx.XA = true
		tx.Statements = append(tx.Statements, Statement{r.schema, text})
	default:
		tx.Statements = append(tx.Statements, Statement{r.schema, text})
	}
	return nil
}

// rowLine reads a line that starts with ###.
func (r *reader) rowLine(line string) error {
	if strings.HasPrefix(line, "     ") && r.pending != "" {
		r.pending += "\n" + strings.TrimSpace(line)
		return nil
	}
	if column, ok := strings.CutPrefix(line, "  @"); ok {
		if err := r.endColumn(); err != nil || r.row == nil {
			return err
		}
		r.pending = "@" + column
		return nil
	}
	if line == "SET" || line == "WHERE" {
		err := r.endColumn()
		r.after = line == "SET"
		return err
	}
	if err := r.endRow(); err != nil {
		return err
	}
	row, ok, err := rowOf(line)
	if err != nil || !ok {
		return errors.Join(err, notRow(ok))
	}
	description := r.described["`"+row.Schema+"`.`"+row.Table+"`"]
	if description == nil {
		return fmt.Errorf("verbose: a row of a table that was not described: %w", ErrFormat)
	}
	row.Description = *description
	r.row = &row
	return nil
}

func notRow(ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("verbose: row: %w", ErrFormat)
}

// endColumn adds the column whose lines have all been read.
func (r *reader) endColumn() error {
	if r.pending == "" {
		return nil
	}
	column := r.pending
	r.pending = ""
	return r.row.column(column, r.after)
}

// endRow adds the row whose lines have all been read.
func (r *reader) endRow() error {
	if r.row == nil {
		return nil
	}
	if err := r.endColumn(); err != nil {
		return err
	}
	tx, err := r.current()
	if err != nil {
		return err
	}
	tx.Rows = append(tx.Rows, *r.row)
	r.row = nil
	return nil
}
