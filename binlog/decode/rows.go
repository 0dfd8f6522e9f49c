package decode

import (
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/replication"
)

// partialImages is the reason for images that leave columns out.
const partialImages = "partial row images (binlog_row_image is not FULL)"

// partialJSON is the reason for documents of which only the change was logged.
const partialJSON = "partial JSON update (binlog_row_value_options)"

// rows appends the changes of a row event to the transaction.
func (p *parser) rows(tx *Transaction, e Event) error {
	event, err := p.parse(e)
	if err != nil {
		return err
	}
	rows, ok := event.(*replication.RowsEvent)
	if !ok || rows.Table == nil {
		return fmt.Errorf("decode: row event: %w", ErrCorrupt)
	}
	table := p.tables[rows.TableID]
	if table == nil || len(table.Columns) != int(rows.ColumnCount) {
		return fmt.Errorf("decode: row event: %w", ErrCorrupt)
	}
	op := opOf(e.Type())
	width := 1
	if op == Update {
		width = 2
	}
	if len(rows.Rows)%width != 0 {
		return fmt.Errorf("decode: row event: %w", ErrCorrupt)
	}
	for i := 0; i < len(rows.Rows); i += width {
		row := Row{Op: op, Table: table}
		first := image(tx, table, rows.Rows[i], rows.SkippedColumns[i])
		if op == Insert {
			row.After = first
		} else {
			row.Before = first
		}
		if op == Update {
			row.After = image(tx, table, rows.Rows[i+1], rows.SkippedColumns[i+1])
		}
		tx.Rows = append(tx.Rows, row)
	}
	return nil
}

func opOf(code byte) Op {
	switch code {
	case writeRowsV1, writeRowsV2:
		return Insert
	case deleteRowsV1, deleteRowsV2:
		return Delete
	}
	return Update
}

// image converts one row image. What keeps it from being compared is noted on the transaction.
func image(tx *Transaction, table *Table, row []any, skipped []int) []Value {
	out := make([]Value, len(row))
	for i, column := range table.Columns {
		value, ok := column.value(row[i])
		if !ok {
			note(&tx.Opaque, partialJSON)
		}
		out[i] = value
	}
	for _, i := range skipped {
		out[i] = Value{}
		note(&tx.Opaque, partialImages)
	}
	return out
}

// value converts what the library made of a column; false means that it is not the whole value.
func (c Column) value(v any) (Value, bool) {
	switch v := v.(type) {
	case nil:
		return NullValue(), true
	case float32:
		return FloatValue(float64(v)), true
	case float64:
		return FloatValue(v), true
	case string:
		return c.textual(v), true
	case []byte:
		return c.textual(string(v)), true
	}
	return c.integer(v)
}

func (c Column) integer(v any) (Value, bool) {
	switch v := v.(type) {
	case int8:
		return IntegerValue(int64(v)), true
	case int16:
		return IntegerValue(int64(v)), true
	case int32:
		return IntegerValue(int64(v)), true
	case int:
		return IntegerValue(int64(v)), true
	case int64:
		if c.Family == "bit" || c.Family == "set" {
			return UnsignedValue(uint64(v)), true
		}
		return IntegerValue(v), true
	case uint8:
		return UnsignedValue(uint64(v)), true
	case uint16:
		return UnsignedValue(uint64(v)), true
	case uint32:
		return UnsignedValue(uint64(v)), true
	case uint64:
		return UnsignedValue(v), true
	}
	return Value{}, false
}

// textual converts values that the library hands over as text or bytes, which alias the event's memory.
func (c Column) textual(v string) Value {
	switch c.Kind {
	case Time:
		return TimeValue(strings.Clone(v))
	case JSON:
		if v == "" {
			v = "null" // What INSERT IGNORE stores for a missing document.
		}
		return JSONValue(strings.Clone(v))
	case Binary:
		if len(v) < c.pad {
			v += strings.Repeat("\x00", c.pad-len(v))
		}
	case Absent, Null, Integer, Float, Decimal, Text:
	}
	return Value{c.Kind, strings.Clone(v)}
}

// note adds a reason once.
func note(reasons *[]string, reason string) {
	for _, known := range *reasons {
		if known == reason {
			return
		}
	}
	*reasons = append(*reasons, reason)
}
