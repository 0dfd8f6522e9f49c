package classify_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// oracle classifies by docs/classes.md alone: with both histories and the whole new side at hand, nothing kept
// between questions, and the trial played on a copy of the new side.
type oracle struct {
	live       *model
	old, fresh []*decode.Transaction
	trial      *model
	unsafe     []unsafeTx
}

type unsafeTx struct {
	tx    *decode.Transaction
	class classify.Class
}

// step is what one transaction does to one key.
type step struct {
	tx       int
	from, to []decode.Value
}

// named is a key as folding compares it: the model's texts differ from folding by the accent alone.
type named struct{ table, id string }

func (o *oracle) table(row decode.Row) *diff.Definition {
	return o.live.tables[diff.Name{Schema: row.Table.Schema, Table: row.Table.Name}]
}

// steps splits a row change by its keys.
func (o *oracle) steps(tx int, row decode.Row) map[named]step {
	key := func(image []decode.Value) named {
		return named{row.Table.Name, strings.ToLower(image[0].Text)}
	}
	switch {
	case row.Before == nil:
		return map[named]step{key(row.After): {tx, nil, row.After}}
	case row.After == nil || key(row.Before) == key(row.After):
		return map[named]step{key(row.Before): {tx, row.Before, row.After}}
	}
	return map[named]step{key(row.Before): {tx, row.Before, nil}, key(row.After): {tx, nil, row.After}}
}

