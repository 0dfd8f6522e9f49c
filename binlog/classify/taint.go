package classify

import (
	"fmt"

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
	keys   map[diff.Key]cause
	tables map[diff.Name]cause
	// parents are the tuples that unsafe rows refer to, provided those that unsafe rows have as parents.
	parents, provided map[diff.Tuple]cause
	// all is set after a transaction of which nobody knows what it touched.
	all *cause
}

func newTaint() *taint {
	return &taint{
		keys: map[diff.Key]cause{}, tables: map[diff.Name]cause{},
		parents: map[diff.Tuple]cause{}, provided: map[diff.Tuple]cause{},
	}
}

// first keeps the earliest of the causes.
type first struct{ found *cause }

func (f *first) add(c cause, ok bool) {
	if ok && (f.found == nil || c.order < f.found.order) {
		f.found = &c
	}
}

// lookUp adds the cause of a key of the map, if there is one.
func lookUp[K comparable](f *first, causes map[K]cause, key K) {
	c, ok := causes[key]
	f.add(c, ok)
}

// of returns the verdict on a safe change.
func (t *taint) of(d *diff.Divergence, change diff.Change) verdict {
	var f first
	if t.all != nil {
		f.add(*t.all, true)
	}
	lookUp(&f, t.tables, change.Table.Name)
	for _, state := range change.States {
		lookUp(&f, t.keys, state.Key)
	}
	eachTuple(d, change, func(tuple diff.Tuple, parent diff.Name, refers bool) {
		if refers {
			lookUp(&f, t.provided, tuple)
			lookUp(&f, t.tables, parent)
		} else {
			lookUp(&f, t.parents, tuple)
		}
	})
	if f.found == nil {
		return verdict{}
	}
	return verdict{class: f.found.class, reason: fmt.Sprintf("follows %s, which is %s", f.found.by, f.found.class)}
}

// eachTuple visits the tuples of both images under every foreign key: those that refer to a parent, and those that
// the row has as parent.
func eachTuple(d *diff.Divergence, change diff.Change, visit func(tuple diff.Tuple, parent diff.Name, refers bool)) {
	for _, f := range change.Table.References {
		if tuple, ok := d.ForeignTuple(change.Table, f, change.Row.Before); ok {
			visit(tuple, f.Other, true)
		}
		if tuple, ok := d.ForeignTuple(change.Table, f, change.Row.After); ok {
			visit(tuple, f.Other, true)
		}
	}
	for _, f := range change.Table.ReferencedBy {
		if tuple, ok := d.ForeignTuple(change.Table, f, change.Row.Before); ok {
			visit(tuple, change.Table.Name, false)
		}
		if tuple, ok := d.ForeignTuple(change.Table, f, change.Row.After); ok {
			visit(tuple, change.Table.Name, false)
		}
	}
}

// note keeps the first cause of a key.
func note[K comparable](causes map[K]cause, key K, c cause) {
	if _, known := causes[key]; !known {
		causes[key] = c
	}
}

// spread taints what an unsafe transaction touched.
func (t *taint) spread(d *diff.Divergence, old diff.Transaction, c cause) {
	if len(old.Undecodable) > 0 && t.all == nil {
		t.all = &c
	}
	for _, change := range old.Changes {
		t.spreadChange(d, change, c)
	}
	for _, statement := range old.Statements {
		for name := range d.Tables {
			if diff.Touches(statement, name) {
				note(t.tables, name, c)
			}
		}
	}
}

func (t *taint) spreadChange(d *diff.Divergence, change diff.Change, c cause) {
	for _, state := range change.States {
		note(t.keys, state.Key, c)
	}
	if change.Unkeyed != "" {
		note(t.tables, diff.Name{Schema: change.Row.Table.Schema, Table: change.Row.Table.Name}, c)
	}
	if change.Table == nil {
		return
	}
	eachTuple(d, change, func(tuple diff.Tuple, _ diff.Name, refers bool) {
		if refers {
			note(t.parents, tuple, c)
		} else {
			note(t.provided, tuple, c)
		}
	})
}
