package decode

import (
	"errors"
	"time"

	"github.com/regentdb/regent/gtid"
)

// Op is what a row change did.
type Op uint8

const (
	// Insert has an after image only.
	Insert Op = iota + 1
	// Update has both images.
	Update
	// Delete has a before image only.
	Delete
)

// String returns the name of the operation as reports print it.
func (o Op) String() string {
	switch o {
	case Insert:
		return "insert"
	case Update:
		return "update"
	case Delete:
		return "delete"
	}
	return "unknown"
}

// Transaction is what one GTID did.
type Transaction struct {
	GTID gtid.GTID
	// CommittedAt is when the client's commit was, on the server that it was sent to, in UTC.
	CommittedAt time.Time
	// Size is its length in the binary log, in bytes, compressed where the log is.
	Size uint64
	// Offset is where it begins, in bytes of the file or of the stream of events.
	Offset int64
	// Rows are the row changes in order.
	Rows []Row
	// Statements are the DDL and the changes in statement format, in order.
	Statements []Statement
	// Opaque says why the transaction cannot be compared row by row, one reason each; empty where it can.
	Opaque []string
	// Undecodable says what of the transaction is missing from Rows and Statements; empty where nothing is.
	Undecodable []string
}

// Note says on the transaction that values could not be made. The error is one of [Image.Value] or [Image.Values]; nil
// changes nothing.
func (t *Transaction) Note(err error) {
	if errors.Is(err, ErrPartial) {
		note(&t.Opaque, partialJSON)
	}
	if errors.Is(err, ErrCorrupt) {
		note(&t.Undecodable, badValue)
	}
}

// Row is one row change. Images have the columns of the table in order, and are nil where the operation has none.
type Row struct {
	Op     Op
	Table  *Table
	Before []Value
	After  []Value
}

// Statement is a change that was logged as text.
type Statement struct {
	// Schema is the default schema that the statement ran under, or empty.
	Schema string
	Text   string
}
