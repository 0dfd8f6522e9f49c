package classify_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

// shop has every kind of key between its tables: customers with a generated key and a unique mail; orders that refer
// to a customer by number and by mail, and have a unique tag; a tree that refers to itself; words whose key is text.
func shop() []*diff.Definition {
	integer := func(name string) diff.Column { return diff.Column{Name: name, Type: "int"} }
	text := func(name string) diff.Column {
		return diff.Column{Name: name, Type: "varchar", Charset: "utf8mb4", Collation: "utf8mb4_0900_ai_ci"}
	}
	table := func(name string, columns ...diff.Column) *diff.Definition {
		return &diff.Definition{
			Name: diff.Name{Schema: "s", Table: name}, Engine: "InnoDB", Transactional: true, PrimaryKey: []int{0}, Columns: columns,
		}
	}
	customers := table("customers", integer("id"), text("mail"), text("v"))
	customers.Columns[0].AutoIncrement = true
	customers.Unique = []diff.Unique{{Name: "mail", Columns: []int{1}}}
	orders := table("orders", integer("id"), integer("customer"), text("mail"), integer("tag"))
	orders.Unique = []diff.Unique{{Name: "tag", Columns: []int{3}}}
	tree := table("tree", integer("id"), integer("up"))
	words := table("words", text("id"), integer("v"))
	refer(customers, orders, "by_id", 0, 1)
	refer(customers, orders, "by_mail", 1, 2)
	refer(tree, tree, "up", 0, 1)
	return []*diff.Definition{customers, orders, tree, words}
}

// refer declares a foreign key of one column.
func refer(parent, child *diff.Definition, name string, parentColumn, childColumn int) {
	child.References = append(child.References, diff.ForeignKey{
		Schema: "s", Name: name, Columns: []int{childColumn}, Other: parent.Name,
		OtherColumns: []string{parent.Columns[parentColumn].Name}, OnDelete: "NO ACTION", OnUpdate: "NO ACTION",
	})
	parent.ReferencedBy = append(parent.ReferencedBy, diff.ForeignKey{
		Schema: "s", Name: name, Columns: []int{parentColumn}, Other: child.Name,
		OtherColumns: []string{child.Columns[childColumn].Name}, OnDelete: "NO ACTION", OnUpdate: "NO ACTION",
	})
}

// loggedAs is how the log describes a defined table.
func loggedAs(d *diff.Definition) *decode.Table {
	t := &decode.Table{Schema: d.Schema, Name: d.Table, PrimaryKey: d.PrimaryKey}
	for _, c := range d.Columns {
		t.Columns = append(t.Columns, decode.Column{Name: c.Name, Kind: c.Kind(), Family: c.Type})
	}
	return t
}

// drawRow draws a row of the table, starting from one that is there, if any.
func drawRow(t *rapid.T, table *diff.Definition, from []decode.Value) []decode.Value {
	row := slices.Clone(from)
	if row == nil {
		row = make([]decode.Value, len(table.Columns))
	}
	for i, c := range table.Columns {
		if from != nil && rapid.IntRange(0, 2).Draw(t, "keep") > 0 {
			continue
		}
		texts := []string{"1", "2", "3", "4", "5"}
		if c.Kind() == decode.Text {
			texts = []string{"a", "A", "e", "é", "x"}
		}
		row[i] = decode.Value{Kind: c.Kind(), Text: rapid.SampledFrom(texts).Draw(t, c.Name)}
		if i > 0 && rapid.IntRange(0, 3).Draw(t, "null") == 0 {
			row[i] = decode.NullValue()
		}
	}
	return row
}

// drawChange tries a random row change on the model; false where the model refuses it.
func drawChange(t *rapid.T, m *model, tables []*diff.Definition) (decode.Row, bool) {
	table := tables[rapid.IntRange(0, len(tables)-1).Draw(t, "table")]
	row := decode.Row{Op: decode.Op(rapid.IntRange(1, 3).Draw(t, "op")), Table: loggedAs(table)}
	if rows := m.rows[table.Name]; row.Op != decode.Insert {
		if len(rows) == 0 {
			return row, false
		}
		row.Before = rows[rapid.IntRange(0, len(rows)-1).Draw(t, "row")]
	}
	if row.Op != decode.Delete {
		row.After = drawRow(t, table, row.Before)
	}
	return row, !slices.Equal(row.Before, row.After) && m.change(table, row.Before, row.After) == nil
}

// history lets random transactions run on the model and returns them as its log has them.
func history(t *rapid.T, m *model, tables []*diff.Definition, uuid string, most int) []*decode.Transaction {
	var out []*decode.Transaction
	for i := range rapid.IntRange(0, most).Draw(t, "transactions") {
		tx := &decode.Transaction{GTID: gtid.GTID{UUID: uuid, Seq: uint64(i + 1)}}
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			if row, ok := drawChange(t, m, tables); ok {
				tx.Rows = append(tx.Rows, row)
			}
		}
		out = append(out, tx)
	}
	return out
}

