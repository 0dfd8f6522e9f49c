package decode_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

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

func randomNumber(r draw) typed {
	sizes := map[byte]int{1: 1, 2: 2, 9: 3, 3: 4, 8: 8, 13: 1}
	code := []byte{1, 2, 9, 3, 8, 13}[r.IntN(6)]
	c := fixed(code, func() []byte { return randomBytes(r, sizes[code]) })
	c.Number, c.Unsigned = true, code == 13 || r.IntN(2) == 0
	return c
}

func randomDecimal(r draw) typed {
	precision := 1 + r.IntN(65)
	scale := r.IntN(min(precision, 30) + 1)
	c := fixed(246, func() []byte { return randomDecimalBytes(r, precision, scale) }, byte(precision), byte(scale))
	c.Number = true
	return c
}

// randomDecimalBytes draws digits: the incomplete groups of nine stand outside.
func randomDecimalBytes(r draw, precision, scale int) []byte {
	var out []byte
	group := func(digits int) {
		size := []int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}[digits]
		n := uint64(0)
		if r.IntN(3) > 0 {
			n = r.Uint64N(uint64(math.Pow10(digits)))
		}
		out = append(out, binary.BigEndian.AppendUint64(nil, n)[8-size:]...)
	}
	integral := precision - scale
	group(integral % 9)
	for range integral / 9 {
		group(9)
	}
	for range scale / 9 {
		group(9)
	}
	group(scale % 9)
	out[0] |= 0x80
	if r.IntN(2) == 0 {
		for i := range out {
			out[i] = ^out[i]
		}
	}
	return out
}

func randomFloat(r draw) typed {
	if r.IntN(2) == 0 {
		c := fixed(4, func() []byte {
			for {
				if raw := randomBytes(r, 4); raw[3]&0x7f != 0x7f {
					return raw
				}
			}
		}, 4)
		c.Number = true
		return c
	}
	c := fixed(5, func() []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(randomDouble(r))) }, 8)
	c.Number = true
	return c
}

func randomDouble(r draw) float64 {
	switch r.IntN(4) {
	case 0:
		return float64(r.IntN(2000) - 1000)
	case 1:
		return float64(r.IntN(2000000)-1000000) / 1000
	case 2:
		return 0
	}
	for { // The library writes all digits of numbers above that, which the server never does.
		if f := math.Float64frombits(r.Uint64()); math.Abs(f) < 1e17 || r.all && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
	}
}

func randomBits(r draw) typed {
	switch r.IntN(3) {
	case 0:
		bits := 1 + r.IntN(64)
		return fixed(16, func() []byte {
			out := randomBytes(r, (bits+7)/8)
			if bits%8 > 0 {
				out[0] &= 1<<(bits%8) - 1
			}
			return out
		}, byte(bits%8), byte(bits/8))
	case 1:
		size := byte(1 + r.IntN(2))
		return listed(r, fixed(254, func() []byte { return randomBytes(r, int(size)) }, 247, size))
	}
	size := byte(1 + r.IntN(8))
	return listed(r, fixed(254, func() []byte { return randomBytes(r, int(size)) }, 248, size))
}

// listed gives an ENUM or SET its members, which the log names with all of its metadata.
func listed(r draw, c typed) typed {
	for i := range 1 + r.IntN(3) {
		c.Members = append(c.Members, fmt.Sprintf("m%d'", i))
	}
	c.Collation = 255
	return c
}

// randomFraction draws the fraction of a time with so many digits, in the unit that it is stored in.
func randomFraction(r draw, digits int) (n uint64, size int) {
	size = (digits + 1) / 2
	n = r.Uint64N(uint64(math.Pow10(2 * size)))
	if digits%2 == 1 {
		n -= n % 10
	}
	if r.IntN(3) == 0 {
		n = 0
	}
	return n, size
}

func randomTemporal(r draw) typed {
	digits := r.IntN(7)
	clock := func(hours int) uint64 {
		return uint64(r.IntN(hours)<<12 | r.IntN(60)<<6 | r.IntN(60))
	}
	date := func() uint64 { // Zero and incomplete dates too.
		return uint64(r.IntN(3)/2*r.IntN(10000)*13+r.IntN(13))<<22 | uint64(r.IntN(32))<<17
	}
	tail := func(n uint64, size int) []byte { return binary.BigEndian.AppendUint64(nil, n)[8-size:] }
	switch r.IntN(4) {
	case 0:
		return fixed(19, func() []byte {
			fraction, size := randomFraction(r, digits)
			n := clock(839)<<(8*size) | fraction
			offset := uint64(0x800000) << (8 * size)
			if r.IntN(2) == 0 {
				return tail(offset-n, 3+size)
			}
			return tail(offset+n, 3+size)
		}, byte(digits))
	case 1:
		return fixed(18, func() []byte {
			fraction, size := randomFraction(r, digits)
			return append(tail(0x8000000000|date()|clock(24), 5), tail(fraction, size)...)
		}, byte(digits))
	case 2:
		return fixed(17, func() []byte {
			fraction, size := randomFraction(r, digits)
			return append(randomBytes(r, 4), tail(fraction, size)...)
		}, byte(digits))
	}
	return fixed(10, func() []byte {
		if r.all {
			return binary.LittleEndian.AppendUint32(nil, r.Uint32N(10000)<<9|r.Uint32N(13)<<5|r.Uint32N(32))[:3]
		}
		return randomBytes(r, 3)
	})
}

