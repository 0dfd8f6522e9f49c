package decode

import (
	"fmt"
	"io"
)

// Scanner hands what the events of one log hold to a visitor, as [Scan] does for a file: row by row, in memory that does
// not grow with the transactions. The first event must be a format description.
type Scanner struct {
	contents contents
	// large is the last event that came piece by piece and was not a compressed transaction.
	large []byte
}

// NewScanner returns a scanner that tells the visitor.
func NewScanner(visitor Visitor) *Scanner {
	s := &Scanner{}
	s.contents.tell(visitor)
	return s
}

// Add takes the next event, which is needed only until Add returns. An error wraps ErrCorrupt where the bytes are at
// fault, or is that of the visitor; the log cannot be read any further then.
func (s *Scanner) Add(e Event) error { return s.contents.event(e) }

// AddChecked is Add for an event whose checksum the caller has found right.
func (s *Scanner) AddChecked(e Event) error {
	s.contents.checked = true
	err := s.contents.event(e)
	s.contents.checked = false
	return err
}

// AddFrom takes the next event from a reader, its header included, which head shows: a compressed transaction is not
// held, whatever its size. The error is that of Add, or of the reader.
func (s *Scanner) AddFrom(head Event, in io.Reader) error {
	if len(head) < headerSize || head.Size() < headerSize {
		return fmt.Errorf("decode: event header: %w", ErrCorrupt)
	}
	if head.Type() == payloadEvent && s.contents.format != nil {
		return s.contents.stream(head[:headerSize], in)
	}
	var err error
	if s.large, err = readEvent(in, s.large, head.Size()); err != nil {
		return err
	}
	return s.contents.event(s.large)
}

// Close says whether the log may end here: it returns an error that wraps ErrCorrupt inside a transaction.
func (s *Scanner) Close() error { return s.contents.Close() }
