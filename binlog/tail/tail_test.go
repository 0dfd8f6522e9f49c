package tail_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
	"github.com/regentdb/regent/binlog/tail"
	"github.com/regentdb/regent/gtid"
)

// written is a transaction and the second in which a client committed it.
type written struct{ seq, second uint64 }

// bytesOf is the transaction in the log, with its time put into the event that opens it.
func (w written) bytesOf() []byte {
	tx := decodetest.Statement(w.seq, decodetest.Query("shop", "CREATE TABLE t (id INT)"))
	const header, committed, width = 19, 19 + 1 + 16 + 8 + 1 + 16, 7
	event := tx[:binary.LittleEndian.Uint32(tx[header-10:])]
	copy(event[committed:committed+width], binary.LittleEndian.AppendUint64(nil, w.second*1_000_000))
	binary.LittleEndian.PutUint32(event[len(event)-4:], crc32.ChecksumIEEE(event[:len(event)-4]))
	return tx
}

func file(t *testing.T, dir, name string, all ...written) capture.File {
	t.Helper()
	log := bytes.NewBuffer(decodetest.Head())
	for _, w := range all {
		log.Write(w.bytesOf())
	}
	if err := os.WriteFile(filepath.Join(dir, name), log.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return capture.File{Name: name}
}

func captured(set string, files ...capture.File) capture.ServerCapture {
	return capture.ServerCapture{Files: files, Captured: gtid.MustParse(decodetest.UUID + ":" + set)}
}

// TestFilesOfAServerKeepItsOrder has a server whose clock went backward between two files, and another that was behind.
func TestFilesOfAServerKeepItsOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := capture.Manifest{Servers: []capture.ServerCapture{
		captured("1-3", file(t, dir, "a1", written{1, 100}, written{2, 300}), file(t, dir, "a2", written{3, 50})),
		captured("2-5", file(t, dir, "b", written{2, 300}, written{4, 200}, written{5, 400})),
	}}
	var got []uint64
	for tx, err := range tail.Of(m, dir) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, tx.GTID.Seq)
	}
	if want := []uint64{1, 4, 2, 3, 5}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestATailMayBeLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := capture.Manifest{Servers: []capture.ServerCapture{
		captured("1-3", file(t, dir, "a1", written{1, 100}, written{2, 300}), file(t, dir, "a2", written{3, 50})),
		captured("4-5", file(t, dir, "b", written{4, 200}, written{5, 400})),
	}}
	for _, m := range []capture.Manifest{m, {Servers: m.Servers[:1]}} {
		var got []uint64
		for tx, err := range tail.Of(m, dir) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, tx.GTID.Seq); len(got) == 2 {
				break
			}
		}
		if len(got) != 2 || got[0] != 1 {
			t.Errorf("left after %v", got)
		}
	}
}

func TestATornFileEndsTheTail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := capture.Manifest{Servers: []capture.ServerCapture{captured("1-2", file(t, dir, "a", written{1, 1}, written{2, 2}))}}
	path := filepath.Join(dir, "a")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-1); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range tail.Of(m, dir) {
		last = err
	}
	if !errors.Is(last, decode.ErrCorrupt) {
		t.Errorf("the tail ends with %v", last)
	}
}
