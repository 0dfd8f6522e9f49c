package classes

import (
	"github.com/regentdb/regent/truth/table"
)

// trial is the new primary as it will be at a point of the replay: all its rows, by table and key.
type trial struct {
	world *world
	rows  map[string]map[stored]table.Row
	// undo are what the rows of the current transaction replaced.
	undo []replaced
}

type replaced struct {
	table string
	key   stored
	row   table.Row
}

func newTrial(w *world) *trial {
	r := &trial{world: w, rows: map[string]map[stored]table.Row{}}
	for name, rows := range w.Live {
		r.rows[name] = map[stored]table.Row{}
		for _, row := range rows {
			if k, ok := w.storedKey(w.Tables[name], row); ok {
				r.rows[name][k] = row
			}
		}
	}
	return r
}

// content lists the rows.
func (r *trial) content() map[string][]table.Row {
	out := map[string][]table.Row{}
	for name, rows := range r.rows {
		if unkeyed(r.world.Tables[name]) {
			continue
		}
		for _, row := range rows {
			out[name] = append(out[name], row)
		}
	}
	return out
}

// try changes the classes of the safe row changes that cannot be replayed.
func (r *trial) try(tx Transaction, rows []Class) {
	blocked := map[key]Class{}
	for i, row := range tx.Rows {
		parts, _ := r.world.parts(row)
		if rows[i] == Safe {
			rows[i] = r.one(row, parts, blocked)
		}
		if rows[i].rank() <= Safe.rank() {
			continue
		}
		for _, p := range parts {
			if _, known := blocked[p.key]; !known {
				blocked[p.key] = rows[i]
			}
		}
	}
}

// one is the class of a safe row change in the trial, to which it is applied if it passes.
func (r *trial) one(row Row, parts []part, blocked map[key]Class) Class {
	for _, p := range parts {
		if class, ok := blocked[p.key]; ok {
			return class
		}
	}
	class := r.check(row)
	if class == Safe {
		r.apply(row)
	}
	return class
}

// end keeps what the transaction did, or takes it back.
func (r *trial) end(keep bool) {
	for i := len(r.undo) - 1; i >= 0 && !keep; i-- {
		u := r.undo[i]
		if u.row == nil {
			delete(r.rows[u.table], u.key)
		} else {
			r.rows[u.table][u.key] = u.row
		}
	}
	r.undo = nil
}

func (r *trial) apply(row Row) {
	t := r.world.Tables[row.Table]
	if k, ok := r.world.storedKey(t, row.Before); ok {
		r.undo = append(r.undo, replaced{row.Table, k, r.rows[row.Table][k]})
		delete(r.rows[row.Table], k)
	}
	if k, ok := r.world.storedKey(t, row.After); ok {
		r.undo = append(r.undo, replaced{row.Table, k, r.rows[row.Table][k]})
		if r.rows[row.Table] == nil {
			r.rows[row.Table] = map[stored]table.Row{}
		}
		r.rows[row.Table][k] = row.After
	}
}

func (r *trial) check(row Row) Class {
	if r.collides(row) {
		return UniqueCollision
	}
	if r.orphans(row) || r.abandons(row) {
		return ForeignKey
	}
	return Safe
}

// changes says whether the change stores other values in the columns.
func changes(columns []int, before, after table.Row) bool {
	if before == nil {
		return true
	}
	for _, i := range columns {
		if i >= 0 && before[i] != after[i] {
			return true
		}
	}
	return false
}

// collides says whether a unique key keeps the row from being stored.
func (r *trial) collides(row Row) bool {
	t := r.world.Tables[row.Table]
	if row.After == nil {
		return false
	}
	for _, u := range t.Unique {
		if u.Expression {
			return true
		}
		if !changes(u.Columns, row.Before, row.After) {
			continue
		}
		if u.Prefix {
			return true
		}
		own, hasOwn := r.world.storedKey(t, row.Before)
		want, ok := r.world.tuple(t, u.Columns, row.After)
		for k, other := range r.rows[row.Table] {
			if hasOwn && k == own {
				continue
			}
			if have, has := r.world.tuple(t, u.Columns, other); ok && has && have == want {
				return true
			}
		}
	}
	return false
}

// orphans says whether a parent is missing.
func (r *trial) orphans(row Row) bool {
	t := r.world.Tables[row.Table]
	for _, f := range t.Parents {
		want, ok := r.world.tuple(t, f.ChildColumns, row.After)
		if !ok {
			continue
		}
		if had, has := r.world.tuple(t, f.ChildColumns, row.Before); has && had == want {
			continue
		}
		if !r.provided(f, want, row) {
			return true
		}
	}
	return false
}

// provided says whether a row has the tuple as parent. An inserted row may be its own parent, an updated one only
// where both its images provide the tuple.
func (r *trial) provided(f table.ForeignKey, want string, row Row) bool {
	parent := r.world.Tables[f.Parent]
	provides := func(image table.Row) bool {
		have, ok := r.world.tuple(parent, f.ParentColumns, image)
		return ok && have == want
	}
	self := f.Parent == row.Table
	if self && provides(row.After) && (row.Before == nil || provides(row.Before)) {
		return true
	}
	own, hasOwn := r.world.storedKey(r.world.Tables[row.Table], row.Before)
	for k, other := range r.rows[f.Parent] {
		if self && hasOwn && k == own {
			continue
		}
		if provides(other) {
			return true
		}
	}
	return false
}

// abandons says whether a child refers to what the change takes away.
func (r *trial) abandons(row Row) bool {
	t := r.world.Tables[row.Table]
	for _, f := range t.Children {
		want, ok := r.world.tuple(t, f.ParentColumns, row.Before)
		if !ok || row.After != nil && !changes(f.ParentColumns, row.Before, row.After) {
			continue
		}
		child := r.world.Tables[f.Child]
		for _, other := range r.rows[f.Child] {
			if have, ok := r.world.tuple(child, f.ChildColumns, other); ok && have == want {
				return true
			}
		}
	}
	return false
}
