package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Fields of a compressed payload, and its only compression (mysql::binlog::event::Transaction_payload_event).
const (
	payloadEnd         = 0
	payloadCompression = 2
	compressionZstd    = 0
)

// payload applies the events inside a compressed transaction, one at a time.
func (p *parser) payload(tx *Transaction, e Event) error {
	compressed, err := payloadBytes(p.body(e))
	if err != nil {
		return err
	}
	plain, err := zstd.NewReader(bytes.NewReader(compressed), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("decode: payload: %w", ErrCorrupt)
	}
	defer plain.Close()
	inner, err := p.inner()
	if err != nil {
		return err
	}
	events := eventReader{source: plain}
	for {
		event, err := events.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("decode: payload: %w", ErrCorrupt)
		}
		if event.Type() == payloadEvent {
			return fmt.Errorf("decode: payload inside a payload: %w", ErrCorrupt)
		}
		inner.apply(tx, event)
	}
}

// payloadBytes returns what follows the fields of the payload. The sizes among them are not needed, and wrong for
// some readers.
func payloadBytes(body []byte) ([]byte, error) {
	c := cursor{rest: body}
	for !c.failed {
		field := c.packed()
		if field == payloadEnd && !c.failed {
			return c.rest, nil
		}
		value := cursor{rest: c.bytes(c.packed())}
		if field == payloadCompression && value.packed() != compressionZstd {
			return nil, errors.New("decode: payload in an unknown compression")
		}
	}
	return nil, fmt.Errorf("decode: payload: %w", ErrCorrupt)
}

// inner returns a parser for the events of a payload, which have no checksums.
func (p *parser) inner() (*parser, error) {
	format := bytes.Clone(p.format)
	body := len(format) - checksumSize
	format[body-1] = checksumNone
	binary.LittleEndian.PutUint32(format[body:], Event(format).sum(body))
	return newParser(format)
}
