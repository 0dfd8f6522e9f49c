package classify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// script is transactions of row changes of the shop: "table before > after; ..." with values parted by commas, - for
// NULL and nothing for no row. A transaction that begins with ! is opaque, one that begins with # is a statement.
type script []string

func (s script) transactions(uuid string) []*decode.Transaction {
	tables := map[string]*diff.Definition{}
	for _, table := range shop() {
		tables[table.Table] = table
	}
	var out []*decode.Transaction
	for i, text := range s {
		tx := transaction(uuid, i+1)
		if statement, ok := strings.CutPrefix(text, "#"); ok {
			tx.Opaque, tx.Statements = []string{"DDL"}, []decode.Statement{{Schema: "s", Text: statement}}
			out = append(out, tx)
			continue
		}
		text, opaque := strings.CutPrefix(text, "!")
		if opaque {
			tx.Opaque = []string{"XA"}
		}
		for part := range strings.SplitSeq(text, "; ") {
			name, rest, _ := strings.Cut(part, " ")
			from, to, _ := strings.Cut(rest, ">")
			table := tables[name]
			row := decode.Row{Op: decode.Update, Table: loggedAs(table), Before: parsed(table, from), After: parsed(table, to)}
			if row.Before == nil {
				row.Op = decode.Insert
			} else if row.After == nil {
				row.Op = decode.Delete
			}
			tx.Rows = append(tx.Rows, row)
		}
		out = append(out, tx)
	}
	return out
}

func parsed(table *diff.Definition, text string) []decode.Value {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	var out []decode.Value
	for i, field := range strings.Split(text, ",") {
		value := decode.Value{Kind: table.Columns[i].Kind(), Text: field}
		if field == "-" {
			value = decode.NullValue()
		}
		out = append(out, value)
	}
	return out
}

// stage is a divergence of the shop: rows that both sides had, then what each did.
type stage struct {
	base, old, fresh script
	// unlogged changes the new primary without a log.
	unlogged script
	// torn are rows of both sides that no key was checked for.
	torn   script
	define func(customers, orders *diff.Definition)
}