// split is a divergence with both ends.
type split struct {
	old, fresh       *model
	oldTxs, freshTxs []*decode.Transaction
	classified       []classify.Transaction
}

func drawSplit(t *rapid.T, tables []*diff.Definition, mostNew int) split {
	base := newModel(tables...)
	history(t, base, tables, oldUUID, 8)
	s := split{old: base.clone(), fresh: base.clone()}
	s.oldTxs = history(t, s.old, tables, oldUUID, 6)
	s.freshTxs = history(t, s.fresh, tables, newUUID, mostNew)
	return s
}

// keyIn is a primary key as the model's collation compares it.
type keyIn struct {
	table diff.Name
	id    string
}

func keysOf(m *model, row decode.Row) []keyIn {
	var out []keyIn
	table := m.tables[diff.Name{Schema: row.Table.Schema, Table: row.Table.Name}]
	for _, image := range [][]decode.Value{row.Before, row.After} {
		if image != nil {
			out = append(out, keyIn{table.Name, weight(table.Columns[0], image[0].Text)})
		}
	}
	return out
}

func (m *model) row(key keyIn) []decode.Value {
	for _, row := range m.rows[key.table] {
		if weight(m.tables[key.table].Columns[0], row[0].Text) == key.id {
			return row
		}
	}
	return nil
}

// replay carries out the SAFE rows of the SAFE transactions in order and returns how often each key changed so.
func (s *split) replay(t *rapid.T, on *model) map[keyIn]int {
	replayed := map[keyIn]int{}
	for _, tx := range s.classified {
		if tx.Class != classify.Safe {
			continue
		}
		for _, row := range tx.Rows {
			if row.Class != classify.Safe {
				continue
			}
			if err := on.change(row.Definition, row.Before, row.After); err != nil {
				t.Fatalf("replay of %s: %v", tx.GTID, err)
			}
			for _, key := range keysOf(on, row.Row) {
				replayed[key]++
			}
		}
	}
	return replayed
}

func changes(m *model, txs []*decode.Transaction) map[keyIn]int {
	out := map[keyIn]int{}
	for _, tx := range txs {
		for _, row := range tx.Rows {
			for _, key := range keysOf(m, row) {
				out[key]++
			}
		}
	}
	return out
}

// TestReplayOfSafeNeverFails also lets rows of the new side change without a log now and then.
func TestReplayOfSafeNeverFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tables := shop()
		s := drawSplit(t, tables, 5)
		if rapid.IntRange(0, 3).Draw(t, "drift") == 0 {
			drawChange(t, s.fresh, tables)
		}
		s.classified = s.fresh.classified(t, s.oldTxs, s.freshTxs)
		if len(s.classified) != len(s.oldTxs) {
			t.Fatalf("%d transactions became %d", len(s.oldTxs), len(s.classified))
		}
		after := s.fresh.clone()
		replayed := s.replay(t, after)
		theirs, ours := changes(s.fresh, s.freshTxs), changes(s.fresh, s.oldTxs)
		for key, n := range replayed {
			if theirs[key] > 0 {
				t.Errorf("the replay touches %v, which the new side touched", key)
			}
			if n == ours[key] && !diff.Alike(after.row(key), s.old.row(key)) {
				t.Errorf("%v is %v after a whole replay, and %v on the old side", key, after.row(key), s.old.row(key))
			}
		}
		for _, table := range tables {
			for _, row := range s.fresh.rows[table.Name] {
				key := keyIn{table.Name, weight(table.Columns[0], row[0].Text)}
				if replayed[key] == 0 && !diff.Alike(after.row(key), row) {
					t.Errorf("the replay changed %v, which it does not list", key)
				}
			}
		}
	})
}

// TestNothingIsUnsafeWhenTheNewSideStoodStill keeps the rules from being right by refusing: where no row came back to
// what it was, everything can be replayed and makes the sides equal. Keys that are text are left out: spellings of one
// key are taken apart.
func TestNothingIsUnsafeWhenTheNewSideStoodStill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tables := shop()[:3]
		s := drawSplit(t, tables, 0)
		s.classified = s.fresh.classified(t, s.oldTxs, nil)
		undone := false
		for _, tx := range s.classified {
			for _, row := range tx.Rows {
				undone = undone || row.Class == classify.Noop
			}
		}
		for _, tx := range s.classified {
			if tx.Class != classify.Safe && !undone && len(tx.Rows) > 0 {
				t.Errorf("%s is %s: %s", tx.GTID, tx.Class, tx.Reason)
			}
		}
		s.replay(t, s.fresh)
		for _, table := range tables {
			if a, b := len(s.old.rows[table.Name]), len(s.fresh.rows[table.Name]); a != b && !undone {
				t.Errorf("%s has %d rows on the old side and %d after the replay", table.Name, a, b)
			}
		}
	})
}
