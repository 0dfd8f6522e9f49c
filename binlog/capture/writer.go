package capture

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/gtid"
)

// writer collects the wanted transactions of a dump into one binary log file.
type writer struct {
	path   string
	out    *os.File
	buffer *bufio.Writer
	// format is the description that the next transaction must be read by, until it is in the file.
	format   decode.Event
	splitter decode.Splitter
	wanted   gtid.Set
	count    uint64 // of wanted
	captured files.Collector
	// progress is called after each transaction with how many there are, and their bytes; nil where nobody asks.
	progress func(transactions uint64, bytes int64)
	// room is asked every now and then whether to go on; asked is how much was written by then.
	room  func() error
	asked int64
	// written counts the bytes handed over, whole those up to the end of the last whole transaction.
	written, whole int64
}

func newWriter(path string, wanted gtid.Set) (*writer, error) {
	out, err := durable.Create(path)
	if err != nil {
		return nil, fmt.Errorf("capture: write %s: %w", path, err)
	}
	w := &writer{path: path, out: out, buffer: bufio.NewWriterSize(out, 1<<20), wanted: wanted, count: wanted.Count()}
	if _, err := w.Write([]byte(decode.Magic)); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	w.whole = w.written
	return w, nil
}

// Add takes the next event of the dump. It returns errEnough once every wanted transaction is there.
func (w *writer) Add(e decode.Event) error {
	part, err := w.splitter.Add(e)
	if err != nil {
		return err
	}
	if e.IsFormat() {
		w.format = e
		return nil
	}
	if !w.wants(part) {
		return nil
	}
	if part.First && w.format != nil {
		if _, err := w.Write(w.format); err != nil {
			return err
		}
		w.format = nil
	}
	if _, err := w.Write(e); err != nil {
		return err
	}
	return w.added(part)
}

// AddFrom takes the next event of the dump, which is too long to be held, from a reader.
func (w *writer) AddFrom(head decode.Event, in io.Reader) error {
	part, err := w.splitter.AddFrom(head, in, func(part decode.Part) io.Writer {
		if !w.wants(part) {
			return io.Discard
		}
		return w
	})
	if err != nil || !w.wants(part) {
		return err
	}
	return w.added(part)
}

func (w *writer) wants(part decode.Part) bool {
	return part.Tx != nil && w.wanted.ContainsGTID(part.Tx.GTID)
}

// added counts the transaction of an event that was written, where it is the last of it.
func (w *writer) added(part decode.Part) error {
	if !part.Last {
		return nil
	}
	w.whole = w.written
	w.captured.Add(part.Tx.GTID)
	if w.progress != nil {
		w.progress(w.captured.Count(), w.written)
	}
	if w.captured.Count() == w.count {
		return errEnough
	}
	if w.room == nil || w.written-w.asked < roomEvery {
		return nil
	}
	w.asked = w.written
	return w.room()
}

// Write writes to the file.
func (w *writer) Write(bytes []byte) (int, error) {
	n, err := w.buffer.Write(bytes)
	w.written += int64(n)
	if err != nil {
		return n, fmt.Errorf("capture: write %s: %w; free space there and capture again", w.path, err)
	}
	return n, nil
}

// settle puts the whole transactions on disk and returns the description of the file, which keeps its temporary name.
func (w *writer) settle() (File, error) {
	sum := sha256.New()
	err := w.buffer.Flush()
	if err == nil {
		err = w.out.Truncate(w.whole)
	}
	if err == nil {
		err = w.digest(sum)
	}
	if err = errors.Join(err, w.out.Sync(), w.out.Close()); err != nil {
		return File{}, fmt.Errorf("capture: write %s: %w", w.path, err)
	}
	return File{Size: w.whole, SHA256: hex.EncodeToString(sum.Sum(nil)), Transactions: int(w.captured.Count())}, nil
}

// digest reads the file back, so that the checksum is of what the file system returns.
func (w *writer) digest(sum hash.Hash) error {
	if _, err := w.out.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(sum, w.out)
	return err
}
