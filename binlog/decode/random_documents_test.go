package decode_test

import (
	"encoding/binary"
	"strings"

	"github.com/regentdb/regent/binlog/decode/decodetest"
)

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
