package report

import (
	"encoding/json"
	"errors"
	"io"
)

// errJSON is the error for text that is no JSON. The text is not named: it may be secret.
var errJSON = errors.New("no JSON")

// scanner takes JSON apart and holds one value at a time.
type scanner struct {
	r    io.ByteScanner
	text []byte
}

// token returns the next byte that is no space.
func (s *scanner) token() (byte, error) {
	for {
		b, err := s.r.ReadByte()
		if err != nil || !isSpace(b) {
			return b, err
		}
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// members calls each for every member of an object whose opening brace is read, with the first byte of its value,
// which each must read to its end.
func (s *scanner) members(each func(name string, first byte) error) error {
	return s.list('}', func(first byte) error {
		if first != '"' {
			return errJSON
		}
		text, err := s.value(first)
		if err != nil {
			return err
		}
		var name string
		if json.Unmarshal(text, &name) != nil {
			return errJSON
		}
		if colon, err := s.token(); err != nil || colon != ':' {
			return errJSON
		}
		if first, err = s.token(); err != nil {
			return errJSON
		}
		return each(name, first)
	})
}

// list calls each with the first byte of every item of a list, with commas between, until its end.
func (s *scanner) list(end byte, each func(first byte) error) error {
	for n := 0; ; n++ {
		b, err := s.token()
		if err == nil && b == end {
			return nil
		}
		if err == nil && n > 0 {
			if b != ',' {
				return errJSON
			}
			b, err = s.token()
		}
		if err != nil {
			return whole(err)
		}
		if err := each(b); err != nil {
			return err
		}
	}
}

// value returns the text of the value that begins with first. It is valid until the next call; whether it is JSON is
// for its decoder to say.
func (s *scanner) value(first byte) ([]byte, error) {
	s.text = append(s.text[:0], first)
	var err error
	switch first {
	case '"':
		err = s.quoted()
	case '{', '[':
		err = s.nested()
	default:
		err = s.scalar()
	}
	return s.text, whole(err)
}

func (s *scanner) take() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.text = append(s.text, b)
	}
	return b, err
}

func (s *scanner) quoted() error {
	for {
		b, err := s.take()
		if err == nil && b == '\\' {
			_, err = s.take()
		}
		if err != nil || b == '"' {
			return err
		}
	}
}

func (s *scanner) nested() error {
	for depth := 1; depth > 0; {
		b, err := s.take()
		switch b {
		case '"':
			err = errors.Join(err, s.quoted())
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) scalar() error {
	for {
		b, err := s.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case isSpace(b) || b == ',' || b == ']' || b == '}':
			return s.r.UnreadByte()
		}
		s.text = append(s.text, b)
	}
}

// whole makes the end of the text within a value an error of its own.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
