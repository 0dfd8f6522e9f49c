package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/files"
)

const (
	packetHeader = 4
	// packetBuffer holds whole packets; an event that does not fit goes through piece by piece. In bytes.
	packetBuffer = 1 << 20
	// eventHeader is how long the header of an event is.
	eventHeader = 19
	// longestRefusal is how long an error packet may be; all of them are far shorter.
	longestRefusal = 64 << 10
)

// packets reads the answer to a dump command: packets of a status byte and an event. The library holds each packet as a
// whole, and a compressed transaction of any size is one.
type packets struct {
	in *bufio.Reader
	// status is the first byte of the packet.
	status byte
	// left is how much of this piece of the packet is unread, and more says that another piece follows.
	left     int
	more     bool
	sequence byte
}

func newPackets(conn net.Conn) *packets {
	return &packets{in: bufio.NewReaderSize(patient{conn}, packetBuffer), sequence: 1}
}

// patient is a connection that may be silent for idleTimeout.
type patient struct{ conn net.Conn }

// Read reads what is there.
func (p patient) Read(to []byte) (int, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(idleTimeout)); err != nil {
		return 0, err
	}
	return p.conn.Read(to)
}

// next goes to the next packet and reads its status. The one before must have been read to its end.
func (p *packets) next() error {
	if err := p.piece(); err != nil {
		return err
	}
	if p.left == 0 {
		return fmt.Errorf("an empty packet: %w", decode.ErrCorrupt)
	}
	status, err := p.in.ReadByte()
	p.status = status
	p.left--
	return cut(err)
}

// piece reads the header of a piece of a packet.
func (p *packets) piece() error {
	header, err := p.in.Peek(packetHeader)
	if err != nil {
		return cut(err)
	}
	if header[3] != p.sequence {
		return fmt.Errorf("packet %d where %d is due: %w", header[3], p.sequence, decode.ErrCorrupt)
	}
	p.sequence++
	p.left = int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	p.more = p.left == mysql.MaxPayloadLen
	_, err = p.in.Discard(packetHeader)
	return err
}

// cut tells the end of a connection from the end of what was read.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Read reads the packet to its end.
func (p *packets) Read(to []byte) (int, error) {
	for p.left == 0 {
		if !p.more {
			return 0, io.EOF
		}
		if err := p.piece(); err != nil {
			return 0, err
		}
	}
	n, err := p.in.Read(to[:min(len(to), p.left)])
	p.left -= n
	return n, cut(err)
}

// event gives the sink the event of the packet, unless it belongs to the transport.
func (p *packets) event(to files.Sink) error {
	if p.left < eventHeader {
		return fmt.Errorf("a packet of %d bytes: %w", p.left, decode.ErrCorrupt)
	}
	if p.left <= packetBuffer {
		return p.short(to)
	}
	head, err := p.in.Peek(eventHeader)
	if err != nil {
		return cut(err)
	}
	event := io.LimitedReader{R: p, N: decode.Event(head).Size()}
	if decode.Event(head).Outside() {
		_, err = io.Copy(io.Discard, &event)
	} else {
		err = to.AddFrom(decode.Event(head), &event)
	}
	if err != nil {
		return err
	}
	if p.left == 0 && p.more {
		if err := p.piece(); err != nil { // An empty one, as the one before was a full one.
			return err
		}
	}
	if event.N != 0 || p.left != 0 {
		return fmt.Errorf("an event of another size than its packet: %w", decode.ErrCorrupt)
	}
	return nil
}

// short is event for one that the buffer holds.
func (p *packets) short(to files.Sink) error {
	raw, err := p.in.Peek(p.left)
	if err != nil {
		return cut(err)
	}
	e, err := decode.ParseEvent(raw)
	if err != nil {
		return err
	}
	if e.IsFormat() {
		e = bytes.Clone(e)
	}
	if !e.Outside() {
		err = to.Add(e)
	}
	if err != nil {
		return err
	}
	_, err = p.in.Discard(p.left)
	p.left = 0
	return err
}

// whole reads the packet again from its status on.
func (p *packets) whole() ([]byte, error) {
	rest, err := io.ReadAll(io.LimitReader(p, longestRefusal))
	return append([]byte{p.status}, rest...), err
}
