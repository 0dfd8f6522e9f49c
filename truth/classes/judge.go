package classes

import (
	"slices"

	"github.com/regentdb/regent/truth/table"
)

// judge takes the transactions of the old side in order.
func (w *world) judge() Verdict {
	r := newTrial(w)
	t := &taint{world: w}
	var out []Result
	for _, tx := range w.Old {
		result := Result{GTID: tx.GTID, Class: Noop}
		for _, row := range tx.Rows {
			result.Rows = append(result.Rows, w.beforeTrial(row, t))
		}
		r.try(tx, result.Rows)
		for _, class := range result.Rows {
			result.Class = greater(result.Class, class)
		}
		if tx.Opaque {
			result.Class = Opaque
		}
		r.end(result.Class == Safe)
		if !result.Class.settled() && result.Class != Safe {
			t.spread(tx, result.Class)
		}
		out = append(out, result)
	}
	return Verdict{out, r.content()}
}

// beforeTrial is the class of a row change but for unique and foreign keys.
func (w *world) beforeTrial(row Row, t *taint) Class {
	parts, ok := w.parts(row)
	if !ok {
		return Opaque
	}
	class := w.ofChange(parts)
	if class != Safe {
		return class
	}
	definition := w.Tables[row.Table]
	if !definition.Transactional || slices.Contains(definition.Triggers, string(row.Op)) {
		return Opaque
	}
	return t.of(row, parts)
}

// cause is an unsafe transaction and what it taints.
type cause struct {
	class  Class
	keys   map[key]bool
	tables map[string]bool
	// referred are tuples that its rows refer to, changed those that its rows provide as parents; by parent table,
	// columns and values.
	referred, changed map[string]bool
}

type taint struct {
	world  *world
	causes []cause
}

// spread adds an unsafe transaction.
func (t *taint) spread(tx Transaction, class Class) {
	c := cause{class, map[key]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, row := range tx.Rows {
		parts, ok := t.world.parts(row)
		if !ok {
			c.tables[row.Table] = true
		}
		for _, p := range parts {
			c.keys[p.key] = true
		}
		for _, tuple := range t.world.references(row) {
			c.referred[tuple] = true
		}
		for _, tuple := range t.world.provisions(row) {
			c.changed[tuple] = true
		}
	}
	for _, s := range tx.Statements {
		for name := range t.world.Tables {
			c.tables[name] = c.tables[name] || names(s, name)
		}
	}
	t.causes = append(t.causes, c)
}

// of is the class of a row change that is safe so far: that of the earliest transaction that taints it.
func (t *taint) of(row Row, parts []part) Class {
	references, provisions := t.world.references(row), t.world.provisions(row)
	for _, c := range t.causes {
		hit := c.tables[row.Table]
		for _, p := range parts {
			hit = hit || c.keys[p.key]
		}
		for _, f := range t.world.Tables[row.Table].Parents {
			hit = hit || c.tables[f.Parent] && t.world.refers(f, row)
		}
		for _, tuple := range references {
			hit = hit || c.changed[tuple]
		}
		for _, tuple := range provisions {
			hit = hit || c.referred[tuple]
		}
		if hit {
			return c.class
		}
	}
	return Safe
}

// refers says whether an image of the row has a tuple of the foreign key.
func (w *world) refers(f table.ForeignKey, row Row) bool {
	for _, image := range []table.Row{row.Before, row.After} {
		if _, ok := w.tuple(w.Tables[row.Table], f.ChildColumns, image); ok {
			return true
		}
	}
	return false
}

// references are the tuples of parents that the images refer to.
func (w *world) references(row Row) []string {
	var out []string
	t := w.Tables[row.Table]
	if t == nil || row.Misfit {
		return nil
	}
	for _, f := range t.Parents {
		for _, image := range []table.Row{row.Before, row.After} {
			if tuple, ok := w.tuple(t, f.ChildColumns, image); ok {
				out = append(out, w.named(f, tuple))
			}
		}
	}
	return out
}

// provisions are the tuples that the images have as parents.
func (w *world) provisions(row Row) []string {
	var out []string
	t := w.Tables[row.Table]
	if t == nil || row.Misfit {
		return nil
	}
	for _, f := range t.Children {
		for _, image := range []table.Row{row.Before, row.After} {
			if tuple, ok := w.tuple(t, f.ParentColumns, image); ok {
				out = append(out, w.named(f, tuple))
			}
		}
	}
	return out
}

// named tells tuples of different parents and columns apart.
func (w *world) named(f table.ForeignKey, tuple string) string {
	name := f.Parent
	for _, i := range f.ParentColumns {
		name += "." + w.Tables[f.Parent].Columns[i].Name
	}
	return name + "=" + tuple
}
