package decode

import (
	"encoding/binary"
	"math/bits"

	"github.com/regentdb/regent/gtid"
)

// Tagged is what the event that opens a transaction with a tag in its GTID says.
type Tagged struct {
	UUID [16]byte
	Tag  string
	Seq  uint64
	// Committed is when the client's commit was, in microseconds since 1970.
	Committed uint64
	// Size is the length of the transaction in the binary log, in bytes.
	Size uint64
}

// Fields of the event (mysql::binlog::event::Gtid_event), in the order of the log.
const (
	taggedFlags = iota
	taggedUUID
	taggedSeq
	taggedTag
	taggedLastCommitted
	taggedSequence
	taggedCommittedHere
	taggedCommitted // only where it was another time, on another server
	taggedSize
	taggedVersionHere
	taggedVersion // only where it was another
	taggedTicket  // only where the group counts its commits
	taggedFields
)

// ParseTagged reads the body of the event. It is written in mysql::serialization, a format of its own: each field
// behind its number, numbers in as many bytes as they need. The error wraps ErrCorrupt.
func ParseTagged(body []byte) (Tagged, error) {
	c := serialized{cursor{rest: body}}
	const known = 1
	if c.number() != known || c.number() != uint64(len(body)) || c.number() >= taggedFields {
		return Tagged{}, errGTID() // Of another form, or with a field that must not be ignored.
	}
	var out Tagged
	var seen uint
	for len(c.rest) > 0 && !c.failed {
		id := c.number()
		if id >= taggedFields {
			break // Whatever a later server adds may be ignored.
		}
		if seen>>id != 0 {
			return Tagged{}, errGTID()
		}
		seen |= 1 << id
		c.field(&out, id)
	}
	const needed = 1<<taggedUUID | 1<<taggedSeq | 1<<taggedTag | 1<<taggedCommittedHere | 1<<taggedSize
	named, err := gtid.ParseGTID("00000000-0000-0000-0000-000000000000:" + out.Tag + ":1")
	if c.failed || seen&needed != needed || err != nil || named.Tag != out.Tag {
		return Tagged{}, errGTID()
	}
	return out, nil
}

// serialized reads the fields of the event.
type serialized struct{ cursor }

func (c *serialized) field(out *Tagged, id uint64) {
	switch id {
	case taggedUUID:
		for i := range out.UUID {
			b := c.number()
			c.failed = c.failed || b > 0xff
			out.UUID[i] = byte(b)
		}
	case taggedSeq:
		n := c.number() // The lowest bit is the sign.
		c.failed = c.failed || n&1 != 0
		out.Seq = n >> 1
	case taggedTag:
		out.Tag = string(c.bytes(c.number()))
	case taggedCommittedHere, taggedCommitted:
		out.Committed = c.number()
	case taggedSize:
		out.Size = c.number()
	default:
		c.number()
	}
}

// number reads an integer: the ones at the end of its first byte say how many bytes follow.
func (c *serialized) number() uint64 {
	first := byte(c.fixed(1))
	more := bits.TrailingZeros8(^first)
	var wide [8]byte
	copy(wide[:], c.bytes(uint64(more)))
	n := binary.LittleEndian.Uint64(wide[:])
	if more == 8 {
		return n
	}
	return n<<(7-more) | uint64(first)>>(more+1)
}
