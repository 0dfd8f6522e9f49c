package rows

import (
	"slices"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// Change is one row change to be made.
type Change struct {
	Table         *diff.Definition
	Op            decode.Op
	Before, After []decode.Value
	// Merge are the columns that the change is about: what the others hold plays no part. Nil means the whole row.
	Merge []int
}

// Inverse undoes the change.
func (c Change) Inverse() Change {
	op := c.Op
	switch c.Op {
	case decode.Insert:
		op = decode.Delete
	case decode.Delete:
		op = decode.Insert
	case decode.Update:
	}
	return Change{Table: c.Table, Op: op, Before: c.After, After: c.Before, Merge: c.Merge}
}

// Net is what changes make of one row, from the first to the last. Images are nil where there is no row.
type Net struct {
	Table *diff.Definition
	// Key are the values of the primary key.
	Key           []decode.Value
	Before, After []decode.Value
	// Merge are the columns of all changes that are merged into the row; nil means that the row is changed as a whole.
	Merge []int
}

// IsBefore tells whether a row is as before the first change.
func (n *Net) IsBefore(row []decode.Value) bool { return n.is(n.Before, row) }

// IsAfter tells whether a row is as after the last change.
func (n *Net) IsAfter(row []decode.Value) bool { return n.is(n.After, row) }

// Moves tells whether a row as before is not one as after.
func (n *Net) Moves() bool { return !n.is(n.Before, n.After) }

func (n *Net) is(image, row []decode.Value) bool {
	if n.Merge == nil {
		return Same(image, row)
	}
	return row != nil && !slices.ContainsFunc(n.Merge, func(i int) bool { return image[i] != row[i] })
}

// Set is a sequence of changes.
type Set struct {
	Changes []Change
	// Order lists the keys of Nets as they were first touched.
	Order []diff.Key
	Nets  map[diff.Key]*Net
	// Gap names a table of which a row has a history with a gap; empty where none has.
	Gap string
}

// Add takes the next change. The table must be able to take it, see Table.Unusable.
func (s *Set) Add(t *Table, row decode.Row) {
	s.Changes = append(s.Changes, Change{Table: t.Definition, Op: row.Op, Before: row.Before, After: row.After})
	before, had := t.KeyOf(row.Before)
	after, has := t.KeyOf(row.After)
	if had && has && before == after {
		s.step(t, before, row.Before, row.After)
		return
	}
	if had {
		s.step(t, before, row.Before, nil)
	}
	if has {
		s.step(t, after, nil, row.After)
	}
}

// Merge takes the next change, an update that keeps its key, for the given columns alone. A key has either merged changes
// or whole ones.
func (s *Set) Merge(t *Table, row decode.Row, columns []int) {
	columns = append([]int{}, columns...) // never nil
	s.Changes = append(s.Changes, Change{Table: t.Definition, Op: row.Op, Before: row.Before, After: row.After, Merge: columns})
	key, _ := t.KeyOf(row.After)
	s.step(t, key, row.Before, row.After)
	n := s.Nets[key]
	n.Merge = append(n.Merge, columns...)
	if n.Merge == nil {
		n.Merge = columns
	}
}

func (s *Set) step(t *Table, key diff.Key, from, to []decode.Value) {
	n := s.Nets[key]
	if n == nil {
		image := from
		if image == nil {
			image = to
		}
		n = &Net{Table: t.Definition, Key: t.KeyValues(image), Before: from, After: from}
		if s.Nets == nil {
			s.Nets = map[diff.Key]*Net{}
		}
		s.Nets[key], s.Order = n, append(s.Order, key)
	}
	if !Same(n.After, from) && s.Gap == "" {
		s.Gap = t.String()
	}
	n.After = to
}

// Same compares rows, of which nil is none.
func Same(a, b []decode.Value) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }
