package decodetest

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// Opaque is a value of a document that JSON has no type for: a column type and its bytes.
type Opaque struct {
	Type    byte
	Content []byte
}

// Document is a JSON document in binary form. It holds nil, bool, int16, uint16, int32, uint32, int64, uint64, float64,
// string, Opaque, []any and map[string]any; large makes all containers the large form.
func Document(v any, large bool) []byte {
	kind, data := stored(v, large)
	return append([]byte{kind}, data...)
}

// stored returns the type of a value and its bytes.
func stored(v any, large bool) (byte, []byte) {
	form := byte(0)
	if large {
		form = 1
	}
	switch v := v.(type) {
	case nil:
		return 4, []byte{0}
	case bool:
		if v {
			return 4, []byte{1}
		}
		return 4, []byte{2}
	case int16:
		return 5, binary.LittleEndian.AppendUint16(nil, uint16(v))
	case uint16:
		return 6, binary.LittleEndian.AppendUint16(nil, v)
	case int32:
		return 7, binary.LittleEndian.AppendUint32(nil, uint32(v))
	case uint32:
		return 8, binary.LittleEndian.AppendUint32(nil, v)
	case int64:
		return 9, binary.LittleEndian.AppendUint64(nil, uint64(v))
	case uint64:
		return 10, binary.LittleEndian.AppendUint64(nil, v)
	case float64:
		return 11, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
	case string:
		return 12, append(length(len(v)), v...)
	case Opaque:
		return 15, append(append([]byte{v.Type}, length(len(v.Content))...), v.Content...)
	case []any:
		return 2 + form, container(nil, v, large)
	case map[string]any:
		var keys []string
		for key := range v {
			keys = append(keys, key)
		}
		slices.SortFunc(keys, func(a, b string) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})
		var values []any
		for _, key := range keys {
			values = append(values, v[key])
		}
		return form, container(keys, values, large)
	}
	panic("decodetest: not a value of a document")
}

// length is a number in groups of seven bits.
func length(n int) []byte {
	var out []byte
	for n > 0x7f {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}

func container(keys []string, values []any, large bool) []byte {
	width := 2
	if large {
		width = 4
	}
	number := func(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n))[:width] }
	at := 2*width + len(keys)*(width+2) + len(values)*(width+1)
	var entries, tail []byte
	for _, key := range keys {
		entries = append(entries, number(at+len(tail))...)
		entries = binary.LittleEndian.AppendUint16(entries, uint16(len(key)))
		tail = append(tail, key...)
	}
	for _, v := range values {
		kind, data := stored(v, large)
		entries = append(entries, kind)
		if inline := kind >= 4 && kind <= 6 || large && kind >= 7 && kind <= 8; inline {
			entries = append(entries, append(data, 0, 0, 0)[:width]...)
			continue
		}
		entries = append(entries, number(at+len(tail))...)
		tail = append(tail, data...)
	}
	out := append(number(len(values)), number(at+len(tail))...)
	return append(append(out, entries...), tail...)
}

// JSONChange is one change of a partial update: replace 0, insert 1 or remove 2.
type JSONChange struct {
	Operation byte
	Path      string
	Value     any
}

// Changes are the changes of a document in binary form.
func Changes(changes ...JSONChange) []byte {
	var out []byte
	for _, c := range changes {
		out = append(Packed(append(out, c.Operation), uint64(len(c.Path))), c.Path...)
		if c.Operation != 2 {
			document := Document(c.Value, false)
			out = append(Packed(out, uint64(len(document))), document...)
		}
	}
	return out
}
