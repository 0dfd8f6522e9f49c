package decode

import (
	"encoding/binary"
	"fmt"

	"github.com/regentdb/regent/binlog/decode/field"
)

// Type codes of columns (enum_field_types).
const (
	typeDecimal    = 0
	typeTiny       = 1
	typeShort      = 2
	typeLong       = 3
	typeFloat      = 4
	typeDouble     = 5
	typeTimestamp  = 7
	typeLongLong   = 8
	typeInt24      = 9
	typeDate       = 10
	typeTime       = 11
	typeDatetime   = 12
	typeYear       = 13
	typeNewDate    = 14
	typeVarchar    = 15
	typeBit        = 16
	typeTimestamp2 = 17
	typeDatetime2  = 18
	typeTime2      = 19
	typeTypedArray = 20
	typeVector     = 242
	typeJSON       = 245
	typeNewDecimal = 246
	typeEnum       = 247
	typeSet        = 248
	typeBlob       = 252
	typeVarString  = 253
	typeString     = 254
	typeGeometry   = 255
)

// cell says how the values of a column are stored in an image.
type cell struct {
	code     byte
	unsigned bool
	// prefix is how many bytes hold the length of each value; 0 where all values are size bytes long.
	prefix uint8
	size   uint16
	// meta is the length in bytes of a string, the digits of a fraction, or precision and scale.
	meta uint16
	// pad is the length in bytes that a BINARY value is padded to.
	pad uint16
}

// readCell reads what the metadata of a table map says about a column of the type.
func readCell(code byte, meta *cursor) cell {
	c := cell{code: code}
	switch code {
	case typeString:
		c.packedString(byte(meta.fixed(1)), byte(meta.fixed(1)))
	case typeNewDecimal:
		c.meta = uint16(meta.fixed(1)<<8 | meta.fixed(1))
	case typeVarchar, typeVarString, typeBit:
		c.meta = uint16(meta.fixed(2))
	case typeFloat, typeDouble, typeBlob, typeGeometry, typeJSON, typeVector, typeTime2, typeDatetime2, typeTimestamp2:
		c.meta = uint16(meta.fixed(1))
	case typeTypedArray:
		readCell(byte(meta.fixed(1)), meta)
	}
	return c
}

// packedString undoes the packing of the CHAR, BINARY, ENUM and SET types: two bits of the length are in the type
// (Field_string in the server).
func (c *cell) packedString(high, low byte) {
	switch {
	case high == 0:
		c.meta = uint16(low)
	case high&0x30 != 0x30:
		c.code, c.meta = high|0x30, uint16(low)|uint16(high&0x30^0x30)<<4
	default:
		c.code, c.meta = high, uint16(low)
	}
}

// layOut fills in how long values are; false where that is not known for the type.
func (c *cell) layOut() bool {
	ok := true
	switch c.code {
	case typeTiny, typeYear:
		c.size = 1
	case typeShort:
		c.size = 2
	case typeInt24, typeDate, typeNewDate, typeTime:
		c.size = 3
	case typeLong, typeFloat, typeTimestamp:
		c.size = 4
	case typeLongLong, typeDouble, typeDatetime:
		c.size = 8
	case typeTimestamp2:
		ok = c.fraction(4)
	case typeDatetime2:
		ok = c.fraction(5)
	case typeTime2:
		ok = c.fraction(3)
	case typeBit:
		c.size = c.meta>>8 + (c.meta&0xff+7)/8
		ok = c.size > 0 && c.size <= 8
	case typeEnum:
		c.size = c.meta
		ok = c.size == 1 || c.size == 2
	case typeSet:
		c.size = c.meta
		ok = c.size > 0 && c.size <= 8
	case typeNewDecimal:
		size, known := field.DecimalSize(int(c.meta>>8), int(c.meta&0xff))
		c.size, ok = uint16(size), known
	case typeString, typeVarchar, typeVarString:
		c.prefix = 1
		if c.meta > 255 {
			c.prefix = 2
		}
	case typeBlob, typeJSON, typeGeometry, typeVector:
		c.prefix = uint8(c.meta)
		ok = c.meta > 0 && c.meta <= 4
	default:
		ok = false
	}
	return ok
}

// fraction adds the bytes of a fraction to those of a time.
func (c *cell) fraction(size uint16) bool {
	more, ok := field.FractionSize(int(c.meta))
	c.size = size + uint16(more)
	return ok
}

// isNumber says whether the server counts the type among the numbers, which have a bit of signedness each.
func (c *cell) isNumber() bool {
	switch c.code {
	case typeTiny, typeShort, typeInt24, typeLong, typeLongLong, typeDecimal, typeNewDecimal, typeFloat, typeDouble, typeYear:
		return true
	}
	return false
}

// isString says whether the server counts the type among those with a character set.
func (c *cell) isString() bool { return stringFamily(c.code) != "" || c.code == typeVector }

// length is how many bytes of value stand at the beginning of the bytes, behind their prefix. The value has been
// measured before.
func (c *cell) content(stored []byte) []byte {
	switch c.prefix {
	case 0:
		return stored[:c.size]
	case 1:
		return stored[1 : 1+int(stored[0])]
	case 2:
		return stored[2 : 2+int(binary.LittleEndian.Uint16(stored))]
	case 3:
		return stored[3 : 3+int(uint24(stored))]
	}
	return stored[4 : 4+int(binary.LittleEndian.Uint32(stored))]
}

func uint24(raw []byte) uint32 { return uint32(raw[0]) | uint32(raw[1])<<8 | uint32(raw[2])<<16 }

// tableOf reads a table map, without the table id and the flags before it.
func tableOf(body []byte) (*Table, error) {
	c := cursor{rest: body}
	t := &Table{}
	t.Schema = string(c.bytes(c.fixed(1)))
	c.fixed(1) // Both names end with a zero byte too.
	t.Name = string(c.bytes(c.fixed(1)))
	c.fixed(1)
	codes := c.bytes(c.packed())
	meta := cursor{rest: c.bytes(c.packed())}
	c.bytes(uint64(bitmapSize(len(codes)))) // Which columns may be NULL.
	if c.failed || len(codes) == 0 {
		return nil, fmt.Errorf("decode: table map: %w", ErrCorrupt)
	}
	t.cells = make([]cell, len(codes))
	for i, code := range codes {
		t.cells[i] = readCell(code, &meta)
		if !t.cells[i].layOut() && t.unreadable == "" {
			t.unreadable = fmt.Sprintf("column %d is of a type that is not decoded (%d)", i+1, code)
		}
	}
	described, err := readMetadata(c.rest, len(codes))
	if meta.failed || err != nil {
		return nil, fmt.Errorf("decode: table map: %w", ErrCorrupt)
	}
	t.describe(described)
	return t, nil
}

// describe fills in what the optional metadata says.
func (t *Table) describe(m metadata) {
	numbers, texts := 0, uint64(0)
	t.Columns = make([]Column, len(t.cells))
	for i := range t.cells {
		c := &t.cells[i]
		var collation uint64
		if c.isString() {
			collation = m.collation(texts)
			texts++
		}
		if c.isNumber() {
			c.unsigned = m.unsignedNumber(numbers)
			numbers++
		}
		if c.code == typeJSON {
			t.documents++
		}
		t.Columns[i] = c.column(collation)
		if m.names != nil {
			t.Columns[i].Name = m.names[i]
		}
	}
	t.PrimaryKey, t.PrefixKey = m.primaryKey, m.prefixKey
}