// history is all that a side did to a key, in order; under any spelling that the server takes as the same.
func (o *oracle) history(side []*decode.Transaction, key named, spelled func(a, b string) bool) []step {
	var out []step
	for i, tx := range side {
		for _, row := range tx.Rows {
			steps := o.steps(i, row)
			for k, s := range steps {
				if k.table == key.table && spelled(k.id, key.id) && (s.from != nil || len(steps) == 1) {
					out = append(out, s)
				}
			}
			for k, s := range steps {
				if k.table == key.table && spelled(k.id, key.id) && s.from == nil && len(steps) == 2 {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

func exactly(a, b string) bool { return a == b }

func loosely(a, b string) bool {
	return strings.ReplaceAll(a, "é", "e") == strings.ReplaceAll(b, "é", "e")
}

// ends are S0 and O of a key.
func (o *oracle) ends(key named) (before, after []decode.Value) {
	all := o.history(o.old, key, exactly)
	return all[0].from, all[len(all)-1].to
}

// undone says whether the key and all that are linked with it ended as they began.
func (o *oracle) undone(key named) bool {
	linked := []named{key}
	for i := 0; i < len(linked); i++ {
		if before, after := o.ends(linked[i]); !diff.Alike(before, after) {
			return false
		}
		for n, tx := range o.old {
			for _, row := range tx.Rows {
				steps := o.steps(n, row)
				if _, ours := steps[linked[i]]; ours {
					for other := range steps {
						if !slices.Contains(linked, other) {
							linked = append(linked, other)
						}
					}
				}
			}
		}
	}
	return true
}

// ofKey is the class of a key.
func (o *oracle) ofKey(table *diff.Definition, key named) classify.Class {
	before, after := o.ends(key)
	for _, tx := range o.old {
		for _, row := range tx.Rows {
			for other := range o.steps(0, row) {
				if other.table == key.table && other != key && loosely(other.id, key.id) {
					return classify.Opaque
				}
			}
		}
	}
	touches := o.history(o.fresh, key, loosely)
	live := o.live.row(keyIn{table.Name, strings.ReplaceAll(key.id, "é", "e")})
	switch touched := len(touches) > 0; {
	case o.undone(key):
		return classify.Noop
	case touched && diff.Alike(live, after):
		return classify.Already
	case touched && !diff.Alike(touches[0].from, before), !touched && !diff.Alike(live, before):
		return classify.Drift
	case touched && after != nil && live != nil && after[0] == live[0] && len(steadily(table, after, live)) == 0, o.repeated(table, before, after):
		return classify.LikelyRepeated
	case touched && before == nil && after != nil && live != nil && table.Table == "customers":
		return classify.AutoIncrement
	case touched && mayMerge(table, before, after, live):
		return classify.Mergeable
	case touched:
		return classify.Conflict
	}
	return classify.Safe
}

// steadily lists the columns, but for the key and volatile ones, in which rows of one key differ.
func steadily(table *diff.Definition, a, b []decode.Value) []int {
	var out []int
	for i := 1; i < len(a); i++ {
		if a[i] != b[i] && !slices.Contains(table.Volatile, i) {
			out = append(out, i)
		}
	}
	return out
}

// mayMerge says whether the sides changed different columns; v alone is in no key of the shop.
func mayMerge(table *diff.Definition, before, after, live []decode.Value) bool {
	if !table.Mergeable || before == nil || after == nil || live == nil || after[0] != before[0] {
		return false
	}
	ours, theirs := steadily(table, before, after), steadily(table, before, live)
	return len(ours) == 1 && table.Columns[ours[0]].Name == "v" && !slices.Contains(theirs, ours[0])
}

// repeated says whether the new side inserted the row once more, and it is still there.
func (o *oracle) repeated(table *diff.Definition, before, after []decode.Value) bool {
	if before != nil || after == nil {
		return false
	}
	for _, tx := range o.fresh {
		for _, row := range tx.Rows {
			if row.Op != decode.Insert || o.table(row) != table {
				continue
			}
			now := o.live.row(keysOf(o.live, row)[0])
			if table.Table == "customers" && now != nil &&
				len(steadily(table, row.After, after)) == 0 && len(steadily(table, now, after)) == 0 {
				return true
			}
			for _, u := range table.Unique {
				held := func(image []decode.Value, same func(a, b string) bool) bool {
					i := u.Columns[0]
					return image != nil && image[i].Kind != decode.Null && after[i].Kind != decode.Null && same(strings.ToLower(image[i].Text), strings.ToLower(after[i].Text))
				}
				if held(row.After, exactly) && held(now, loosely) && strings.EqualFold(now[0].Text, row.After[0].Text) {
					return true
				}
			}
		}
	}
	return false
}

// ofRow is the class of a row change before taint and trial.
func (o *oracle) ofRow(row decode.Row) classify.Class {
	var all []classify.Class
	for key := range o.steps(0, row) {
		all = append(all, o.ofKey(o.table(row), key))
	}
	slices.Sort(all)
	if len(all) == 2 && all[0] == classify.Already && all[1] == classify.Safe {
		return classify.Conflict
	}
	return all[len(all)-1]
}

// related says whether a row of a later transaction is tainted by one of an unsafe transaction.
func (o *oracle) related(later, earlier decode.Row) bool {
	for key := range o.steps(0, later) {
		if _, same := o.steps(0, earlier)[key]; same {
			return true
		}
	}
	return o.refers(later, earlier) || o.refers(earlier, later)
}

// refers says whether an image of the child refers to an image of the parent.
func (o *oracle) refers(child, parent decode.Row) bool {
	for _, f := range o.table(child).References {
		if f.Other != o.table(parent).Name {
			continue
		}
		column := o.table(parent).Column(f.OtherColumns[0])
		for _, c := range [][]decode.Value{child.Before, child.After} {
			for _, p := range [][]decode.Value{parent.Before, parent.After} {
				if c != nil && p != nil && match(o.table(parent), []int{column}, p, pick(c, f.Columns)) {
					return true
				}
			}
		}
	}
	return false
}

// tainted is the class of the earliest unsafe transaction that taints a row change; 0 where none does.
func (o *oracle) tainted(row decode.Row) classify.Class {
	for _, unsafe := range o.unsafe {
		for _, earlier := range unsafe.tx.Rows {
			if o.related(row, earlier) {
				return unsafe.class
			}
		}
	}
	return 0
}

// ofTransaction is the class of a transaction, whose safe rows are carried out on the trial.
func (o *oracle) ofTransaction(tx *decode.Transaction) classify.Class {
	start := o.trial.clone()
	blocked := map[named]classify.Class{}
	worst := classify.Noop
	for _, row := range tx.Rows {
		class := o.ofRow(row)
		if class == classify.Safe {
			class = cmp.Or(o.tainted(row), class)
		}
		steps := o.steps(0, row)
		if class == classify.Safe {
			class = o.try(row, steps, blocked)
		}
		for key := range steps {
			if _, known := blocked[key]; !known && class > classify.Safe {
				blocked[key] = class
			}
		}
		worst = max(worst, class)
	}
	if worst != classify.Safe {
		o.trial = start
	}
	return worst
}

// try carries a safe row change out on the trial, whose model says why not.
func (o *oracle) try(row decode.Row, steps map[named]step, blocked map[named]classify.Class) classify.Class {
	for _, image := range [][]decode.Value{row.Before, row.After} {
		if image == nil {
			continue
		}
		for key := range steps {
			if class := blocked[key]; class > 0 && key.id == strings.ToLower(image[0].Text) {
				return class
			}
		}
	}
	err := o.trial.change(o.table(row), row.Before, row.After)
	switch {
	case err == nil:
		return classify.Safe
	case strings.Contains(err.Error(), "duplicate"):
		return classify.UniqueCollision
	}
	return classify.ForeignKey
}

func (o *oracle) classes() []classify.Class {
	o.trial = o.live.clone()
	var out []classify.Class
	for _, tx := range o.old {
		class := o.ofTransaction(tx)
		if class.NeedsPerson() {
			o.unsafe = append(o.unsafe, unsafeTx{tx, class})
		}
		out = append(out, class)
	}
	return out
}

func TestClassesAreThoseOfTheSpecification(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tables := shop()
		if rapid.Bool().Draw(t, "volatile") {
			tables[0].Volatile = []int{2}
		}
		tables[0].Mergeable = rapid.Bool().Draw(t, "mergeable customers")
		tables[3].Mergeable = rapid.Bool().Draw(t, "mergeable words")
		s := drawSplit(t, tables, 5)
		if rapid.IntRange(0, 3).Draw(t, "drift") == 0 {
			drawChange(t, s.fresh, tables)
		}
		o := oracle{live: s.fresh, old: s.oldTxs, fresh: s.freshTxs}
		want := o.classes()
		for i, tx := range s.fresh.classified(t, s.oldTxs, s.freshTxs) {
			if tx.Class != want[i] {
				t.Errorf("%s is %s (%s), by the specification %s", tx.GTID, tx.Class, tx.Reason, want[i])
			}
		}
	})
}
