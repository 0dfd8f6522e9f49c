package decode_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
)

// recorder calls a function for each row, and counts.
type recorder struct {
	locator
	row func(*decode.Transaction, *decode.Change) error
}

func (r *recorder) Row(tx *decode.Transaction, c *decode.Change) error { return r.row(tx, c) }

func TestOffsetsAreThoseOfTheFile(t *testing.T) {
	table := tableOf(integer("", 1))
	insert := table.Insert(decodetest.Image{{1}}, decodetest.Image{{2}})
	log := decodetest.Head()
	first := int64(len(log))
	log = append(log, decodetest.Transaction(1, table.Map(), insert)...)
	second := int64(len(log))
	log = append(log, decodetest.Compressed(2, table.Map(), insert, insert)...)
	type place struct{ transaction, event, row int64 }
	var got []place
	err := decode.Scan(bytes.NewReader(log), &recorder{row: func(tx *decode.Transaction, c *decode.Change) error {
		got = append(got, place{tx.Offset, c.Offset, int64(c.Row)})
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	events := eventsOf(t, log) // A format description, then GTID, BEGIN, table map, rows, XID, GTID, payload.
	inserts := first + int64(len(events[1])+len(events[2])+len(events[3]))
	payload := second + int64(len(events[6]))
	want := []place{
		{first, inserts, 0},
		{first, inserts, 1},
		{second, payload, 0},
		{second, payload, 1},
		{second, payload, 0},
		{second, payload, 1},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestLazyColumns(t *testing.T) {
	table := tableOf(integer("", 3), stringColumn(254, 63, 254, 4), integer("", 1), decodetest.Column{Type: 245, Meta: []byte{4}})
	broken := []byte{4, 0, 0, 0, 77, 1, 2, 3}
	log := logOf(table.Map(), table.Insert(decodetest.Image{{1, 0, 0, 0x80}, {1, 'x'}, nil, broken}))
	err := decode.Scan(bytes.NewReader(log), &recorder{row: func(_ *decode.Transaction, c *decode.Change) error {
		if c.Before != nil {
			t.Error("an insert has a before image")
		}
		if want := append([]byte{4, 1, 0, 0, 0x80, 1, 'x'}, broken...); !bytes.Equal(c.After.Bytes(), want) {
			t.Errorf("image % x, want % x", c.After.Bytes(), want)
		}
		for i, want := range []decode.Kind{decode.Integer, decode.Binary, decode.Null, decode.JSON} {
			if kind, _ := c.After.Raw(i); kind != want {
				t.Errorf("column %d is of kind %d, want %d", i+1, kind, want)
			}
		}
		if _, raw := c.After.Raw(1); string(raw) != "x" {
			t.Errorf("raw %q", raw)
		}
		if v, err := c.After.Value(0); err != nil || v != decode.IntegerValue(-1<<31+1) {
			t.Errorf("%v, %v", v, err)
		}
		if v, err := c.After.Value(3); !errors.Is(err, decode.ErrCorrupt) || v != (decode.Value{}) {
			t.Errorf("%v, %v, want ErrCorrupt", v, err)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	tx := only(t, log)
	if !slices.Equal(tx.Undecodable, []string{"a value of a row cannot be decoded"}) || tx.Rows[0].After[0] != decode.IntegerValue(-1<<31+1) {
		t.Errorf("%q %v", tx.Undecodable, tx.Rows)
	}
}

func TestTheErrorOfTheVisitorComesBack(t *testing.T) {
	table := tableOf(integer("", 1))
	enough := errors.New("enough")
	for name, log := range map[string][]byte{
		"plain":      logOf(table.Map(), table.Insert(decodetest.Image{{1}}, decodetest.Image{{2}})),
		"compressed": append(decodetest.Head(), decodetest.Compressed(1, table.Map(), table.Insert(decodetest.Image{{1}}, decodetest.Image{{2}}))...),
	} {
		rows := 0
		err := decode.Scan(bytes.NewReader(log), &recorder{row: func(*decode.Transaction, *decode.Change) error {
			rows++
			return enough
		}})
		if !errors.Is(err, enough) || errors.Is(err, decode.ErrCorrupt) || rows != 1 {
			t.Errorf("%s: %v after %d rows", name, err, rows)
		}
	}
}

func TestACompressedTransactionIsCheckedToo(t *testing.T) {
	table := tableOf(integer("", 3))
	var rows []decodetest.Image
	for i := range byte(200) {
		rows = append(rows, decodetest.Image{{i, i * 7, i * 13, 0}})
	}
	head := decodetest.Head()
	log := append(head, decodetest.Compressed(1, table.Map(), table.Insert(rows...))...)
	for at := len(head); at < len(log); at++ {
		changed := bytes.Clone(log)
		changed[at] ^= 0x04
		if _, err := transcript(changed); !errors.Is(err, decode.ErrCorrupt) {
			t.Fatalf("bit flipped at %d: %v", at, err)
		}
		if _, err := transcript(log[:at]); (at > len(head)) != errors.Is(err, decode.ErrCorrupt) {
			t.Fatalf("torn at %d: %v", at, err)
		}
		reseal(changed) // A wrong byte under a right checksum.
		_, _ = transcript(changed)
	}
	if tx := only(t, log); len(tx.Rows) != len(rows) || tx.Undecodable != nil {
		t.Errorf("%d rows, undecodable %q", len(tx.Rows), tx.Undecodable)
	}
}

// TestAValueThatStaysIsTheSame has updates of random rows, of which some columns stay as they were.
func TestAValueThatStaysIsTheSame(t *testing.T) {
	for seed := range uint64(300) {
		r := draw{Rand: rand.New(rand.NewPCG(seed, 1))}
		table, columns := randomTable(r)
		before, after := randomImage(r, columns), randomImage(r, columns)
		var wanted []bool
		for i := range columns {
			if r.IntN(2) == 0 {
				after[i] = before[i]
			}
			wanted = append(wanted, r.IntN(2) == 0)
		}
		log := logOf(table.Map(), table.Update(nil, nil, decodetest.Change{Before: before, After: after}))
		err := decode.Scan(bytes.NewReader(log), &recorder{row: func(tx *decode.Transaction, c *decode.Change) error {
			row, some := c.Values(tx), c.Some(tx, wanted)
			for i := range columns {
				old, err := c.Before.Value(i)
				fresh, errAfter := c.After.Value(i)
				if err := errors.Join(err, errAfter); err != nil {
					return err
				}
				if row.Before[i] != old || row.After[i] != fresh {
					t.Errorf("column %d is %v, then %v; want %v, then %v", i, row.Before[i], row.After[i], old, fresh)
				}
				if !wanted[i] {
					old, fresh = decode.Value{}, decode.Value{}
				}
				if some.Before[i] != old || some.After[i] != fresh {
					t.Errorf("of some, column %d is %v, then %v; want %v, then %v", i, some.Before[i], some.After[i], old, fresh)
				}
			}
			return nil
		}})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}
