package decode_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/regentdb/regent/binlog/decode/decodetest"
)

// typed is a column with values of its type, as they are stored.
type typed struct {
	decodetest.Column
	// pad is the length of a BINARY column.
	pad   int
	value func() []byte
}

// draw is a source of random tables and rows.
type draw struct {
	*rand.Rand
	// all draws also what the library is wrong in, and nothing that a server never stores.
	all bool
}

// randomTable draws a table of up to 20 columns of any type.
func randomTable(r draw) (decodetest.Table, []typed) {
	t := decodetest.Table{ID: 1 + r.Uint64N(1<<40), Schema: "s", Name: "t", Minimal: r.IntN(3) == 0, PrimaryKey: []int{0}}
	var columns []typed
	for i := range 1 + r.IntN(20) {
		c := randomColumn(r)
		c.Name = fmt.Sprintf("c%d", i)
		columns = append(columns, c)
		t.Columns = append(t.Columns, c.Column)
	}
	return t, columns
}

// randomImage draws a row.
func randomImage(r draw, columns []typed) decodetest.Image {
	var out decodetest.Image
	for _, c := range columns {
		if r.IntN(6) == 0 {
			out = append(out, nil)
		} else {
			out = append(out, c.value())
		}
	}
	return out
}

func randomColumn(r draw) typed {
	kinds := []func(draw) typed{
		randomNumber, randomNumber, randomDecimal, randomFloat, randomBits, randomTemporal, randomTemporal, randomOldTemporal,
		randomString, randomString, randomBlob, randomBlob, randomDocumentColumn,
	}
	return kinds[r.IntN(len(kinds))](r)
}

func fixed(code byte, value func() []byte, meta ...byte) typed {
	return typed{Column: decodetest.Column{Type: code, Meta: meta}, value: value}
}

// randomBytes draws bytes, often at the edges of their range.
func randomBytes(r draw, n int) []byte {
	out := make([]byte, n)
	edge := []byte{0, 0x7f, 0x80, 0xff}[r.IntN(4)]
	random := r.IntN(2) == 0
	for i := range out {
		out[i] = edge
		if random {
			out[i] = byte(r.Uint32())
		}
	}
	return out
}
