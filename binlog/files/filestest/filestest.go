// Package filestest makes binary log files for tests: framed and sealed as a server does it, with content that nobody
// decodes.
package filestest

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// Whole is a sink that takes every event as a whole.
type Whole func(decode.Event) error

// Add takes an event.
func (w Whole) Add(e decode.Event) error { return w(e) }

// AddFrom reads an event and takes it.
func (w Whole) AddFrom(head decode.Event, in io.Reader) error {
	event := make([]byte, head.Size())
	if _, err := io.ReadFull(in, event); err != nil {
		return err
	}
	return w(event)
}

// UUID is the server whose transactions the files hold.
const UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

// Type codes and flags of the events that are made here.
const (
	rotateEvent    = 4
	formatEvent    = 15
	xidEvent       = 16
	rowsQueryEvent = 29
	gtidEvent      = 33
	anonymousEvent = 34
	previousEvent  = 35
	relayed        = 0x40
)

// postHeaders are the lengths that a MySQL 9.7 writes into its format description.
const postHeaders = "000d0008000000000400040000006300041a08000000000000020000000a0a0a2a2a001234000a280000"

// File is a file in the making.
type File struct {
	log    []byte
	server uint32
	last   uint64 // the number of the last transaction
}

// New begins a file of the server with that server_id, before which so many transactions were logged.
func New(server uint32, before int) *File {
	set := gtid.Set{}
	if before > 0 {
		set = gtid.MustParse(UUID + ":1-" + decimal(before))
	}
	f := NewAfter(server, set)
	f.last = uint64(before)
	return f
}

func decimal(n int) string {
	var digits []byte
	for ; n > 0; n /= 10 {
		digits = append(digits, byte('0'+n%10))
	}
	slices.Reverse(digits)
	return string(digits)
}

// NewAfter begins a file before which that set was logged.
func NewAfter(server uint32, before gtid.Set) *File {
	f := &File{log: []byte(decode.Magic), server: server}
	f.Format(server)
	f.event(previousEvent, encoded(before))
	return f
}

// NewRelay begins a relay log file of the replica with that server_id.
func NewRelay(server uint32, before int) *File {
	f := New(server, before)
	f.log[len(decode.Magic)+17] |= relayed
	size := binary.LittleEndian.Uint32(f.log[len(decode.Magic)+9:])
	seal(f.log[len(decode.Magic):][:size])
	return f
}

// encoded is the set as the server writes it, by the library that the product does not use for it.
func encoded(set gtid.Set) []byte {
	if set.IsEmpty() {
		return make([]byte, 8)
	}
	library, err := mysql.ParseMysqlGTIDSet(set.String())
	if err != nil {
		panic(err)
	}
	return library.Encode()
}

// Format adds a format description.
func (f *File) Format(server uint32) {
	lengths, err := hex.DecodeString(postHeaders)
	if err != nil {
		panic(err)
	}
	body := binary.LittleEndian.AppendUint16(nil, 4)
	version := [50]byte{}
	copy(version[:], "9.7.4")
	body = append(append(append(body, version[:]...), 0, 0, 0, 0, 19), lengths...)
	before := f.server
	f.server = server
	f.event(formatEvent, append(body, 1))
	f.server = before
}

// Transaction adds a transaction with an event of so many bytes in it.
func (f *File) Transaction(size int) *File {
	f.last++
	f.transaction(size, true)
	return f
}

// Torn adds the next transaction without its end; the number stays free.
func (f *File) Torn(size int) {
	f.last++
	f.transaction(size, false)
	f.last--
}

// Sizes of the events that a transaction is made of, checksums included.
const (
	openingSize = 19 + 1 + 16 + 8 + 1 + 8 + 8 + 7 + 9 + 4 + 4
	xidSize     = 19 + 8 + 4
)

func (f *File) transaction(size int, whole bool) {
	f.event(gtidEvent, f.opening(uint64(openingSize+19+size+4+xidSize)))
	f.event(rowsQueryEvent, make([]byte, size))
	if whole {
		f.event(xidEvent, make([]byte, 8))
	}
}

// opening is the body of a GTID event for a transaction of that length.
func (f *File) opening(length uint64) []byte {
	sid, err := hex.DecodeString(strings.ReplaceAll(UUID, "-", ""))
	if err != nil {
		panic(err)
	}
	body := append([]byte{0}, sid...)
	body = binary.LittleEndian.AppendUint64(body, f.last)
	body = append(body, 2)
	body = append(body, make([]byte, 16+7)...)
	body = append(body, 0xfe)
	body = binary.LittleEndian.AppendUint64(body, length)
	return append(body, 0, 0, 0, 0)
}

// Sparse adds a transaction of so many bytes of which only the opening event is written: the caller leaves a hole for
// the rest. It returns what is to be written.
func (f *File) Sparse(length uint64) []byte {
	f.last++
	at := len(f.log)
	f.event(gtidEvent, f.opening(length))
	event := f.log[at:]
	f.log = f.log[:at]
	return event
}

// Anonymous adds an event that opens a transaction without GTID, and the rest of one.
func (f *File) Anonymous() *File {
	f.event(anonymousEvent, f.opening(uint64(openingSize+xidSize)))
	f.event(xidEvent, make([]byte, 8))
	return f
}

// Rotate ends the file with the name of the next one.
func (f *File) Rotate(next string) {
	f.event(rotateEvent, append(binary.LittleEndian.AppendUint64(nil, 4), next...))
}

func (f *File) event(code byte, body []byte) {
	size := 19 + len(body) + 4
	e := append(make([]byte, 4), code)
	e = binary.LittleEndian.AppendUint32(e, f.server)
	e = binary.LittleEndian.AppendUint32(e, uint32(size))
	e = binary.LittleEndian.AppendUint32(e, uint32(len(f.log)+size))
	e = binary.LittleEndian.AppendUint16(e, 0)
	e = append(append(e, body...), 0, 0, 0, 0)
	seal(e)
	f.log = append(f.log, e...)
}

// seal gives an event its checksum.
func seal(e []byte) {
	binary.LittleEndian.PutUint32(e[len(e)-4:], crc32.ChecksumIEEE(e[:len(e)-4]))
}

// Bytes is the file so far.
func (f *File) Bytes() []byte { return f.log }

// Write puts the file on disk.
func (f *File) Write(t testing.TB, path string) {
	t.Helper()
	if err := os.WriteFile(path, f.log, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Opening is the offset of the n-th event that opens a transaction, from 0.
func Opening(log []byte, n int) int {
	at := len(decode.Magic)
	for {
		if log[at+4] == gtidEvent {
			if n == 0 {
				return at
			}
			n--
		}
		at += int(binary.LittleEndian.Uint32(log[at+9:]))
	}
}

// After makes the next transaction that behind the n-th, without the others.
func (f *File) After(n uint64) *File {
	f.last = n
	return f
}
