package rewind

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
	"github.com/regentdb/regent/binlog/rows"
	"github.com/regentdb/regent/gtid"
)

const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

func image(id int64, v string) []decode.Value {
	return []decode.Value{decode.IntegerValue(id), {Kind: decode.Text, Text: v}}
}

func row(op decode.Op, before, after []decode.Value) decode.Row {
	return decode.Row{Op: op, Before: before, After: after, Table: &decode.Table{
		Schema: "shop", Name: "orders", PrimaryKey: []int{0},
		Columns: []decode.Column{{Name: "id", Kind: decode.Integer, Family: "int"}, {Name: "v", Kind: decode.Text, Family: "varchar"}},
	}}
}

func changes(all ...decode.Row) []*decode.Transaction {
	return []*decode.Transaction{{GTID: gtid.GTID{UUID: uuid, Seq: 1}, Rows: all}}
}

func planned(t *testing.T, all []*decode.Transaction, extra string, alter func(*planner, *rows.Table)) (*plan, error) {
	t.Helper()
	hazards := &live.Hazards{}
	table := &rows.Table{Hazards: hazards, Definition: &diff.Definition{
		Name: diff.Name{Schema: "shop", Table: "orders"}, Transactional: true, Engine: "InnoDB", PrimaryKey: []int{0},
		Columns: []diff.Column{{Name: "id", Type: "int"}, {Name: "v", Type: "varchar", Charset: "utf8mb4"}},
	}}
	p := &planner{tables: func(context.Context, diff.Name) (*rows.Table, error) { return table, nil }}
	if alter != nil {
		alter(p, table)
	}
	tail := iter.Seq2[*decode.Transaction, error](func(yield func(*decode.Transaction, error) bool) {
		for _, tx := range all {
			if !yield(tx, nil) {
				return
			}
		}
	})
	return p.gather(t.Context(), tail, gtid.MustParse(extra))
}

func firing(op decode.Op, trigger string) *live.Hazards {
	h := &live.Hazards{Triggers: make(map[decode.Op][]string)}
	h.Triggers[op] = []string{trigger}
	return h
}

func TestOnlyWhatCanBeUndoneExactlyIsPlanned(t *testing.T) {
	t.Parallel()
	insertion, deletion := row(decode.Insert, nil, image(1, "a")), row(decode.Delete, image(1, "a"), nil)
	cascade := func(p *planner, t *rows.Table) {
		t.Hazards = &live.Hazards{Cascades: []live.Cascade{{Name: "fk", OnDelete: true, Columns: []string{"id"}}}}
		p.cascadesHidden = true
	}
	for _, tt := range []struct {
		name  string
		all   []*decode.Transaction
		alter func(*planner, *rows.Table)
		why   string
	}{
		{name: "an insertion", all: changes(insertion)},
		{name: "a trigger that only the change fired", all: changes(insertion), alter: func(_ *planner, t *rows.Table) {
			t.Hazards = firing(decode.Insert, "in")
		}},
		{name: "a trigger that undoing fires", all: changes(insertion), why: "fire trigger out", alter: func(_ *planner, t *rows.Table) {
			t.Hazards = firing(decode.Delete, "out")
		}},
		{name: "a hidden cascade", all: changes(deletion), alter: cascade, why: "foreign key fk"},
		{name: "a cascade that is logged", all: changes(deletion), alter: func(p *planner, t *rows.Table) {
			cascade(p, t)
			p.cascadesHidden = false
		}},
		{name: "no transaction", all: changes(insertion), why: "engine MyISAM", alter: func(_ *planner, t *rows.Table) {
			t.Transactional, t.Engine = false, "MyISAM"
		}},
		{name: "no key", all: changes(insertion), why: "primary key", alter: func(_ *planner, t *rows.Table) { t.PrimaryKey = nil }},
		{name: "hidden foreign keys", all: changes(insertion), why: "grant it", alter: func(_ *planner, t *rows.Table) { t.ForeignKeysHidden = "grant it" }},
		{name: "hidden triggers", all: changes(insertion), why: "grant TRIGGER", alter: func(_ *planner, t *rows.Table) { t.TriggersHidden = true }},
		{name: "a partial image", all: changes(row(decode.Update, []decode.Value{decode.IntegerValue(1), {}}, image(1, "b"))), why: "only a part"},
		{name: "a gap", all: changes(insertion, row(decode.Update, image(1, "b"), image(1, "c"))), why: "gap"},
		{name: "undecodable", all: []*decode.Transaction{{GTID: gtid.GTID{UUID: uuid, Seq: 1}, Undecodable: []string{"an incident"}}}, why: "an incident"},
		{name: "DDL", all: []*decode.Transaction{{GTID: gtid.GTID{UUID: uuid, Seq: 1}, Statements: []decode.Statement{{Text: "DROP"}}}}, why: "logged as text"},
		{name: "opaque", all: []*decode.Transaction{{GTID: gtid.GTID{UUID: uuid, Seq: 1}, Opaque: []string{"XA"}}}, why: "XA"},
		{name: "not captured", why: "was not captured"},
		{name: "too much", all: changes(row(decode.Insert, nil, image(1, strings.Repeat("x", sizeLimit)))), why: "256 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := planned(t, tt.all, uuid+":1", tt.alter)
			switch {
			case tt.why == "" && (err != nil || len(p.Changes) != 1):
				t.Errorf("%v", err)
			case tt.why != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.why) || !strings.Contains(err.Error(), "regent clone")):
				t.Errorf("got %v, want %q", err, tt.why)
			}
		})
	}
}

func TestInversesBringEveryRowBack(t *testing.T) {
	t.Parallel()
	p, err := planned(t, changes(
		row(decode.Insert, nil, image(1, "a")), row(decode.Update, image(1, "a"), image(2, "b")), row(decode.Delete, image(3, "c"), nil),
		row(decode.Update, image(2, "b"), image(2, "d")),
	), uuid+":1", nil)
	if err != nil {
		t.Fatal(err)
	}
	state := map[string]string{"2": "d"}
	for i := len(p.Changes) - 1; i >= 0; i-- {
		c := p.Changes[i].Inverse()
		if c.Before != nil {
			if state[c.Before[0].Text] != c.Before[1].Text {
				t.Fatalf("change %d does not meet its row: %v", i, state)
			}
			delete(state, c.Before[0].Text)
		}
		if c.After != nil {
			state[c.After[0].Text] = c.After[1].Text
		}
	}
	if len(state) != 1 || state["3"] != "c" || len(p.Order) != 3 {
		t.Errorf("%v, %d rows", state, len(p.Order))
	}
}

func TestStageFileIsReadBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := progress{Stage: settling, UUID: uuid, Extra: gtid.MustParse(uuid + ":6-7"), Kept: gtid.MustParse(uuid + ":1-5")}
	if none, err := readProgress(dir, "db1"); err != nil || none.Stage != fresh {
		t.Fatalf("%+v, %v", none, err)
	}
	if err := want.write(dir, "db1"); err != nil {
		t.Fatal(err)
	}
	got, err := readProgress(dir, "db1")
	if err != nil || got.Stage != want.Stage || got.UUID != want.UUID || !got.Extra.Equal(want.Extra) || !got.Kept.Equal(want.Kept) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := forget(dir, "db1"); err != nil {
		t.Fatal(err)
	}
	if none, err := readProgress(dir, "db1"); err != nil || none.Stage != fresh {
		t.Errorf("%+v, %v", none, err)
	}
}
