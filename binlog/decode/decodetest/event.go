package decodetest

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// Event is the type code and the body of an event.
type Event struct {
	Code byte
	Body []byte
}

// Type codes of the events that this package makes.
const (
	codeQuery         = 2
	codeFormat        = 15
	codeXID           = 16
	codeTableMap      = 19
	codeWriteRows     = 30
	codeUpdateRows    = 31
	codeDeleteRows    = 32
	codeGTID          = 33
	codePartialUpdate = 39
	codePayload       = 40
	codeTaggedGTID    = 42
)

const (
	headerSize   = 19
	checksumSize = 4
)

// sealed returns the event with its header and, in a file, its checksum.
func (e Event) sealed(checksum bool) []byte {
	size := headerSize + len(e.Body)
	if checksum {
		size += checksumSize
	}
	out := make([]byte, headerSize, size)
	out[4] = e.Code
	out[5] = 1 // The server's number.
	binary.LittleEndian.PutUint32(out[9:], uint32(size))
	out = append(out, e.Body...)
	if checksum {
		out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	}
	return out
}

// Packed appends a number in the length-encoded form of the protocol.
func Packed(dst []byte, n uint64) []byte {
	switch {
	case n < 0xfb:
		return append(dst, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(dst, 0xfc), uint16(n))
	case n < 1<<24:
		return append(dst, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xfe), n)
}

// Query is a statement that was logged as text.
func Query(schema, text string) Event {
	body := make([]byte, 8, 64)
	body = append(body, byte(len(schema)), 0, 0, 0, 0)
	body = append(append(body, schema...), 0)
	return Event{codeQuery, append(body, text...)}
}

// Format is the description that a server of this decade writes at the beginning of a file.
func Format() Event {
	body := binary.LittleEndian.AppendUint16(nil, 4)
	version := make([]byte, 50)
	copy(version, "9.7.4")
	body = append(append(body, version...), 0, 0, 0, 0, headerSize)
	headers := make([]byte, 42)
	for code, size := range map[int]byte{
		codeQuery: 13, codeTableMap: 8, 23: 8, 24: 8, 25: 8, codeWriteRows: 10, codeUpdateRows: 10, codeDeleteRows: 10,
		codeGTID: 42, codePartialUpdate: 10, codePayload: 40,
	} {
		headers[code-1] = size
	}
	return Event{codeFormat, append(append(body, headers...), 1)}
}

// Column is a column as a table map describes it.
type Column struct {
	Name string
	Type byte
	// Meta are the bytes that describe the type further.
	Meta []byte
	// Number and String say that the server counts the type among those with a sign, or with a character set.
	Number, String bool
	Unsigned       bool
	Collation      uint64
	// Members are those of an ENUM or SET.
	Members []string
	// Invisible columns are in the log like all others.
	Invisible bool
}

// Table is a table of a log.
type Table struct {
	ID           uint64
	Schema, Name string
	Columns      []Column
	PrimaryKey   []int
	// Prefix is, where not nil, how much of each column of the primary key is in it, 0 for all.
	Prefix []uint64
	// Common names, where not 0, the collation that most columns have, instead of one for each.
	Common uint64
	// Minimal leaves out names and keys, as binlog_row_metadata=MINIMAL does.
	Minimal bool
}

// Map is the event that describes the table.
func (t Table) Map() Event {
	body := t.head()
	body = append(append(append(body, byte(len(t.Schema))), t.Schema...), 0)
	body = append(append(append(body, byte(len(t.Name))), t.Name...), 0)
	body = Packed(body, uint64(len(t.Columns)))
	var meta []byte
	for _, c := range t.Columns {
		body = append(body, c.Type)
		meta = append(meta, c.Meta...)
	}
	body = append(Packed(body, uint64(len(meta))), meta...)
	body = append(body, slices.Repeat([]byte{0xff}, bitmapSize(len(t.Columns)))...)
	return Event{codeTableMap, append(body, t.optional()...)}
}

// head is the number of the table and empty flags.
func (t Table) head() []byte {
	return binary.LittleEndian.AppendUint64(nil, t.ID)
}

func field(dst []byte, code byte, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	return append(Packed(append(dst, code), uint64(len(value))), value...)
}

func bitmapSize(bits int) int { return (bits + 7) / 8 }
