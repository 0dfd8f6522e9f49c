package diff_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/spill"
	"github.com/regentdb/regent/gtid"
)

// Type codes of the columns here.
const (
	tiny    = 1
	varchar = 15
	json    = 245
	char    = 254
)

// drawn is a table in both forms.
type drawn struct {
	diff.Definition

	logged decodetest.Table
}

func column(name string, code byte, collation string) (diff.Column, decodetest.Column) {
	c, l := diff.Column{Name: name}, decodetest.Column{Name: name, Type: code}
	switch code {
	case tiny:
		c.Type, l.Number = "tinyint", true
	case json:
		c.Type, l.Meta = "json", []byte{4}
	case varchar:
		c.Type, c.Charset, c.Collation = "varchar", "utf8mb4", collation
		l.Meta, l.String, l.Collation = binary.LittleEndian.AppendUint16(nil, 80), true, 255
	case char: // BINARY(3), of which the log leaves out the zeros at the end.
		c.Type, l.Meta, l.String, l.Collation = "binary", []byte{char, 3}, true, 63
	}
	return c, l
}

func table(id uint64, name string, key []int, columns ...any) *drawn {
	t := &drawn{Definition: diff.Definition{Name: diff.Name{Schema: "s", Table: name}, PrimaryKey: key}}
	t.logged = decodetest.Table{ID: id, Schema: "s", Name: name, PrimaryKey: key}
	for i, c := range columns {
		defined, logged := diff.Column{}, decodetest.Column{}
		switch c := c.(type) {
		case int:
			defined, logged = column(fmt.Sprint("c", i), byte(c), "")
		case string:
			defined, logged = column(fmt.Sprint("c", i), varchar, c)
		}
		t.Columns, t.logged.Columns = append(t.Columns, defined), append(t.logged.Columns, logged)
	}
	return t
}

// schema has keys of every kind, and what a repeated insert is known by.
func schema(t *rapid.T) []*drawn {
	collations := []string{
		"utf8mb4_0900_ai_ci", "utf8mb4_general_ci", "utf8mb4_0900_as_cs", "utf8mb4_bin", "utf8mb4_0900_bin", "utf8mb4_ja_0900_as_cs",
	}
	collation := rapid.SampledFrom(collations)
	made := table(1, "made", []int{0}, tiny, collation.Draw(t, "mail"), "utf8mb4_0900_ai_ci", tiny, json)
	made.Columns[0].AutoIncrement = true
	made.Unique = []diff.Unique{
		{Name: "mail", Columns: []int{1}},
		{Name: "both", Columns: []int{2, 3}},
		{Name: "beginning", Columns: []int{2}, Prefix: true},
		{Name: "expression", Columns: []int{-1}},
	}
	made.Volatile = rapid.SampledFrom([][]int{nil, {2}, {1, 2, 3}}).Draw(t, "volatile")
	return []*drawn{
		made,
		table(2, "words", []int{0, 1}, collation.Draw(t, "first"), collation.Draw(t, "second"), tiny),
		table(3, "padded", []int{1}, tiny, char),
		table(4, "keyless", nil, tiny),
		table(5, "quiet", []int{0}, tiny, tiny),
	}
}

func image(t *rapid.T, table *drawn) decodetest.Image {
	var out decodetest.Image
	for i, c := range table.logged.Columns {
		if !slices.Contains(table.PrimaryKey, i) && rapid.IntRange(0, 5).Draw(t, "null") == 0 {
			out = append(out, nil)
			continue
		}
		switch c.Type {
		case tiny:
			out = append(out, []byte{rapid.Byte().Draw(t, "number") % 4})
		case json:
			d := decodetest.Document(map[string]any{"n": int32(rapid.IntRange(0, 2).Draw(t, "document"))}, false)
			out = append(out, append(binary.LittleEndian.AppendUint32(nil, uint32(len(d))), d...))
		case char:
			text := rapid.SampledFrom([]string{"", "a", "a\x00\x01", "A"}).Draw(t, "binary")
			out = append(out, append([]byte{byte(len(text))}, text...))
		default:
			text := rapid.SampledFrom([]string{"", "a", "A", "a ", "ab", "é", "É", "e", "\xff", "a\x01"}).Draw(t, "text")
			out = append(out, append([]byte{byte(len(text))}, text...))
		}
	}
	return out
}

