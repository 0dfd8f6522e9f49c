package live

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/sqltext"
)

// questions is how many questions one query asks.
const questions = 100

// Holders returns the primary keys of the rows that hold the images' tuples under a unique key, in the order of the
// images, nil where none does. No image may have a NULL there.
func (s *Snapshot) Holders(
	ctx context.Context, d *diff.Definition, unique diff.Unique, images [][]decode.Value,
) ([][]decode.Value, error) {
	out := make([][]decode.Value, len(images))
	columns := make([]string, 0, len(d.PrimaryKey))
	for _, i := range d.PrimaryKey {
		columns = append(columns, sqltext.Read(d.Columns[i]))
	}
	ask := func(i int) string {
		tuple := make([]decode.Value, 0, len(unique.Columns))
		for _, column := range unique.Columns {
			tuple = append(tuple, images[i][column])
		}
		return strings.Join(columns, ", ") + " FROM " + sqltext.Table(d.Name) + " WHERE " + condition(d, unique.Columns, tuple)
	}
	err := s.each(ctx, len(images), ask, len(columns), func(i int, raw []any) error {
		for n, column := range d.PrimaryKey {
			value, err := valueOf(d.Columns[column], raw[n])
			if err != nil {
				return err
			}
			out[i] = append(out[i], value)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("live: %s: unique key %s of %s: %w", s.server, unique.Name, d.Name, err)
	}
	return out, nil
}

// Count returns how many rows of a table have the values, as the server compares them.
func (s *Snapshot) Count(ctx context.Context, wanted []diff.Wanted) ([]int, error) {
	out := make([]int, len(wanted))
	ask := func(i int) string {
		parts := make([]string, 0, len(wanted[i].Columns))
		for n, column := range wanted[i].Columns {
			parts = append(parts, sqltext.Same(column, wanted[i].Values[n]))
		}
		return "COUNT(*) FROM " + sqltext.Table(wanted[i].Table) + " WHERE " + strings.Join(parts, " AND ")
	}
	err := s.each(ctx, len(wanted), ask, 1, func(i int, raw []any) error {
		n, ok := raw[0].(int64)
		if !ok {
			return fmt.Errorf("the driver returned a %T for a number of rows", raw[0])
		}
		out[i] = int(n)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("live: %s: rows at the other end of foreign keys: %w", s.server, err)
	}
	return out, nil
}

// Weights returns the sort keys of texts: the same for texts of a collation that the server takes as equal.
func (s *Snapshot) Weights(ctx context.Context, texts []diff.Text) ([]string, error) {
	out := make([]string, len(texts))
	ask := func(i int) string {
		c := diff.Column{Type: "varchar", Charset: texts[i].Charset, Collation: texts[i].Collation}
		text := sqltext.Literal(c, decode.Value{Kind: decode.Text, Text: texts[i].Bytes}) + " COLLATE " + texts[i].Collation
		if c.Pads() {
			text = "RTRIM(" + text + ")"
		}
		return "HEX(WEIGHT_STRING(" + text + "))"
	}
	err := s.each(ctx, len(texts), ask, 1, func(i int, raw []any) error {
		digits, ok := raw[0].([]byte)
		if !ok {
			return fmt.Errorf("collation %s: the driver returned a %T for a sort key", texts[i].Collation, raw[0])
		}
		weight, err := hex.DecodeString(string(digits))
		out[i] = string(weight)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("live: %s: sort keys: %w", s.server, err)
	}
	return out, nil
}

// Last returns the highest value of an integer column, 0 where there is none above.
func (s *Snapshot) Last(ctx context.Context, d *diff.Definition, column int) (uint64, error) {
	var last uint64
	query := "SELECT CAST(MAX(" + sqltext.Identifier(d.Columns[column].Name) + ") AS CHAR) FROM " + sqltext.Table(d.Name)
	err := s.query(ctx, query, func(rows *sql.Rows) error {
		var text sql.NullString
		if err := rows.Scan(&text); err != nil || !text.Valid || strings.HasPrefix(text.String, "-") {
			return err
		}
		var err error
		if last, err = strconv.ParseUint(text.String, 10, 64); err != nil {
			return errors.New("it is no whole number of 64 bits") // The other error repeats it.
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("live: %s: highest %s of %s: %w", s.server, d.Columns[column].Name, d.Name, err)
	}
	return last, nil
}

// each asks many questions, some at a time; ask returns the list of columns and what follows, visit gets the columns
// of each row that answers question i.
func (s *Snapshot) each(ctx context.Context, n int, ask func(i int) string, width int, visit func(i int, raw []any) error) error {
	for first := 0; first < n; first += questions {
		parts := make([]string, 0, questions)
		for i := first; i < min(first+questions, n); i++ {
			parts = append(parts, "SELECT "+strconv.Itoa(i)+", "+ask(i))
		}
		err := s.query(ctx, strings.Join(parts, " UNION ALL "), func(rows *sql.Rows) error {
			raw, targets := make([]any, width), make([]any, width+1)
			var i int
			targets[0] = &i
			for c := range raw {
				targets[c+1] = &raw[c]
			}
			if err := rows.Scan(targets...); err != nil {
				return err
			}
			return visit(i, raw)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
