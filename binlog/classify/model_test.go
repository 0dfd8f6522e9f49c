package classify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/spill"
	"github.com/regentdb/regent/gtid"
)

// model is a server in memory that refuses what a real one does: rows that are not as expected, and what breaks a
// primary, unique or foreign key.
type model struct {
	tables map[diff.Name]*diff.Definition
	rows   map[diff.Name][][]decode.Value
	asked  int
	// shared are transactions of the old side that the model has.
	shared gtid.Set
}

func newModel(tables ...*diff.Definition) *model {
	m := &model{tables: map[diff.Name]*diff.Definition{}, rows: map[diff.Name][][]decode.Value{}}
	for _, t := range tables {
		m.tables[t.Name] = t
	}
	return m
}

func (m *model) clone() *model {
	out := &model{tables: m.tables, rows: map[diff.Name][][]decode.Value{}}
	for name, rows := range m.rows {
		out.rows[name] = slices.Clone(rows)
	}
	return out
}

func (m *model) put(table diff.Name, row []decode.Value) { m.rows[table] = append(m.rows[table], row) }

// weight is the sort key of the model's collations that ignore case and accents.
func weight(c diff.Column, text string) string {
	if strings.HasSuffix(c.Collation, "_ai_ci") {
		return strings.NewReplacer("é", "e", "É", "e").Replace(strings.ToLower(text))
	}
	return text
}

// match says whether the row has the values in the columns, NULL never.
func match(table *diff.Definition, columns []int, row, values []decode.Value) bool {
	for n, i := range columns {
		if row[i].Kind == decode.Null || values[n].Kind == decode.Null ||
			weight(table.Columns[i], row[i].Text) != weight(table.Columns[i], values[n].Text) {
			return false
		}
	}
	return true
}

func pick(row []decode.Value, columns []int) []decode.Value {
	out := make([]decode.Value, 0, len(columns))
	for _, i := range columns {
		out = append(out, row[i])
	}
	return out
}

// find returns the rows with the values in the columns.
func (m *model) find(table diff.Name, columns []int, values []decode.Value) [][]decode.Value {
	var out [][]decode.Value
	for _, row := range m.rows[table] {
		if match(m.tables[table], columns, row, values) {
			out = append(out, row)
		}
	}
	return out
}

func (m *model) Rows(_ context.Context, table *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error) {
	out := make([][]decode.Value, len(keys))
	for i, key := range keys {
		if found := m.find(table.Name, table.PrimaryKey, key); len(found) > 0 {
			out[i] = found[0]
		}
	}
	return out, nil
}

func (m *model) Holders(
	_ context.Context, table *diff.Definition, u diff.Unique, images [][]decode.Value,
) ([][]decode.Value, error) {
	out := make([][]decode.Value, len(images))
	for i, image := range images {
		if found := m.find(table.Name, u.Columns, pick(image, u.Columns)); len(found) > 0 {
			out[i] = pick(found[0], table.PrimaryKey)
		}
	}
	return out, nil
}

func (m *model) Weights(_ context.Context, texts []diff.Text) ([]string, error) {
	out := make([]string, 0, len(texts))
	for _, text := range texts {
		out = append(out, weight(diff.Column{Collation: text.Collation}, text.Bytes))
	}
	m.asked += len(texts)
	return out, nil
}

func (m *model) Count(_ context.Context, wanted []diff.Wanted) ([]int, error) {
	out := make([]int, 0, len(wanted))
	for _, w := range wanted {
		var columns []int
		for _, c := range w.Columns {
			columns = append(columns, m.tables[w.Table].Column(c.Name))
		}
		out = append(out, len(m.find(w.Table, columns, w.Values)))
	}
	return out, nil
}

func (m *model) Last(_ context.Context, table *diff.Definition, column int) (uint64, error) {
	var last uint64
	for _, row := range m.rows[table.Name] {
		var n uint64
		if _, err := fmt.Sscan(row[column].Text, &n); err != nil {
			return 0, err
		}
		last = max(last, n)
	}
	return last, nil
}

// change carries out a row change, guarded by the whole before image, or says why a server would refuse.
func (m *model) change(table *diff.Definition, before, after []decode.Value) error {
	at := -1
	if before != nil {
		if at = slices.IndexFunc(m.rows[table.Name], func(r []decode.Value) bool { return slices.Equal(r, before) }); at < 0 {
			return fmt.Errorf("%s: the row is not as expected", table.Name)
		}
	}
	if after != nil {
		if err := m.unique(table, before, after); err != nil {
			return err
		}
		if err := m.child(table, before, after); err != nil {
			return err
		}
	}
	if before != nil {
		if err := m.removable(table, before, after); err != nil {
			return err
		}
	}
	if at >= 0 {
		m.rows[table.Name] = slices.Delete(slices.Clone(m.rows[table.Name]), at, at+1)
	}
	if after != nil {
		m.put(table.Name, after)
	}
	return nil
}

