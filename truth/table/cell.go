package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/regentdb/regent/truth/verbose"
)

// Cell is one column of a row. Two cells of a column are the same exactly when they are ==.
type Cell struct {
	// Absent says that a row image leaves the column out, Unknown that the text does not determine the value.
	Absent, Unknown bool
	Null            bool
	// Text is the value: texts as bytes in the column's character set, BINARY padded, numbers in decimal digits, ENUM,
	// SET and BIT as numbers, FLOAT as the double that it widens to, times in UTC with all digits of the fraction.
	Text string
}

// Row is a row, or an image of one; nil is no row.
type Row []Cell

// Same says whether two rows store the same values.
func Same(a, b Row) bool {
	if (a == nil) != (b == nil) || len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Full says whether the image has every column.
func (r Row) Full() bool {
	for _, c := range r {
		if c.Absent || c.Unknown {
			return false
		}
	}
	return true
}

// Fits says whether the log describes the table as it is: number, names and types of the columns, and the primary key.
func (t *Table) Fits(d verbose.Description) bool {
	if len(d.Columns) != len(t.Columns) {
		return false
	}
	for i, c := range d.Columns {
		if !strings.EqualFold(c.Name, t.Columns[i].Name) || !strings.EqualFold(c.Type, t.Columns[i].Type) {
			return false
		}
	}
	names := make([]string, 0, len(t.PrimaryKey))
	for _, i := range t.PrimaryKey {
		names = append(names, t.Columns[i].Name)
	}
	return withoutLengths(d.PrimaryKey) == strings.Join(names, ", ")
}

// withoutLengths leaves out the lengths of prefixes.
func withoutLengths(key string) string {
	for {
		before, rest, found := strings.Cut(key, "(")
		_, after, closed := strings.Cut(rest, ")")
		if !found || !closed {
			return key
		}
		key = before + after
	}
}

// errWide is the error for an image with more columns than its table.
var errWide = errors.New("the image has more columns than the table")

// Image converts an image of a table that fits; nil stays nil.
func (t *Table) Image(image []verbose.Value) (Row, error) {
	if image == nil {
		return nil, nil
	}
	if len(image) > len(t.Columns) {
		return nil, fmt.Errorf("table: %s: %w", t.Name, errWide)
	}
	row := make(Row, len(t.Columns))
	for i, c := range t.Columns {
		if i >= len(image) || image[i].Type == verbose.Absent {
			row[i] = Cell{Absent: true}
			continue
		}
		cell, err := c.cell(image[i])
		if err != nil {
			return nil, fmt.Errorf("table: %s.%s: %w", t.Name, c.Name, err)
		}
		row[i] = cell
	}
	return row, nil
}

func (c Column) cell(v verbose.Value) (Cell, error) {
	if v.Null {
		return Cell{Null: true}, nil
	}
	if !v.Exact() {
		return Cell{Unknown: true}, nil
	}
	switch c.Type {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		if c.Unsigned {
			return Cell{Text: v.Wide}, nil
		}
	case "double":
		f, err := strconv.ParseFloat(v.Text, 64)
		return Cell{Text: number(f)}, err
	case "year":
		if v.Text == "1900" { // What the year 0 is printed as; a YEAR begins with 1901.
			return Cell{Text: "0"}, nil
		}
	case "date":
		return Cell{Text: strings.ReplaceAll(v.Text, ":", "-")}, nil
	case "timestamp":
		text, err := utc(v.Text)
		return Cell{Text: text}, err
	case "json":
		return Cell{Text: Document(v.Text)}, nil
	case "binary":
		return Cell{Text: padded(v.Text, c.Length)}, nil
	}
	return Cell{Text: v.Text}, nil
}

// Document puts a text that is a whole document into the quotes that mysqlbinlog leaves out.
func Document(text string) string {
	if json.Valid([]byte(text)) {
		return text
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(text) != nil {
		return text
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func number(f float64) string {
	if f == 0 {
		return "0" // The sign of zero is nothing that SQL compares.
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func padded(text string, length int) string {
	return text + string(bytes.Repeat([]byte{0}, max(0, length-len(text))))
}

// utc makes a time of seconds since 1970; zero is the zero date.
func utc(seconds string) (string, error) {
	whole, fraction, _ := strings.Cut(seconds, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return "", err
	}
	text := "0000-00-00 00:00:00"
	if n != 0 || strings.Trim(fraction, "0") != "" {
		text = time.Unix(n, 0).UTC().Format(time.DateTime)
	}
	if fraction != "" {
		text += "." + fraction
	}
	return text, nil
}
