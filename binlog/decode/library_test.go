package decode_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
)

// libraryRows decodes the rows of a log with go-mysql, as its own values and with the indexes of absent columns.
func libraryRows(log []byte) (rows [][]any, absent [][]int, err error) {
	parser := replication.NewBinlogParser()
	parser.SetTimestampStringLocation(time.UTC)
	parser.SetRenderJSONAsMySQLText(true)
	take := func(e *replication.BinlogEvent) {
		if event, ok := e.Event.(*replication.RowsEvent); ok {
			rows = append(rows, event.Rows...)
			absent = append(absent, event.SkippedColumns...)
		}
	}
	err = parser.ParseReader(bytes.NewReader(log[len(decode.Magic):]), func(e *replication.BinlogEvent) error {
		take(e)
		if payload, ok := e.Event.(*replication.TransactionPayloadEvent); ok {
			for _, inner := range payload.Events {
				take(inner)
			}
		}
		return nil
	})
	return rows, absent, err
}

// converted makes of a value of the library what this package has for it.
func converted(c decode.Column, pad int, v any) decode.Value {
	switch v := v.(type) {
	case nil:
		return decode.NullValue()
	case float32:
		return decode.FloatValue(float64(v))
	case float64:
		return decode.FloatValue(v)
	case int64:
		if c.Family == "bit" || c.Family == "set" {
			return decode.UnsignedValue(uint64(v))
		}
	case []byte:
		return convertedText(c, pad, string(v))
	case string:
		return convertedText(c, pad, v)
	}
	return decode.Value{Kind: decode.Integer, Text: fmt.Sprint(v)}
}

func convertedText(c decode.Column, pad int, text string) decode.Value {
	switch {
	case c.Kind == decode.Time:
		return decode.TimeValue(text)
	case c.Kind == decode.Decimal && text == "-0":
		text = "0" // Which is what the server makes of those bytes.
	case c.Kind == decode.JSON && text == "":
		return decode.JSONValue("null")
	case c.Kind == decode.JSON:
		return unsignedZero(decode.JSONValue(text))
	}
	return decode.Value{Kind: c.Kind, Text: text + strings.Repeat("\x00", max(0, pad-len(text)))}
}

// negativeZero is how the library spells a decimal in a document that is no less than zero.
var negativeZero = regexp.MustCompile(`-0([^0-9.]|$)`)

// unsignedZero takes the sign from such decimals, and from what looks like them.
func unsignedZero(v decode.Value) decode.Value {
	if v.Kind == decode.JSON {
		v.Text = negativeZero.ReplaceAllString(v.Text, "0$1")
	}
	return v
}

// randomLog draws a transaction on one table.
func randomLog(r draw) ([]byte, []typed) {
	table, columns := randomTable(r)
	some := func() []bool {
		out := make([]bool, len(columns))
		for i := range out {
			out[i] = r.IntN(2) == 0
		}
		out[r.IntN(len(out))] = true
		return out
	}
	image := func() decodetest.Image { return randomImage(r, columns) }
	events := []decodetest.Event{
		table.Map(), table.Insert(image(), image()), table.Map(), table.Delete(image()),
		table.Map(), table.Update(nil, nil, decodetest.Change{Before: image(), After: image()}),
		table.Map(), table.Update(some(), some(), decodetest.Change{Before: image(), After: image()}, decodetest.Change{Before: image(), After: image()}),
	}
	if r.IntN(2) == 0 {
		return append(decodetest.Head(), decodetest.Compressed(1, events...)...), columns
	}
	return append(decodetest.Head(), decodetest.Transaction(1, events...)...), columns
}

// sameAsTheLibrary decodes a random log in both ways and compares every value.
func sameAsTheLibrary(t *testing.T, r *rand.Rand) {
	t.Helper()
	log, columns := randomLog(draw{Rand: r})
	theirs, absent, err := libraryRows(log)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	compare := func(table *decode.Table, image []decode.Value) {
		if image == nil {
			return
		}
		want := make([]decode.Value, len(columns))
		for i, c := range table.Columns {
			want[i] = converted(c, columns[i].pad, theirs[n][i])
		}
		for _, i := range absent[n] {
			want[i] = decode.Value{}
		}
		n++
		got := make([]decode.Value, 0, len(image))
		for _, v := range image {
			got = append(got, unsignedZero(v))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("image %d (-library +ours)\n%s", n, diff)
		}
	}
	for tx, err := range decode.Transactions(bytes.NewReader(log)) {
		if err != nil || len(tx.Undecodable) > 0 {
			t.Fatal(err, tx)
		}
		for _, row := range tx.Rows {
			compare(row.Table, row.Before)
			compare(row.Table, row.After)
		}
	}
	if n != len(theirs) {
		t.Errorf("%d images, the library has %d", n, len(theirs))
	}
}

func TestRowsAreThoseOfTheLibrary(t *testing.T) {
	for seed := range uint64(400) {
		sameAsTheLibrary(t, rand.New(rand.NewPCG(seed, 1)))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzRowsAgainstTheLibrary(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { sameAsTheLibrary(t, rand.New(rand.NewPCG(a, b))) })
}
