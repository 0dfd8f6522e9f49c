package classes

import (
	"fmt"
	"slices"

	"github.com/regentdb/regent/truth/table"
	"github.com/regentdb/regent/truth/verbose"
)

// Input is all that the classes follow from.
type Input struct {
	// Old and New are the transactions of the two sides since the split, in commit order.
	Old, New []Transaction
	Tables   map[string]*table.Table
	// Live are all rows of the new primary.
	Live   map[string][]table.Row
	Weigh  table.Weigh
	Policy Policy
}

// Policy says, by table, what an operator declared.
type Policy struct {
	Mergeable map[string]bool
	// Volatile are names of columns.
	Volatile map[string][]string
}

// Result is the class of a transaction and of its rows.
type Result struct {
	GTID  string
	Class Class
	Rows  []Class
}

// part is what a row change did to one key.
type part struct {
	key      key
	from, to table.Row
}

// history is what became of one key on one side.
type history struct {
	table       *table.Table
	first, last table.Row
	gap, opaque bool
	linked      []key
}

// touch is what the new side did to a key: first is the row before its first change.
type touch struct{ first table.Row }

// inserted is a row that the new side inserted.
type inserted struct {
	table  string
	key    key
	stored stored
	image  table.Row
}

type world struct {
	Input

	old   map[key]*history
	fresh map[stored]*touch
	// spellings are the keys of the old side that the server takes as one.
	spellings map[stored]map[key]bool
	// altered are the tables that a statement of the new side, or its log, says are others.
	altered  map[string]bool
	inserted []inserted
	byKey    map[stored]table.Row
	failure  error
}

func (w *world) fail(err error) {
	if w.failure == nil {
		w.failure = err
	}
}

// Verdict is what follows for the whole old side.
type Verdict struct {
	// Transactions are in the order of the old side.
	Transactions []Result
	// Replayed are the rows of the new primary, by table, once everything safe was replayed; tables without a usable
	// key are left out.
	Replayed map[string][]table.Row
}

// Classify returns the class of every transaction of the old side, in order.
func Classify(in Input) (Verdict, error) {
	w := &world{
		Input: in, old: map[key]*history{}, fresh: map[stored]*touch{}, spellings: map[stored]map[key]bool{},
		altered: map[string]bool{}, byKey: map[stored]table.Row{},
	}
	for name, rows := range in.Live {
		for _, row := range rows {
			if k, ok := w.storedKey(in.Tables[name], row); ok {
				w.byKey[k] = row
			}
		}
	}
	for _, tx := range in.Old {
		for _, row := range tx.Rows {
			parts, _ := w.parts(row)
			w.record(row, parts, tx.Opaque)
		}
	}
	for _, tx := range in.New {
		w.addNew(tx)
	}
	verdict := w.judge()
	if w.failure != nil {
		return Verdict{}, fmt.Errorf("classes: %w", w.failure)
	}
	return verdict, nil
}

// parts splits a row change into its keys; false where it has none.
func (w *world) parts(row Row) ([]part, bool) {
	t := w.Tables[row.Table]
	if row.Misfit || t == nil || unkeyed(t) {
		return nil, false
	}
	before, hasBefore := keyOf(t, row.Before)
	after, hasAfter := keyOf(t, row.After)
	switch {
	case row.Op == verbose.Update && hasBefore && (!hasAfter || before == after):
		return []part{{before, row.Before, row.After}}, true
	case row.Op == verbose.Update && hasBefore && hasAfter:
		return []part{{before, row.Before, nil}, {after, nil, row.After}}, true
	case row.Op == verbose.Insert && hasAfter:
		return []part{{after, nil, row.After}}, true
	case row.Op == verbose.Delete && hasBefore:
		return []part{{before, row.Before, nil}}, true
	}
	return nil, false
}

func (w *world) record(row Row, parts []part, opaque bool) {
	t := w.Tables[row.Table]
	for i, p := range parts {
		h := w.old[p.key]
		if h == nil {
			h = &history{table: t, first: p.from, last: p.from}
			w.old[p.key] = h
		}
		h.gap = h.gap || !table.Same(h.last, p.from)
		h.last = p.to
		h.opaque = h.opaque || opaque
		if len(parts) == 2 {
			h.linked = append(h.linked, parts[1-i].key)
		}
		if k, ok := w.storedKey(t, p.image()); ok {
			if w.spellings[k] == nil {
				w.spellings[k] = map[key]bool{}
			}
			w.spellings[k][p.key] = true
		}
	}
}

// image is an image that has the key.
func (p part) image() table.Row {
	if p.from != nil {
		return p.from
	}
	return p.to
}

func (w *world) addNew(tx Transaction) {
	for _, s := range tx.Statements {
		for name := range w.Tables {
			if names(s, name) {
				w.altered[name] = true
			}
		}
	}
	for _, row := range tx.Rows {
		if row.Misfit {
			w.altered[row.Table] = true
		}
		parts, _ := w.parts(row)
		for _, p := range parts {
			k, ok := w.storedKey(w.Tables[row.Table], p.image())
			if ok && w.fresh[k] == nil {
				w.fresh[k] = &touch{p.from}
			}
			if ok && row.Op == verbose.Insert {
				w.inserted = append(w.inserted, inserted{row.Table, p.key, k, row.After})
			}
		}
	}
}

// live finds the live row of a key by the server's own comparison.
func (w *world) live(t *table.Table, image table.Row) table.Row {
	k, ok := w.storedKey(t, image)
	if !ok {
		return nil
	}
	return w.byKey[k]
}

// without compares two rows but for some columns and generated ones; compared is how many columns that leaves.
func without(t *table.Table, a, b table.Row, left []int) (same bool, compared int) {
	for i, c := range t.Columns {
		if c.Generated || slices.Contains(left, i) {
			continue
		}
		compared++
		if a[i] != b[i] {
			return false, compared
		}
	}
	return true, compared
}

// volatile are the declared volatile columns of a table.
func (w *world) volatile(t *table.Table) []int {
	var out []int
	for _, name := range w.Policy.Volatile[t.Name] {
		out = append(out, t.Column(name))
	}
	return out
}
