package decode

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Fields of a compressed payload, and its only compression (mysql::binlog::event::Transaction_payload_event).
const (
	payloadEnd         = 0
	payloadCompression = 2
	compressionZstd    = 0
)

// Memory for compressed payloads: two buffers, and the most that the server's highest compression level asks for.
const (
	payloadBuffer = 64 << 10
	largestWindow = 128 << 20
)

// payload is what reading compressed transactions takes, kept from one to the next.
type payload struct {
	fields *bufio.Reader
	plain  *zstd.Decoder
	events frames
}

func (p *payload) reset(body io.Reader) error {
	if p.plain == nil {
		plain, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(largestWindow))
		if err != nil {
			return err
		}
		p.plain, p.fields = plain, bufio.NewReaderSize(body, payloadBuffer)
		p.events.source = bufio.NewReaderSize(nil, payloadBuffer)
	}
	p.fields.Reset(body)
	if err := p.skipFields(); err != nil {
		return err
	}
	p.events.offset = 0
	p.events.source.Reset(p.plain)
	return p.plain.Reset(p.fields)
}

// skipFields reads up to the compressed bytes. The sizes among the fields are not needed, and wrong for some readers.
func (p *payload) skipFields() error {
	for {
		field, err := p.packed()
		if err != nil || field == payloadEnd {
			return err
		}
		length, err := p.packed()
		if err != nil {
			return err
		}
		if field != payloadCompression {
			_, err = p.fields.Discard(int(min(length, payloadBuffer)))
		} else if compression, failure := p.packed(); failure != nil || compression != compressionZstd {
			return reason("an unknown compression")
		}
		if err != nil || length > payloadBuffer {
			return errPayload()
		}
	}
}

// packed reads an integer of the protocol's length-encoded form.
func (p *payload) packed() (uint64, error) {
	raw, err := p.fields.Peek(1)
	if err != nil {
		return 0, err
	}
	size := 1
	switch raw[0] {
	case 0xfc:
		size = 3
	case 0xfd:
		size = 4
	case 0xfe:
		size = 9
	}
	if raw, err = p.fields.Peek(size); err != nil {
		return 0, err
	}
	c := cursor{rest: raw}
	n := c.packed()
	_, err = p.fields.Discard(size)
	return n, err
}

func errPayload() error { return fmt.Errorf("decode: payload: %w", ErrCorrupt) }

// readPayload applies the events inside a compressed transaction, one at a time. They have no checksums.
func (r *contents) readPayload(tx *Transaction, body io.Reader) error {
	if err := r.payload.reset(body); err != nil {
		return err
	}
	events := &r.payload.events
	for {
		head, err := events.head()
		if errors.Is(err, io.EOF) && events.offset > 0 {
			return nil
		}
		if err != nil {
			return errPayload()
		}
		e, err := events.event(head)
		if err != nil || e.Type() == payloadEvent {
			return errPayload()
		}
		r.apply(tx, e, e[headerSize:])
		if r.stopped != nil {
			return r.stopped
		}
	}
}

// stream reads a compressed transaction without holding it, from the header of its event on. Its checksum is known only
// at its end.
func (r *contents) stream(head Event, source io.Reader) error {
	header := Event(bytes.Clone(head)) // Reading further overwrites it.
	size := header.Size()
	part, err := r.place(header, size)
	if err != nil {
		return err
	}
	r.change.Offset = r.offset
	r.offset += size
	body := &checkedBody{source: source, left: size}
	if r.format.checksum {
		body.left -= checksumSize
	}
	if body.left < headerSize {
		return errPayload()
	}
	if _, err := io.CopyN(io.Discard, body, headerSize); err != nil {
		return cmp.Or(body.err, err)
	}
	r.note(part.Tx, header, r.readPayload(part.Tx, body))
	if r.stopped != nil {
		return r.stopped
	}
	// What follows the compressed bytes counts for the checksum too.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return cmp.Or(body.err, err)
	}
	if err := r.verify(body); err != nil {
		return err
	}
	return r.end(part)
}

func (r *contents) verify(body *checkedBody) error {
	if !r.format.checksum {
		return nil
	}
	var sum [checksumSize]byte
	if _, err := io.ReadFull(body.source, sum[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(sum[:]) != body.sum {
		return fmt.Errorf("wrong checksum: %w", ErrCorrupt)
	}
	return nil
}

// checkedBody reads the bytes of an event that its checksum covers.
type checkedBody struct {
	source io.Reader
	left   int64
	sum    uint32
	// err is why not all of the bytes could be read.
	err error
}

// Read reads further, and returns io.EOF only after all the bytes.
func (b *checkedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left <= 0 {
		return 0, io.EOF
	}
	n, err := b.source.Read(p[:min(int64(len(p)), b.left)])
	b.sum = crc32.Update(b.sum, crc32.IEEETable, p[:n])
	b.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return n, err
}
