package classify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

const (
	oldUUID = "00000000-0000-0000-0000-00000000000a"
	newUUID = "00000000-0000-0000-0000-00000000000b"
)

// row is "id=value", or empty for no row.
type row = string

// change is one row change of table t: from one row to another.
type change struct{ from, to row }

func image(r row) []decode.Value {
	if r == "" {
		return nil
	}
	id, v, _ := strings.Cut(r, "=")
	return []decode.Value{{Kind: decode.Integer, Text: id}, {Kind: decode.Text, Text: v}}
}

func logged() *decode.Table {
	return &decode.Table{Schema: "s", Name: "t", PrimaryKey: []int{0}, Columns: []decode.Column{
		{Name: "id", Kind: decode.Integer, Family: "int"}, {Name: "v", Kind: decode.Text, Family: "varchar"},
	}}
}

func defined() *diff.Definition {
	return &diff.Definition{
		Name: diff.Name{Schema: "s", Table: "t"}, Engine: "InnoDB", Transactional: true, PrimaryKey: []int{0},
		Columns: []diff.Column{
			{Name: "id", Type: "int"},
			{Name: "v", Type: "varchar", Charset: "utf8mb4", Collation: "utf8mb4_0900_ai_ci"},
		},
	}
}

func transaction(uuid string, seq int, changes ...change) *decode.Transaction {
	tx := &decode.Transaction{GTID: gtid.GTID{UUID: uuid, Seq: uint64(seq)}}
	for _, c := range changes {
		op := decode.Update
		switch {
		case c.from == "":
			op = decode.Insert
		case c.to == "":
			op = decode.Delete
		}
		tx.Rows = append(tx.Rows, decode.Row{Op: op, Table: logged(), Before: image(c.from), After: image(c.to)})
	}
	return tx
}

// classes classifies and returns the class of each transaction of the old side.
func classes(t *testing.T, table *diff.Definition, live []row, old, fresh []*decode.Transaction) []string {
	t.Helper()
	m := newModel(table)
	for _, r := range live {
		m.put(table.Name, image(r))
	}
	var out []string
	for _, tx := range m.classified(t, old, fresh) {
		out = append(out, tx.Class.String())
	}
	return out
}

func txs(uuid string, all ...[]change) []*decode.Transaction {
	var out []*decode.Transaction
	for i, changes := range all {
		out = append(out, transaction(uuid, i+1, changes...))
	}
	return out
}

