package report

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/gtid"
)

// anyText is text with what encoders treat specially.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.StringOf(rapid.SampledFrom([]rune("a<>&\"'\\/\b\f\n\r\t\x00\x1f\x7f\u2027\u2028\u2029\u202aä\ufffd😀"))),
		rapid.SampledFrom([]string{"", "\xe2\x80", "\xe2\x80\xa8\xe2", "\xff<", "\xed\xa0\x80"}),
	)
}

// anyDocument is JSON with and without spaces, and text that is none.
func anyDocument() *rapid.Generator[string] {
	quoted := rapid.Map(anyText(), func(s string) string {
		text, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		return string(text)
	})
	return rapid.OneOf(quoted, rapid.SampledFrom([]string{
		`{"b":"<&>","a":[1,2.5,null,true,false]}`, `{ "a" : [ 1 , "\u2028 \\ \" x" ] }`, `[]`, `{}`, `[[],{}]`, `-0`, `-0.50e+07`, `1E-3`, ` 5 `,
		`"\ud83d\ude00"`, `"\ud83d"`, `"\/\u003C"`, "\"\u2028<\"", "\"\xff\"", "[\"\xe2\x80\xa8\"]", `null`, `"\u00e4"`,
		``, `-`, `01`, `1.`, `.5`, `1e`, `+1`, `tru`, `truee`, `[1,]`, `{"a"}`, `{"a":}`, `{a:1}`, `"`, `"\x"`, `"\u12"`, "\"\n\"", `"\<"`, `[1 2]`, `{}{}`, `]`, `nul`,
	}))
}

func TestTextIsSpelledAsTheLibraryDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyText().Draw(t, "text")
		want, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendText(nil, text); !bytes.Equal(got, want) {
			t.Fatalf("%q became %s, want %s", text, got, want)
		}
		if got := appendText([]byte{}, []byte(text)); !bytes.Equal(got, want) {
			t.Fatalf("%q became %s, want %s", text, got, want)
		}
	})
}

func TestDocumentsAreSpelledAsTheLibraryDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyDocument().Draw(t, "document")
		want, err := json.Marshal(json.RawMessage(text))
		got, valid := appendDocument([]byte("before"), text)
		if valid != (err == nil) || valid && string(got) != "before"+string(want) {
			t.Fatalf("%q became %s, %v, want %s, %v", text, got, valid, want, err)
		}
		if end := ended([]byte(text), 0, 0); end == len(text) && err != nil {
			t.Fatalf("%q is taken for JSON: %v", text, err)
		}
		var plain string
		err = json.Unmarshal([]byte(text), &plain)
		read, fault := unquoted([]byte("before"), []byte(text))
		if (fault == nil) != (err == nil) || err == nil && string(read) != "before"+plain {
			t.Fatalf("%q is read as %q, %v, want %q, %v", text, read, fault, plain, err)
		}
	})
}

// TestDocumentsAreFollowedToTheirDepth nests deeper than the lexer and than the library go.
func TestDocumentsAreFollowedToTheirDepth(t *testing.T) {
	for _, depth := range []int{1, maxDepth, maxDepth + 1, 9_999, 10_001} {
		text := append(bytes.Repeat([]byte{'['}, depth), bytes.Repeat([]byte{']'}, depth)...)
		if got, valid := appendDocument(nil, text); valid != json.Valid(text) || valid && !bytes.Equal(got, text) {
			t.Errorf("depth %d: valid %v, want %v", depth, valid, json.Valid(text))
		}
	}
}

func anyGTID() *rapid.Generator[gtid.GTID] {
	return rapid.Custom(func(t *rapid.T) gtid.GTID {
		return gtid.GTID{
			UUID: rapid.SampledFrom([]string{"3e11fa47-71ca-11e1-9e33-c80aa9429562", "00000000-0000-0000-0000-00000000000a"}).Draw(t, "uuid"),
			Tag:  rapid.SampledFrom([]string{"", "west", "_1"}).Draw(t, "tag"), Seq: rapid.Uint64Range(1, gtid.MaxSeq).Draw(t, "seq"),
		}
	})
}

func anyImage() *rapid.Generator[Image] {
	return rapid.Custom(func(t *rapid.T) Image {
		if rapid.Bool().Draw(t, "none") {
			return nil
		}
		image := Image{}
		for range rapid.IntRange(0, 3).Draw(t, "columns") {
			text, valid := appendDocument(nil, anyDocument().Draw(t, "value"))
			if !valid {
				text = []byte("7")
			}
			image = append(image, Field{Column: anyText().Draw(t, "column"), Value: text})
		}
		return image
	})
}

func anyClass() *rapid.Generator[classify.Class] { return rapid.SampledFrom(classify.Classes()) }

