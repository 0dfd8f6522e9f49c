package verbose

import (
	"fmt"
	"strings"
)

// Description is a table as the log describes it (--print-table-metadata, binlog_row_metadata=FULL).
type Description struct {
	Columns []Column
	// PrimaryKey are the names of its columns as printed: not quoted, parted by a comma and a space, each with the
	// length of its prefix in parentheses where it has one; empty where there is none.
	PrimaryKey string
}

// Column is a column of a description.
type Column struct {
	Name string
	// Type is the SQL type in capitals, without sizes, attributes and character set.
	Type string
}

// line reads a line of a description.
func (d *Description) line(line string) error {
	if key, ok := strings.CutPrefix(line, "# Primary Key("); ok {
		d.PrimaryKey = strings.TrimSuffix(key, ")")
		return nil
	}
	column, ok := strings.CutPrefix(line, "# Columns(")
	if !ok {
		if column, ok = strings.CutPrefix(line, "#         "); !ok {
			return nil
		}
	}
	name, rest, err := quotedName(column)
	if err != nil {
		return fmt.Errorf("verbose: column of a table, which binlog_row_metadata=FULL names: %w", err)
	}
	sqlType := strings.FieldsFunc(rest, func(r rune) bool { return r < 'A' || r > 'Z' })
	if len(sqlType) == 0 {
		return fmt.Errorf("verbose: column without a type: %w", ErrFormat)
	}
	d.Columns = append(d.Columns, Column{name, sqlType[0]})
	return nil
}