// present draws which columns images have: mostly all.
func present(t *rapid.T, table *drawn) []bool {
	out := make([]bool, len(table.logged.Columns))
	for i := range out {
		out[i] = rapid.IntRange(0, 9).Draw(t, "present") > 0
	}
	return out
}

func rowEvent(t *rapid.T, table *drawn) decodetest.Event {
	switch rapid.IntRange(0, 3).Draw(t, "op") {
	case 0:
		return table.logged.Delete(image(t, table))
	case 1:
		change := decodetest.Change{Before: image(t, table), After: image(t, table)}
		if len(table.PrimaryKey) > 0 && rapid.Bool().Draw(t, "stays") {
			for _, i := range table.PrimaryKey {
				change.After[i] = change.Before[i]
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "whole") > 0 {
			return table.logged.Update(nil, nil, change)
		}
		before, after := present(t, table), present(t, table)
		before[0] = true // Rows without any column cannot be counted.
		return table.logged.Update(before, after, change)
	}
	return table.logged.Insert(image(t, table), image(t, table))
}

// unknown is an event that no reader knows.
func unknown() decodetest.Event { return decodetest.Event{Code: 60} }

// transactions draws a log. What only a new side should do is left out of an old one.
func transactions(t *rapid.T, tables []*drawn, from, count int, fresh bool) []byte {
	log := decodetest.Head()
	for i := range count {
		var events []decodetest.Event
		for range rapid.IntRange(1, 4).Draw(t, "events") {
			table := tables[rapid.IntRange(0, len(tables)-1).Draw(t, "table")]
			events = append(events, table.logged.Map(), rowEvent(t, table))
		}
		seq := uint64(from + i)
		switch kind := rapid.IntRange(0, 11).Draw(t, "kind"); {
		case kind == 0 && fresh:
			log = append(log, decodetest.Statement(seq, decodetest.Query("s", "ALTER TABLE made ADD COLUMN x int"))...)
		case kind == 1 && fresh:
			log = append(log, decodetest.Transaction(seq, append(events, unknown())...)...)
		case kind < 5:
			log = append(log, decodetest.Compressed(seq, events...)...)
		default:
			log = append(log, decodetest.Transaction(seq, events...)...)
		}
	}
	return log
}

func read(t interface{ Fatal(args ...any) }, log []byte) []*decode.Transaction {
	var out []*decode.Transaction
	for tx, err := range decode.Transactions(bytes.NewReader(log)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, tx)
	}
	return out
}

