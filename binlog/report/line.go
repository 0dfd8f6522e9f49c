package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// lineWriter writes transactions as NDJSON, one row at a time.
type lineWriter struct {
	w    io.Writer
	rows int
}

// rowsEnd is how a transaction without rows ends: what comes before the bracket is its head.
const rowsEnd = `]}`

func (l *lineWriter) begin(tx Transaction) error {
	l.rows = 0
	tx.Rows = []Row{}
	line, err := json.Marshal(tx)
	if err != nil {
		return fmt.Errorf("report: %s: %w", tx.GTID, err)
	}
	return l.write(line[:len(line)-len(rowsEnd)])
}

func (l *lineWriter) row(tx Transaction, row Row) error {
	text, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("report: %s: %w", tx.GTID, err)
	}
	if l.rows++; l.rows > 1 {
		if err := l.write([]byte{','}); err != nil {
			return err
		}
	}
	return l.write(text)
}

func (l *lineWriter) end(Transaction) error { return l.write([]byte(rowsEnd + "\n")) }

func (l *lineWriter) write(text []byte) error {
	if _, err := l.w.Write(text); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
