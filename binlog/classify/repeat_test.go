package classify_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/spill"
	"github.com/regentdb/regent/gtid"
)

// volatile declares the last column of customers volatile.
func volatile(customers, _ *diff.Definition) { customers.Volatile = []int{2} }

// mergeable lets both tables be merged.
func mergeable(customers, orders *diff.Definition) {
	customers.Mergeable, orders.Mergeable = true, true
}

func TestRepeatedRows(t *testing.T) {
	check(t, cases{
		"under another generated key":       {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >2,-,x"}}, "LIKELY_REPEATED"},
		"the same bytes are wanted":         {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >2,-,X"}}, "SAFE"},
		"but for a volatile column":         {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >2,-,y"}, define: volatile}, "LIKELY_REPEATED"},
		"it was there before":               {stage{base: script{"customers >2,-,x"}, old: script{"customers >1,-,x"}}, "SAFE"},
		"it came by an update":              {stage{base: script{"customers >2,-,y"}, old: script{"customers >1,-,x"}, fresh: script{"customers 2,-,y>2,-,x"}}, "SAFE"},
		"it was changed since":              {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >2,-,x", "customers 2,-,x>2,-,y"}}, "SAFE"},
		"it is gone":                        {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >2,-,x", "customers 2,-,x>"}}, "SAFE"},
		"one is left of two":                {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >2,-,x", "customers >3,-,x", "customers 2,-,x>"}}, "LIKELY_REPEATED"},
		"what the old side left counts":     {stage{old: script{"customers >1,-,w", "customers 1,-,w>1,-,x"}, fresh: script{"customers >2,-,x"}}, "LIKELY_REPEATED + LIKELY_REPEATED"},
		"an update is no repetition":        {stage{base: script{"customers >1,-,w"}, old: script{"customers 1,-,w>1,-,x"}, fresh: script{"customers >2,-,x"}}, "SAFE"},
		"keys that no server generates":     {stage{old: script{"orders >1,-,-,-"}, fresh: script{"orders >2,-,-,-"}}, "SAFE"},
		"keys exchanged":                    {stage{old: script{"customers >1,-,x", "customers >2,-,y"}, fresh: script{"customers >1,-,y", "customers >2,-,x"}}, "LIKELY_REPEATED + LIKELY_REPEATED"},
		"the same business key":             {stage{old: script{"customers >1,a,x"}, fresh: script{"customers >2,a,y"}}, "LIKELY_REPEATED"},
		"the same business key, folded":     {stage{old: script{"customers >1,a,x"}, fresh: script{"customers >2,A,y"}}, "LIKELY_REPEATED"},
		"the same business key, generated":  {stage{old: script{"customers >1,a,x"}, fresh: script{"customers >1,a,y"}}, "LIKELY_REPEATED"},
		"business key of an older row":      {stage{base: script{"customers >2,b,y"}, old: script{"customers >1,a,x"}, fresh: script{"customers 2,b,y>2,a,y"}}, "UNIQUE_COLLISION"},
		"business key by an update":         {stage{base: script{"customers >1,b,y"}, old: script{"customers 1,b,y>1,a,y"}, fresh: script{"customers >2,a,z"}}, "UNIQUE_COLLISION"},
		"business key without generated":    {stage{old: script{"orders >1,-,-,7"}, fresh: script{"orders >2,-,-,7"}}, "LIKELY_REPEATED"},
		"no business key in a null":         {stage{old: script{"orders >1,-,-,-"}, fresh: script{"orders >1,-,x,-", "orders >2,-,-,-"}, define: noParents}, "CONFLICT"},
		"the same update, later":            {stage{base: script{"customers >1,-,x"}, old: script{"customers 1,-,x>1,b,y"}, fresh: script{"customers 1,-,x>1,b,z"}, define: volatile}, "LIKELY_REPEATED"},
		"another update":                    {stage{base: script{"customers >1,-,x"}, old: script{"customers 1,-,x>1,b,y"}, fresh: script{"customers 1,-,x>1,c,z"}, define: volatile}, "CONFLICT"},
		"volatile alone on the old side":    {stage{base: script{"customers >1,-,x"}, old: script{"customers 1,-,x>1,-,y"}, fresh: script{"customers 1,-,x>1,c,z"}, define: volatile}, "CONFLICT"},
		"what follows a repeated row":       {stage{old: script{"customers >1,-,x", "orders >1,1,-,-"}, fresh: script{"customers >2,-,x"}}, "LIKELY_REPEATED + LIKELY_REPEATED"},
		"sides that differed from the base": {stage{old: script{"customers >1,-,x"}, fresh: script{"customers 1,-,q>1,-,y"}, base: script{"customers >1,-,q"}}, "DRIFT"},
	})
}

// noParents takes the foreign keys away.
func noParents(_, orders *diff.Definition) { orders.References = nil }

func TestNothingLeftToCompareIsNoRepetition(t *testing.T) {
	s := stage{
		old: script{"customers >1,a,x"}, fresh: script{"customers >2,b,x"},
		define: func(c, _ *diff.Definition) { c.Volatile = []int{1}; c.Columns[2].Generated = true },
	}
	if got := shown(s.classified(t)); got != "SAFE" {
		t.Error(got)
	}
}

func TestCounterparts(t *testing.T) {
	for name, tt := range map[string]struct {
		stage
		want int
	}{
		"first row alike":     {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >3,-,y", "customers >9,-,x", "customers >2,-,x"}}, 2},
		"never the key's own": {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >1,-,x", "customers >9,-,x", "customers 1,-,x>1,-,y"}}, 2},
		"business key":        {stage{old: script{"customers >1,a,x"}, fresh: script{"customers >3,-,y", "customers >9,a,z"}}, 2},
		"last touch":          {stage{base: script{"customers >1,-,x"}, old: script{"customers 1,-,x>1,-,y"}, fresh: script{"customers 1,-,x>1,-,z", "customers 1,-,z>1,-,y"}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			row := tt.classified(t)[0].Rows[0]
			if row.Counterpart != transaction(newUUID, tt.want).GTID {
				t.Errorf("%s: %s", row.Counterpart, row.Reason)
			}
		})
	}
}

func TestGeneratedKeys(t *testing.T) {
	check(t, cases{
		"unrelated rows":             {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >1,-,y"}}, "AUTO_INCREMENT"},
		"gone again":                 {stage{old: script{"customers >1,-,x"}, fresh: script{"customers >1,-,y", "customers 1,-,y>"}}, "CONFLICT"},
		"keys that are not made":     {stage{old: script{"words >a,1"}, fresh: script{"words >a,2"}}, "CONFLICT"},
		"updates of one row":         {stage{base: script{"customers >1,-,w"}, old: script{"customers 1,-,w>1,-,x"}, fresh: script{"customers 1,-,w>1,-,y"}}, "CONFLICT"},
		"children are not left back": {stage{old: script{"customers >1,-,x", "orders >5,1,-,-"}, fresh: script{"customers >1,-,y"}}, "AUTO_INCREMENT + AUTO_INCREMENT"},
	})
}

func TestProposals(t *testing.T) {
	s := stage{
		base: script{"customers >3,-,q"},
		old:  script{"customers >5,-,x", "customers >6,-,y; orders >1,5,-,-", "orders 1,5,-,->1,5,-,4", "customers >8,-,w"},
		fresh: script{
			"customers >5,-,r", "customers >6,-,s",
		},
	}
	all := s.classified(t)
	first, second := all[0].Rows[0].Proposal, all[1].Rows[0].Proposal
	if first == nil || second == nil || all[3].Rows[0].Proposal != nil {
		t.Fatalf("proposals %v, %v, %v", first, second, all[3].Rows[0].Proposal)
	}
	if first.ID != decode.IntegerValue(9) || second.ID != decode.IntegerValue(10) {
		t.Errorf("proposed %v and %v, want 9 and 10", first.ID, second.ID)
	}
	var children []string
	for _, child := range first.Children {
		children = append(children, child.GTID.String()+" "+child.Table.String()+" "+child.Key[0].Text+" "+child.ForeignKey)
	}
	want := []string{oldUUID + ":2 s.orders 1 by_id", oldUUID + ":3 s.orders 1 by_id"}
	if diff := cmp.Diff(want, children); diff != "" || len(second.Children) > 0 {
		t.Errorf("children: (-want +got)\n%s%v", diff, second.Children)
	}
}

func TestMerge(t *testing.T) {
	base := script{"customers >1,a,x", "customers >2,b,x", "orders >1,1,-,-"}
	trigger := func(on decode.Op) func(c, o *diff.Definition) {
		return func(c, o *diff.Definition) { mergeable(c, o); c.Triggers = []diff.Trigger{{Name: "t", On: on}} }
	}
	both := func(old, fresh string, define func(c, o *diff.Definition)) stage {
		return stage{base: base, old: script{old}, fresh: script{fresh}, define: define}
	}
	keyless := func(c, o *diff.Definition) { mergeable(c, o); c.Unique, c.ReferencedBy = nil, nil }
	check(t, cases{
		"disjoint":                    {both("customers 1,a,x>1,a,y", "customers 1,a,x>1,c,x", mergeable), "MERGEABLE"},
		"disjoint, not allowed":       {both("customers 1,a,x>1,a,y", "customers 1,a,x>1,c,x", nil), "CONFLICT"},
		"a unique key changes":        {both("customers 1,a,x>1,c,x", "customers 1,a,x>1,a,y", mergeable), "CONFLICT"},
		"no key of any kind":          {both("customers 1,a,x>1,c,x", "customers 1,a,x>1,a,y", keyless), "MERGEABLE"},
		"a foreign key changes":       {both("orders 1,1,-,->1,2,-,-", "orders 1,1,-,->1,1,-,8", mergeable), "CONFLICT"},
		"a referred-to column":        {both("customers 1,a,x>1,c,x", "customers 1,a,x>1,a,y", func(c, o *diff.Definition) { mergeable(c, o); c.Unique = nil }), "CONFLICT"},
		"an expression":               {both("customers 1,a,x>1,a,y", "customers 1,a,x>1,c,x", func(c, o *diff.Definition) { mergeable(c, o); c.Unique[0].Columns = []int{-1} }), "CONFLICT"},
		"the same column":             {both("customers 1,a,x>1,a,y", "customers 1,a,x>1,a,z", mergeable), "CONFLICT"},
		"one column of several":       {both("customers 1,a,x>1,a,y", "customers 1,a,x>1,c,z", mergeable), "CONFLICT"},
		"deleted here":                {both("customers 2,b,x>", "customers 2,b,x>2,c,x", mergeable), "CONFLICT"},
		"deleted there":               {both("customers 2,b,x>2,b,y", "customers 2,b,x>", mergeable), "CONFLICT"},
		"inserted twice":              {both("words >a,1", "words >a,2", mergeable), "CONFLICT"},
		"put back there":              {stage{base: base, old: script{"customers 1,a,x>1,a,y"}, fresh: script{"customers 1,a,x>1,a,z", "customers 1,a,z>1,a,x"}, define: mergeable}, "MERGEABLE"},
		"volatile on both sides":      {both("customers 1,a,x>1,c,y", "customers 1,a,x>1,a,z", func(c, o *diff.Definition) { keyless(c, o); c.Volatile = []int{2} }), "MERGEABLE"},
		"trigger for updates":         {both("customers 1,a,x>1,a,y", "customers 1,a,x>1,c,x", trigger(decode.Update)), "CONFLICT"},
		"trigger for inserts":         {both("customers 1,a,x>1,a,y", "customers 1,a,x>1,c,x", trigger(decode.Insert)), "MERGEABLE"},
		"foreign keys cannot be seen": {both("customers 1,a,x>1,a,y", "customers 1,a,x>1,c,x", func(c, o *diff.Definition) { mergeable(c, o); c.ForeignKeysHidden = "grant it" }), "CONFLICT"},
		"triggers cannot be seen":     {both("customers 1,a,x>1,a,y", "customers 1,a,x>1,c,x", func(c, o *diff.Definition) { mergeable(c, o); c.TriggersHidden = true }), "CONFLICT"},
		"engine":                      {both("customers 1,a,x>1,a,y", "customers 1,a,x>1,c,x", func(c, o *diff.Definition) { mergeable(c, o); c.Transactional = false }), "CONFLICT"},
		"what follows a merge":        {stage{base: base, old: script{"customers 1,a,x>1,a,y", "orders 1,1,-,->1,1,-,6"}, fresh: script{"customers 1,a,x>1,c,x"}, define: mergeable}, "MERGEABLE + MERGEABLE"},
	})
}

func TestConflictsSayWhatMet(t *testing.T) {
	one := script{"words >a,1"}
	for want, s := range map[string]stage{
		"insert-insert: ": {old: script{"words >a,1"}, fresh: script{"words >a,2"}},
		"delete-update: ": {base: one, old: script{"words a,1>"}, fresh: script{"words a,1>a,2"}},
		"update-delete: ": {base: one, old: script{"words a,1>a,2"}, fresh: script{"words a,1>"}},
		"update-update: ": {base: one, old: script{"words a,1>a,2"}, fresh: script{"words a,1>a,3"}},
	} {
		if got := s.classified(t)[0]; !strings.HasPrefix(got.Reason, want) {
			t.Errorf("%s, want %s", got.Reason, want)
		}
	}
	merge := stage{base: script{"customers >1,a,x"}, old: script{"customers 1,a,x>1,a,y"}, fresh: script{"customers 1,a,x>1,c,x"}}
	if got := merge.classified(t)[0]; !strings.HasPrefix(got.Reason, "update-update: ") || !strings.Contains(got.Reason, "disjoint") {
		t.Errorf("%s: does not tell what the policy could allow", got.Reason)
	}
}

func TestRulesOfThePolicyReachTheTables(t *testing.T) {
	tables := shop()
	space, err := spill.Open(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	d := diff.New(newModel(tables...).tables, gtid.Set{}, space)
	misfits := d.Declare(map[diff.Name]diff.Rule{
		tables[0].Name:                  {Volatile: []string{"V", "nothing"}, Mergeable: true},
		{Schema: "s", Table: "another"}: {Volatile: []string{"w"}},
	})
	if diff := cmp.Diff([]string{"s.customers.nothing"}, misfits); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !cmp.Equal(tables[0].Volatile, []int{2}) || !tables[0].Mergeable || tables[1].Mergeable {
		t.Errorf("volatile %v, mergeable %v", tables[0].Volatile, tables[0].Mergeable)
	}
}