func randomOldTemporal(r draw) typed {
	clock := func() uint64 { return r.Uint64N(24)*10000 + r.Uint64N(60)*100 + r.Uint64N(60) }
	switch r.IntN(3) {
	case 0:
		return fixed(11, func() []byte { return binary.LittleEndian.AppendUint32(nil, uint32(clock()))[:3] })
	case 1:
		return fixed(12, func() []byte {
			date := r.Uint64N(10000)*10000 + r.Uint64N(13)*100 + r.Uint64N(32)
			return binary.LittleEndian.AppendUint64(nil, date*1000000+clock())
		})
	}
	return fixed(7, func() []byte { return randomBytes(r, 4) })
}

func prefixed(size int, content []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(content)))[:size], content...)
}

func randomString(r draw) typed {
	length := 1 + r.IntN(1020)
	if r.IntN(2) == 0 {
		length = 1 + r.IntN(255)
	}
	prefix := 1
	if length > 255 {
		prefix = 2
	}
	c := fixed(15, func() []byte { return prefixed(prefix, randomBytes(r, r.IntN(min(length, 40)+1))) })
	c.Meta = binary.LittleEndian.AppendUint16(nil, uint16(length))
	if r.IntN(2) == 0 {
		// Two bits of the length are inverted in the type.
		c.Type, c.Meta = 254, []byte{0xfe ^ byte(length>>4&0x30), byte(length)}
	}
	c.String, c.Collation = true, []uint64{63, 255, 8}[r.IntN(3)]
	if c.Type == 254 && c.Collation == 63 {
		c.pad = length
	}
	return c
}

func randomBlob(r draw) typed {
	prefix := 1 + r.IntN(4)
	c := fixed([]byte{252, 252, 255, 242}[r.IntN(4)], nil, byte(prefix))
	if r.all && c.Type != 252 {
		return randomVector(r)
	}
	c.String = c.Type != 255 // The server counts VECTOR among the strings.
	c.Collation = []uint64{63, 255}[r.IntN(2)]
	c.value = func() []byte {
		n := r.IntN(60)
		if prefix > 1 && r.IntN(4) == 0 {
			n = r.IntN(1000)
		}
		return prefixed(prefix, randomBytes(r, n))
	}
	return c
}

// randomVector draws vectors of numbers.
func randomVector(r draw) typed {
	c := fixed(242, func() []byte {
		var out []byte
		for range 1 + r.IntN(4) { // By an empty one, which cannot be stored, mysqlbinlog 9.7 is killed.
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(r.NormFloat64()*math.Pow10(r.IntN(60)-30))))
		}
		return prefixed(4, out)
	}, 4)
	c.String, c.Collation = true, 63
	return c
}

func randomDocumentColumn(r draw) typed {
	return fixed(245, func() []byte {
		if r.IntN(20) == 0 {
			return prefixed(4, nil)
		}
		return prefixed(4, decodetest.Document(randomDocument(r, 0), r.IntN(2) == 0))
	}, 4)
}

// randomDocument draws a document with all types of values.
func randomDocument(r draw, depth int) any {
	kinds := 15
	if depth > 4 {
		kinds = 12
	}
	switch r.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return int16(r.Uint32())
	case 3:
		return uint16(r.Uint32())
	case 4:
		return int32(r.Uint32())
	case 5:
		return r.Uint32()
	case 6:
		return int64(r.Uint64())
	case 7:
		return r.Uint64()
	case 8, 9:
		return randomDouble(r)
	case 10:
		return randomText(r)
	case 11:
		return randomOpaque(r)
	case 12:
		out := []any{}
		for range r.IntN(5) {
			out = append(out, randomDocument(r, depth+1))
		}
		return out
	}
	out := map[string]any{}
	for range r.IntN(6) {
		out[randomText(r)] = randomDocument(r, depth+1)
	}
	return out
}

func randomText(r draw) string {
	var out strings.Builder
	for range r.IntN(12) {
		out.WriteRune([]rune("aZ09 .\"\\\b\f\n\r\t\x00\x1f\x7f<>&/é€😀\u2028\u2029\ufffd")[r.IntN(26)])
	}
	if r.IntN(10) == 0 {
		out.WriteString(strings.Repeat("long ", 30))
	}
	return out.String()
}

// randomOpaque draws a value of another column type. Zero times and more than 57 bytes are left out: the library's text
// of those is not the server's.
func randomOpaque(r draw) any {
	packed := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	least := 1
	if r.all {
		least = 0
	}
	day := (uint64(least+r.IntN(9999))*13+uint64(r.IntN(13)))<<22 | uint64(r.IntN(32))<<17
	clock := uint64(least+r.IntN(23))<<12 | uint64(r.IntN(60))<<6 | uint64(r.IntN(60))
	micros := r.Uint64N(1000000)
	switch r.IntN(5) {
	case 0:
		precision := 1 + r.IntN(65)
		scale := r.IntN(min(precision, 30) + 1)
		return decodetest.Opaque{
			Type: 246, Content: append([]byte{byte(precision), byte(scale)}, randomDecimalBytes(r, precision, scale)...),
		}
	case 1:
		return decodetest.Opaque{Type: 10, Content: packed(day << 24)}
	case 2:
		n := clock<<24 | micros
		if r.IntN(2) == 0 {
			n = -n
		}
		return decodetest.Opaque{Type: 11, Content: packed(n)}
	case 3:
		return decodetest.Opaque{Type: []byte{7, 12}[r.IntN(2)], Content: packed((day|clock)<<24 | micros)}
	}
	size := 58
	if r.all {
		size = 300
	}
	return decodetest.Opaque{Type: []byte{15, 16, 252}[r.IntN(3)], Content: randomBytes(r, r.IntN(size))}
}
