package decode_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
)

// Where go-mysql v1.16 is wrong, each with what it says, so that a version that says something else is noticed.

// only decodes the one transaction of a log.
func only(t *testing.T, log []byte) *decode.Transaction {
	t.Helper()
	var out *decode.Transaction
	for tx, err := range decode.Transactions(bytes.NewReader(log)) {
		if err != nil {
			t.Fatal(err)
		}
		if out != nil {
			t.Fatal("more than one transaction")
		}
		out = tx
	}
	return out
}

// tableOf is a table of the columns, named in their order.
func tableOf(columns ...decodetest.Column) decodetest.Table {
	t := decodetest.Table{ID: 7, Schema: "s", Name: "t", PrimaryKey: []int{0}, Columns: columns}
	for i := range t.Columns {
		t.Columns[i].Name = string(rune('a' + i))
	}
	return t
}

func logOf(events ...decodetest.Event) []byte {
	return append(decodetest.Head(), decodetest.Transaction(1, events...)...)
}

func libraryFirst(t *testing.T, log []byte) []any {
	t.Helper()
	rows, _, err := libraryRows(log)
	if err != nil || len(rows) == 0 {
		t.Fatal(len(rows), err)
	}
	return rows[len(rows)-1]
}

func stringColumn(code byte, collation uint64, meta ...byte) decodetest.Column {
	return decodetest.Column{Type: code, Meta: meta, String: true, Collation: collation}
}

func TestAllChangesOfADocumentCountNotOnlyTheFirst(t *testing.T) {
	table := tableOf(decodetest.Column{Type: 245, Meta: []byte{4}})
	before := prefixed(4, decodetest.Document(map[string]any{"a": int16(1), "b": int16(1)}, false))
	after := prefixed(4, decodetest.Changes(
		decodetest.JSONChange{Path: "$.a", Value: int16(2)}, decodetest.JSONChange{Path: "$.b", Value: int16(3)}))
	log := logOf(table.Map(), table.PartialUpdate([]bool{true},
		decodetest.Change{Before: decodetest.Image{before}, After: decodetest.Image{after}}))
	if change, ok := libraryFirst(t, log)[0].(*replication.JsonDiff); !ok || change.Path != "$.a" {
		t.Errorf("the library has %v", change)
	}
	tx := only(t, log)
	if got := tx.Rows[0].After[0]; got != decode.JSONValue(`{"a":2,"b":3}`) || tx.Opaque != nil || tx.Undecodable != nil {
		t.Errorf("%v %q %q", got, tx.Opaque, tx.Undecodable)
	}
}

func TestAChangeWithoutItsDocumentIsOpaque(t *testing.T) {
	table := tableOf(decodetest.Column{Type: 245, Meta: []byte{4}}, decodetest.Column{Type: 245, Meta: []byte{4}})
	whole := prefixed(4, decodetest.Document([]any{int16(1)}, false))
	after := prefixed(4, decodetest.Changes(decodetest.JSONChange{Path: "$.a", Value: int16(2)}))
	for name, before := range map[string][]byte{"NULL": nil, "another document": whole} {
		tx := only(t, logOf(table.Map(), table.PartialUpdate([]bool{false, true}, decodetest.Change{
			Before: decodetest.Image{whole, before}, After: decodetest.Image{whole, after},
		})))
		if !slices.Equal(tx.Opaque, []string{"partial JSON update (binlog_row_value_options)"}) || tx.Undecodable != nil ||
			tx.Rows[0].After[1] != (decode.Value{}) || tx.Rows[0].After[0] != decode.JSONValue("[1]") {
			t.Errorf("%s: %q %q %v", name, tx.Opaque, tx.Undecodable, tx.Rows[0].After)
		}
	}
}

func TestAnAbsentColumnIsNotNull(t *testing.T) {
	table := tableOf(integer("", 1), integer("", 1))
	log := logOf(table.Map(), table.Update([]bool{true, false}, []bool{false, true},
		decodetest.Change{Before: decodetest.Image{{1}, nil}, After: decodetest.Image{nil, nil}}))
	if got := libraryFirst(t, log); got[0] != nil || got[1] != nil {
		t.Errorf("the library has %v", got)
	}
	tx := only(t, log)
	want := []decode.Value{{}, decode.NullValue()}
	if !slices.Equal(tx.Rows[0].After, want) || !slices.Equal(tx.Rows[0].Before, []decode.Value{decode.IntegerValue(1), {}}) {
		t.Errorf("%v", tx.Rows[0])
	}
	if !slices.Equal(tx.Opaque, []string{"partial row images (binlog_row_image is not FULL)"}) {
		t.Errorf("opaque %q", tx.Opaque)
	}
}