// classified plays the new side on the model, so that a script that a server would refuse fails.
func (s stage) classified(t *testing.T) []classify.Transaction {
	t.Helper()
	tables := shop()
	if s.define != nil {
		s.define(tables[0], tables[1])
	}
	m := newModel(tables...)
	for _, tx := range s.torn.transactions(newUUID) {
		for _, row := range tx.Rows {
			m.put(diff.Name{Schema: row.Table.Schema, Table: row.Table.Name}, row.After)
		}
	}
	for _, part := range []script{s.base, s.fresh, s.unlogged} {
		for _, tx := range part.transactions(newUUID) {
			for _, row := range tx.Rows {
				if err := m.change(m.tables[diff.Name{Schema: row.Table.Schema, Table: row.Table.Name}], row.Before, row.After); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return m.classified(t, s.old.transactions(oldUUID), s.fresh.transactions(newUUID))
}

// shown is the classes of transactions, each followed by those of its rows where it has several.
func shown(all []classify.Transaction) string {
	var out []string
	for _, tx := range all {
		text := tx.Class.String()
		if len(tx.Rows) > 1 {
			var rows []string
			for _, row := range tx.Rows {
				rows = append(rows, row.Class.String())
			}
			text += "(" + strings.Join(rows, " ") + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, " + ")
}

func check(t *testing.T, tests map[string]struct {
	stage
	want string
},
) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := tt.classified(t)
			if diff := cmp.Diff(tt.want, shown(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
				for _, tx := range got {
					t.Log(tx.GTID, tx.Class, tx.Reason)
				}
			}
		})
	}
}

type cases = map[string]struct {
	stage
	want string
}

func TestUniqueKeys(t *testing.T) {
	two := script{"customers >1,a,x", "customers >2,e,x"}
	check(t, cases{
		"free":                       {stage{old: script{"customers >1,a,x"}}, "SAFE"},
		"taken":                      {stage{old: script{"customers >1,a,x"}, fresh: script{"customers >2,b,y", "customers 2,b,y>2,a,y"}}, "UNIQUE_COLLISION"},
		"taken in another spelling":  {stage{old: script{"customers >1,e,x"}, fresh: script{"customers >2,b,y", "customers 2,b,y>2,É,y"}}, "UNIQUE_COLLISION"},
		"taken without a log":        {stage{old: script{"customers >1,a,x"}, unlogged: script{"customers >2,a,y"}}, "UNIQUE_COLLISION"},
		"null collides with nothing": {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >2,-,y"}}, "SAFE"},
		"null given up":              {stage{base: script{"customers >1,-,x"}, old: script{"customers 1,-,x>1,a,x"}}, "SAFE"},
		"its own in another spelling": {
			stage{base: two, old: script{"customers 1,a,x>1,A,x"}}, "SAFE",
		},
		"kept is not checked": {stage{base: two, old: script{"customers 1,a,x>1,a,y"}}, "SAFE"},
		"handed on": {
			stage{base: two, old: script{"customers 1,a,x>1,f,x", "customers 2,e,x>2,a,x"}}, "SAFE + SAFE",
		},
		"swapped in one transaction": {
			stage{base: two, old: script{"customers 1,a,x>1,-,x; customers 2,e,x>2,a,x; customers 1,-,x>1,e,x"}}, "SAFE(SAFE SAFE SAFE)",
		},
		"swapped, the first step not safe": {
			stage{
				base: two, old: script{"customers 1,a,x>1,-,x", "customers 2,e,x>2,a,x", "customers 1,-,x>1,e,x"},
				fresh: script{"customers 1,a,x>1,a,y"},
			},
			"CONFLICT + UNIQUE_COLLISION + CONFLICT",
		},
		"handed on by a row that ended as it was": {
			stage{base: two, old: script{"customers 1,a,x>1,-,x", "customers >3,a,x", "customers 3,a,x>3,g,x", "customers 1,-,x>1,a,x"}},
			"NOOP + UNIQUE_COLLISION + UNIQUE_COLLISION + NOOP",
		},
		"handed on by a delete":            {stage{base: two, old: script{"customers 1,a,x>", "customers >3,A,z"}}, "SAFE + SAFE"},
		"moved to another key":             {stage{base: two, old: script{"customers 1,a,x>3,a,x", "customers >4,a,x"}}, "SAFE + UNIQUE_COLLISION"},
		"two old rows":                     {stage{old: script{"customers >1,e,x", "customers >2,é,x"}}, "SAFE + UNIQUE_COLLISION"},
		"an unsafe transaction held it":    {stage{old: script{"customers >1,a,x; words >é,1", "customers >2,a,x"}, fresh: script{"words >e,2"}}, "CONFLICT(SAFE CONFLICT) + SAFE"},
		"an unsafe transaction gave it up": {stage{base: two, old: script{"customers 1,a,x>1,g,x; words >é,1", "customers >3,a,x"}, fresh: script{"words >e,2"}}, "CONFLICT(SAFE CONFLICT) + UNIQUE_COLLISION"},
		"a refused row is not there for the next": {
			stage{base: two, old: script{"customers >3,e,x; customers 3,e,x>3,g,x; customers >4,g,x"}},
			"UNIQUE_COLLISION(UNIQUE_COLLISION UNIQUE_COLLISION SAFE)",
		},
		"a prefix is checked only when changed": {
			stage{
				base: two, old: script{"customers 1,a,x>1,a,y", "customers 2,e,x>2,f,x", "customers 2,f,x>"},
				define: func(c, _ *diff.Definition) { c.Unique[0].Prefix = true },
			},
			"SAFE + UNIQUE_COLLISION + UNIQUE_COLLISION",
		},
		"an expression always": {
			stage{
				base: two, old: script{"customers 1,a,x>1,a,y", "customers 2,e,x>"},
				define: func(c, _ *diff.Definition) { c.Unique[0].Columns = []int{1, -1} },
			},
			"UNIQUE_COLLISION + SAFE",
		},
	})
}

func TestForeignKeys(t *testing.T) {
	one := script{"customers >1,a,x"}
	child := script{"customers >1,a,x", "orders >1,1,-,-"}
	check(t, cases{
		"parent there":                    {stage{base: one, old: script{"orders >1,1,-,1"}}, "SAFE"},
		"parent there in other spelling":  {stage{base: one, old: script{"orders >1,-,A,1"}}, "SAFE"},
		"no parent wanted":                {stage{old: script{"orders >1,-,-,1"}}, "SAFE"},
		"parent missing":                  {stage{base: one, old: script{"orders >1,1,-,1"}, fresh: script{"customers 1,a,x>"}}, "FOREIGN_KEY"},
		"parent of an earlier one":        {stage{old: script{"customers >1,a,x", "orders >1,1,a,1"}}, "SAFE + SAFE"},
		"parent of the same":              {stage{old: script{"customers >1,a,x; orders >1,1,a,1"}}, "SAFE(SAFE SAFE)"},
		"parent of a later one":           {stage{old: script{"orders >1,1,-,1", "customers >1,a,x"}}, "FOREIGN_KEY + FOREIGN_KEY"},
		"reference moved":                 {stage{base: append(script{"customers >2,e,x"}, child...), old: script{"orders 1,1,-,->1,2,-,-"}}, "SAFE"},
		"reference moved to none":         {stage{base: child, old: script{"orders 1,1,-,->1,-,-,-"}, fresh: script{"customers >2,b,y"}}, "SAFE"},
		"broken before and kept":          {stage{torn: child[1:], old: script{"orders 1,1,-,->1,1,-,5", "orders 1,1,-,5>1,2,-,5"}}, "SAFE + FOREIGN_KEY"},
		"kept reference is not checked":   {stage{base: child, old: script{"orders 1,1,-,->1,1,-,5"}}, "SAFE"},
		"no children":                     {stage{base: one, old: script{"customers 1,a,x>"}}, "SAFE"},
		"children on the new side":        {stage{base: one, old: script{"customers 1,a,x>"}, fresh: script{"orders >7,1,-,-"}}, "FOREIGN_KEY"},
		"children by the second key":      {stage{base: one, old: script{"customers 1,a,x>1,b,x"}, fresh: script{"orders >7,-,A,-"}}, "FOREIGN_KEY"},
		"spelling of a parent changed":    {stage{base: one, old: script{"customers 1,a,x>1,A,x"}, fresh: script{"orders >7,-,a,-"}}, "FOREIGN_KEY"},
		"parent changed elsewhere":        {stage{base: one, old: script{"customers 1,a,x>1,a,y"}, fresh: script{"orders >7,1,a,-"}}, "SAFE"},
		"children removed before":         {stage{base: child, old: script{"orders 1,1,-,->", "customers 1,a,x>"}}, "SAFE + SAFE"},
		"children removed in the same":    {stage{base: child, old: script{"orders 1,1,-,->; customers 1,a,x>"}}, "SAFE(SAFE SAFE)"},
		"children moved away before":      {stage{base: child, old: script{"orders 1,1,-,->1,-,-,-", "customers 1,a,x>"}}, "SAFE + SAFE"},
		"the removal of children unsafe":  {stage{base: child, old: script{"orders 1,1,-,->", "customers 1,a,x>"}, fresh: script{"orders 1,1,-,->1,1,-,3"}}, "CONFLICT + CONFLICT"},
		"cascade that the log hides":      {stage{base: child, old: script{"customers 1,a,x>"}}, "FOREIGN_KEY"},
		"parent that moves, child first":  {stage{base: child, old: script{"orders 1,1,-,->1,2,-,-; customers 1,a,x>2,a,x"}}, "FOREIGN_KEY(FOREIGN_KEY FOREIGN_KEY)"},
		"parent that came and went":       {stage{old: script{"customers >1,a,x", "orders >1,1,-,-", "orders 1,1,-,->1,-,-,-", "customers 1,a,x>"}}, "NOOP + FOREIGN_KEY + FOREIGN_KEY + NOOP"},
		"its own parent":                  {stage{old: script{"tree >1,1", "tree >2,1", "tree >3,4"}}, "SAFE + SAFE + FOREIGN_KEY"},
		"its own child":                   {stage{base: script{"tree >1,1"}, old: script{"tree 1,1>"}}, "FOREIGN_KEY"},
		"no more its own child":           {stage{base: script{"tree >1,1"}, old: script{"tree 1,1>1,-", "tree 1,->"}}, "SAFE + SAFE"},
		"its own parent under a new key":  {stage{base: script{"tree >1,-"}, old: script{"tree 1,->2,2"}}, "FOREIGN_KEY"},
		"its own parent under an old key": {stage{base: script{"tree >1,-"}, old: script{"tree 1,->2,1"}}, "FOREIGN_KEY"},
		"its own parent by an update":     {stage{base: script{"tree >1,-"}, old: script{"tree 1,->1,1"}}, "SAFE"},
	})
}

func TestTaintThroughForeignKeys(t *testing.T) {
	base := script{"customers >1,a,x", "customers >2,b,x"}
	clash := script{"customers 1,a,x>1,a,z"}
	check(t, cases{
		"child of an unsafe parent":      {stage{base: base, old: script{"customers 1,a,x>1,a,y", "orders >1,1,-,1"}, fresh: clash}, "CONFLICT + CONFLICT"},
		"child of it by the other key":   {stage{base: base, old: script{"customers 1,a,x>1,a,y", "orders >1,-,A,1"}, fresh: clash}, "CONFLICT + CONFLICT"},
		"child of another parent":        {stage{base: base, old: script{"customers 1,a,x>1,a,y", "orders >1,2,-,1"}, fresh: clash}, "CONFLICT + SAFE"},
		"child before it":                {stage{base: base, old: script{"orders >1,1,-,1", "customers 1,a,x>1,a,y"}, fresh: clash}, "SAFE + CONFLICT"},
		"parent of an unsafe child":      {stage{base: base, old: script{"orders >1,1,-,1", "customers 1,a,x>1,a,y"}, fresh: script{"orders >1,-,-,9"}}, "CONFLICT + CONFLICT"},
		"former parent of it":            {stage{base: append(script{"orders >1,-,-,-"}, base...), old: script{"orders 1,-,-,->1,1,-,-", "orders 1,1,-,->1,2,-,-", "customers 1,a,x>1,a,y"}, fresh: script{"orders 1,-,-,->1,-,-,9"}}, "CONFLICT + CONFLICT + CONFLICT"},
		"sibling of an unsafe child":     {stage{base: base, old: script{"orders >1,1,-,1", "orders >2,1,-,2"}, fresh: script{"orders >1,-,-,9"}}, "CONFLICT + SAFE"},
		"the earliest counts":            {stage{base: base, old: script{"!orders >3,2,-,-", "customers 1,a,x>1,a,y", "orders >1,1,-,1; customers 2,b,x>2,b,y"}, fresh: clash}, "OPAQUE + CONFLICT + OPAQUE(CONFLICT OPAQUE)"},
		"the earliest counts, crosswise": {stage{base: base, old: script{"!customers 2,b,x>2,b,y", "customers 1,a,x>1,a,y", "orders >1,1,b,1"}, fresh: clash}, "OPAQUE + CONFLICT + OPAQUE"},
		"the earliest, the other way":    {stage{base: base, old: script{"customers 1,a,x>1,a,y", "!customers 2,b,x>2,b,y", "orders >1,1,b,1"}, fresh: clash}, "CONFLICT + OPAQUE + CONFLICT"},
		"a parent table altered":         {stage{base: base, old: script{"#ALTER TABLE customers ADD x INT", "orders >1,1,-,1", "orders >2,-,-,2", "words >a,1"}}, "OPAQUE + OPAQUE + SAFE + SAFE"},
		"altered on the new side":        {stage{base: base, old: script{"customers 1,a,x>1,a,y", "orders >1,1,-,1", "orders >2,2,-,2"}, fresh: script{"#ALTER TABLE customers ADD x INT"}}, "OPAQUE + OPAQUE + SAFE"},
		"what is not safe keeps its own": {stage{base: base, old: script{"!customers 2,b,x>2,b,y", "orders >1,2,-,1"}, fresh: script{"orders >1,-,-,9"}}, "OPAQUE + CONFLICT"},
		"rows of an opaque transaction":  {stage{base: base, old: script{"orders >1,1,-,1", "!orders 1,1,-,1>1,1,-,2", "orders >2,2,-,2"}}, "OPAQUE + OPAQUE + SAFE"},
	})
}

func TestRowsThatMoveBetweenKeys(t *testing.T) {
	one := script{"words >a,1"}
	check(t, cases{
		"inserted, then moved":        {stage{old: script{"words >a,1", "words a,1>b,1"}}, "SAFE + SAFE"},
		"moved there and back":        {stage{base: one, old: script{"words a,1>b,1", "words b,1>a,1"}}, "NOOP + NOOP"},
		"moved there and back, else":  {stage{base: one, old: script{"words a,1>b,1", "words b,1>a,1", "words >b,2"}}, "SAFE + SAFE + SAFE"},
		"moved, gone on the new side": {stage{base: one, old: script{"words a,1>b,1"}, fresh: script{"words a,1>"}}, "CONFLICT"},
		"moved, there already":        {stage{base: one, old: script{"words a,1>b,1"}, fresh: script{"words >b,1"}}, "CONFLICT"},
		"moved on both sides":         {stage{base: one, old: script{"words a,1>b,1"}, fresh: script{"words a,1>b,1"}}, "ALREADY"},
		"moved, and one end opaque":   {stage{base: one, old: script{"words a,1>b,1", "!words b,1>b,2"}}, "OPAQUE + OPAQUE"},
		"two spellings on the old":    {stage{base: script{"words >é,1"}, old: script{"words é,1>e,1"}}, "OPAQUE"},
		"another spelling on the new": {stage{old: script{"words >é,1"}, fresh: script{"words >e,1", "words e,1>"}}, "CONFLICT"},
		"plain there, strange here":   {stage{old: script{"words >e,1"}, fresh: script{"words >É,1"}}, "CONFLICT"},
		"touched first in a spelling": {stage{base: script{"words >e,1"}, old: script{"words >é,1"}, fresh: script{"words e,1>e,2", "words e,2>é,3"}}, "DRIFT"},
		"another base in a spelling":  {stage{base: script{"words >é,1"}, old: script{"words é,1>é,2"}, fresh: script{"words é,1>e,1", "words e,1>é,3"}}, "CONFLICT"},
	})
}

func TestReasonsNameNoValue(t *testing.T) {
	canary := stage{
		base: script{"customers >1,canary,x"}, old: script{"customers >2,canary,canary", "orders >1,9,canary,-"},
		fresh: script{"customers 1,canary,x>1,canary,y", "orders >1,-,-,3"},
	}
	for _, tx := range canary.classified(t) {
		for _, row := range tx.Rows {
			if strings.Contains(fmt.Sprint(tx.Reason, row.Reason), "canary") {
				t.Errorf("%s: %s", tx.GTID, row.Reason)
			}
		}
	}
}
