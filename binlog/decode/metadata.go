package decode

import (
	"encoding/binary"
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"
)

// cursor reads the fields of a metadata block and never past its end; failed stays set after the first attempt.
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

// readMetadata reads the optional metadata of a table map into the event. The library's own reader is not used: it
// allocates what a length in the bytes says, before it looks whether the bytes are there.
func readMetadata(event *replication.TableMapEvent, block []byte) error {
	c := cursor{rest: block}
	for len(c.rest) > 0 {
		field := byte(c.fixed(1))
		value := cursor{rest: c.bytes(c.packed())}
		if c.failed {
			break
		}
		readField(event, field, &value)
		c.failed = c.failed || value.failed
	}
	if c.failed || !consistent(event) {
		return fmt.Errorf("decode: table map metadata: %w", ErrCorrupt)
	}
	return nil
}

func readField(event *replication.TableMapEvent, field byte, value *cursor) {
	switch field {
	case replication.TABLE_MAP_OPT_META_SIGNEDNESS:
		event.SignednessBitmap = value.rest
	case replication.TABLE_MAP_OPT_META_DEFAULT_CHARSET:
		event.DefaultCharset = value.packedAll()
	case replication.TABLE_MAP_OPT_META_COLUMN_CHARSET:
		event.ColumnCharset = value.packedAll()
	case replication.TABLE_MAP_OPT_META_COLUMN_NAME:
		for len(value.rest) > 0 {
			event.ColumnName = append(event.ColumnName, value.bytes(value.packed()))
		}
	case replication.TABLE_MAP_OPT_META_SIMPLE_PRIMARY_KEY:
		for _, column := range value.packedAll() {
			event.PrimaryKey = append(event.PrimaryKey, column)
			event.PrimaryKeyPrefix = append(event.PrimaryKeyPrefix, 0)
		}
	case replication.TABLE_MAP_OPT_META_PRIMARY_KEY_WITH_PREFIX:
		for len(value.rest) > 0 {
			event.PrimaryKey = append(event.PrimaryKey, value.packed())
			event.PrimaryKeyPrefix = append(event.PrimaryKeyPrefix, value.packed())
		}
	}
}

// consistent says whether the metadata fits the number of columns that the event declares.
func consistent(event *replication.TableMapEvent) bool {
	columns := uint64(len(event.ColumnType))
	if len(event.ColumnName) > 0 && uint64(len(event.ColumnName)) != columns {
		return false
	}
	for _, column := range event.PrimaryKey {
		if column >= columns {
			return false
		}
	}
	numbers := 0
	for i := range event.ColumnType {
		if event.IsNumericColumn(i) {
			numbers++
		}
	}
	return len(event.SignednessBitmap) == 0 || len(event.SignednessBitmap)*8 >= numbers
}
