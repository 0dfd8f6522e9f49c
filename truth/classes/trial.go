package classes

import (
	"maps"

	"github.com/regentdb/regent/truth/table"
)

// trial is the new primary as it will be at a point of the replay: all its rows, by table and key.
type trial struct {
	world *world
	rows  map[string]map[key]table.Row
	// undo are what the rows of the current transaction replaced.
	undo []replaced
}

type replaced struct {
	table string
	key   key
	row   table.Row
}

func newTrial(w *world) *trial {
	r := &trial{world: w, rows: map[string]map[key]table.Row{}}
	for name, rows := range w.Live {
		r.rows[name] = map[key]table.Row{}
		for _, row := range rows {
			if k, ok := keyOf(w.Tables[name], row); ok {
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
			for _, p := range parts {
				if class, ok := blocked[p.key]; ok && rows[i] == Safe {
					rows[i] = class
				}
			}
		}
		if rows[i] == Safe {
			rows[i] = r.check(row)
		}
		switch {
		case rows[i] == Safe:
			r.apply(row)
		case rows[i].rank() > Safe.rank():
			for _, p := range parts {
				if _, known := blocked[p.key]; !known {
					blocked[p.key] = rows[i]
				}
			}
		}
	}
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
	if k, ok := keyOf(t, row.Before); ok {
		r.undo = append(r.undo, replaced{row.Table, k, r.rows[row.Table][k]})
		delete(r.rows[row.Table], k)
	}
	if k, ok := keyOf(t, row.After); ok {
		r.undo = append(r.undo, replaced{row.Table, k, r.rows[row.Table][k]})
		if r.rows[row.Table] == nil {
			r.rows[row.Table] = map[key]table.Row{}
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

// stored says whether the change stores other values in the columns.
func stored(columns []int, before, after table.Row) bool {
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
		if !stored(u.Columns, row.Before, row.After) {
			continue
		}
		if u.Prefix {
			return true
		}
		own, hasOwn := keyOf(t, row.Before)
		want, ok := r.world.tuple(t, u.Columns, row.After)
		for k, other := range r.rows[row.Table] {
			if have, has := r.world.tuple(t, u.Columns, other); ok && has && have == want && !(hasOwn && k == own) {
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
		if !r.provided(f, want, row.After, "") {
			return true
		}
	}
	return false
}

// provided says whether a row of the trial but the one of a key, or the changed row itself, has the tuple as parent.
func (r *trial) provided(f table.ForeignKey, want string, self table.Row, but key) bool {
	parent := r.world.Tables[f.Parent]
	if f.Parent == f.Child && self != nil {
		if have, ok := r.world.tuple(parent, f.ParentColumns, self); ok && have == want {
			return true
		}
	}
	for k, row := range r.rows[f.Parent] {
		if have, ok := r.world.tuple(parent, f.ParentColumns, row); ok && have == want && k != but {
			return true
		}
	}
	return false
}

// abandons says whether a child refers to what the change takes away.
func (r *trial) abandons(row Row) bool {
	t := r.world.Tables[row.Table]
	own, _ := keyOf(t, row.Before)
	for _, f := range t.Children {
		want, ok := r.world.tuple(t, f.ParentColumns, row.Before)
		if !ok || row.After != nil && !stored(f.ParentColumns, row.Before, row.After) {
			continue
		}
		if r.provided(f, want, nil, own) {
			continue
		}
		child := r.world.Tables[f.Child]
		for k, other := range maps.All(r.rows[f.Child]) {
			if f.Child == f.Parent && k == own {
				continue
			}
			if have, ok := r.world.tuple(child, f.ChildColumns, other); ok && have == want {
				return true
			}
		}
	}
	return false
}
