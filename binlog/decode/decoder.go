package decode

import (
	"fmt"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/regentdb/regent/gtid"
)

// Type codes of the events that matter here (mysql::binlog::event::Log_event_type). They are bytes, not the
// library's type, because a log may hold codes that the library does not know.
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
	parser *parser
	open   *Transaction
	// seen counts the bytes of the open transaction.
	seen uint64
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
	return s.counted(e)
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
	case s.parser == nil:
		return fmt.Errorf("decode: no format description: %w", ErrCorrupt)
	case s.parser.checksum:
		return e.checked()
	}
	return nil
}

func (s *Splitter) describe(e Event) error {
	if err := s.Close(); err != nil {
		return err
	}
	p, err := newParser(e)
	s.parser = p
	return err
}

func (s *Splitter) begin(e Event) (Part, error) {
	if err := s.Close(); err != nil {
		return Part{}, err
	}
	tx, err := s.parser.begin(e)
	if err != nil {
		return Part{}, err
	}
	s.open, s.seen = tx, 0
	part, err := s.counted(e)
	part.First = true
	return part, err
}

// counted ends the open transaction when all of its bytes were seen.
func (s *Splitter) counted(e Event) (Part, error) {
	s.seen += uint64(len(e))
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
type Decoder struct{ Splitter }

// Add takes the next event. It returns the transaction that the event completes, or nil. An error, which wraps
// ErrCorrupt, means that the log cannot be read any further.
func (d *Decoder) Add(e Event) (*Transaction, error) {
	part, err := d.Splitter.Add(e)
	if err != nil || part.Tx == nil {
		return nil, err
	}
	if part.First {
		clear(d.parser.tables)
	} else {
		d.parser.apply(part.Tx, e)
	}
	if part.Last {
		return part.Tx, nil
	}
	return nil, nil
}

// begin reads the event that opens a transaction.
func (p *parser) begin(e Event) (*Transaction, error) {
	parsed, err := p.parse(e)
	if err != nil {
		return nil, err
	}
	var event *replication.GTIDEvent
	switch parsed := parsed.(type) {
	case *replication.GTIDEvent:
		event = parsed
	case *replication.GtidTaggedLogEvent:
		event = &parsed.GTIDEvent
	default:
		return nil, fmt.Errorf("decode: GTID event: %w", ErrCorrupt)
	}
	id, err := identity(event)
	if err != nil {
		return nil, err
	}
	tx := &Transaction{GTID: id, Size: event.TransactionLength}
	if event.OriginalCommitTimestamp != 0 {
		tx.CommittedAt = time.UnixMicro(int64(event.OriginalCommitTimestamp)).UTC()
	}
	return tx, nil
}

func identity(event *replication.GTIDEvent) (gtid.GTID, error) {
	if len(event.SID) != 16 {
		return gtid.GTID{}, fmt.Errorf("decode: GTID event: %w", ErrCorrupt)
	}
	s := event.SID
	text := fmt.Sprintf("%x-%x-%x-%x-%x", s[0:4], s[4:6], s[6:8], s[8:10], s[10:])
	if tag := event.Tag.String(); tag != "" {
		text += ":" + tag
	}
	id, err := gtid.ParseGTID(fmt.Sprintf("%s:%d", text, event.GNO))
	if err != nil {
		return gtid.GTID{}, fmt.Errorf("decode: GTID event: %w: %w", ErrCorrupt, err)
	}
	return id, nil
}
