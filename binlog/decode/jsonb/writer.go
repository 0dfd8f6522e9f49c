package jsonb

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/regentdb/regent/binlog/decode/field"
)

// Append appends the canonical text of a document. The error is ErrCorrupt, and nothing of use is appended then.
func Append(dst, document []byte) ([]byte, error) {
	w := writer{dst: dst, budget: len(document) + 1}
	if !w.value(valueOf(document), 0) {
		return dst, ErrCorrupt
	}
	return w.dst, nil
}

type writer struct {
	dst []byte
	// budget is how many values may still come. A value takes a byte at least, so a document that has more shows some
	// of them many times.
	budget int
}

func (w *writer) value(v value, depth int) bool {
	w.budget--
	if w.budget < 0 || depth > maxDepth {
		return false
	}
	if v.isContainer() {
		c, ok := v.container()
		switch {
		case !ok:
			return false
		case c.object:
			return w.object(c, depth)
		}
		return w.array(c, depth)
	}
	switch v.kind {
	case stringValue:
		s, ok := sized(v.data)
		w.dst = appendString(w.dst, s)
		return ok
	case opaqueValue:
		return w.opaque(v.data)
	}
	return w.scalar(v)
}

func (w *writer) array(c container, depth int) bool {
	w.dst = append(w.dst, '[')
	for i := range c.count {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		v, ok := c.value(i)
		if !ok || !w.value(v, depth+1) {
			return false
		}
	}
	w.dst = append(w.dst, ']')
	return true
}

// member is a key of an object and its place there.
type member struct {
	key   []byte
	place int
}

// sorted brings the members of an object into the order of their keys; false where a key is there twice.
func sorted(members []member) bool {
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.key, b.key) })
	for i := 1; i < len(members); i++ {
		if bytes.Equal(members[i-1].key, members[i].key) {
			return false
		}
	}
	return true
}

func (w *writer) object(c container, depth int) bool {
	var few [16]member
	members := few[:0]
	for i := range c.count {
		key, ok := c.key(i)
		if !ok {
			return false
		}
		members = append(members, member{key, i})
	}
	if !sorted(members) {
		return false
	}
	w.dst = append(w.dst, '{')
	for i, m := range members {
		w.key(i, m.key)
		v, ok := c.value(m.place)
		if !ok || !w.value(v, depth+1) {
			return false
		}
	}
	w.dst = append(w.dst, '}')
	return true
}

func (w *writer) key(i int, key []byte) {
	if i > 0 {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(appendString(w.dst, key), ':')
}

func (w *writer) scalar(v value) bool {
	if len(v.data) < v.size() {
		return false
	}
	switch v.kind {
	case literal:
		if v.data[0] > 2 {
			return false
		}
		w.dst = append(w.dst, [...]string{"null", "true", "false"}[v.data[0]]...)
	case int16Value:
		w.signed(int64(int16(binary.LittleEndian.Uint16(v.data))))
	case uint16Value:
		w.unsigned(uint64(binary.LittleEndian.Uint16(v.data)))
	case int32Value:
		w.signed(int64(int32(binary.LittleEndian.Uint32(v.data))))
	case uint32Value:
		w.unsigned(uint64(binary.LittleEndian.Uint32(v.data)))
	case int64Value:
		w.signed(int64(binary.LittleEndian.Uint64(v.data)))
	case uint64Value:
		w.unsigned(binary.LittleEndian.Uint64(v.data))
	case doubleValue:
		return w.double(math.Float64frombits(binary.LittleEndian.Uint64(v.data)))
	default:
		return false
	}
	return true
}

// double appends a number that JSON has.
func (w *writer) double(f float64) bool {
	w.dst = appendDouble(w.dst, f)
	return !math.IsNaN(f) && !math.IsInf(f, 0)
}

func (w *writer) signed(n int64)    { w.dst = strconv.AppendInt(w.dst, n, 10) }
func (w *writer) unsigned(n uint64) { w.dst = strconv.AppendUint(w.dst, n, 10) }

// Column types of the opaque values that have a text of their own (enum_field_types).
const (
	typeTimestamp  = 7
	typeDate       = 10
	typeTime       = 11
	typeDatetime   = 12
	typeNewDecimal = 246
)

// opaque appends a value of a type that JSON does not have, as the server prints it.
func (w *writer) opaque(data []byte) bool {
	if len(data) == 0 {
		return false
	}
	content, ok := sized(data[1:])
	if !ok {
		return false
	}
	switch code := data[0]; code {
	case typeNewDecimal:
		return w.decimal(content)
	case typeDate, typeTime, typeDatetime, typeTimestamp:
		return w.temporal(code, content)
	default:
		w.base64(code, content)
		return true
	}
}

func (w *writer) decimal(content []byte) bool {
	if len(content) < 2 {
		return false
	}
	text, ok := field.AppendDecimal(nil, content[2:], int(content[0]), int(content[1]))
	w.dst = append(w.dst, Number(string(text))...)
	return ok
}

func (w *writer) temporal(code byte, content []byte) bool {
	if len(content) != 8 {
		return false
	}
	packed := int64(binary.LittleEndian.Uint64(content))
	w.dst = append(w.dst, '"')
	switch code {
	case typeDate:
		w.dst = field.AppendJSONDate(w.dst, packed)
	case typeTime:
		w.dst = field.AppendJSONTime(w.dst, packed)
	default:
		w.dst = field.AppendJSONDatetime(w.dst, packed)
	}
	w.dst = append(w.dst, '"')
	return true
}

// base64 appends bytes in the lines of 76 characters that the server makes.
func (w *writer) base64(code byte, content []byte) {
	const line = 76 / 4 * 3
	w.dst = append(w.dst, `"base64:type`...)
	w.unsigned(uint64(code))
	w.dst = append(w.dst, ':')
	for i := 0; i < len(content); i += line {
		if i > 0 {
			w.dst = append(w.dst, `\n`...)
		}
		w.dst = base64.StdEncoding.AppendEncode(w.dst, content[i:min(i+line, len(content))])
	}
	w.dst = append(w.dst, '"')
}
