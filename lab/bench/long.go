package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/regentdb/regent/binlog/decode"
)

// The long log is 10 files of a GiB. Each is one of the server's files several times over, with other numbers: nothing
// else of a transaction tells where it stands.
const (
	longFiles    = 10
	longFileSize = 1 << 30
)

// Places in events: of the type, the size, the checksum, and in a GTID event of the UUID and the number.
const (
	typeAt     = 4
	sizeAt     = 9
	headerSize = 19
	sumSize    = 4
	uuidAt     = headerSize + 1
	numberAt   = uuidAt + 16
	gtidType   = 33
)

// source is a file of the server, taken apart.
type source struct {
	format []byte
	uuid   []byte
	// body is all transactions, gtids the offsets of those in it.
	body  []byte
	gtids []int
}

// makeLong makes the long log, one half of narrow rows and one of small transactions.
func makeLong(o options) error {
	if _, err := os.Stat(o.path(long)); err == nil {
		return nil
	}
	if err := os.MkdirAll(o.path(long), 0o750); err != nil {
		return err
	}
	last := uint64(0)
	for _, shape := range []string{narrow, small} {
		s, err := takeApart(o.file(shape))
		if err != nil {
			return err
		}
		for range longFiles / 2 {
			number := 1
			for ; ; number++ {
				if _, err := os.Stat(longFile(o, number)); err != nil {
					break
				}
			}
			if last, err = s.writeFile(longFile(o, number), last); err != nil {
				return err
			}
		}
	}
	return nil
}

func longFile(o options, number int) string {
	return filepath.Join(o.path(long), fmt.Sprintf("binlog.%06d", number))
}

func takeApart(path string) (*source, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &source{}
	for at := len(decode.Magic); at < len(raw); {
		e := raw[at : at+int(binary.LittleEndian.Uint32(raw[at+sizeAt:]))]
		at += len(e)
		switch {
		case decode.Event(e).IsFormat():
			s.format = e
			continue
		case decode.Event(e).Outside():
			continue
		case e[typeAt] == gtidType:
			s.gtids = append(s.gtids, len(s.body))
			s.uuid = e[uuidAt:numberAt]
		}
		s.body = append(s.body, e...)
	}
	if s.format == nil || len(s.gtids) == 0 {
		return nil, fmt.Errorf("%s: %w", path, decode.ErrCorrupt)
	}
	return s, nil
}

// writeFile writes the transactions with new numbers, behind the last one, until the file is large enough. It returns
// the last number then.
func (s *source) writeFile(path string, last uint64) (_ uint64, err error) {
	out, err := os.Create(path)
	if err != nil {
		return last, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := bufio.NewWriterSize(out, 1<<20)
	head := append(append([]byte(decode.Magic), s.format...), s.previous(last)...)
	if _, err := w.Write(head); err != nil {
		return last, err
	}
	for size := len(head); size < longFileSize; size += len(s.body) {
		for _, at := range s.gtids {
			last++
			e := s.body[at:]
			e = e[:binary.LittleEndian.Uint32(e[sizeAt:])]
			binary.LittleEndian.PutUint64(e[numberAt:], last)
			seal(e)
		}
		if _, err := w.Write(s.body); err != nil {
			return last, err
		}
	}
	return last, w.Flush()
}

// previous is the event that says what was logged before: all numbers up to the last one.
func (s *source) previous(last uint64) []byte {
	const previousType = 35
	e := bytes.Clone(s.format[:headerSize])
	e[typeAt] = previousType
	if last == 0 {
		e = append(e, make([]byte, 8)...)
	} else {
		for _, n := range [][]byte{number(1), s.uuid, number(1), number(1), number(last + 1)} {
			e = append(e, n...)
		}
	}
	e = append(e, make([]byte, sumSize)...)
	binary.LittleEndian.PutUint32(e[sizeAt:], uint32(len(e)))
	seal(e)
	return e
}

func number(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

func seal(e []byte) {
	body := len(e) - sumSize
	binary.LittleEndian.PutUint32(e[body:], crc32.ChecksumIEEE(e[:body]))
}