func anyRow() *rapid.Generator[Row] {
	return rapid.Custom(func(t *rapid.T) Row {
		row := Row{
			Schema: anyText().Draw(t, "schema"), Table: anyText().Draw(t, "table"), Op: rapid.SampledFrom([]string{"insert", "update", "delete"}).Draw(t, "op"),
			Key: anyImage().Draw(t, "key"), Class: anyClass().Draw(t, "class"), Reason: anyText().Draw(t, "reason"),
			Before: anyImage().Draw(t, "before"), After: anyImage().Draw(t, "after"), Live: anyImage().Draw(t, "live"),
		}
		if rapid.Bool().Draw(t, "counterpart") {
			g := anyGTID().Draw(t, "counterpart")
			row.Counterpart = &g
		}
		if rapid.Bool().Draw(t, "proposal") {
			row.Proposal = &Proposal{Column: anyText().Draw(t, "column"), Value: json.RawMessage("12"), Children: []Child{{
				GTID: anyGTID().Draw(t, "child"), Schema: "s", Table: "t", Key: Image{{"id", json.RawMessage("1")}}, ForeignKey: anyText().Draw(t, "key"),
			}}, Referring: 1}
		}
		row.Encoded = rapid.SampledFrom([][]string{nil, {"before.a"}, {"before.<", "live.b"}}).Draw(t, "encoded")
		return row
	})
}

func anyTransaction() *rapid.Generator[Transaction] {
	return rapid.Custom(func(t *rapid.T) Transaction {
		tx := Transaction{
			GTID: anyGTID().Draw(t, "gtid"), Class: anyClass().Draw(t, "class"), Reason: anyText().Draw(t, "reason"),
			CommittedAt:  time.UnixMicro(rapid.Int64Range(-1<<40, 1<<50).Draw(t, "time")).UTC(),
			Acknowledged: rapid.SampledFrom([]string{toldYes, toldNo, toldUnknown, "<"}).Draw(t, "acknowledged"),
			Undecodable:  rapid.SampledFrom([][]string{nil, {"incident <"}}).Draw(t, "undecodable"),
			Statements:   rapid.SampledFrom([][]Statement{nil, {{"s", "ALTER <"}, {"", ""}}}).Draw(t, "statements"),
			Rows:         []Row{},
		}
		for range rapid.IntRange(0, 3).Draw(t, "rows") {
			tx.Rows = append(tx.Rows, anyRow().Draw(t, "row"))
		}
		return tx
	})
}

// written is the line of a transaction.
func written(tx Transaction, made bool) (string, error) {
	var out bytes.Buffer
	l := lineWriter{w: &out, made: made}
	err := l.begin(tx)
	for _, row := range tx.Rows {
		err = joined(err, l.row(tx, row))
	}
	err = joined(err, l.end(tx, 0))
	return out.String(), err
}

func TestLinesAreSpelledAsTheLibraryDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tx := anyTransaction().Draw(t, "transaction")
		want, err := json.Marshal(tx)
		if err != nil {
			t.Fatal(err)
		}
		for _, made := range []bool{true, false} {
			if got, err := written(tx, made); err != nil || got != string(want)+"\n" {
				t.Fatalf("made %v: %v\n%s\nwant\n%s", made, err, got, want)
			}
		}
	})
}

func TestEntitiesAreSpelledAsTheLibraryDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tx, row := anyTransaction().Draw(t, "transaction"), anyRow().Draw(t, "row")
		e := Entity{
			Class: row.Class, TransactionClass: tx.Class, Schema: row.Schema, Table: row.Table, Key: row.Key, Acknowledged: tx.Acknowledged,
			Changes: rapid.Int().Draw(t, "changes"), First: tx.CommittedAt, Last: tx.CommittedAt.Add(time.Second), LastGTID: tx.GTID, Proposal: row.Proposal,
		}
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.append(nil); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v\n%s\nwant\n%s", err, got, want)
		}
	})
}

func TestNoLineHasAClassOrTimeThatDoesNotExist(t *testing.T) {
	good := Transaction{GTID: gtid.GTID{UUID: "u", Seq: 1}, Class: classify.Safe, Rows: []Row{{Class: classify.Safe}}}
	if _, err := written(good, true); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Transaction){
		"class of the transaction": func(tx *Transaction) { tx.Class = 0 },
		"class of the row":         func(tx *Transaction) { tx.Rows = []Row{{Class: classify.Opaque + 1}} },
		"time":                     func(tx *Transaction) { tx.CommittedAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		tx := good
		spoil(&tx)
		_, ours := written(tx, true)
		if _, err := json.Marshal(tx); err == nil || ours == nil {
			t.Errorf("%s: %v, the library says %v", name, ours, err)
		}
	}
}

// TestRowsAreReadWhereTheyLie: what the reader takes is what the library reads, and it takes every line of a report.
func TestRowsAreReadWhereTheyLie(t *testing.T) {
	r := newRowReader()
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(anyRow().Draw(t, "row"))
		if err != nil {
			t.Fatal(err)
		}
		if _, size := r.read(text[1:]); size != len(text)-1 {
			t.Fatalf("%d bytes of %s are read", size, text)
		}
		from, less := rapid.IntRange(1, len(text)).Draw(t, "from"), rapid.IntRange(0, 3).Draw(t, "less")
		damaged := append(bytes.Clone(text[:from]), text[min(from+less, len(text)):]...)
		row, size := r.read(damaged[1:])
		if size == 0 {
			return
		}
		var want Row
		if err := json.Unmarshal(damaged[:size+1], &want); err != nil {
			t.Fatalf("%s is read as %v: %v", damaged, row, err)
		}
		if diff := cmp.Diff(want, row); diff != "" {
			t.Fatalf("%s (-library +ours)\n%s", damaged, diff)
		}
	})
}
