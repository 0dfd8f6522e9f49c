package decode

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// Type codes of the events that matter here (mysql::binlog::event::Log_event_type).
const (
	queryEvent       = 2
	stopEvent        = 3
	rotateEvent      = 4
	intvarEvent      = 5
	randEvent        = 13
	userVarEvent     = 14
	formatEvent      = 15
	xidEvent         = 16
	beginLoadEvent   = 17
	executeLoadEvent = 18
	tableMapEvent    = 19
	writeRowsV1      = 23
	updateRowsV1     = 24
	deleteRowsV1     = 25
	incidentEvent    = 26
	heartbeatEvent   = 27
	rowsQueryEvent   = 29
	writeRowsV2      = 30
	updateRowsV2     = 31
	deleteRowsV2     = 32
	gtidEvent        = 33
	anonymousEvent   = 34
	previousGTIDs    = 35
	contextEvent     = 36
	viewChangeEvent  = 37
	xaPrepareEvent   = 38
	partialUpdate    = 39
	payloadEvent     = 40
	heartbeatV2Event = 41
	taggedGTIDEvent  = 42
)

// Splitter finds where the transactions of a log begin and end, without reading what is in them. The first event
// must be a format description.
type Splitter struct {
	format *format
	names  names
	open   *Transaction
	// checked says that the checksum of the event at hand is right.
	checked bool
	// seen counts the bytes of the open transaction.
	seen uint64
	// offset counts the bytes of all events.
	offset int64
}

// Part says where in a transaction an event is.
type Part struct {
	// Tx is the transaction, with its identity, time and size; nil for events outside transactions.
	Tx          *Transaction
	First, Last bool
}

// Add takes the next event. An error, which wraps ErrCorrupt, means that the log cannot be read any further.
func (s *Splitter) Add(e Event) (Part, error) {
	if err := s.check(e); err != nil {
		return Part{}, err
	}
	part, err := s.place(e, int64(len(e)))
	s.offset += int64(len(e))
	return part, err
}

// AddFrom is Add for an event that is too long to be held: all of it is in the reader, its header also in head. It is
// copied to what dest returns for its place, whether or not the checksum at its end is right.
func (s *Splitter) AddFrom(head Event, in io.Reader, dest func(Part) io.Writer) (Part, error) {
	size := head.Size()
	switch {
	case s.format == nil:
		return Part{}, errNoFormat()
	case size < headerSize+checksumSize || head.Type() == formatEvent || head.Type() == gtidEvent || head.Type() == taggedGTIDEvent:
		return Part{}, fmt.Errorf("decode: event of type %d of %d bytes: %w", head.Type(), size, ErrCorrupt)
	}
	part, err := s.place(head[:headerSize], size)
	if err != nil {
		return Part{}, err
	}
	s.offset += size
	out, sum, end := dest(part), crc32.NewIEEE(), make([]byte, checksumSize)
	_, err = io.CopyN(io.MultiWriter(out, sum), in, size-checksumSize)
	if err == nil {
		_, err = io.ReadFull(in, end)
	}
	if err == nil {
		_, err = out.Write(end)
	}
	if err == nil && s.format.checksum && binary.LittleEndian.Uint32(end) != sum.Sum32() {
		err = wrongChecksum(head)
	}
	return part, err
}

// place finds where an event of so many bytes belongs. Of a compressed payload it needs the header only.
func (s *Splitter) place(e Event, size int64) (Part, error) {
	if e.Outside() {
		return Part{}, s.Close()
	}
	switch e.Type() {
	case formatEvent:
		return Part{}, s.describe(e)
	case gtidEvent, taggedGTIDEvent:
		return s.begin(e)
	case anonymousEvent:
		return Part{}, fmt.Errorf("decode: a transaction without GTID: %w", ErrCorrupt)
	}
	if s.open == nil {
		return Part{}, fmt.Errorf("decode: event of type %d outside a transaction: %w", e.Type(), ErrCorrupt)
	}
	return s.counted(size)
}

// Close says whether the log may end here: it returns an error that wraps ErrCorrupt inside a transaction.
func (s *Splitter) Close() error {
	if s.open == nil {
		return nil
	}
	return fmt.Errorf("decode: transaction %s ends after %d of %d bytes: %w",
		s.open.GTID, s.seen, s.open.Size, ErrCorrupt)
}

func (s *Splitter) check(e Event) error {
	switch {
	case e.Type() == formatEvent:
		return nil
	case s.format == nil:
		return errNoFormat()
	case s.format.checksum && !s.checked:
		return e.checked()
	}
	return nil
}

func errNoFormat() error { return fmt.Errorf("decode: no format description: %w", ErrCorrupt) }

func (s *Splitter) describe(e Event) error {
	if err := s.Close(); err != nil {
		return err
	}
	f, err := readFormat(e)
	s.format = f
	return err
}

func (s *Splitter) begin(e Event) (Part, error) {
	if err := s.Close(); err != nil {
		return Part{}, err
	}
	tx, err := s.names.transaction(e.Type(), s.format.body(e))
	if err != nil {
		return Part{}, err
	}
	tx.Offset = s.offset
	s.open, s.seen = tx, 0
	part, err := s.counted(int64(len(e)))
	part.First = true
	return part, err
}

// counted ends the open transaction when all of its bytes were seen.
func (s *Splitter) counted(size int64) (Part, error) {
	s.seen += uint64(size)
	part := Part{Tx: s.open, Last: s.seen == s.open.Size}
	if s.seen > s.open.Size {
		return Part{}, s.Close()
	}
	if part.Last {
		s.open = nil
	}
	return part, nil
}

// Decoder turns the events of one log into transactions. The first event must be a format description.
type Decoder struct {
	contents contents
	done     *Transaction
}

// Add takes the next event. It returns the transaction that the event completes, or nil. An error, which wraps
// ErrCorrupt, means that the log cannot be read any further.
func (d *Decoder) Add(e Event) (*Transaction, error) {
	d.done = nil
	if d.contents.visitor == nil {
		d.contents.tell(collector{func(tx *Transaction) error {
			d.done = tx
			return nil
		}})
	}
	err := d.contents.event(e)
	return d.done, err
}

// Close says whether the log may end here: it returns an error that wraps ErrCorrupt inside a transaction.
func (d *Decoder) Close() error { return d.contents.Close() }
