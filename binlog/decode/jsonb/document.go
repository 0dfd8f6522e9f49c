package jsonb

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrCorrupt is returned for bytes that are not a document, or not a list of changes.
var ErrCorrupt = errors.New("corrupt JSON document")

// Types of values, the first byte of each.
const (
	smallObject = iota
	largeObject
	smallArray
	largeArray
	literal
	int16Value
	uint16Value
	int32Value
	uint32Value
	int64Value
	uint64Value
	doubleValue
	stringValue
	opaqueValue = 15
)

// maxDepth is how deep the server lets documents nest.
const maxDepth = 100

// value is a value inside a document: its type, and the bytes from its beginning on.
type value struct {
	kind byte
	data []byte
}

// valueOf reads the type of a document. The empty document is what INSERT IGNORE stores for a missing one.
func valueOf(document []byte) value {
	if len(document) == 0 {
		return value{literal, []byte{0}}
	}
	return value{document[0], document[1:]}
}

// container is an object or an array: a count, a size, the entries of keys and of values, and what these point to.
type container struct {
	object bool
	count  int
	data   []byte // as long as the container's size
	width  int    // of counts and offsets: 2 or 4 bytes
}

func (v value) isContainer() bool { return v.kind <= largeArray }

func (v value) container() (container, bool) {
	c := container{object: v.kind <= largeObject, data: v.data, width: 2}
	if v.kind&1 == 1 {
		c.width = 4
	}
	if len(c.data) < 2*c.width {
		return c, false
	}
	size := c.number(c.width)
	c.count = c.number(0)
	if size > len(c.data) || c.header() > size {
		return c, false
	}
	c.data = c.data[:size]
	return c, true
}

// number reads a count or an offset.
func (c container) number(at int) int {
	if c.width == 2 {
		return int(binary.LittleEndian.Uint16(c.data[at:]))
	}
	return int(binary.LittleEndian.Uint32(c.data[at:]))
}

// values is where the entries of values begin.
func (c container) values() int {
	if c.object {
		return 2*c.width + c.count*(c.width+2)
	}
	return 2 * c.width
}

func (c container) header() int { return c.values() + c.count*(c.width+1) }

func (c container) key(i int) ([]byte, bool) {
	entry := 2*c.width + i*(c.width+2)
	from := c.number(entry)
	to := from + int(binary.LittleEndian.Uint16(c.data[entry+c.width:]))
	if from < c.header() || to > len(c.data) {
		return nil, false
	}
	return c.data[from:to], true
}

func (c container) value(i int) (value, bool) {
	entry := c.values() + i*(c.width+1)
	v := value{kind: c.data[entry]}
	if v.inline(c.width) {
		v.data = c.data[entry+1 : entry+1+c.width]
		return v, true
	}
	from := c.number(entry + 1)
	if from < c.header() || from > len(c.data) {
		return v, false
	}
	v.data = c.data[from:]
	return v, true
}

// inline says whether a value stands in its entry.
func (v value) inline(width int) bool {
	switch v.kind {
	case literal, int16Value, uint16Value:
		return true
	case int32Value, uint32Value:
		return width == 4
	}
	return false
}

// size is the length in bytes of a number.
func (v value) size() int {
	switch v.kind {
	case int16Value, uint16Value:
		return 2
	case int32Value, uint32Value:
		return 4
	case int64Value, uint64Value, doubleValue:
		return 8
	}
	return 1
}

// sized reads a length of 7 bits in each byte, and returns that many bytes behind it.
func sized(data []byte) ([]byte, bool) {
	length, shift := uint64(0), 0
	for i, b := range data[:min(len(data), 5)] {
		length |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			rest := data[i+1:]
			if length > math.MaxUint32 || length > uint64(len(rest)) {
				return nil, false
			}
			return rest[:length], true
		}
		shift += 7
	}
	return nil, false
}
