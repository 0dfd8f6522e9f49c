package classes_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/truth/classes"
	"github.com/regentdb/regent/truth/table"
	"github.com/regentdb/regent/truth/verbose"
)

// definitions are a parent, its child and a table with a generated key, each with a key and a text.
func definitions() map[string]*table.Table {
	columns := func(text string) []table.Column {
		return []table.Column{{Name: "id", Type: "int"}, {Name: text, Type: "varchar", Charset: "utf8mb4", Collation: "utf8mb4_general_ci", PadSpace: true}}
	}
	plain := func(name string) *table.Table {
		return &table.Table{Name: name, Transactional: true, PrimaryKey: []int{0}, Columns: columns("v")}
	}
	parent, child, orders, watched := plain("parent"), plain("child"), plain("orders"), plain("watched")
	parent.Unique = []table.Unique{{Name: "v", Columns: []int{1}}}
	fk := table.ForeignKey{Name: "fk", Child: "child", Parent: "parent", ChildColumns: []int{1}, ParentColumns: []int{1}}
	parent.Children, child.Parents = []table.ForeignKey{fk}, []table.ForeignKey{fk}
	orders.Columns[0].AutoIncrement = true
	watched.Triggers = []string{"insert"}
	keyless := plain("keyless")
	keyless.PrimaryKey = nil
	return map[string]*table.Table{
		"plain": plain("plain"), "parent": parent, "child": child, "orders": orders, "watched": watched, "keyless": keyless,
	}
}

// row reads "1 text"; "-" is no row.
func row(text string) table.Row {
	id, v, ok := strings.Cut(text, " ")
	if !ok {
		return nil
	}
	return table.Row{{Text: id}, {Text: v, Null: v == "NULL"}}
}

// change reads "table: before > after".
func change(text string) classes.Row {
	name, images, _ := strings.Cut(text, ": ")
	before, after, _ := strings.Cut(images, " > ")
	out := classes.Row{Table: name, Before: row(before), After: row(after), Op: verbose.Update}
	switch {
	case out.Before == nil:
		out.Op = verbose.Insert
	case out.After == nil:
		out.Op = verbose.Delete
	}
	return out
}

// side reads transactions, whose changes are parted by semicolons; DDL stands for itself.
func side(texts []string) []classes.Transaction {
	var out []classes.Transaction
	for i, text := range texts {
		tx := classes.Transaction{GTID: strconv.Itoa(i + 1)}
		if strings.HasPrefix(text, "ALTER") {
			tx.Statements, tx.Opaque = []verbose.Statement{{Text: text}}, true
		} else if text != "" {
			for one := range strings.SplitSeq(text, "; ") {
				tx.Rows = append(tx.Rows, change(one))
			}
		}
		out = append(out, tx)
	}
	return out
}

// weigh is a server to which case does not matter.
func weigh(c table.Column, cell table.Cell) (string, error) {
	if c.Collation == "" {
		return cell.Text, nil
	}
	return strings.ToUpper(strings.TrimRight(cell.Text, " ")), nil
}