// removable refuses to take a parent from its children.
func (m *model) removable(table *diff.Definition, before, after []decode.Value) error {
	for _, f := range table.ReferencedBy {
		child := m.tables[f.Other]
		var columns []int
		for _, name := range f.OtherColumns {
			columns = append(columns, child.Column(name))
		}
		if (after == nil || diff.Differ(f.Columns, before, after)) && len(m.find(f.Other, columns, pick(before, f.Columns))) > 0 {
			return fmt.Errorf("%s: foreign key %s: children", table.Name, f.Name)
		}
	}
	return nil
}

// unique refuses a second row with the same key.
func (m *model) unique(table *diff.Definition, before, after []decode.Value) error {
	keys := [][]int{table.PrimaryKey}
	for _, u := range table.Unique {
		if u.Checkable() {
			keys = append(keys, u.Columns)
		}
	}
	for _, columns := range keys {
		for _, other := range m.find(table.Name, columns, pick(after, columns)) {
			if before == nil || !slices.Equal(other, before) {
				return fmt.Errorf("%s: duplicate entry", table.Name)
			}
		}
	}
	return nil
}

// child refuses a child without a parent.
func (m *model) child(table *diff.Definition, before, after []decode.Value) error {
	for _, f := range table.References {
		parent := m.tables[f.Other]
		var columns []int
		for _, name := range f.OtherColumns {
			columns = append(columns, parent.Column(name))
		}
		values := pick(after, f.Columns)
		null := slices.ContainsFunc(values, func(v decode.Value) bool { return v.Kind == decode.Null })
		own := f.Other == table.Name && match(table, columns, after, values)
		parents := slices.DeleteFunc(m.find(f.Other, columns, values), func(r []decode.Value) bool {
			return before != nil && !own && f.Other == table.Name && slices.Equal(r, before)
		})
		if !null && len(parents) == 0 && (before != nil || !own) {
			return fmt.Errorf("%s: foreign key %s: no parent", table.Name, f.Name)
		}
	}
	return nil
}

// fataler is the part of a test that ends it.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Context() context.Context
}

// classified classifies what the old side did against the model as new primary.
func (m *model) classified(t fataler, old, fresh []*decode.Transaction) []classify.Transaction {
	t.Helper()
	var out []classify.Transaction
	for i, memory := range memories() {
		got := m.classifiedIn(t, memory, old, fresh)
		if i > 0 && !reflect.DeepEqual(out, got) {
			t.Fatal(fmt.Sprintf("with %d bytes of memory %+v, else %+v", memory, got, out))
		}
		out = got
	}
	return out
}

// memories are budgets for what a comparison remembers: all of it in memory, and next to nothing.
func memories() []int { return []int{64 << 20, 4 << 10} }

func (m *model) classifiedIn(t fataler, memory int, old, fresh []*decode.Transaction) []classify.Transaction {
	t.Helper()
	dir, err := os.MkdirTemp("", "classify") // A property test has no directory of its own.
	if err != nil {
		t.Fatal(err)
	}
	space, err := spill.Open(dir, memory)
	if err != nil {
		t.Fatal(err)
	}
	d := diff.New(m.tables, m.shared, space)
	out, err := classified(t.Context(), d, old, fresh, m, memory)
	if err := errors.Join(err, space.Err(), space.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}

// classified classifies what the old side did; of each transaction so many bytes are held in memory.
func classified(
	ctx context.Context, d *diff.Divergence, old, fresh []*decode.Transaction, live classify.LiveRows, hold int,
) ([]classify.Transaction, error) {
	if err := logOf(old)(d); err != nil {
		return nil, err
	}
	log, err := newSide(fresh)
	if err != nil {
		return nil, err
	}
	if err := decode.Scan(bytes.NewReader(log), d.NewSide()); err != nil {
		return nil, err
	}
	c := classify.New(d, logOf(old), hold)
	if err := c.ReadLive(ctx, live); err != nil {
		return nil, err
	}
	var out gathered
	err = c.Classify(&out)
	return out, err
}

// logOf visits transactions as a log does.
func logOf(all []*decode.Transaction) diff.History {
	return func(v diff.Visitor) error {
		for _, tx := range all {
			head := *tx
			head.Rows = nil
			if err := v.Begin(&head); err != nil {
				return err
			}
			for _, row := range tx.Rows {
				if err := v.Row(&head, chosen(diff.Choose(v, row.Table), row)); err != nil {
					return err
				}
			}
			if err := v.End(&head); err != nil {
				return err
			}
		}
		return nil
	}
}

// chosen is a row change with the wanted columns alone, all of them where wanted is nil.
func chosen(wanted []bool, row decode.Row) decode.Row {
	if wanted == nil {
		return row
	}
	row.Before, row.After = slices.Clone(row.Before), slices.Clone(row.After)
	for _, image := range [][]decode.Value{row.Before, row.After} {
		for i := range image {
			if !wanted[i] {
				image[i] = decode.Value{}
			}
		}
	}
	return row
}

// gathered is classified transactions with their rows.
type gathered []classify.Transaction

func (g *gathered) Begin(tx classify.Transaction) error {
	*g = append(*g, tx)
	return nil
}

func (g *gathered) Row(row classify.Row) error {
	last := &(*g)[len(*g)-1]
	last.Rows = append(last.Rows, row)
	return nil
}

func (g *gathered) End() error { return nil }
