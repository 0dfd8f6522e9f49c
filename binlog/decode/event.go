package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
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
		return fmt.Errorf("decode: event of type %d: wrong checksum: %w", e.Type(), ErrCorrupt)
	}
	return nil
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

// eventReader frames the events of a stream.
type eventReader struct {
	source io.Reader
	offset int64 // of the next event, in bytes of the stream
}

// next returns the next event, or io.EOF where the stream ends between two events.
func (r *eventReader) next() (Event, error) {
	header := make([]byte, headerSize)
	if n, err := io.ReadFull(r.source, header); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, r.failed(err)
	}
	size := int64(binary.LittleEndian.Uint32(header[9:]))
	if size < headerSize {
		return nil, r.failed(nil)
	}
	// The buffer grows with what arrives, so that a wrong size allocates nothing.
	body := bytes.NewBuffer(header)
	if _, err := io.CopyN(body, r.source, size-headerSize); err != nil {
		return nil, r.failed(err)
	}
	r.offset += size
	return body.Bytes(), nil
}

func (r *eventReader) failed(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("decode: offset %d: %w", r.offset, ErrCorrupt)
	}
	return fmt.Errorf("decode: offset %d: %w", r.offset, err)
}
