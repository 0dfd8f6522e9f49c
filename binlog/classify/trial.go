package classify

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// trial plays the replay of the safe transactions in order, and so knows which tuples the new primary will hold at
// each point of it. What the replay has not touched is as the facts say.
type trial struct {
	d *diff.Divergence
	// parents and children are how many rows more or fewer than live provide a tuple, or refer to it.
	parents, children diff.Counts
	// undo takes back what the transaction did so far, last first.
	undo diff.List
	// blocked are, by the number of their state, the keys of row changes that are not replayed, each with the turn of its
	// transaction and the class.
	blocked diff.Dict
	// turn counts the transactions.
	turn int
	// record is memory for what is kept.
	record diff.Record
}

// What a part of the undo list is about.
const (
	ofHolder = iota
	ofParent
	ofChild
)

func newTrial(d *diff.Divergence) *trial {
	store := d.Store()
	return &trial{
		d: d, parents: d.NewCounts(), children: d.NewCounts(),
		undo: store.List(), blocked: store.Dict(),
	}
}

// try returns the verdict on a row change that got v by its keys, and carries it out on the trial where it is safe.
func (t *trial) try(change diff.Change, v verdict) verdict {
	if v.class == Safe {
		v = t.check(change, v)
	}
	if v.class > Safe {
		for _, state := range change.States {
			t.block(state.Number, v.class)
		}
	}
	if v.class == Safe {
		t.apply(change)
	}
	return v
}

// block keeps the first class for which a key is not replayed in the transaction.
func (t *trial) block(state int, class Class) {
	if _, known := t.blockedAs(state); known {
		return
	}
	n, _ := t.blocked.Add(strconv.Itoa(state))
	t.record = t.record[:0].Int(t.turn).Int(int(class))
	t.blocked.Set(n, t.record)
}

func (t *trial) blockedAs(state int) (Class, bool) {
	if t.blocked.Len() == 0 {
		return 0, false
	}
	n, ok := t.blocked.Find(strconv.Itoa(state))
	if !ok {
		return 0, false
	}
	r := diff.NewReader(t.blocked.Value(n))
	turn := r.Int()
	return Class(r.Int()), turn == t.turn
}

// end closes a transaction: what it did stays, or is taken back.
func (t *trial) end(safe bool) {
	if !safe {
		for part := range t.undo.Backward() {
			t.takeBack(diff.NewReader(part))
		}
	}
	t.undo.Reset()
	t.turn++
}

func (t *trial) takeBack(r *diff.Reader) {
	switch r.Int() {
	case ofHolder:
		t.d.HoldAgain(r.Int(), r.Text())
	case ofParent:
		t.parents.Add(diff.Tuple(r.Text()), -r.Int())
	case ofChild:
		t.children.Add(diff.Tuple(r.Text()), -r.Int())
	}
}

func (t *trial) check(change diff.Change, safe verdict) verdict {
	for _, state := range change.States {
		if class, blocked := t.blockedAs(state.Number); blocked {
			return verdict{class: class, reason: "follows a change of the same transaction that is " + class.String()}
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
		if by, held := t.holder(tuple); held && (change.Row.Before == nil || by != change.States[0].Stored()) {
			return "another row holds the same value of unique key " + u.Name
		}
	}
	return ""
}

// Of what the replay made of a tuple: that no row holds it, or the key of the row that does, after the mark.
const (
	heldByNone = "-"
	heldBy     = "+"
)

func (t *trial) holder(tuple diff.Tuple) (key string, held bool) {
	live, made := t.d.Holder(tuple)
	if made != "" {
		return strings.CutPrefix(made, heldBy)
	}
	return live, live != ""
}

// orphan says which parent the after image lacks; empty where it lacks none.
func (t *trial) orphan(change diff.Change) string {
	for _, f := range change.Table.References {
		after, refers := t.d.ForeignTuple(change.Table, f, change.Row.After)
		before, referred := t.d.ForeignTuple(change.Table, f, change.Row.Before)
		if !refers || referred && before == after {
			continue
		}
		if t.d.Parents().Of(after)+t.parents.Of(after)+t.own(change, f, after) <= 0 {
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
		if t.d.Children().Of(before)+t.children.Of(before) <= 0 {
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
		before, had := t.d.UniqueTuple(table, u, row.Before)
		after, has := t.d.UniqueTuple(table, u, row.After)
		if had && (!has || before != after) {
			t.hold(before, heldByNone)
		}
		if has {
			t.hold(after, heldBy+change.States[len(change.States)-1].Stored())
		}
	}
	for _, f := range table.References {
		t.count(t.children, ofChild, table, f, row)
	}
	for _, f := range table.ReferencedBy {
		t.count(t.parents, ofParent, table, f, row)
	}
}

func (t *trial) hold(tuple diff.Tuple, by string) {
	n, was := t.d.Hold(tuple, by)
	if was != by {
		t.record = t.record[:0].Int(ofHolder).Int(n).Text(was)
		t.undo.Append(t.record)
	}
}

// count moves a row from the tuple of its before image to that of its after image.
func (t *trial) count(counts diff.Counts, kind int, table *diff.Definition, f diff.ForeignKey, row decode.Row) {
	move := func(image []decode.Value, by int) {
		if tuple, ok := t.d.ForeignTuple(table, f, image); ok {
			counts.Add(tuple, by)
			t.record = t.record[:0].Int(kind).Text(string(tuple)).Int(by)
			t.undo.Append(t.record)
		}
	}
	move(row.Before, -1)
	move(row.After, 1)
}
