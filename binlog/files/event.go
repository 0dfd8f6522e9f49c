package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/regentdb/regent/binlog/decode"
)

// Sizes and places in the common header of an event.
const (
	headerSize   = 19
	checksumSize = 4
	typeAt       = 4
	serverAt     = 5
	sizeAt       = 9
	flagsAt      = 17
	// inUse is the flag of a format description whose file was not closed (LOG_EVENT_BINLOG_IN_USE_F), relayed that
	// of an event that a receiver made (LOG_EVENT_RELAY_LOG_F).
	inUse   = 0x1
	relayed = 0x40
)

// Type codes of the events between which transactions lie (mysql::binlog::event::Log_event_type).
const (
	stopEvent       = 3
	rotateEvent     = 4
	formatEvent     = 15
	gtidEvent       = 33
	anonymousEvent  = 34
	previousGTIDs   = 35
	taggedGTIDEvent = 42
	// knownTypes is one more than the highest type that servers write today, with room for later ones.
	knownTypes = 64
)

// boundaryLimit is how long an event between transactions may be, in bytes; all of them are far shorter but the list
// of what was logged before, which is looked at on its own.
const boundaryLimit = 16 << 10

// kind says what stands at a place of a file.
type kind uint8

const (
	atEnd    kind = iota // the file ends here
	boundary             // a sound event that lies between transactions or opens one
	broken               // an event of that type with a wrong checksum
	inner                // an event that belongs inside a transaction
	unframed             // nothing that looks like an event that is all there
)

// sight is what stands at a place of a file.
type sight struct {
	kind kind
	code byte
	size int64
	// event holds all of it for sound boundaries, except lists of what was logged before.
	event []byte
}

// window reads a file through one small buffer.
type window struct {
	file *os.File
	size int64
	// crc says whether events end with a checksum.
	crc    bool
	buffer []byte
	at     int64 // the place of the buffer in the file
	filled int
	// piece is what a dump reads at once, so that it reads the file once; pieceAt is its place in the file.
	piece   []byte
	pieceAt int64
	// reads counts the times that bytes which were handed out became others.
	reads int
}

const (
	// windowSize is in bytes: many transactions where they are short.
	windowSize = 32 << 10
	// peek is how much is read behind a hop, in bytes: an opening event, and little that is not looked at.
	peek = 512
	// pieceSize is how much a dump reads at once, in bytes.
	pieceSize = 512 << 10
)

// load reads a transaction, and what follows it, unless that is done or it is too long.
func (w *window) load(at, end int64) error {
	if end-at > pieceSize || at >= w.pieceAt && end <= w.pieceAt+int64(len(w.piece)) {
		return nil
	}
	if w.piece == nil {
		w.piece = make([]byte, pieceSize)
	}
	w.reads++
	got, err := w.file.ReadAt(w.piece[:pieceSize], at)
	w.piece, w.pieceAt = w.piece[:got], at
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// bytes returns n bytes of the file, which are good until the next call; n must not exceed windowSize.
func (w *window) bytes(at int64, n int) ([]byte, error) {
	if from := at - w.pieceAt; from >= 0 && from+int64(n) <= int64(len(w.piece)) {
		return w.piece[from : from+int64(n)], nil
	}
	if w.buffer == nil {
		w.buffer = make([]byte, windowSize)
	}
	if end := w.at + int64(w.filled); at < w.at || at+int64(n) > end {
		size := windowSize
		if at < w.at || at > end+peek {
			size = max(n, peek)
		}
		w.reads++
		got, err := w.file.ReadAt(w.buffer[:size], at)
		w.at, w.filled = at, got
		if got < n {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	from := at - w.at
	return w.buffer[from : from+int64(n)], nil
}

// look says what stands at a place of the file. An error is one of reading, not of what is there.
func (w *window) look(at int64) (sight, error) {
	if at == w.size {
		return sight{kind: atEnd}, nil
	}
	if w.size-at < headerSize {
		return sight{kind: unframed}, nil
	}
	header, err := w.bytes(at, headerSize)
	if err != nil {
		return sight{}, err
	}
	s := sight{code: header[typeAt], size: int64(binary.LittleEndian.Uint32(header[sizeAt:]))}
	if s.code == 0 || s.code >= knownTypes || s.size < headerSize || s.size > w.size-at {
		s.kind = unframed
		return s, nil
	}
	switch s.code {
	case previousGTIDs:
		s.kind = boundary
		return s, nil
	case stopEvent, rotateEvent, formatEvent, gtidEvent, taggedGTIDEvent, anonymousEvent:
	default:
		s.kind = inner
		return s, nil
	}
	if s.size > boundaryLimit {
		s.kind = broken
		return s, nil
	}
	if s.event, err = w.bytes(at, int(s.size)); err != nil {
		return sight{}, err
	}
	s.kind = boundary
	if (w.crc || s.code == formatEvent) && !sound(s.event) {
		s.kind = broken
	}
	return s, nil
}

// sound says whether the checksum at the end of an event is right. The writer marks the format description of the
// file that it writes to as in use after computing it.
func sound(event []byte) bool {
	body := len(event) - checksumSize
	if body < headerSize {
		return false
	}
	if event[typeAt] != formatEvent {
		return crc32.ChecksumIEEE(event[:body]) == binary.LittleEndian.Uint32(event[body:])
	}
	header := [headerSize]byte(event)
	header[flagsAt] &^= inUse
	sum := crc32.Update(crc32.ChecksumIEEE(header[:]), crc32.IEEETable, event[headerSize:body])
	return sum == binary.LittleEndian.Uint32(event[body:])
}

// checksummed reads from a format description whether the events under it have checksums.
func checksummed(format []byte) (bool, error) {
	if len(format) < headerSize+1+checksumSize {
		return false, fmt.Errorf("format description: %w", decode.ErrCorrupt)
	}
	switch format[len(format)-checksumSize-1] {
	case 0:
		return false, nil
	case 1:
		return true, nil
	}
	return false, fmt.Errorf("format description: unknown checksum algorithm: %w", decode.ErrCorrupt)
}

// body is an event without header and checksum.
func (w *window) body(event []byte) []byte {
	if w.crc && len(event) >= headerSize+checksumSize {
		return event[headerSize : len(event)-checksumSize]
	}
	return event[headerSize:]
}

// verify reads a transaction to its end without keeping it, and returns an error that wraps decode.ErrCorrupt where
// its events do not fill it exactly or a checksum is wrong.
func (w *window) verify(at, end int64) error {
	for at < end {
		header, err := w.bytes(at, headerSize)
		if err != nil {
			return err
		}
		size := int64(binary.LittleEndian.Uint32(header[sizeAt:]))
		if size < headerSize+checksumSize || size > end-at {
			return fmt.Errorf("event at offset %d of another size than it says: %w", at, decode.ErrCorrupt)
		}
		if w.crc {
			if err := w.sum(at, size); err != nil {
				return err
			}
		}
		at += size
	}
	return nil
}

// sum checks the checksum of one event of any size.
func (w *window) sum(at, size int64) error {
	sum, end := uint32(0), at+size-checksumSize
	for p := at; p < end; {
		part, err := w.bytes(p, int(min(end-p, windowSize)))
		if err != nil {
			return err
		}
		sum = crc32.Update(sum, crc32.IEEETable, part)
		p += int64(len(part))
	}
	last, err := w.bytes(end, checksumSize)
	if err != nil {
		return err
	}
	if sum != binary.LittleEndian.Uint32(last) {
		return fmt.Errorf("wrong checksum of the event at offset %d: %w", at, decode.ErrCorrupt)
	}
	return nil
}
