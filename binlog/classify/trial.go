package classify

import (
	"fmt"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// trial plays the replay of the safe transactions in order, and so knows which tuples the new primary will hold at
// each point of it. What the replay has not touched is as the facts say.
type trial struct {
	d       *diff.Divergence
	holders map[diff.Tuple]holder
	// parents and children are how many rows more or fewer than live provide a tuple, or refer to it.
	parents, children map[diff.Tuple]int
	// undo takes back what the transaction did so far, last first.
	undo []func()
	// blocked are the keys of row changes of the transaction that are not replayed, with the verdict on them.
	blocked map[diff.Key]verdict
}

// holder is the row that holds a unique tuple during the replay; none where no row does.
type holder struct {
	key  diff.Key
	none bool
}

func newTrial(d *diff.Divergence) *trial {
	return &trial{
		d: d, holders: map[diff.Tuple]holder{}, parents: map[diff.Tuple]int{}, children: map[diff.Tuple]int{},
		blocked: map[diff.Key]verdict{},
	}
}

// try returns the verdict on a row change that got v by its keys, and carries it out on the trial where it is safe.
func (t *trial) try(change diff.Change, v verdict) verdict {
	if v.class == Safe {
		v = t.check(change, v)
	}
	if v.class > Safe {
		for _, state := range change.States {
			if _, known := t.blocked[state.Key]; !known {
				t.blocked[state.Key] = v
			}
		}
	}
	if v.class == Safe {
		t.apply(change)
	}
	return v
}

// end closes a transaction: what it did stays, or is taken back.
func (t *trial) end(safe bool) {
	for i := len(t.undo) - 1; i >= 0 && !safe; i-- {
		t.undo[i]()
	}
	t.undo = t.undo[:0]
	clear(t.blocked)
}

func (t *trial) check(change diff.Change, safe verdict) verdict {
	for _, state := range change.States {
		if by, blocked := t.blocked[state.Key]; blocked {
			return verdict{class: by.class, reason: "follows a change of the same transaction that is " + by.class.String()}
		}
	}
	if reason := t.collision(change); reason != "" {
		return verdict{class: UniqueCollision, reason: reason}
	}
	if reason := t.orphan(change); reason != "" {
		return verdict{class: ForeignKey, reason: reason}
	}
	if reason := t.parent(change); reason != "" {
		return verdict{class: ForeignKey, reason: reason}
	}
	return safe
}

// collision says which unique key keeps the after image from being stored; empty where none does.
func (t *trial) collision(change diff.Change) string {
	for _, u := range change.Table.Unique {
		if !u.Changes(change.Row.Before, change.Row.After) {
			continue
		}
		if !u.Checkable() {
			return "unique key " + u.Name + " has a prefix or an expression and was not checked"
		}
		tuple, ok := t.d.UniqueTuple(change.Table, u, change.Row.After)
		if !ok {
			continue
		}
		if by := t.holder(tuple); !by.none && (change.Row.Before == nil || by.key != change.States[0].Key) {
			return "another row holds the same value of unique key " + u.Name
		}
	}
	return ""
}

func (t *trial) holder(tuple diff.Tuple) holder {
	if h, known := t.holders[tuple]; known {
		return h
	}
	key, held := t.d.Facts.Holders[tuple]
	return holder{key, !held}
}

// orphan says which parent the after image lacks; empty where it lacks none.
func (t *trial) orphan(change diff.Change) string {
	for _, f := range change.Table.References {
		after, refers := t.d.ForeignTuple(change.Table, f, change.Row.After)
		before, referred := t.d.ForeignTuple(change.Table, f, change.Row.Before)
		if !refers || referred && before == after {
			continue
		}
		if t.d.Facts.Parents[after]+t.parents[after]+t.own(change, f, after) <= 0 {
			return fmt.Sprintf("foreign key %s: the parent in %s is missing", f.Name, f.Other)
		}
	}
	return ""
}

// own corrects the number of parents for the row itself, which the change may make, or take away, as its own parent.
func (t *trial) own(change diff.Change, f diff.ForeignKey, tuple diff.Tuple) int {
	for _, self := range change.Table.ReferencedBy {
		if self.Schema != f.Schema || self.Name != f.Name {
			continue
		}
		before, had := t.d.ForeignTuple(change.Table, self, change.Row.Before)
		after, has := t.d.ForeignTuple(change.Table, self, change.Row.After)
		had, has = had && before == tuple, has && after == tuple
		switch {
		case change.Row.Op == decode.Insert && has:
			return 1
		case had && !has:
			return -1
		}
	}
	return 0
}

// parent says which children keep the before image from going; empty where none do.
func (t *trial) parent(change diff.Change) string {
	for _, f := range change.Table.ReferencedBy {
		before, ok := t.d.ForeignTuple(change.Table, f, change.Row.Before)
		if !ok || change.Row.After != nil && !diff.Differ(f.Columns, change.Row.Before, change.Row.After) {
			continue
		}
		if t.d.Facts.Children[before]+t.children[before] <= 0 {
			continue
		}
		action, deed := f.OnUpdate, "UPDATE"
		if change.Row.After == nil {
			action, deed = f.OnDelete, "DELETE"
		}
		return fmt.Sprintf("foreign key %s: rows of %s refer to the row, ON %s %s", f.Name, f.Other, deed, action)
	}
	return ""
}

// apply carries out a change that passed.
func (t *trial) apply(change diff.Change) {
	row, table := change.Row, change.Table
	for _, u := range table.Unique {
		if !u.Checkable() {
			continue
		}
		if tuple, ok := t.d.UniqueTuple(table, u, row.Before); ok {
			t.hold(tuple, holder{none: true})
		}
		if tuple, ok := t.d.UniqueTuple(table, u, row.After); ok {
			t.hold(tuple, holder{key: change.States[len(change.States)-1].Key})
		}
	}
	for _, f := range table.References {
		t.count(t.children, table, f, row)
	}
	for _, f := range table.ReferencedBy {
		t.count(t.parents, table, f, row)
	}
}

func (t *trial) hold(tuple diff.Tuple, h holder) {
	last, known := t.holders[tuple]
	t.holders[tuple] = h
	t.undo = append(t.undo, func() {
		if known {
			t.holders[tuple] = last
		} else {
			delete(t.holders, tuple)
		}
	})
}

// count moves a row from the tuple of its before image to that of its after image.
func (t *trial) count(counts map[diff.Tuple]int, table *diff.Definition, f diff.ForeignKey, row decode.Row) {
	move := func(image []decode.Value, by int) {
		if tuple, ok := t.d.ForeignTuple(table, f, image); ok {
			counts[tuple] += by
			t.undo = append(t.undo, func() { counts[tuple] -= by })
		}
	}
	move(row.Before, -1)
	move(row.After, 1)
}
