package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/gtid"
)

// lineWriter writes transactions as NDJSON, one row at a time.
type lineWriter struct {
	w    io.Writer
	rows int
	// made says that values are as appendValue spells them.
	made bool
	text []byte
}

// rowsEnd is how a transaction without rows ends: what comes before the bracket is its head.
const rowsEnd = `]}`

func (l *lineWriter) begin(tx Transaction) (err error) {
	l.rows = 0
	if l.text, err = appendHead(l.text[:0], tx); err != nil {
		return fmt.Errorf("report: %s: %w", tx.GTID, err)
	}
	return l.write(l.text)
}

func (l *lineWriter) row(tx Transaction, row Row) (err error) {
	l.text = l.text[:0]
	if l.rows++; l.rows > 1 {
		l.text = append(l.text, ',')
	}
	if l.text, err = appendRow(l.text, row, l.made); err != nil {
		return fmt.Errorf("report: %s: %w", tx.GTID, err)
	}
	return l.write(l.text)
}

func (l *lineWriter) end(Transaction, int) error { return l.write([]byte(rowsEnd + "\n")) }

func (l *lineWriter) write(text []byte) error {
	if _, err := l.w.Write(text); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// appendHead appends a transaction up to its rows.
func appendHead(dst []byte, tx Transaction) (_ []byte, err error) {
	dst = appendGTID(append(dst, `{"gtid":`...), tx.GTID)
	dst = append(dst, `,"committed_at":"`...)
	if dst, err = tx.CommittedAt.AppendText(dst); err != nil {
		return dst, err
	}
	if dst, err = appendClass(append(dst, `","class":`...), tx.Class); err != nil {
		return dst, err
	}
	dst = appendText(append(dst, `,"reason":`...), tx.Reason)
	dst = appendText(append(dst, `,"acknowledged":`...), tx.Acknowledged)
	if len(tx.Statements) > 0 {
		dst, err = appendRare(append(dst, `,"statements":`...), tx.Statements)
	}
	if len(tx.Undecodable) > 0 && err == nil {
		dst, err = appendRare(append(dst, `,"undecodable":`...), tx.Undecodable)
	}
	return append(dst, `,"rows":[`...), err
}

// appendRow appends a row; made says that its values are as appendValue spells them.
func appendRow(dst []byte, row Row, made bool) (_ []byte, err error) {
	dst = appendText(append(dst, `{"schema":`...), row.Schema)
	dst = appendText(append(dst, `,"table":`...), row.Table)
	dst = appendText(append(dst, `,"op":`...), row.Op)
	dst = appendImage(append(dst, `,"key":`...), row.Key, made)
	if dst, err = appendClass(append(dst, `,"class":`...), row.Class); err != nil {
		return dst, err
	}
	dst = appendText(append(dst, `,"reason":`...), row.Reason)
	dst = appendImage(append(dst, `,"before":`...), row.Before, made)
	dst = appendImage(append(dst, `,"after":`...), row.After, made)
	dst = appendImage(append(dst, `,"live":`...), row.Live, made)
	dst = append(dst, `,"counterpart_gtid":`...)
	if row.Counterpart == nil {
		dst = append(dst, "null"...)
	} else {
		dst = appendGTID(dst, *row.Counterpart)
	}
	if row.Proposal != nil {
		dst, err = appendRare(append(dst, `,"proposal":`...), row.Proposal)
	}
	if len(row.Encoded) > 0 && err == nil {
		dst, err = appendRare(append(dst, `,"encoded":`...), row.Encoded)
	}
	return append(dst, '}'), err
}

func appendImage(dst []byte, image Image, made bool) []byte {
	if image == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '{')
	for i, f := range image {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, f.Column), ':')
		if made {
			dst = append(dst, f.Value...)
		} else {
			dst, _ = appendDocument(dst, f.Value) // It was read, so that it is JSON.
		}
	}
	return append(dst, '}')
}

func appendGTID(dst []byte, g gtid.GTID) []byte {
	dst = append(dst, '"')
	dst = append(append(dst, g.UUID...), ':')
	if g.Tag != "" {
		dst = append(append(dst, g.Tag...), ':')
	}
	return append(strconv.AppendUint(dst, g.Seq, 10), '"')
}

func appendClass(dst []byte, c classify.Class) ([]byte, error) {
	text, err := c.MarshalText()
	if err != nil {
		return dst, err
	}
	return appendText(dst, text), nil
}

// appendRare appends what few lines have.
func appendRare(dst []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(dst, text...), err
}