func TestRules(t *testing.T) {
	type tx = []change
	tests := map[string]struct {
		old, fresh []tx
		live       []row
		want       string
	}{
		"insert":                      {old: []tx{{{"", "1=a"}}}, want: "SAFE"},
		"update":                      {old: []tx{{{"1=a", "1=b"}}}, live: []row{"1=a"}, want: "SAFE"},
		"delete":                      {old: []tx{{{"1=a", ""}}}, live: []row{"1=a"}, want: "SAFE"},
		"a chain":                     {old: []tx{{{"", "1=a"}}, {{"1=a", "1=b"}}}, want: "SAFE+SAFE"},
		"there and back":              {old: []tx{{{"1=a", "1=b"}}, {{"1=b", "1=a"}}}, live: []row{"1=c"}, want: "NOOP+NOOP"},
		"insert and delete":           {old: []tx{{{"", "1=a"}}, {{"1=a", ""}}}, want: "NOOP+NOOP"},
		"empty":                       {old: []tx{{}}, want: "NOOP"},
		"repeated update":             {old: []tx{{{"1=a", "1=b"}}}, fresh: []tx{{{"1=a", "1=b"}}}, live: []row{"1=b"}, want: "ALREADY"},
		"repeated delete":             {old: []tx{{{"1=a", ""}}}, fresh: []tx{{{"1=a", ""}}}, want: "ALREADY"},
		"update-update":               {old: []tx{{{"1=a", "1=b"}}}, fresh: []tx{{{"1=a", "1=c"}}}, live: []row{"1=c"}, want: "CONFLICT"},
		"update-delete":               {old: []tx{{{"1=a", "1=b"}}}, fresh: []tx{{{"1=a", ""}}}, want: "CONFLICT"},
		"delete-update":               {old: []tx{{{"1=a", ""}}}, fresh: []tx{{{"1=a", "1=c"}}}, live: []row{"1=c"}, want: "CONFLICT"},
		"insert-insert":               {old: []tx{{{"", "1=a"}}}, fresh: []tx{{{"", "1=b"}}}, live: []row{"1=b"}, want: "CONFLICT"},
		"touched and put back":        {old: []tx{{{"1=a", "1=b"}}}, fresh: []tx{{{"1=a", "1=c"}}, {{"1=c", "1=a"}}}, live: []row{"1=a"}, want: "CONFLICT"},
		"differs though untouched":    {old: []tx{{{"1=a", "1=b"}}}, live: []row{"1=x"}, want: "DRIFT"},
		"missing though untouched":    {old: []tx{{{"1=a", "1=b"}}}, want: "DRIFT"},
		"there though untouched":      {old: []tx{{{"", "1=a"}}}, live: []row{"1=a"}, want: "DRIFT"},
		"case is a difference":        {old: []tx{{{"1=a", "1=b"}}}, live: []row{"1=A"}, want: "DRIFT"},
		"key moved":                   {old: []tx{{{"1=a", "2=a"}}}, live: []row{"1=a"}, want: "SAFE"},
		"key moved onto a new row":    {old: []tx{{{"1=a", "2=a"}}}, fresh: []tx{{{"", "2=z"}}}, live: []row{"1=a", "2=z"}, want: "CONFLICT"},
		"new side moved the key away": {old: []tx{{{"1=a", "1=b"}}}, fresh: []tx{{{"1=a", "9=a"}}}, live: []row{"9=a"}, want: "CONFLICT"},
		"worst row decides":           {old: []tx{{{"", "1=a"}, {"", "2=b"}}}, fresh: []tx{{{"", "2=z"}}}, live: []row{"2=z"}, want: "CONFLICT"},
		"taint by the row of another": {
			old:   []tx{{{"", "1=a"}}, {{"1=a", "1=b"}, {"", "2=b"}}, {{"1=b", "1=c"}}, {{"", "3=a"}}},
			fresh: []tx{{{"", "2=z"}}}, live: []row{"2=z"}, want: "SAFE+CONFLICT+CONFLICT+SAFE",
		},
		"a gap in the history": {old: []tx{{{"", "1=a"}}, {{"1=x", "1=b"}}}, want: "OPAQUE+OPAQUE"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			table := defined()
			got := classes(t, table, tt.live, txs(oldUUID, tt.old...), txs(newUUID, tt.fresh...))
			if diff := cmp.Diff(tt.want, strings.Join(got, "+")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestHazardsOfTheTable(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*diff.Definition)
		want   string
	}{
		"none":                        {func(*diff.Definition) {}, "SAFE"},
		"missing":                     {func(d *diff.Definition) { d.Missing = true }, "OPAQUE"},
		"another column":              {func(d *diff.Definition) { d.Columns[1].Name = "w" }, "OPAQUE"},
		"another type":                {func(d *diff.Definition) { d.Columns[1].Type = "text" }, "OPAQUE"},
		"a column more":               {func(d *diff.Definition) { d.Columns = append(d.Columns, diff.Column{}) }, "OPAQUE"},
		"another primary key":         {func(d *diff.Definition) { d.PrimaryKey = []int{1} }, "OPAQUE"},
		"no primary key":              {func(d *diff.Definition) { d.PrimaryKey = nil }, "OPAQUE"},
		"prefix key":                  {func(d *diff.Definition) { d.PrefixKey = true }, "OPAQUE"},
		"engine":                      {func(d *diff.Definition) { d.Transactional = false }, "OPAQUE"},
		"trigger":                     {func(d *diff.Definition) { d.Triggers = []diff.Trigger{{Name: "x", On: decode.Insert}} }, "OPAQUE"},
		"triggers cannot be seen":     {func(d *diff.Definition) { d.TriggersHidden = true }, "OPAQUE"},
		"foreign keys cannot be seen": {func(d *diff.Definition) { d.ForeignKeysHidden = "grant it" }, "OPAQUE"},
		"trigger for another": {func(d *diff.Definition) {
			d.Triggers = []diff.Trigger{{Name: "x", On: decode.Update}, {Name: "y", On: decode.Delete}}
		}, "SAFE"},
		"unique key on expression": {func(d *diff.Definition) { d.Unique = []diff.Unique{{Name: "u", Columns: []int{-1}}} }, "UNIQUE_COLLISION"},
		"unique key with a prefix": {func(d *diff.Definition) { d.Unique = []diff.Unique{{Name: "u", Columns: []int{1}, Prefix: true}} }, "UNIQUE_COLLISION"},
	} {
		t.Run(name, func(t *testing.T) {
			table := defined()
			tt.change(table)
			got := classes(t, table, nil, txs(oldUUID, []change{{"", "1=a"}}), nil)
			if got[0] != tt.want {
				t.Errorf("got %s, want %s", got[0], tt.want)
			}
		})
	}
}

func TestStatementsTaintTheTablesThatTheyName(t *testing.T) {
	insert := []change{{"", "1=a"}}
	for name, tt := range map[string]struct {
		text  string
		onOld string
		onNew string
	}{
		"names the table":     {text: "ALTER TABLE T ADD COLUMN x INT", onOld: "OPAQUE+OPAQUE", onNew: "OPAQUE"},
		"quoted, with schema": {text: "update `s`.`t` set v='x'", onOld: "OPAQUE+OPAQUE", onNew: "OPAQUE"},
		"names another":       {text: "ALTER TABLE s.tt ADD COLUMN t2 INT", onOld: "OPAQUE+SAFE", onNew: "SAFE"},
		"drops the schema":    {text: "DROP DATABASE s", onOld: "OPAQUE+OPAQUE", onNew: "OPAQUE"},
	} {
		t.Run(name, func(t *testing.T) {
			ddl := &decode.Transaction{
				GTID: gtid.GTID{UUID: oldUUID, Seq: 9}, Opaque: []string{"DDL"},
				Statements: []decode.Statement{{Schema: "s", Text: tt.text}},
			}
			old := append([]*decode.Transaction{ddl}, txs(oldUUID, insert)...)
			if got := strings.Join(classes(t, defined(), nil, old, nil), "+"); got != tt.onOld {
				t.Errorf("on the old side: got %s, want %s", got, tt.onOld)
			}
			got := classes(t, defined(), nil, txs(oldUUID, insert), []*decode.Transaction{ddl})
			if got[0] != tt.onNew {
				t.Errorf("on the new side: got %s, want %s", got[0], tt.onNew)
			}
		})
	}
}

func TestWhatCannotBeDecodedTaintsAll(t *testing.T) {
	lost := &decode.Transaction{GTID: gtid.GTID{UUID: oldUUID, Seq: 9}, Undecodable: []string{"incident"}}
	insert := txs(oldUUID, []change{{"", "1=a"}})
	old := []*decode.Transaction{insert[0], lost, transaction(oldUUID, 2, change{"", "2=a"})}
	if got := fmt.Sprint(classes(t, defined(), nil, old, nil)); got != "[SAFE OPAQUE OPAQUE]" {
		t.Errorf("on the old side: %s", got)
	}
	if got := classes(t, defined(), nil, insert, []*decode.Transaction{lost}); got[0] != "OPAQUE" {
		t.Errorf("on the new side: %s", got)
	}
}

func TestKeysThatDifferInSpellingAreOne(t *testing.T) {
	table := defined()
	table.PrimaryKey = []int{1}
	logged := logged()
	logged.PrimaryKey = []int{1}
	for collation, same := range map[string]bool{
		"utf8mb4_0900_ai_ci": true, "utf8mb4_general_ci": true, "utf8mb4_0900_as_cs": false, "utf8mb4_bin": false,
	} {
		table.Columns[1].Collation = collation
		a, _ := table.KeyOf(image("1=Abc"))
		b, _ := table.KeyOf(image("1=aBC"))
		if (a == b) != same {
			t.Errorf("%s: same %v, want %v", collation, a == b, same)
		}
	}
	table.Columns[1].Collation = "utf8mb4_bin"
	a, _ := table.KeyOf(image("1=x"))
	b, _ := table.KeyOf(image("1=x  "))
	if a != b {
		t.Error("spaces at the end matter under a collation that pads")
	}
}

func TestSharedTransactionsAreSettled(t *testing.T) {
	both := transaction(oldUUID, 1, change{"", "1=a"})
	m := newModel(defined())
	m.put(defined().Name, image("1=a"))
	m.shared = gtid.Of(both.GTID)
	got := m.classified(t, []*decode.Transaction{both, transaction(oldUUID, 2, change{"1=a", "1=b"})}, []*decode.Transaction{both})
	if got[0].Class != classify.Already || got[1].Class != classify.Safe {
		t.Errorf("got %s and %s, want ALREADY and SAFE", got[0].Class, got[1].Class)
	}
}

func TestClassNamesReadBack(t *testing.T) {
	for _, class := range classify.Classes() {
		text, err := class.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back classify.Class
		if err := back.UnmarshalText(text); err != nil || back != class {
			t.Errorf("%s became %s, %v", class, back, err)
		}
	}
	var c classify.Class
	if c.UnmarshalText([]byte("safe")) == nil {
		t.Error("a name in lower case was accepted")
	}
}
