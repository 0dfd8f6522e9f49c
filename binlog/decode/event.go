package decode

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// ErrCorrupt is returned for bytes that are not a binary log: a wrong magic number, sizes that contradict each
// other, a wrong checksum, or an end inside an event or a transaction.
var ErrCorrupt = errors.New("corrupt binary log")

// Magic opens every binary log file.
const Magic = "\xfebin"

const (
	headerSize   = 19
	checksumSize = 4
	// inUse is the flag LOG_EVENT_BINLOG_IN_USE_F.
	inUse = 0x1
)

// Event is one event as the server wrote it: common header, body and, where the format says so, a checksum.
type Event []byte

// Type returns the type code of the event.
func (e Event) Type() byte { return e[4] }

// Size is the length of the whole event in bytes, by its header.
func (e Event) Size() int64 { return int64(binary.LittleEndian.Uint32(e[9:])) }

// IsFormat says whether this is a format description, which every later event is read by.
func (e Event) IsFormat() bool { return e.Type() == formatEvent }

// Outside says whether the event belongs to the transport or to the file, never to a transaction.
func (e Event) Outside() bool {
	switch e.Type() {
	case stopEvent, rotateEvent, previousGTIDs, heartbeatEvent, heartbeatV2Event:
		return true
	}
	return false
}

// ignorable says whether the writer allows readers that do not know the type to skip the event.
func (e Event) ignorable() bool { return e[17]&0x80 != 0 }

// ParseEvent checks that the bytes are one whole event. It returns an error that wraps ErrCorrupt otherwise.
func ParseEvent(raw []byte) (Event, error) {
	if len(raw) < headerSize || int64(binary.LittleEndian.Uint32(raw[9:])) != int64(len(raw)) {
		return nil, fmt.Errorf("decode: event of %d bytes: %w", len(raw), ErrCorrupt)
	}
	return raw, nil
}

// checked returns an error that wraps ErrCorrupt where the checksum at the end of the event is wrong.
func (e Event) checked() error {
	body := len(e) - checksumSize
	if body < headerSize || e.sum(body) != binary.LittleEndian.Uint32(e[body:]) {
		return wrongChecksum(e)
	}
	return nil
}

func wrongChecksum(e Event) error {
	return fmt.Errorf("decode: event of type %d: wrong checksum: %w", e.Type(), ErrCorrupt)
}

// sum is the checksum that the writer computed. It marks the format description of the log that it writes to as in
// use after computing it.
func (e Event) sum(body int) uint32 {
	if e.Type() != formatEvent || e[17]&inUse == 0 {
		return crc32.ChecksumIEEE(e[:body])
	}
	header := [headerSize]byte(e)
	header[17] &^= inUse
	return crc32.Update(crc32.ChecksumIEEE(header[:]), crc32.IEEETable, e[headerSize:body])
}

// frames reads the events of a stream. An event is valid until the next call.
type frames struct {
	source *bufio.Reader
	offset int64  // of the next event, in bytes of the stream
	large  []byte // the event that was last read, where it was larger than the buffer of source
}

// head returns the header of the next event, which stays unread, or io.EOF where the stream ends between two events.
func (f *frames) head() (Event, error) {
	header, err := f.source.Peek(headerSize)
	if err != nil {
		if len(header) == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, f.failed(err)
	}
	if Event(header).Size() < headerSize {
		return nil, f.failed(nil)
	}
	return header, nil
}

// event returns the event of which head returned the header.
func (f *frames) event(head Event) (Event, error) {
	size := head.Size()
	if size > int64(f.source.Size()) {
		return f.largeEvent(size)
	}
	e, err := f.source.Peek(int(size))
	if err == nil {
		_, err = f.source.Discard(int(size)) // What was peeked stays valid until the next read.
	}
	if err != nil {
		return nil, f.failed(err)
	}
	f.offset += size
	return e, nil
}

func (f *frames) largeEvent(size int64) (Event, error) {
	var err error
	if f.large, err = readEvent(f.source, f.large, size); err != nil {
		return nil, f.failed(err)
	}
	f.offset += size
	return f.large, nil
}

// readEvent reads an event into memory that grows with what arrives, so that a wrong size allocates nothing. It returns
// the memory, which is used again.
func readEvent(in io.Reader, memory []byte, size int64) ([]byte, error) {
	memory = memory[:0]
	for have := int64(0); have < size; have = int64(len(memory)) {
		piece := min(size-have, readAhead)
		memory = slices.Grow(memory, int(piece))[:have+piece]
		if _, err := io.ReadFull(in, memory[have:]); err != nil {
			return memory, err
		}
	}
	return memory, nil
}

func (f *frames) failed(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("offset %d: %w", f.offset, ErrCorrupt)
	}
	return fmt.Errorf("offset %d: %w", f.offset, err)
}
