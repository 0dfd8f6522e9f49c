package files

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// step is one stretch of a file: a transaction, or bytes of which nobody can say what they were.
type step struct {
	// id is the zero GTID where the identity cannot be read.
	id gtid.GTID
	// at and end are offsets in the file.
	at, end int64
	// server is the server_id of the server that committed the transaction first.
	server uint32
	// damage says what is wrong; empty where the stretch is whole as far as sizes tell.
	damage string
}

// walker goes through a file from transaction to transaction.
type walker struct {
	window
	opener
	name string
	// format is the format description that holds here.
	format []byte
	at     int64
	// ahead is what stands at the place that a hop led to, which is looked at once, where looked says so and nothing was
	// read since that many reads.
	ahead  sight
	looked bool
	since  int
	// next is the name of the file that follows, where the server wrote it down.
	next string
}

// walk opens a file at the offset of its first transaction. The caller closes it.
func (l *Log) walk(f *File) (*walker, error) {
	if f.err != nil {
		return nil, f.err
	}
	w, err := openWindow(filepath.Join(l.Dir, f.Name))
	if err != nil {
		return nil, fmt.Errorf("files: %w", explained(err))
	}
	out := &walker{window: *w, name: f.Name, format: f.format, at: f.start}
	if out.crc, err = checksummed(f.format); err != nil {
		return nil, errors.Join(err, w.file.Close())
	}
	return out, nil
}

// step returns the next stretch, or false at the end of the file.
func (w *walker) step() (step, bool, error) {
	for {
		s, err := w.here()
		if err != nil {
			return step{}, false, w.failed(err)
		}
		switch {
		case s.kind == atEnd:
			return step{}, false, nil
		case s.kind != boundary:
			out, err := w.lost("it cannot be read")
			return out, true, err
		case s.code == gtidEvent || s.code == taggedGTIDEvent:
			out, err := w.transaction(s)
			return out, true, err
		case s.code == anonymousEvent:
			out, err := w.lost("transactions without GTID (gtid_mode was not ON)")
			return out, true, err
		}
		if err := w.pass(s); err != nil {
			return step{}, false, w.failed(err)
		}
	}
}

// here says what stands at the place where the walk is.
func (w *walker) here() (sight, error) {
	looked := w.looked && w.since == w.reads
	w.looked = false
	if looked {
		return w.ahead, nil
	}
	return w.look(w.at)
}

// pass takes note of an event between transactions.
func (w *walker) pass(s sight) (err error) {
	switch s.code {
	case formatEvent:
		w.format = bytes.Clone(s.event)
		w.crc, err = checksummed(w.format)
	case rotateEvent:
		const positionSize = 8
		if body := w.body(s.event); len(body) > positionSize {
			w.next = string(body[positionSize:])
		}
	}
	w.at += s.size
	return err
}

// lost is the stretch from here to the next event that can be read and lies between transactions.
func (w *walker) lost(why string) (step, error) {
	out := step{at: w.at}
	for {
		s, err := w.look(w.at)
		if err != nil {
			return out, w.failed(err)
		}
		sound := s.kind == boundary && s.code != anonymousEvent
		if s.kind == unframed {
			w.at = w.size
		}
		if sound || s.kind == unframed || s.kind == atEnd {
			out.end = w.at
			out.damage = fmt.Sprintf("%s at offset %d: %s, for %d bytes", w.name, out.at, why, out.end-out.at)
			return out, nil
		}
		w.at += s.size
	}
}

// transaction steps over a transaction by its length, and from event to event where that leads nowhere.
func (w *walker) transaction(s sight) (step, error) {
	open, err := w.read(s.event, w.body(s.event))
	if err != nil {
		w.at += s.size // Its checksum is right, so that its end is known.
		out, err := w.lost("the beginning of a transaction cannot be read")
		out.at -= s.size
		return out, err
	}
	out := step{id: open.id, at: w.at, end: w.at + open.length, server: open.server}
	if out.end <= w.size {
		landing, err := w.look(out.end)
		if err != nil {
			return out, w.failed(err)
		}
		if landing.kind != inner && landing.kind != unframed {
			w.at, w.ahead, w.looked, w.since = out.end, landing, true, w.reads
			return out, nil
		}
	}
	return w.interrupted(out, s.size)
}

// interrupted finds where a transaction ends whose length leads out of the file or into the middle of something.
func (w *walker) interrupted(out step, first int64) (step, error) {
	at := out.at + first
	for at != out.end {
		s, err := w.look(at)
		if err != nil {
			return out, w.failed(err)
		}
		if s.kind == unframed {
			at = w.size
		}
		if s.kind != inner {
			length := out.end - out.at
			out.end, w.at = at, at
			out.damage = fmt.Sprintf("%s at offset %d: %s is torn: %d of its %d bytes are there", w.name, out.at, out.id, at-out.at, length)
			return out, nil
		}
		at += s.size
	}
	w.at = out.end // The transaction is whole, what follows it is not.
	return out, nil
}

// whole reads a transaction to its end and says what is wrong with it.
func (w *walker) whole(s step) (string, error) {
	if err := w.load(s.at, s.end); err != nil {
		return "", err
	}
	err := w.verify(s.at, s.end)
	if errors.Is(err, decode.ErrCorrupt) {
		return fmt.Sprintf("%s at offset %d: %s is damaged: %s", w.name, s.at, s.id, err), nil
	}
	return "", err
}

func (w *walker) failed(err error) error { return fmt.Errorf("files: %s: %w", w.name, err) }
