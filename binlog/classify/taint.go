package classify

import (
	"fmt"
	"strconv"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

// cause is the unsafe transaction that makes later ones unsafe.
type cause struct {
	// order is its place in the history.
	order int
	by    gtid.GTID
	class Class
}

// taint remembers what unsafe transactions touched.
type taint struct {
	d *diff.Divergence
	// keys are by the number of a state.
	keys   diff.Dict
	tables map[diff.Name]cause
	// parents are the tuples that unsafe rows refer to, provided those that unsafe rows have as parents.
	parents, provided diff.Dict
	// all is set after a transaction of which nobody knows what it touched.
	all *cause
	// open is what the open transaction touched.
	open   diff.List
	record diff.Record
}

// What a part of the open list names.
const (
	touchedKey = iota
	touchedTable
	touchedParent
	touchedProvided
)

func newTaint(d *diff.Divergence) *taint {
	store := d.Store()
	return &taint{
		d: d, keys: store.Dict(), tables: map[diff.Name]cause{}, parents: store.Dict(), provided: store.Dict(),
		open: store.List(),
	}
}

// first keeps the earliest of the causes.
type first struct{ found *cause }

func (f *first) add(c cause) {
	if f.found == nil || c.order < f.found.order {
		f.found = &c
	}
}

// lookUp adds the cause of a key, if there is one.
func (f *first) lookUp(causes diff.Dict, key string) {
	n, ok := causes.Find(key)
	if !ok {
		return
	}
	r := diff.NewReader(causes.Value(n))
	f.add(cause{order: r.Int(), class: Class(r.Int()), by: r.GTID()})
}

func (f *first) lookUpTable(causes map[diff.Name]cause, table diff.Name) {
	if c, ok := causes[table]; ok {
		f.add(c)
	}
}

// of returns the verdict on a safe change.
func (t *taint) of(change diff.Change, tuples []related) verdict {
	var f first
	if t.all != nil {
		f.add(*t.all)
	}
	f.lookUpTable(t.tables, change.Table.Name)
	for _, state := range change.States {
		if t.keys.Len() > 0 {
			f.lookUp(t.keys, strconv.Itoa(state.Number))
		}
	}
	for _, r := range tuples {
		if r.refers {
			f.lookUp(t.provided, string(r.tuple))
			f.lookUpTable(t.tables, r.parent)
		} else {
			f.lookUp(t.parents, string(r.tuple))
		}
	}
	if f.found == nil {
		return verdict{}
	}
	return verdict{class: f.found.class, reason: fmt.Sprintf("follows %s, which is %s", f.found.by, f.found.class)}
}

// related is a tuple of an image under a foreign key: one that refers to a parent, or one that the row has as parent.
type related struct {
	tuple  diff.Tuple
	parent diff.Name
	refers bool
}

// relatives appends the tuples of both images under every foreign key.
func relatives(dst []related, d *diff.Divergence, change diff.Change) []related {
	both := func(f diff.ForeignKey, parent diff.Name, refers bool) {
		before, had := d.ForeignTuple(change.Table, f, change.Row.Before)
		if had {
			dst = append(dst, related{before, parent, refers})
		}
		if after, has := d.ForeignTuple(change.Table, f, change.Row.After); has && (!had || after != before) {
			dst = append(dst, related{after, parent, refers})
		}
	}
	if change.Table == nil {
		return dst
	}
	for _, f := range change.Table.References {
		both(f, f.Other, true)
	}
	for _, f := range change.Table.ReferencedBy {
		both(f, change.Table.Name, false)
	}
	return dst
}

// touch remembers what a row change of the open transaction touches, in case the transaction is unsafe.
func (t *taint) touch(change diff.Change, tuples []related) {
	for _, state := range change.States {
		t.record = t.record[:0].Int(touchedKey).Int(state.Number)
		t.open.Append(t.record)
	}
	if change.Unkeyed != "" {
		t.append(touchedTable, change.Row.Table.Schema, change.Row.Table.Name)
	}
	for _, r := range tuples {
		if r.refers {
			t.append(touchedParent, string(r.tuple), "")
		} else {
			t.append(touchedProvided, string(r.tuple), "")
		}
	}
}

func (t *taint) append(kind int, name, more string) {
	t.record = t.record[:0].Int(kind).Text(name).Text(more)
	t.open.Append(t.record)
}

// end closes a transaction; c is set where it is unsafe and taints what it touched.
func (t *taint) end(tx *decode.Transaction, c *cause) {
	if c != nil {
		t.spread(tx, *c)
	}
	t.open.Reset()
}

func (t *taint) spread(tx *decode.Transaction, c cause) {
	if len(tx.Undecodable) > 0 && t.all == nil {
		t.all = &c
	}
	for part := range t.open.All() {
		r := diff.NewReader(part)
		switch r.Int() {
		case touchedKey:
			t.note(t.keys, strconv.Itoa(r.Int()), c)
		case touchedTable:
			t.noteTable(diff.Name{Schema: r.Text(), Table: r.Text()}, c)
		case touchedParent:
			t.note(t.parents, r.Text(), c)
		case touchedProvided:
			t.note(t.provided, r.Text(), c)
		}
	}
	for _, statement := range tx.Statements {
		for name := range t.d.Tables {
			if diff.Touches(statement, name) {
				t.noteTable(name, c)
			}
		}
	}
}

// note keeps the first cause of a key.
func (t *taint) note(causes diff.Dict, key string, c cause) {
	if n, added := causes.Add(key); added {
		t.record = t.record[:0].Int(c.order).Int(int(c.class)).GTID(c.by)
		causes.Set(n, t.record)
	}
}

func (t *taint) noteTable(name diff.Name, c cause) {
	if _, known := t.tables[name]; !known {
		t.tables[name] = c
	}
}
