package diff

import (
	"slices"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
)

// Unique is a unique key beside the primary key.
type Unique struct {
	Name string
	// Columns holds indexes into the columns of the table, -1 for an expression.
	Columns []int
	// Prefix says that the key covers only the beginning of a column.
	Prefix bool
}

// HasExpression says that a part of the key is not a column.
func (u Unique) HasExpression() bool { return slices.Contains(u.Columns, -1) }

// Checkable says whether tuples of columns decide about the key.
func (u Unique) Checkable() bool { return !u.Prefix && !u.HasExpression() }

// Changes says whether a change may give the row another tuple under the key.
func (u Unique) Changes(before, after []decode.Value) bool {
	switch {
	case after == nil:
		return false
	case before == nil || u.HasExpression():
		return true
	}
	return Differ(u.Columns, before, after)
}

// Differ says whether two images store another value in one of the columns.
func Differ(columns []int, a, b []decode.Value) bool {
	return slices.ContainsFunc(columns, func(i int) bool { return a[i] != b[i] })
}

// ForeignKey is a constraint as one of its two tables sees it.
type ForeignKey struct {
	// Schema and Name name the constraint. The schema is that of the child.
	Schema, Name string
	// Columns holds indexes into the columns of the table whose definition has the constraint.
	Columns []int
	// Other is the table at the other end, OtherColumns its columns in the same order.
	Other        Name
	OtherColumns []string
	// OnDelete and OnUpdate are what happens to children, as the server names it ("NO ACTION").
	OnDelete, OnUpdate string
}

// Trigger is a trigger that fires for one operation on its table.
type Trigger struct {
	Name string
	On   decode.Op
}

// TriggersOn names the triggers that the operation fires.
func (d *Definition) TriggersOn(op decode.Op) []string {
	var names []string
	for _, t := range d.Triggers {
		if t.On == op {
			names = append(names, t.Name)
		}
	}
	return names
}

// Rule is what the policy says about a table.
type Rule struct {
	// Volatile names columns that repeating a write does not repeat, such as the time of the change.
	Volatile []string
	// Mergeable allows disjoint updates of a row to be merged.
	Mergeable bool
	// Harmless names columns whose values every reader of a report may see.
	Harmless []string
}

// Declare applies the rules of the policy to the tables of the comparison. It returns the declared columns that their
// table does not have, as "schema.table.column".
func (d *Divergence) Declare(rules map[Name]Rule) (misfits []string) {
	for name, table := range d.Tables {
		rule, declared := rules[name]
		if !declared || table.Missing {
			continue
		}
		for _, column := range table.Declare(rule) {
			misfits = append(misfits, name.String()+"."+column)
		}
	}
	d.replan()
	slices.Sort(misfits)
	return misfits
}

// Declare applies a rule of the policy to the table. It returns the declared columns that the table does not have.
func (d *Definition) Declare(rule Rule) (misfits []string) {
	d.Mergeable = rule.Mergeable
	for _, column := range rule.Volatile {
		if i := d.Column(column); i >= 0 {
			d.Volatile = append(d.Volatile, i)
		} else {
			misfits = append(misfits, column)
		}
	}
	for _, column := range rule.Harmless {
		if d.Column(column) < 0 && !slices.Contains(misfits, column) {
			misfits = append(misfits, column)
		}
	}
	return misfits
}

// Column returns the index of the column with the name, in any case, or -1.
func (d *Definition) Column(name string) int {
	return slices.IndexFunc(d.Columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
}

// Auto is the index of the auto-increment column of the primary key, or -1.
func (d *Definition) Auto() int {
	for _, i := range d.PrimaryKey {
		if d.Columns[i].AutoIncrement {
			return i
		}
	}
	return -1
}

// steady says whether the column stays the same when a write is repeated: it is neither generated nor volatile.
func (d *Definition) steady(column int) bool {
	return !d.Columns[column].Generated && !slices.Contains(d.Volatile, column)
}

// Changed lists the columns in which two rows differ, without generated and volatile ones.
func (d *Definition) Changed(a, b []decode.Value) []int {
	var out []int
	for i := range d.Columns {
		if d.steady(i) && a[i] != b[i] {
			out = append(out, i)
		}
	}
	return out
}
