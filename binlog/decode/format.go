package decode

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/gtid"
)

// Checksum algorithms, the byte before the checksum of a format description.
const (
	checksumNone  = 0
	checksumCRC32 = 1
)

// What every server since 5.6 writes into the description: the version of the format, and how long the headers of the
// events are that are read here, by type code.
const (
	binlogVersion  = 4
	versionSize    = 50
	tableMapHeader = 8
	rowsHeader     = 10 // of version 2; version 1, which a new server no longer names, has no extra data
)

// format is what a format description says about the events behind it.
type format struct{ checksum bool }

// readFormat reads a format description. That event has a checksum in any log, and it is checked here: by one wrong bit
// in it every later checksum would be taken for data.
func readFormat(e Event) (*format, error) {
	if err := e.checked(); err != nil {
		return nil, err
	}
	c := cursor{rest: e[headerSize : len(e)-checksumSize]}
	version := c.fixed(2)
	c.bytes(versionSize)
	c.fixed(4) // The time when the server made the file.
	common := c.fixed(1)
	if c.failed || len(c.rest) <= gtidEvent || version != binlogVersion || common != headerSize {
		return nil, fmt.Errorf("decode: format description: %w", ErrCorrupt)
	}
	algorithm, headers := c.rest[len(c.rest)-1], c.rest[:len(c.rest)-1]
	if algorithm != checksumNone && algorithm != checksumCRC32 {
		return nil, fmt.Errorf("decode: checksum algorithm %d: %w", algorithm, ErrCorrupt)
	}
	for code, length := range map[int]byte{
		tableMapEvent: tableMapHeader, writeRowsV2: rowsHeader, updateRowsV2: rowsHeader, deleteRowsV2: rowsHeader,
	} {
		if headers[code-1] != length {
			return nil, fmt.Errorf("decode: format description: %w", ErrCorrupt)
		}
	}
	return &format{checksum: algorithm == checksumCRC32}, nil
}

// body returns the event without header and checksum.
func (f *format) body(e Event) []byte {
	if f.checksum {
		return e[headerSize : len(e)-checksumSize]
	}
	return e[headerSize:]
}

// names reads the identities of transactions. It keeps the text of the last server's UUID, as most transactions come
// from one server.
type names struct {
	raw  [16]byte
	text string
}

// errGTID is returned for an event that names no transaction.
func errGTID() error { return fmt.Errorf("decode: GTID event: %w", ErrCorrupt) }

// transaction reads the event that opens a transaction.
func (n *names) transaction(code byte, body []byte) (*Transaction, error) {
	if code == taggedGTIDEvent {
		t, err := ParseTagged(body)
		if err != nil {
			return nil, err
		}
		return n.named(t.UUID[:], t.Tag, t.Seq, t.Committed, t.Size)
	}
	c := cursor{rest: body}
	c.fixed(1) // Whether it may have statements in it.
	uuid := c.bytes(16)
	seq := c.fixed(8)
	c.bytes(17) // Logical timestamps: for replicas that apply in parallel.
	const more = 1 << 55
	committed := c.fixed(7)
	if committed&more != 0 { // The time on this server, before that on the first one.
		committed = c.fixed(7)
	}
	size := c.packed()
	if c.failed {
		return nil, errGTID()
	}
	return n.named(uuid, "", seq, committed, size)
}

func (n *names) named(uuid []byte, tag string, seq, committed, size uint64) (*Transaction, error) {
	if seq == 0 || seq > gtid.MaxSeq || len(uuid) != len(n.raw) {
		return nil, errGTID()
	}
	if n.text == "" || n.raw != [16]byte(uuid) {
		n.raw = [16]byte(uuid)
		text := hex.EncodeToString(uuid)
		n.text = text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
	}
	tx := &Transaction{GTID: gtid.GTID{UUID: n.text, Tag: tag, Seq: seq}, Size: size}
	if committed != 0 {
		tx.CommittedAt = time.UnixMicro(int64(committed)).UTC()
	}
	return tx, nil
}

// queryText returns the default schema and the statement of a query event.
func queryText(body []byte) (schema, text []byte, err error) {
	c := cursor{rest: body}
	c.bytes(4 + 4) // The session's id, and how long the statement took.
	schemaSize := c.fixed(1)
	c.fixed(2) // The statement's error.
	c.bytes(c.fixed(2))
	schema = c.bytes(schemaSize)
	c.fixed(1) // A zero byte ends the schema.
	if c.failed {
		return nil, nil, errors.New("a statement that is cut off")
	}
	return schema, c.rest, nil
}
