package files

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// encryptedMagic opens a file that the server encrypted (binlog_encryption).
const encryptedMagic = "\xfdbin"

var (
	// ErrEncrypted is returned for a file that the server encrypted.
	ErrEncrypted = errors.New("the file is encrypted (binlog_encryption)")
	// ErrNoLog is returned for a file or a directory that is no binary log.
	ErrNoLog = errors.New("no binary log")
)

// decrypting says how to get at an encrypted log.
const decrypting = "start the server, which alone has the keys, and name it instead of its files, or fetch plain copies from it " +
	"with mysqlbinlog --read-from-remote-server --raw"

// File is one file of a log.
type File struct {
	Name string
	// Previous is what was logged before the file began.
	Previous gtid.Set
	// format is the format description at its beginning, start the offset of what follows it.
	format []byte
	start  int64
	// server is the server_id of the server that wrote the file.
	server uint32
	relay  bool
	// err says why the file cannot be read; nil where it can.
	err error
}

// inspect reads the head of a file. What keeps it from being read is in the file that comes back.
func inspect(dir, name string) File {
	f := File{Name: name}
	if err := f.head(filepath.Join(dir, name)); err != nil {
		f.err = fmt.Errorf("files: %s: %w", filepath.Join(dir, name), explained(err))
	}
	return f
}

// explained adds what to do to errors of the file system.
func explained(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run this as a user who may read it, or copy the file", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; copy it from the server, or restore it from a backup of its binary logs", err)
	}
	return err
}

func (f *File) head(path string) (err error) {
	w, err := openWindow(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.file.Close()) }()
	if err := magic(w); err != nil {
		return err
	}
	at := int64(len(decode.Magic))
	s, err := w.look(at)
	if err != nil {
		return err
	}
	if s.kind != boundary || s.code != formatEvent {
		return fmt.Errorf("it does not begin with a format description: %w", decode.ErrCorrupt)
	}
	if w.crc, err = checksummed(s.event); err != nil {
		return err
	}
	f.format = bytes.Clone(s.event)
	f.server = binary.LittleEndian.Uint32(f.format[serverAt:])
	f.relay = f.format[flagsAt]&relayed != 0
	return f.list(w, at+s.size)
}

// list reads what was logged before the file, which a server writes behind the format description.
func (f *File) list(w *window, at int64) error {
	s, err := w.look(at)
	if err != nil {
		return err
	}
	if s.kind != boundary || s.code != previousGTIDs {
		return fmt.Errorf("it does not say which GTIDs were logged before it: %w", decode.ErrCorrupt)
	}
	event := make([]byte, s.size)
	if _, err := w.file.ReadAt(event, at); err != nil {
		return err
	}
	if w.crc && !sound(event) {
		return fmt.Errorf("wrong checksum of the event at offset %d: %w", at, decode.ErrCorrupt)
	}
	f.start = at + s.size
	f.Previous, err = previous(w.body(event))
	return err
}

// openWindow opens a file for reading.
func openWindow(path string) (*window, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNoLog
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &window{file: file, size: info.Size()}, nil
}

// magic checks the first bytes.
func magic(w *window) error {
	if w.size < int64(len(decode.Magic)) {
		return fmt.Errorf("it ends inside its header, after %d bytes: %w", w.size, decode.ErrCorrupt)
	}
	head, err := w.bytes(0, len(decode.Magic))
	switch {
	case err != nil:
		return err
	case string(head) == encryptedMagic:
		return fmt.Errorf("%w; %s", ErrEncrypted, decrypting)
	case string(head) != decode.Magic:
		return fmt.Errorf("it does not begin like a binary log: %w", ErrNoLog)
	}
	return nil
}
