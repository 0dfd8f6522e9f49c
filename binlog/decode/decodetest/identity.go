package decodetest

import (
	"encoding/binary"
	"math/bits"
)

// Identity is what the event that opens a transaction says of it.
type Identity struct {
	UUID [16]byte
	// Tag is empty for most.
	Tag string
	Seq uint64
	// Committed is when the client's commit was, in microseconds; Here is the commit on the server of the log, 0 where
	// that is the same one.
	Committed, Here uint64
	// Ticket is there where a group counts its commits.
	Ticket uint64
}

// Named is the identity of the nth transaction of most tests.
func Named(seq uint64) Identity {
	const committed = 1540162330000000 // 2018-10-21 22:52:10 UTC, in microseconds.
	return Identity{
		UUID:      [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff},
		Seq:       seq,
		Committed: committed,
	}
}

// before puts the event that opens the transaction before what follows.
func (id Identity) before(rest []byte) []byte {
	event := id.event(0)
	for size := 0; size != len(event); event = id.event(uint64(size + len(rest))) {
		size = len(event) // Of which the length of the transaction, which is written there, is a part.
	}
	return append(event, rest...)
}

// event opens a transaction of so many bytes in all.
func (id Identity) event(size uint64) []byte {
	if id.Tag != "" {
		return id.tagged(size)
	}
	body := append([]byte{1}, id.UUID[:]...)
	body = binary.LittleEndian.AppendUint64(body, id.Seq)
	body = append(append(body, 2), make([]byte, 16)...)
	time := func(n uint64) { body = append(body, binary.LittleEndian.AppendUint64(nil, n)[:7]...) }
	if id.Here != 0 {
		const more = 1 << 55
		time(id.Here | more)
	}
	time(id.Committed)
	body = binary.LittleEndian.AppendUint64(append(body, 0xfe), size)
	body = binary.LittleEndian.AppendUint32(body, serverVersion)
	if id.Ticket != 0 {
		body = binary.LittleEndian.AppendUint64(body, id.Ticket)
	}
	return Event{codeGTID, body}.sealed(true)
}

const serverVersion = 90704

// tagged is the event in the serialization that tags came with.
func (id Identity) tagged(size uint64) []byte {
	var fields []byte
	field := func(number uint64, values ...uint64) {
		fields = serialized(fields, number)
		for _, v := range values {
			fields = serialized(fields, v)
		}
	}
	field(0, 1)
	field(1)
	for _, b := range id.UUID {
		fields = serialized(fields, uint64(b))
	}
	field(2, id.Seq<<1)
	field(3, uint64(len(id.Tag)))
	fields = append(fields, id.Tag...)
	field(4, 3<<1|1) // A logical time below zero.
	field(5, 4<<1)
	if id.Here != 0 {
		field(6, id.Here)
		field(7, id.Committed)
	} else {
		field(6, id.Committed)
	}
	field(8, size)
	field(9, serverVersion)
	if id.Ticket != 0 {
		field(11, id.Ticket)
	}
	head := serialized(nil, 1)
	for size := 0; size != len(head); {
		size = len(head)
		head = serialized(serialized(serialized(nil, 1), uint64(size+len(fields))), 0)
	}
	return Event{codeTaggedGTID, append(head, fields...)}.sealed(true)
}

// serialized appends a number in as many bytes as it needs: the ones at the end of the first byte count the others.
func serialized(dst []byte, n uint64) []byte {
	more := max(bits.Len64(n)-1, 0) / 7
	if more >= 8 {
		return binary.LittleEndian.AppendUint64(append(dst, 0xff), n)
	}
	return append(dst, binary.LittleEndian.AppendUint64(nil, n<<(more+1)|(1<<more-1))[:more+1]...)
}

// Transaction is a transaction of the events, from its GTID to its commit.
func (id Identity) Transaction(events ...Event) []byte { return id.Statement(framed(events)...) }

// Statement is a transaction of events that need no frame, such as a DDL statement.
func (id Identity) Statement(events ...Event) []byte {
	var rest []byte
	for _, e := range events {
		rest = append(rest, e.sealed(true)...)
	}
	return id.before(rest)
}

// Compressed is a transaction as binlog_transaction_compression=ON writes it.
func (id Identity) Compressed(events ...Event) []byte {
	var plain []byte
	for _, e := range framed(events) {
		plain = append(plain, e.sealed(false)...)
	}
	return id.before(payload(uint64(len(plain)), plain))
}
