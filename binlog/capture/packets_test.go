package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/files/filestest"
)

// longest is how many bytes a piece of a packet has at most; one that has so many is followed by another.
const longest = 1<<24 - 1

// packed puts packets into pieces as a server does, numbered from 1.
func packed(packets ...[]byte) []byte {
	var out []byte
	sequence := byte(1)
	for _, rest := range packets {
		for more := true; more; sequence++ {
			n := min(len(rest), longest)
			more = n == longest
			out = binary.LittleEndian.AppendUint32(out, uint32(n)|uint32(sequence)<<24)
			out = append(out, rest[:n]...)
			rest = rest[n:]
		}
	}
	return out
}

// event is one with a body of so many bytes.
func event(code byte, body int) []byte {
	out := make([]byte, eventHeader+body)
	out[4] = code
	binary.LittleEndian.PutUint32(out[9:], uint32(len(out)))
	for i := eventHeader; i < len(out); i++ {
		out[i] = byte(i * 7 >> 3)
	}
	return out
}

func ok(event []byte) []byte { return append([]byte{0}, event...) }

// answer reads packets until they end the dump, and returns the events and whether one had to be read piece by piece.
func answer(raw io.Reader, to files.Sink) error {
	p := &packets{in: newPackets(nil).in, sequence: 1}
	p.in.Reset(raw)
	for {
		if err := p.next(); err != nil {
			return err
		}
		if p.status != 0 {
			return nil
		}
		if err := p.event(to); err != nil {
			return err
		}
	}
}

func TestEventsOfAnySizeComeThrough(t *testing.T) {
	sizes := []int{0, 1, 4000, packetBuffer - eventHeader, packetBuffer - eventHeader + 1, longest - eventHeader - 2, longest - eventHeader - 1, longest}
	var sent [][]byte
	var raw [][]byte
	for _, size := range sizes {
		sent = append(sent, event(30, size))
		raw = append(raw, ok(event(30, size)))
	}
	raw = append(raw, ok(event(27, 9)), ok(event(27, packetBuffer))) // Heartbeats do not belong to the log.
	raw = append(raw, []byte{0xfe})
	all := packed(raw...)
	for name, in := range map[string]io.Reader{
		"at once": bytes.NewReader(all), "by halves": iotest.HalfReader(bytes.NewReader(all)),
	} {
		var got [][]byte
		err := answer(in, filestest.Whole(func(e decode.Event) error {
			got = append(got, bytes.Clone(e))
			return nil
		}))
		if err != nil || len(got) != len(sent) {
			t.Fatalf("%s: %d events, %v", name, len(got), err)
		}
		for i := range sent {
			if !bytes.Equal(got[i], sent[i]) {
				t.Errorf("%s: event of %d bytes came as one of %d", name, len(sent[i]), len(got[i]))
			}
		}
	}
}

func TestBrokenAnswers(t *testing.T) {
	long := packed(ok(event(30, packetBuffer)))
	swapped := bytes.Clone(long)
	swapped[3] = 2
	shorter := event(30, packetBuffer)
	binary.LittleEndian.PutUint32(shorter[9:], packetBuffer)
	for name, tt := range map[string]struct {
		raw  []byte
		want error
	}{
		"out of order":          {swapped, decode.ErrCorrupt},
		"empty":                 {packed(nil), decode.ErrCorrupt},
		"no event":              {packed(ok([]byte{1, 2, 3})), decode.ErrCorrupt},
		"another size":          {packed(ok(append(event(30, 3), 0))), decode.ErrCorrupt},
		"another size, long":    {packed(ok(shorter)), decode.ErrCorrupt},
		"cut in a header":       {long[:3], io.ErrUnexpectedEOF},
		"cut in a long event":   {long[:len(long)-1], io.ErrUnexpectedEOF},
		"cut in a short event":  {packed(ok(event(30, 9)))[:20], io.ErrUnexpectedEOF},
		"cut before the status": {long[:4], io.ErrUnexpectedEOF},
	} {
		err := answer(bytes.NewReader(tt.raw), filestest.Whole(func(decode.Event) error { return nil }))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// counter counts rows.
type counter struct{ rows int }

func (c *counter) Begin(*decode.Transaction) error                       { return nil }
func (c *counter) Statement(*decode.Transaction, decode.Statement) error { return nil }
func (c *counter) End(*decode.Transaction) error                         { return nil }
func (c *counter) Row(*decode.Transaction, *decode.Change) error         { c.rows++; return nil }

// TestACompressedTransactionIsNotHeld sends one that is 80 MiB long and takes half of that compressed, and counts what was
// ever allocated.
func TestACompressedTransactionIsNotHeld(t *testing.T) {
	table := decodetest.Table{ID: 1, Schema: "s", Name: "t", PrimaryKey: []int{0}, Columns: []decodetest.Column{
		{Name: "id", Type: 8, Number: true}, {Name: "v", Type: 252, Meta: []byte{4}, String: true, Collation: 63},
	}}
	noise := make([]byte, 5<<20) // Longer than the window of the compression at its level, so that it does not shrink much.
	for i, x := 0, uint64(1); i+8 <= len(noise); i += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		binary.LittleEndian.PutUint64(noise[i:], x&0x0f0f0f0f0f0f0f0f)
	}
	const times = 16
	insert := table.Insert(decodetest.Image{make([]byte, 8), append(binary.LittleEndian.AppendUint32(nil, uint32(len(noise))), noise...)})
	log := decodetest.LongCompressed(1, times, table.Map(), insert)
	at := int(binary.LittleEndian.Uint32(log[9:])) // The payload follows the GTID.
	if len(log)-at < 2*longest {
		t.Fatalf("the payload has only %d bytes", len(log)-at)
	}
	raw := packed(ok(decodetest.Head()[len(decode.Magic):]), ok(log[:at]), ok(log[at:]), []byte{0xfe})
	visitor := &counter{}
	scanner := decode.NewScanner(visitor)
	before := totalAllocated()
	if err := errors.Join(answer(bytes.NewReader(raw), scanner), scanner.Close()); err != nil {
		t.Fatal(err)
	}
	if visitor.rows != times {
		t.Errorf("%d rows, want %d", visitor.rows, times)
	}
	const enough = 40 << 20 // A row, the window of the compression, and buffers.
	if used := totalAllocated() - before; used > enough {
		t.Errorf("%d bytes were allocated, %d at most are needed", used, enough)
	}
}

func totalAllocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// TestAConnectionThatEndsIsAnError ends one inside a packet.
func TestAConnectionThatEndsIsAnError(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		if theirs, err := l.Accept(); err == nil {
			_, _ = theirs.Write(packed(ok(event(30, 9)))[:10])
			_ = theirs.Close()
		}
	}()
	ours, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	p := newPackets(ours)
	err = p.next()
	if err == nil {
		err = p.event(filestest.Whole(func(decode.Event) error { return nil }))
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, want io.ErrUnexpectedEOF", err)
	}
}