func TestBinaryKeepsItsTrailingZeros(t *testing.T) {
	table := tableOf(stringColumn(254, 63, 254, 4), stringColumn(254, 255, 254, 4))
	log := logOf(table.Map(), table.Insert(decodetest.Image{{1, 'x'}, {1, 'x'}}))
	if got := libraryFirst(t, log); got[0] != "x" {
		t.Errorf("the library has %v", got)
	}
	want := []decode.Value{{Kind: decode.Binary, Text: "x\x00\x00\x00"}, {Kind: decode.Text, Text: "x"}}
	if got := only(t, log).Rows[0].After; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestTimestampsAreInUTCWhereverThisRuns(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("east", 5*3600)
	t.Cleanup(func() { time.Local = local })
	table := tableOf(decodetest.Column{Type: 17, Meta: []byte{0}})
	log := logOf(table.Map(), table.Insert(decodetest.Image{binary.BigEndian.AppendUint32(nil, 1540162330)}))
	if got := only(t, log).Rows[0].After[0]; got != decode.TimeValue("2018-10-21 22:52:10") {
		t.Errorf("%v", got)
	}
}

func TestVectorIsAmongTheColumnsWithACollation(t *testing.T) {
	table := tableOf(stringColumn(242, 63, 4), stringColumn(252, 255, 2), stringColumn(252, 63, 2))
	log := logOf(table.Map(), table.Insert(decodetest.Image{prefixed(4, []byte("1234")), prefixed(2, []byte("x")), prefixed(2, []byte("y"))}))
	want := []decode.Kind{decode.Binary, decode.Text, decode.Binary}
	for i, c := range only(t, log).Rows[0].Table.Columns {
		if c.Kind != want[i] {
			t.Errorf("column %d is of kind %d, want %d", i+1, c.Kind, want[i])
		}
	}
}

func TestSixtyFourBitsHaveNoSign(t *testing.T) {
	table := tableOf(decodetest.Column{Type: 16, Meta: []byte{0, 8}}, decodetest.Column{Type: 254, Meta: []byte{248, 8}})
	all := bytes.Repeat([]byte{0xff}, 8)
	log := logOf(table.Map(), table.Insert(decodetest.Image{all, all}))
	if got := libraryFirst(t, log); got[0] != int64(-1) || got[1] != int64(-1) {
		t.Errorf("the library has %v", got)
	}
	for _, v := range only(t, log).Rows[0].After {
		if v != decode.UnsignedValue(1<<64-1) {
			t.Errorf("%v", v)
		}
	}
}

func TestATornHeaderIsAnError(t *testing.T) {
	table := tableOf(integer("", 1))
	log := logOf(table.Map(), table.Insert(decodetest.Image{{1}}))
	torn := append(bytes.Clone(log), log[len(decode.Magic):len(decode.Magic)+10]...)
	if _, _, err := libraryRows(torn); err != nil {
		t.Errorf("the library says %v", err)
	}
	if _, err := transcript(torn); !errors.Is(err, decode.ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
}

func TestEventsThatTheLibraryLeavesOutAreNamed(t *testing.T) {
	table := tableOf(integer("", 1))
	row := table.Insert(decodetest.Image{{1}})
	unreadable := tableOf(decodetest.Column{Type: 20, Meta: []byte{3}})
	none := table.Insert()
	none.Body = append(none.Body[:len(none.Body)-1], 0, 0) // No column is present.
	short := table.Insert(decodetest.Image{{}})
	for name, c := range map[string]struct {
		event               decodetest.Event
		opaque, undecodable string
	}{
		"incident":       {event: decodetest.Event{Code: 26, Body: []byte{1, 0, 0}}, undecodable: "incident event: the server itself lost events here"},
		"user variable":  {event: decodetest.Event{Code: 14, Body: []byte("x")}, opaque: "statement format"},
		"number":         {event: decodetest.Event{Code: 5, Body: make([]byte, 9)}, opaque: "statement format"},
		"random seed":    {event: decodetest.Event{Code: 13, Body: make([]byte, 16)}, opaque: "statement format"},
		"XA prepare":     {event: decodetest.Event{Code: 38, Body: make([]byte, 20)}, opaque: "XA transaction"},
		"load data":      {event: decodetest.Event{Code: 17, Body: make([]byte, 20)}, opaque: "LOAD DATA in statement format"},
		"unknown":        {event: decodetest.Event{Code: 99}, undecodable: "event of unknown type 99"},
		"rows of 5.1.15": {event: decodetest.Event{Code: 20}, undecodable: "event of unknown type 20"},
		"short row":      {event: short, undecodable: "event of type 30 cannot be decoded"},
		"no columns":     {event: none, undecodable: "event of type 30 cannot be decoded: rows without any column cannot be counted"},
		"unknown table":  {event: decodetest.Table{ID: 9, Columns: table.Columns}.Insert(decodetest.Image{{1}}), undecodable: "event of type 30 cannot be decoded"},
		"table cut off":  {event: decodetest.Event{Code: 19, Body: table.Map().Body[:20]}, undecodable: "event of type 19 cannot be decoded"},
		"query cut off":  {event: decodetest.Event{Code: 2, Body: []byte{1}}, undecodable: "event of type 2 cannot be decoded"},
		"DDL":            {event: decodetest.Query("s", "DROP TABLE x"), opaque: "DDL"},
		"statement":      {event: decodetest.Query("s", "insert into x values (1)"), opaque: "statement format"},
		"savepoint":      {event: decodetest.Query("s", "SAVEPOINT `x`")},
		"rollback":       {event: decodetest.Query("s", "ROLLBACK TO `x`"), opaque: "rolled back in whole or in part"},
		"empty payload":  {event: decodetest.Event{Code: 40, Body: []byte{0}}, undecodable: "event of type 40 cannot be decoded"},
		"compression": {
			event:       decodetest.Event{Code: 40, Body: []byte{2, 1, 9, 0}},
			undecodable: "event of type 40 cannot be decoded: an unknown compression",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tx := only(t, logOf(table.Map(), row, c.event, table.Map(), row))
			if strings.Join(tx.Opaque, "; ") != c.opaque || strings.Join(tx.Undecodable, "; ") != c.undecodable {
				t.Errorf("opaque %q, undecodable %q", tx.Opaque, tx.Undecodable)
			}
			if len(tx.Rows) != 2 {
				t.Errorf("%d of the 2 other rows", len(tx.Rows))
			}
		})
	}
	t.Run("typed array", func(t *testing.T) {
		tx := only(t, logOf(unreadable.Map(), unreadable.Insert(decodetest.Image{{1}}), table.Map(), row))
		want := []string{"event of type 30 cannot be decoded: column 1 is of a type that is not decoded (20)"}
		if !slices.Equal(tx.Undecodable, want) || len(tx.Rows) != 1 {
			t.Errorf("%q, %d rows", tx.Undecodable, len(tx.Rows))
		}
	})
}

func TestTaggedTransactionsOfAnyNumberAndWithATicket(t *testing.T) {
	tagged := func(seq, ticket uint64) decodetest.Identity {
		id := decodetest.Named(seq)
		id.Tag, id.Ticket = "blue", ticket
		return id
	}
	for name, c := range map[string]struct {
		id      decodetest.Identity
		library string
	}{
		"plain":           {tagged(1, 0), "1"},
		"of eight bytes":  {tagged(1<<55-1, 0), "36028797018963967"},
		"of nine bytes":   {tagged(1<<55, 0), "0"},
		"the last one":    {tagged(1<<63-2, 0), "18014398509481983"},
		"commit ticket":   {tagged(1, 7), "panic"},
		"tag of 32 bytes": {decodetest.Identity{UUID: decodetest.Named(1).UUID, Tag: strings.Repeat("t", 32), Seq: 5, Committed: 1}, "5"},
	} {
		log := append(decodetest.Head(), c.id.Statement(decodetest.Query("s", "DROP TABLE x"))...)
		if got := only(t, log).GTID; got.Seq != c.id.Seq || got.Tag != c.id.Tag || got.UUID != decodetest.UUID {
			t.Errorf("%s: %s", name, got)
		}
		if got := libraryTagged(eventsOf(t, log)[1]); got != c.library {
			t.Errorf("%s: the library has %s", name, got)
		}
	}
}

// libraryTagged is the number that go-mysql reads.
func libraryTagged(e decode.Event) (number string) {
	defer func() {
		if recover() != nil {
			number = "panic"
		}
	}()
	var event replication.GtidTaggedLogEvent
	if err := event.Decode(e[19 : len(e)-4]); err != nil {
		return err.Error()
	}
	return strconv.FormatInt(event.GNO, 10)
}
