package decodetest

import (
	"bytes"
	"io"
	"iter"

	"github.com/klauspost/compress/zstd"
)

// Head is what every file begins with.
func Head() []byte { return append([]byte("\xfebin"), Format().sealed(true)...) }

// UUID is the server of all transactions.
const UUID = "00112233-4455-6677-8899-aabbccddeeff"

// begin is the statement that opens every transaction with rows, and end the event that closes it.
func begin() Event { return Query("", "BEGIN") }
func end() Event   { return Event{codeXID, make([]byte, 8)} }

// Transaction is a transaction of the events, from its GTID to its commit.
func Transaction(seq uint64, events ...Event) []byte { return Named(seq).Transaction(events...) }

func framed(events []Event) []Event {
	return append(append([]Event{begin()}, events...), end())
}

// Statement is a transaction of events that need no frame, such as a DDL statement.
func Statement(seq uint64, events ...Event) []byte { return Named(seq).Statement(events...) }

// Compressed is a transaction as binlog_transaction_compression=ON writes it.
func Compressed(seq uint64, events ...Event) []byte { return Named(seq).Compressed(events...) }

// LongCompressed is a compressed transaction in which the last of the events is there many times.
func LongCompressed(seq uint64, times int, events ...Event) []byte {
	all := framed(events)
	var parts []io.Reader
	for i, e := range all {
		n := 1
		if i == len(all)-2 {
			n = times
		}
		parts = append(parts, &repeated{part: e.sealed(false), times: n})
	}
	return Named(seq).before(payloadOf(0, io.MultiReader(parts...)))
}

// payload is the event that holds others in compressed form.
func payload(size uint64, plain []byte) []byte { return payloadOf(size, bytes.NewReader(plain)) }

func payloadOf(size uint64, plain io.Reader) []byte {
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1))
	if err == nil {
		_, err = io.Copy(w, plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("decodetest: " + err.Error()) // A buffer does not fail.
	}
	body := field(nil, 2, []byte{0})
	body = field(body, 3, Packed(nil, size))
	body = field(body, 1, Packed(nil, uint64(packed.Len())))
	body = append(append(body, 0), packed.Bytes()...)
	return Event{codePayload, body}.sealed(true)
}

// Long is a transaction in which the last of the events is there many times, without being held.
func Long(seq uint64, times int, events ...Event) io.Reader {
	all := framed(events)
	size := len(Named(seq).event(0))
	var parts []io.Reader
	for i, e := range all {
		raw, n := e.sealed(true), 1
		if i == len(all)-2 {
			n = times
		}
		size += n * len(raw)
		parts = append(parts, &repeated{part: raw, times: n})
	}
	return io.MultiReader(append([]io.Reader{bytes.NewReader(Named(seq).event(uint64(size)))}, parts...)...)
}

// Stream writes a transaction of events that are made twice, the same each time, and not held.
func Stream(w io.Writer, seq uint64, events iter.Seq[Event]) error {
	size := len(Named(seq).event(0)) + len(begin().sealed(true)) + len(end().sealed(true))
	for e := range events {
		size += headerSize + len(e.Body) + checksumSize
	}
	_, err := w.Write(append(Named(seq).event(uint64(size)), begin().sealed(true)...))
	for e := range events {
		if err == nil {
			_, err = w.Write(e.sealed(true))
		}
	}
	if err == nil {
		_, err = w.Write(end().sealed(true))
	}
	return err
}

// repeated reads the same bytes many times.
type repeated struct {
	part  []byte
	times int
	at    int
}

// Read reads further, to the end of one repetition at most.
func (r *repeated) Read(p []byte) (int, error) {
	if r.times == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.part[r.at:])
	if r.at += n; r.at == len(r.part) {
		r.at = 0
		r.times--
	}
	return n, nil
}
