package live

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/sqltext"
)

// batch is how many rows one query reads.
const batch = 500

// Rows reads the rows of the given primary keys, in the order of the keys, nil where there is none. A row is found as
// the server compares keys, so that the key of what comes back may be spelled differently.
func (s *Snapshot) Rows(ctx context.Context, d *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error) {
	out := make([][]decode.Value, len(keys))
	for first := 0; first < len(keys); first += batch {
		last := min(first+batch, len(keys))
		if err := s.batch(ctx, d, keys[first:last], out[first:last]); err != nil {
			return nil, fmt.Errorf("live: %s: rows of %s: %w", s.server, d.Name, err)
		}
	}
	return out, nil
}

// batch reads many rows at once and finds the key of each by its spelling. Where a row fits none, the server takes
// keys as equal that are spelled too differently: then each key is asked for alone.
func (s *Snapshot) batch(ctx context.Context, d *diff.Definition, keys, out [][]decode.Value) error {
	places := make(map[string]int, len(keys))
	for i, key := range keys {
		places[d.KeyID(key)] = i
	}
	strange := false
	err := s.read(ctx, d, keys, func(row []decode.Value) {
		place, ok := places[d.KeyID(d.KeyValues(row))]
		strange = strange || !ok
		if ok {
			out[place] = row
		}
	})
	if err != nil || !strange {
		return err
	}
	for i := range keys {
		out[i] = nil
		if err := s.read(ctx, d, keys[i:i+1], func(row []decode.Value) { out[i] = row }); err != nil {
			return err
		}
	}
	return nil
}

// read calls visit with each row that has one of the keys.
func (s *Snapshot) read(ctx context.Context, d *diff.Definition, keys [][]decode.Value, visit func([]decode.Value)) error {
	conditions := make([]string, 0, len(keys))
	for _, key := range keys {
		conditions = append(conditions, condition(d, d.PrimaryKey, key))
	}
	query := "SELECT " + readList(d) + " FROM " + sqltext.Table(d.Name) + " WHERE " + strings.Join(conditions, " OR ")
	return s.query(ctx, query, func(rows *sql.Rows) error {
		row, err := scan(d, rows)
		if err == nil {
			visit(row)
		}
		return err
	})
}

// condition compares columns with values as the server compares them.
func condition(d *diff.Definition, columns []int, values []decode.Value) string {
	parts := make([]string, 0, len(columns))
	for i, column := range columns {
		parts = append(parts, sqltext.Same(d.Columns[column], values[i]))
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

func readList(d *diff.Definition) string {
	parts := make([]string, 0, len(d.Columns))
	for _, c := range d.Columns {
		parts = append(parts, sqltext.Read(c))
	}
	return strings.Join(parts, ", ")
}

func scan(d *diff.Definition, rows *sql.Rows) ([]decode.Value, error) {
	raw := make([]any, len(d.Columns))
	targets := make([]any, len(d.Columns))
	for i := range raw {
		targets[i] = &raw[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	image := make([]decode.Value, len(raw))
	for i, v := range raw {
		value, err := valueOf(d.Columns[i], v)
		if err != nil {
			return nil, err
		}
		image[i] = value
	}
	return image, nil
}

// valueOf makes of what the driver returns the value that the log has for it.
func valueOf(c diff.Column, v any) (decode.Value, error) {
	switch v := v.(type) {
	case nil:
		return decode.NullValue(), nil
	case int64:
		return decode.IntegerValue(v), nil
	case uint64:
		return decode.UnsignedValue(v), nil
	case float32:
		return decode.FloatValue(float64(v)), nil
	case float64:
		return decode.FloatValue(v), nil
	case []byte:
		return textual(c, string(v)), nil
	case string:
		return textual(c, v), nil
	}
	return decode.Value{}, fmt.Errorf("column %s: the driver returned a %T", c.Name, v)
}

func textual(c diff.Column, text string) decode.Value {
	switch kind := c.Kind(); kind {
	case decode.Time:
		return decode.TimeValue(text)
	case decode.JSON:
		return decode.JSONValue(text)
	case decode.Absent, decode.Null, decode.Integer, decode.Float, decode.Decimal, decode.Text, decode.Binary:
		return decode.Value{Kind: kind, Text: text}
	}
	return decode.Value{}
}
