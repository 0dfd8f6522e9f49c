package report

import (
	"bytes"
	"errors"
	"io"
)

// errJSON is the error for text that is no JSON. The text is not named: it may be secret.
var errJSON = errors.New("no JSON")

// scanner takes JSON apart and holds one value at a time.
type scanner struct {
	// r is nil where all of the text is in the window.
	r      io.Reader
	buffer []byte
	// window is what was read and not yet looked at.
	window []byte
	text   []byte
	// pass says to read values without keeping them.
	pass bool
}

// scanBuffer is how much is read at once.
const scanBuffer = 1 << 18

func scanReader(r io.Reader) *scanner { return &scanner{r: r, buffer: make([]byte, scanBuffer)} }

// fill makes sure that there is something to look at.
func (s *scanner) fill() error {
	for len(s.window) == 0 {
		if s.r == nil {
			return io.EOF
		}
		n, err := s.r.Read(s.buffer)
		s.window = s.buffer[:n]
		if n == 0 && err != nil {
			return err
		}
	}
	return nil
}

// token returns the next byte that is no space.
func (s *scanner) token() (byte, error) {
	for {
		if err := s.fill(); err != nil {
			return 0, err
		}
		b := s.window[0]
		s.window = s.window[1:]
		if !isSpace(b) {
			return b, nil
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
		name, err := textOf(text)
		if err != nil {
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

// past reads to the end of the value that begins with first, without keeping it.
func (s *scanner) past(first byte) error {
	s.pass = true
	_, err := s.value(first)
	s.pass = false
	return err
}

// take moves the next n bytes of the window to the text.
func (s *scanner) take(n int) {
	if !s.pass {
		s.text = append(s.text, s.window[:n]...)
	}
	s.window = s.window[n:]
}

// quoted reads a text whose opening quote is read.
func (s *scanner) quoted() error {
	for escaped := false; ; {
		if err := s.fill(); err != nil {
			return err
		}
		for i, b := range s.window {
			switch {
			case escaped:
				escaped = false
			case b == '\\':
				escaped = true
			case b == '"':
				s.take(i + 1)
				return nil
			}
		}
		s.take(len(s.window))
	}
}

// nested reads an object or a list whose opening bracket is read.
func (s *scanner) nested() error {
	for depth, quoted, escaped := 1, false, false; ; {
		if err := s.fill(); err != nil {
			return err
		}
		for i, b := range s.window {
			switch {
			case escaped:
				escaped = false
			case quoted:
				quoted, escaped = b != '"', b == '\\'
			case b == '"':
				quoted = true
			case b == '{' || b == '[':
				depth++
			case b == '}' || b == ']':
				if depth--; depth == 0 {
					s.take(i + 1)
					return nil
				}
			}
		}
		s.take(len(s.window))
	}
}

// scalar reads the rest of a number or a word.
func (s *scanner) scalar() error {
	for {
		if err := s.fill(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if i := bytes.IndexAny(s.window, ",]} \n\t\r"); i >= 0 {
			s.take(i)
			return nil
		}
		s.take(len(s.window))
	}
}

// whole makes the end of the text within a value an error of its own.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