func TestClasses(t *testing.T) {
	for name, c := range map[string]struct {
		old, fresh, live []string
		want             string
	}{
		"nothing on the new side":    {[]string{"plain: - > 1 a"}, nil, nil, "SAFE"},
		"no row":                     {[]string{""}, nil, nil, "NOOP"},
		"taken back":                 {[]string{"plain: 1 a > 1 b", "plain: 1 b > 1 a"}, nil, []string{"plain: 1 a"}, "NOOP/NOOP"},
		"the same on both":           {[]string{"plain: 1 a > 1 b"}, []string{"plain: 1 a > 1 b"}, []string{"plain: 1 b"}, "ALREADY"},
		"another on the new side":    {[]string{"plain: 1 a > 1 b"}, []string{"plain: 1 a > 1 c"}, []string{"plain: 1 c"}, "CONFLICT"},
		"put back on the new side":   {[]string{"plain: 1 a > 1 b"}, []string{"plain: 1 a > 1 c", "plain: 1 c > 1 a"}, []string{"plain: 1 a"}, "CONFLICT"},
		"changed without the log":    {[]string{"plain: 1 a > 1 b"}, nil, []string{"plain: 1 x"}, "DRIFT"},
		"different at the ancestor":  {[]string{"plain: 1 a > 1 b"}, []string{"plain: 1 x > 1 c"}, []string{"plain: 1 c"}, "DRIFT"},
		"a gap":                      {[]string{"plain: 1 a > 1 b", "plain: 1 c > 1 d"}, nil, []string{"plain: 1 a"}, "OPAQUE/OPAQUE"},
		"altered on the new side":    {[]string{"plain: 1 a > 1 b"}, []string{"ALTER TABLE plain ADD INDEX (v)"}, []string{"plain: 1 a"}, "OPAQUE"},
		"altered on the old side":    {[]string{"ALTER TABLE plain ADD INDEX (v)", "plain: 1 a > 1 b"}, nil, []string{"plain: 1 a"}, "OPAQUE/OPAQUE"},
		"no key":                     {[]string{"keyless: - > 1 a"}, nil, nil, "OPAQUE"},
		"a trigger":                  {[]string{"watched: - > 1 a", "watched: 2 a > 2 b"}, nil, []string{"watched: 2 a"}, "OPAQUE/SAFE"},
		"taint by key":               {[]string{"plain: 1 a > 1 b", "plain: 1 b > 1 d; plain: - > 2 a", "plain: 2 a > 2 b"}, []string{"plain: 1 a > 1 c"}, []string{"plain: 1 c"}, "CONFLICT/CONFLICT/CONFLICT"},
		"generated key":              {[]string{"orders: - > 1 a"}, []string{"orders: - > 1 b"}, []string{"orders: 1 b"}, "AUTO_INCREMENT"},
		"repeated by another key":    {[]string{"orders: - > 1 a"}, []string{"orders: - > 2 a"}, []string{"orders: 2 a"}, "LIKELY_REPEATED"},
		"repeated by a unique value": {[]string{"parent: - > 1 a"}, []string{"parent: - > 2 A"}, []string{"parent: 2 A"}, "LIKELY_REPEATED"},
		"a unique value is taken":    {[]string{"parent: 1 x > 1 a"}, []string{"parent: 2 y > 2 A"}, []string{"parent: 1 x", "parent: 2 A"}, "UNIQUE_COLLISION"},
		"a value handed on":          {[]string{"parent: 1 a > 1 b", "parent: - > 2 a"}, nil, []string{"parent: 1 a"}, "SAFE/SAFE"},
		"a value handed on, in vain": {
			[]string{"parent: 1 a > 1 b", "parent: - > 2 a"},
			[]string{"parent: 1 a > 1 c", "parent: 1 c > 1 a"},
			[]string{"parent: 1 a"},
			"CONFLICT/UNIQUE_COLLISION",
		},
		"a parent with its child":     {[]string{"parent: - > 1 a; child: - > 1 a"}, nil, nil, "SAFE"},
		"a parent is missing":         {[]string{"child: - > 1 a"}, nil, nil, "FOREIGN_KEY"},
		"a reference to nothing":      {[]string{"child: - > 1 NULL"}, nil, nil, "SAFE"},
		"children are there":          {[]string{"parent: 1 a > -"}, []string{"child: - > 9 A"}, []string{"parent: 1 a", "child: 9 A"}, "FOREIGN_KEY"},
		"children removed before":     {[]string{"child: 1 a > -; parent: 1 a > -"}, nil, []string{"parent: 1 a", "child: 1 a"}, "SAFE"},
		"a child of an unsafe parent": {[]string{"parent: 1 a > 1 b", "child: - > 1 b"}, []string{"parent: 1 a > 1 c"}, []string{"parent: 1 c"}, "CONFLICT/CONFLICT"},
		"half of a move":              {[]string{"plain: 1 a > 2 a"}, []string{"plain: 1 a > -"}, nil, "CONFLICT"},
		"a move":                      {[]string{"plain: 1 a > 2 a", "plain: 2 a > 2 b"}, nil, []string{"plain: 1 a"}, "SAFE/SAFE"},
	} {
		live := map[string][]table.Row{}
		for _, text := range c.live {
			name, image, _ := strings.Cut(text, ": ")
			live[name] = append(live[name], row(image))
		}
		verdict, err := classes.Classify(classes.Input{
			Old: side(c.old), New: side(c.fresh), Tables: definitions(), Live: live, Weigh: weigh,
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, result := range verdict.Transactions {
			got = append(got, string(result.Class))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "/")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestPolicy(t *testing.T) {
	definition := &table.Table{
		Name: "t", Transactional: true, PrimaryKey: []int{0},
		Columns: []table.Column{{Name: "id", Type: "int", AutoIncrement: true}, {Name: "a", Type: "int"}, {Name: "b", Type: "int"}},
	}
	image := func(values ...string) table.Row {
		var out table.Row
		for _, v := range values {
			out = append(out, table.Cell{Text: v})
		}
		return out
	}
	update := func(before, after table.Row) []classes.Transaction {
		return []classes.Transaction{{GTID: "1", Rows: []classes.Row{{Table: "t", Op: verbose.Update, Before: before, After: after}}}}
	}
	in := classes.Input{
		Old: update(image("1", "1", "1"), image("1", "2", "1")), New: update(image("1", "1", "1"), image("1", "1", "3")),
		Tables: map[string]*table.Table{"t": definition}, Live: map[string][]table.Row{"t": {image("1", "1", "3")}}, Weigh: weigh,
	}
	for want, policy := range map[string]classes.Policy{
		"CONFLICT":        {},
		"MERGEABLE":       {Mergeable: map[string]bool{"t": true}},
		"LIKELY_REPEATED": {Volatile: map[string][]string{"t": {"a", "b"}}},
	} {
		in.Policy = policy
		verdict, err := classes.Classify(in)
		if err != nil || string(verdict.Transactions[0].Class) != want {
			t.Errorf("%+v: %v, %v, want %s", policy, verdict.Transactions, err, want)
		}
	}
}
