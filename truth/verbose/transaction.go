package verbose

import (
	"fmt"
	"strconv"
	"strings"
)

// Op is what a row change did, in the word that reports use.
type Op string

const (
	// Insert has an after image only.
	Insert Op = "insert"
	// Update has both images.
	Update Op = "update"
	// Delete has a before image only.
	Delete Op = "delete"
)

// Transaction is what one GTID did.
type Transaction struct {
	GTID       string
	Rows       []Row
	Statements []Statement
	// XA says that the transaction belongs to a distributed one.
	XA bool
	// Committed is when the client's commit was, in microseconds since 1970, and Size the length of the transaction in
	// the log, in bytes.
	Committed, Size uint64
}

// Row is one row change.
type Row struct {
	Schema, Table string
	Op            Op
	Description   Description
	// Before and After have the columns in order; columns that the log leaves out are of type Absent, or beyond the
	// end.
	Before, After []Value
	// Cut says that mysqlbinlog gave up in this row: its last column is Unprinted, the after image of an update is
	// missing, and so is every later row of the same event.
	Cut bool
}

// Statement is a change that was logged as text.
type Statement struct {
	// Schema is the default schema that the statement ran under, or empty.
	Schema, Text string
}

// rowOf starts a row from its first line, as in "INSERT INTO `shop`.`items`"; false where the line starts none.
func rowOf(line string) (Row, bool, error) {
	for prefix, op := range map[string]Op{"INSERT INTO ": Insert, "UPDATE ": Update, "DELETE FROM ": Delete} {
		names, ok := strings.CutPrefix(line, prefix)
		if !ok {
			continue
		}
		schema, rest, err := quotedName(names)
		if err != nil || !strings.HasPrefix(rest, ".") {
			return Row{}, false, fmt.Errorf("verbose: table of a row: %w", ErrFormat)
		}
		table, rest, err := quotedName(rest[1:])
		if err != nil || rest != "" {
			return Row{}, false, fmt.Errorf("verbose: table of a row: %w", ErrFormat)
		}
		return Row{Schema: schema, Table: table, Op: op}, true, nil
	}
	return Row{}, false, nil
}

// quotedName reads a name in backquotes and returns what follows.
func quotedName(in string) (name, rest string, err error) {
	if !strings.HasPrefix(in, "`") {
		return "", "", ErrFormat
	}
	var out strings.Builder
	for i := 1; i < len(in); i++ {
		if in[i] != '`' {
			out.WriteByte(in[i])
			continue
		}
		if i+1 < len(in) && in[i+1] == '`' {
			out.WriteByte('`')
			i++
			continue
		}
		return out.String(), in[i+1:], nil
	}
	return "", "", ErrFormat
}

// column adds a line like "@1=5 /* INT ... */" to the image.
func (r *Row) column(line string, after bool) error {
	number, text, ok := strings.Cut(strings.TrimPrefix(line, "@"), "=")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 || n > 4096 {
		return fmt.Errorf("verbose: column: %w", ErrFormat)
	}
	value, err := parseValue(text)
	if err != nil {
		return err
	}
	image := &r.Before
	if after {
		image = &r.After
	}
	for len(*image) < n {
		*image = append(*image, Value{})
	}
	(*image)[n-1] = value
	r.Cut = r.Cut || value.Type == Unprinted
	return nil
}
