package classify

import (
	"context"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// candidate says whether a change may turn out safe, as far as the rows of its keys tell.
func candidate(d *diff.Divergence, change diff.Change) bool {
	for _, s := range change.States {
		if _, decided := settled(d, s); decided || s.IsTouched() {
			return false
		}
	}
	return len(change.States) > 0
}

// eachChange visits the changes whose images fit the definition of the table.
func (r *reading) eachChange(visit func(change diff.Change)) {
	for _, tx := range r.d.Old {
		for _, change := range tx.Changes {
			if change.Table != nil {
				visit(change)
			}
		}
	}
}

// eachTuple visits the images whose unique tuples matter: those that a replay would store, and the rows of the old
// side that the new side may have repeated.
func (r *reading) eachTuple(visit func(table *diff.Definition, u diff.Unique, before, after []decode.Value)) {
	r.eachChange(func(change diff.Change) {
		if !candidate(r.d, change) {
			return
		}
		for _, u := range change.Table.Unique {
			if u.Checkable() {
				visit(change.Table, u, change.Row.Before, change.Row.After)
			}
		}
	})
	for _, key := range r.d.Order {
		s := r.d.States[key]
		if _, decided := settled(r.d, s); decided {
			continue
		}
		for i, rivals := range s.Rivals {
			if rivals != nil {
				visit(s.Table, s.Table.Unique[i], nil, s.After)
			}
		}
	}
}

// weights asks for the sort keys of all texts by which tuples are compared.
func (r *reading) weights(ctx context.Context) error {
	var texts []diff.Text
	ask := func(table *diff.Definition, columns []int, image []decode.Value) {
		texts = append(texts, r.d.Unweighed(table, columns, image)...)
	}
	r.eachTuple(func(table *diff.Definition, u diff.Unique, before, after []decode.Value) {
		ask(table, u.Columns, before)
		ask(table, u.Columns, after)
	})
	r.eachChange(func(change diff.Change) {
		for _, keys := range [][]diff.ForeignKey{change.Table.References, change.Table.ReferencedBy} {
			for _, f := range keys {
				ask(change.Table, f.Columns, change.Row.Before)
				ask(change.Table, f.Columns, change.Row.After)
			}
		}
	})
	return r.weigh(ctx, texts)
}

// question is the tuples to ask for under one unique key.
type question struct {
	table  *diff.Definition
	unique diff.Unique
	tuples []diff.Tuple
	images [][]decode.Value
}

// holders asks which live rows hold the unique tuples that a replay would store.
func (r *reading) holders(ctx context.Context) error {
	questions := map[diff.Tuple]*question{}
	var order []*question
	asked := map[diff.Tuple]bool{}
	r.eachTuple(func(table *diff.Definition, u diff.Unique, before, after []decode.Value) {
		tuple, ok := r.d.UniqueTuple(table, u, after)
		if !ok || asked[tuple] || !u.Changes(before, after) {
			return
		}
		asked[tuple] = true
		of := diff.Tuple{Of: tuple.Of, Under: tuple.Under}
		if questions[of] == nil {
			questions[of] = &question{table: table, unique: u}
			order = append(order, questions[of])
		}
		questions[of].tuples = append(questions[of].tuples, tuple)
		questions[of].images = append(questions[of].images, after)
	})
	for _, q := range order {
		keys, err := r.live.Holders(ctx, q.table, q.unique, q.images)
		if err != nil {
			return err
		}
		for i, key := range keys {
			if key != nil {
				r.d.Facts.Holders[q.tuples[i]] = diff.Key{Name: q.table.Name, ID: q.table.KeyID(key)}
			}
		}
	}
	return nil
}

// relatives counts the live parents that a replay would refer to, and the live children of what it would remove.
func (r *reading) relatives(ctx context.Context) error {
	parents := counting{counts: r.d.Facts.Parents}
	children := counting{counts: r.d.Facts.Children}
	r.eachChange(func(change diff.Change) {
		if !candidate(r.d, change) {
			return
		}
		for _, f := range change.Table.References {
			parents.ask(r.d, change.Table, f, change.Row.After)
		}
		for _, f := range change.Table.ReferencedBy {
			children.ask(r.d, change.Table, f, change.Row.Before)
		}
	})
	for _, c := range []counting{parents, children} {
		numbers, err := r.live.Count(ctx, c.wanted)
		if err != nil {
			return err
		}
		for i, n := range numbers {
			c.counts[c.tuples[i]] = n
		}
	}
	return nil
}

// counting is the tuples whose rows at the other end of a foreign key are to be counted.
type counting struct {
	counts map[diff.Tuple]int
	tuples []diff.Tuple
	wanted []diff.Wanted
}

func (c *counting) ask(d *diff.Divergence, table *diff.Definition, f diff.ForeignKey, image []decode.Value) {
	tuple, ok := d.ForeignTuple(table, f, image)
	if _, asked := c.counts[tuple]; !ok || asked {
		return
	}
	c.counts[tuple] = 0
	w := diff.Wanted{Table: f.Other}
	for i, column := range f.Columns {
		there := table.Columns[column]
		there.Name = f.OtherColumns[i]
		w.Columns = append(w.Columns, there)
		w.Values = append(w.Values, image[column])
	}
	c.tuples, c.wanted = append(c.tuples, tuple), append(c.wanted, w)
}
