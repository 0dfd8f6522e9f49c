package rows_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/rows"
)

func image(id int64, v string) []decode.Value {
	return []decode.Value{decode.IntegerValue(id), {Kind: decode.Text, Text: v}}
}

func table() *rows.Table {
	return &rows.Table{Definition: &diff.Definition{
		Name: diff.Name{Schema: "shop", Table: "t"}, PrimaryKey: []int{0}, Transactional: true,
		Columns: []diff.Column{{Name: "id", Type: "int"}, {Name: "v", Type: "varchar", Charset: "utf8mb4"}},
	}}
}

func TestASetKnowsWhatBecameOfEachRow(t *testing.T) {
	t.Parallel()
	var s rows.Set
	for _, row := range []decode.Row{
		{Op: decode.Insert, After: image(1, "a")},
		{Op: decode.Update, Before: image(1, "a"), After: image(2, "b")}, // moves to another key
		{Op: decode.Delete, Before: image(3, "c")},
		{Op: decode.Insert, After: image(3, "d")},
	} {
		s.Add(table(), row)
	}
	got := map[string][2][]decode.Value{}
	for _, key := range s.Order {
		got[s.Nets[key].Key[0].Text] = [2][]decode.Value{s.Nets[key].Before, s.Nets[key].After}
	}
	want := map[string][2][]decode.Value{"1": {nil, nil}, "2": {nil, image(2, "b")}, "3": {image(3, "c"), image(3, "d")}}
	if diff := cmp.Diff(want, got); diff != "" || s.Gap != "" || len(s.Changes) != 4 {
		t.Errorf("gap %q: %s", s.Gap, diff)
	}
	s.Add(table(), decode.Row{Op: decode.Update, Before: image(2, "other"), After: image(2, "e")})
	if s.Gap != "shop.t" {
		t.Errorf("gap %q", s.Gap)
	}
}

func TestInverseTwiceIsTheChange(t *testing.T) {
	t.Parallel()
	for _, c := range []rows.Change{
		{Op: decode.Insert, After: image(1, "a")},
		{Op: decode.Delete, Before: image(1, "a")},
		{Op: decode.Update, Before: image(1, "a"), After: image(1, "b")},
	} {
		inverse := c.Inverse()
		if !rows.Same(inverse.Before, c.After) || !rows.Same(inverse.After, c.Before) {
			t.Errorf("%s: %+v", c.Op, inverse)
		}
		if diff := cmp.Diff(c, inverse.Inverse()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAMergedRowIsJudgedByItsColumnsAlone(t *testing.T) {
	t.Parallel()
	wide := &rows.Table{Definition: &diff.Definition{
		Name: diff.Name{Schema: "shop", Table: "t"}, PrimaryKey: []int{0},
		Columns: []diff.Column{{Name: "id", Type: "int"}, {Name: "a", Type: "int"}, {Name: "b", Type: "int"}, {Name: "c", Type: "int"}},
	}}
	of := func(all ...int64) (out []decode.Value) {
		for _, n := range all {
			out = append(out, decode.IntegerValue(n))
		}
		return out
	}
	var s rows.Set
	s.Merge(wide, decode.Row{Op: decode.Update, Before: of(1, 1, 1, 1), After: of(1, 2, 1, 1)}, []int{1})
	s.Merge(wide, decode.Row{Op: decode.Update, Before: of(1, 2, 1, 1), After: of(1, 2, 2, 1)}, []int{2})
	n := s.Nets[s.Order[0]]
	if len(s.Order) != 1 || s.Gap != "" || !n.Moves() {
		t.Fatalf("%+v", s)
	}
	for _, tt := range []struct {
		row           []decode.Value
		before, after bool
	}{
		{of(1, 1, 1, 9), true, false},
		{of(1, 2, 2, 9), false, true},
		{of(1, 2, 1, 1), false, false},
		{nil, false, false},
	} {
		if n.IsBefore(tt.row) != tt.before || n.IsAfter(tt.row) != tt.after {
			t.Errorf("%v: before %t, after %t", tt.row, n.IsBefore(tt.row), n.IsAfter(tt.row))
		}
	}
	var nothing rows.Set
	nothing.Merge(wide, decode.Row{Op: decode.Update, Before: of(1, 1, 1, 1), After: of(1, 1, 1, 2)}, nil) // c is volatile
	n = nothing.Nets[nothing.Order[0]]
	if n.Moves() || !n.IsBefore(of(1, 5, 5, 5)) || n.IsBefore(nil) || nothing.Changes[0].Merge == nil {
		t.Errorf("%+v", n)
	}
}
