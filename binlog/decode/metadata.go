package decode

import (
	"encoding/binary"
	"fmt"
)

// cursor reads the fields of a block and never past its end; failed stays set after the first attempt.
type cursor struct {
	rest   []byte
	failed bool
}

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.failed, c.rest = true, nil
		return nil
	}
	out := c.rest[:n]
	c.rest = c.rest[n:]
	return out
}

func (c *cursor) fixed(n uint64) uint64 {
	var wide [8]byte
	copy(wide[:], c.bytes(n))
	return binary.LittleEndian.Uint64(wide[:])
}

// packed reads an integer of the protocol's length-encoded form.
func (c *cursor) packed() uint64 {
	switch first := c.fixed(1); first {
	case 0xfc:
		return c.fixed(2)
	case 0xfd:
		return c.fixed(3)
	case 0xfe:
		return c.fixed(8)
	default:
		return first
	}
}

func (c *cursor) packedAll() []uint64 {
	var out []uint64
	for len(c.rest) > 0 {
		out = append(out, c.packed())
	}
	return out
}

// Fields of the optional metadata that matter here (Table_map_event::Optional_metadata_field_type). Only the first
// three are there under binlog_row_metadata=MINIMAL.
const (
	signednessField    = 1
	defaultCharsets    = 2
	columnCharsets     = 3
	columnNames        = 4
	simplePrimaryKey   = 8
	prefixedPrimaryKey = 9
)

// metadata is what the optional block of a table map says.
type metadata struct {
	unsigned       []byte // a bit for each column of a number type, from the highest bit on
	defaultCharset []uint64
	columnCharset  []uint64
	names          []string
	primaryKey     []int
	prefixKey      bool
}

// readMetadata reads the block of a table of so many columns.
func readMetadata(block []byte, columns int) (metadata, error) {
	var m metadata
	c := cursor{rest: block}
	for len(c.rest) > 0 {
		field := byte(c.fixed(1))
		value := cursor{rest: c.bytes(c.packed())}
		if c.failed {
			break
		}
		m.read(field, &value)
		c.failed = c.failed || value.failed
	}
	if c.failed || len(m.names) > 0 && len(m.names) != columns {
		return m, fmt.Errorf("decode: table map metadata: %w", ErrCorrupt)
	}
	for _, column := range m.primaryKey {
		if uint(column) >= uint(columns) {
			return m, fmt.Errorf("decode: table map metadata: %w", ErrCorrupt)
		}
	}
	return m, nil
}

func (m *metadata) read(field byte, value *cursor) {
	switch field {
	case signednessField:
		m.unsigned = value.rest
	case defaultCharsets:
		m.defaultCharset = value.packedAll()
	case columnCharsets:
		m.columnCharset = value.packedAll()
	case columnNames:
		for len(value.rest) > 0 {
			m.names = append(m.names, string(value.bytes(value.packed())))
		}
	case simplePrimaryKey:
		for len(value.rest) > 0 {
			m.primaryKey = append(m.primaryKey, int(value.packed()))
		}
	case prefixedPrimaryKey:
		for len(value.rest) > 0 {
			m.primaryKey = append(m.primaryKey, int(value.packed()))
			m.prefixKey = value.packed() != 0 || m.prefixKey
		}
	}
}

// unsignedNumber says whether the column that is the nth of a number type is unsigned. Without the field all are
// signed.
func (m *metadata) unsignedNumber(n int) bool {
	return n/8 < len(m.unsigned) && m.unsigned[n/8]&(0x80>>(n%8)) != 0
}

// collation returns the collation number of the column that is the nth of a character type, 0 where none is given.
// VECTOR is a character type here: the server counts it among them.
func (m *metadata) collation(n uint64) uint64 {
	if len(m.defaultCharset) == 0 {
		if n < uint64(len(m.columnCharset)) {
			return m.columnCharset[n]
		}
		return 0
	}
	for i := 1; i+1 < len(m.defaultCharset); i += 2 {
		if m.defaultCharset[i] == n {
			return m.defaultCharset[i+1]
		}
	}
	return m.defaultCharset[0]
}