// compared is a comparison after the old side. Its last table is one that the old side does not touch.
func compared(t fataler, tables []*drawn, old []*decode.Transaction, shared int) *diff.Divergence {
	t.Helper()
	definitions := map[diff.Name]*diff.Definition{}
	for _, table := range tables[:len(tables)-1] {
		definitions[table.Name] = &table.Definition
	}
	dir, err := os.MkdirTemp("", "diff") // A property test has no directory of its own.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	space, err := spill.Open(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = space.Close() })
	var both gtid.Set
	if shared >= 0 {
		both = gtid.Of(old[shared].GTID)
	}
	d := diff.New(definitions, both, space)
	for _, tx := range old {
		if err := add(d, tx); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// fataler is a test of either kind.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
}

// add adds a transaction of the old side.
func add(d *diff.Divergence, tx *decode.Transaction) error {
	if err := d.Begin(tx); err != nil {
		return err
	}
	for _, row := range tx.Rows {
		if err := d.Row(tx, row); err != nil {
			return err
		}
	}
	return d.End(tx)
}

// weigh stands for the server, which takes letters with and without accent as equal in some collations.
func weigh(d *diff.Divergence) {
	var texts []diff.Text
	d.UnweighedKeys(func(text diff.Text) {
		if d.AskWeight(text) {
			texts = append(texts, text)
		}
	})
	for _, text := range texts {
		weight := text.Bytes
		if strings.HasSuffix(text.Collation, "_ai_ci") {
			weight = strings.NewReplacer("é", "e", "É", "e").Replace(strings.ToLower(text.Bytes))
		}
		d.SetWeight(text, weight)
	}
	d.Respell()
}

// told is what the new side left on a comparison.
func told(d *diff.Divergence) []string {
	weigh(d)
	var out []string
	for s := range d.All() {
		out = append(out, fmt.Sprintf("%s %v: touched by %s, base %v %t, opaque %q", s.Table.Table, s.KeyValues, s.Touched, s.Base, s.BaseRead, s.Opaque))
		if g, ok := d.Twins(s); ok {
			out = append(out, fmt.Sprint("  twins ", slices.Collect(d.Inserted(g))))
		}
		for i := range s.Table.Unique {
			if g, ok := d.Rivals(s, i); ok {
				out = append(out, fmt.Sprint("  rivals ", i, slices.Collect(d.Inserted(g))))
			}
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(d.Altered), func(a, b diff.Name) int { return strings.Compare(a.Table, b.Table) }) {
		out = append(out, name.String()+" altered: "+d.Altered[name])
	}
	return out
}

// TestRowByRowIsAsGoodAsWhole compares what is told of a log that goes through row by row with what is told of its
// transactions with all their values. The new primary has one of the old side's transactions too.
func TestRowByRowIsAsGoodAsWhole(t *testing.T) {
	hits := 0
	rapid.Check(t, func(t *rapid.T) {
		tables := schema(t)
		tables[2].logged.Columns[0].Unsigned = true // Which makes no other family of it.
		old := read(t, transactions(t, tables[:len(tables)-1], 1, rapid.IntRange(1, 5).Draw(t, "old"), false))
		misfit := *tables[0]
		misfit.logged.Columns = misfit.logged.Columns[:4]
		misfit.logged.ID = 6
		fresh := transactions(t, append(tables[:len(tables):len(tables)], &misfit), len(old), rapid.IntRange(1, 8).Draw(t, "new"), true)
		if rapid.Bool().Draw(t, "fit") {
			fresh = transactions(t, tables, len(old), rapid.IntRange(1, 8).Draw(t, "new"), true)
		}
		shared := len(old) - 1
		if rapid.Bool().Draw(t, "unshared") {
			shared = -1
		}
		whole, rows := compared(t, tables, old, shared), compared(t, tables, old, shared)
		for _, tx := range read(t, fresh) {
			whole.AddNew(tx)
		}
		if err := decode.Scan(bytes.NewReader(fresh), rows.NewSide()); err != nil {
			t.Fatal(err)
		}
		want, got := told(whole), told(rows)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-whole +row by row)\n%s", diff)
		}
		for s := range rows.All() {
			if s.Touched != (gtid.GTID{}) {
				hits++
			}
		}
	})
	if hits == 0 {
		t.Error("no row was met by the new side")
	}
}

// TestRowsThatCannotBeRead says so of all tables where the rows may be of one that matters.
func TestRowsThatCannotBeRead(t *testing.T) {
	made, quiet := table(1, "made", []int{0}, tiny, tiny), table(2, "quiet", []int{0}, tiny, tiny)
	row := decodetest.Image{{1}, {1}}
	old := read(t, append(decodetest.Head(), decodetest.Transaction(1, made.logged.Map(), made.logged.Insert(row))...))
	for _, table := range []*drawn{made, quiet} {
		torn := table.logged.Insert(row)
		torn.Body = torn.Body[:len(torn.Body)-1]
		d := compared(t, []*drawn{made, quiet}, old, -1)
		log := append(decodetest.Head(), decodetest.Transaction(2, table.logged.Map(), torn)...)
		if err := decode.Scan(bytes.NewReader(log), d.NewSide()); err != nil {
			t.Fatal(err)
		}
		if got, want := d.Altered[made.Name] != "", table == made; got != want {
			t.Errorf("torn rows of %s: %q", table.Name, d.Altered[made.Name])
		}
	}
}
