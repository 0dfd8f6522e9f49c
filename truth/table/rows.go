package table

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Quote quotes a name for SQL.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// Rows reads the rows of a table that fulfil a condition; the empty condition is all of them. The session's time zone
// must be UTC.
func (t *Table) Rows(ctx context.Context, q Querier, schema, condition string) (_ []Row, err error) {
	list := make([]string, 0, len(t.Columns))
	for _, c := range t.Columns {
		list = append(list, c.read())
	}
	query := "SELECT " + strings.Join(list, ", ") + " FROM " + Quote(schema) + "." + Quote(t.Name)
	if condition != "" {
		query += " WHERE " + condition
	}
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("table: rows of %s: %w", t.Name, err)
	}
	defer func() { _ = rows.Close() }()
	var out []Row
	for rows.Next() {
		raw := make([][]byte, len(t.Columns))
		targets := make([]any, len(raw))
		for i := range raw {
			targets[i] = &raw[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, fmt.Errorf("table: rows of %s: %w", t.Name, err)
		}
		row := make(Row, len(raw))
		for i, value := range raw {
			row[i] = t.Columns[i].live(value)
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// read is the expression that reads the column as it is stored.
func (c Column) read() string {
	name := Quote(c.Name)
	switch {
	case c.holdsText(), c.Type == "year":
		return "CAST(" + name + " AS BINARY)"
	case c.Type == "enum" || c.Type == "set" || c.Type == "bit":
		return "CAST(" + name + " AS UNSIGNED)"
	case c.Type == "float":
		return "CAST(" + name + " AS DOUBLE)"
	}
	return name
}

func (c Column) live(value []byte) Cell {
	if value == nil {
		return Cell{Null: true}
	}
	text := string(value)
	switch c.Type {
	case "float", "double":
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			text = number(f)
		}
	case "year":
		if text == "0000" {
			text = "0"
		}
	}
	return Cell{Text: text}
}

// Weigh returns what a server compares of a cell: the same for values that are the same to it.
type Weigh func(c Column, cell Cell) (string, error)

// NewWeigh returns a function that asks a server how the collation weighs a text, once for each.
func NewWeigh(ctx context.Context, q Querier) Weigh {
	known := map[string]string{}
	return func(c Column, cell Cell) (string, error) {
		if c.Collation == "" {
			return cell.Text, nil
		}
		text := cell.Text
		if c.PadSpace {
			text = strings.TrimRight(text, " ")
		}
		query := fmt.Sprintf("SELECT HEX(WEIGHT_STRING(_%s X'%s' COLLATE %s))", c.Charset, hex.EncodeToString([]byte(text)), c.Collation)
		if weight, ok := known[query]; ok {
			return weight, nil
		}
		weight, err := single(ctx, q, query)
		if err != nil {
			return "", fmt.Errorf("table: weight under %s: %w", c.Collation, err)
		}
		known[query] = weight
		return weight, nil
	}
}

// single returns the value of a query for one.
func single(ctx context.Context, q Querier, query string) (value string, err error) {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&value); err != nil {
			return "", err
		}
	}
	return value, rows.Err()
}
