package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// ErrIncomplete is returned where not everything that was asked for could be read; the message lists what.
var ErrIncomplete = errors.New("not everything is in the files")

// Sink takes the events of a log.
type Sink interface {
	// Add takes an event, which is valid until Add returns, but for format descriptions, which stay.
	Add(e decode.Event) error
	// AddFrom takes an event that is too long to be held: all of it is in the reader, its header also in head.
	AddFrom(head decode.Event, in io.Reader) error
}

// checkedSink is a sink that need not check what was checked before.
type checkedSink interface {
	// AddChecked is Add for an event whose checksum is right.
	AddChecked(e decode.Event) error
}

// Dump gives the sink the events of every transaction outside the exclusion, in the order of the log, each format
// description before the events that it describes. Only transactions that are whole come. What is torn, damaged or
// missing is passed over and named in an error that wraps ErrIncomplete at the end. An error of the sink ends the dump
// and comes back as it is.
func (l *Log) Dump(ctx context.Context, exclude gtid.Set, to Sink) error {
	d := dump{log: l, exclude: exclude, to: to}
	for i := l.startOf(exclude); i < len(l.Files); i++ {
		f := &l.Files[i]
		if f.err != nil {
			d.trouble = append(d.trouble, trouble{what: f.err.Error()})
			continue
		}
		seen, err := d.file(ctx, f)
		if err != nil {
			return err
		}
		if i+1 < len(l.Files) && l.Files[i+1].err == nil {
			d.between(f, &l.Files[i+1], seen)
		}
	}
	return d.conclude()
}

// trouble is what could not be read, with the transaction where that is known.
type trouble struct {
	id   gtid.GTID
	what string
}

// dump is one reading of a log.
type dump struct {
	log     *Log
	exclude gtid.Set
	to      Sink
	trouble []trouble
	// given are the transactions that the sink had.
	given Collector
}

// file hands out the transactions of one file and returns all that it holds.
func (d *dump) file(ctx context.Context, f *File) (seen gtid.Set, err error) {
	w, err := d.log.walk(f)
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, w.file.Close()) }()
	var all Collector
	var told []byte // the format description that the sink had last
	for {
		s, more, err := w.step()
		if err != nil {
			return seen, err
		}
		if !more {
			return all.Set()
		}
		if (s.id == gtid.GTID{}) {
			d.trouble = append(d.trouble, trouble{what: s.damage})
			continue
		}
		all.Add(s.id)
		if d.exclude.ContainsGTID(s.id) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return seen, err
		}
		if told, err = d.transaction(w, s, told); err != nil {
			return seen, err
		}
	}
}

// transaction hands out one transaction, after the format description where the sink was told another one last.
func (d *dump) transaction(w *walker, s step, told []byte) ([]byte, error) {
	damage := s.damage
	if damage == "" {
		var err error
		if damage, err = w.whole(s); err != nil {
			return told, w.failed(err)
		}
	}
	if damage != "" {
		d.trouble = append(d.trouble, trouble{s.id, damage})
		return told, nil
	}
	if !bytes.Equal(told, w.format) {
		told = w.format
		if err := d.to.Add(told); err != nil {
			return told, err
		}
	}
	d.given.Add(s.id)
	return told, w.events(s, d.to)
}

// events hands out the events of one transaction, which is whole.
func (w *walker) events(s step, to Sink) error {
	add := to.Add
	if checked, ok := to.(checkedSink); ok {
		add = checked.AddChecked
	}
	for at := s.at; at < s.end; {
		header, err := w.bytes(at, headerSize)
		if err != nil {
			return w.failed(err)
		}
		size := decode.Event(header).Size()
		if size > windowSize {
			err = to.AddFrom(decode.Event(header), io.NewSectionReader(w.file, at, size))
		} else {
			var event []byte
			if event, err = w.bytes(at, int(size)); err != nil {
				return w.failed(err)
			}
			err = add(event)
		}
		if err != nil {
			return err
		}
		at += size
	}
	return nil
}

// between names what lies between two files and in neither.
func (d *dump) between(f, next *File, seen gtid.Set) {
	lost := next.Previous.Subtract(f.Previous).Subtract(seen).Subtract(d.exclude)
	if lost.IsEmpty() {
		return
	}
	var names []string
	for _, name := range d.log.absent {
		if number(name) > number(f.Name) && number(name) < number(next.Name) {
			names = append(names, name)
		}
	}
	what := fmt.Sprintf("%s: %s; %s was logged there", ErrMissing, strings.Join(names, ", "), lost)
	if len(names) == 0 {
		what = fmt.Sprintf("%s ends without %s, which was logged before %s", f.Name, lost, next.Name)
	}
	d.trouble = append(d.trouble, trouble{what: what})
}

// conclude lists the trouble, less that of transactions which came whole after all: a receiver that lost its
// connection inside a transaction fetches it again.
func (d *dump) conclude() error {
	given, err := d.given.Set()
	if err != nil {
		return err
	}
	var left []string
	for _, t := range d.trouble {
		if !given.ContainsGTID(t.id) {
			left = append(left, t.what)
		}
	}
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("files: %s: %w: %s", d.log.Dir, ErrIncomplete, strings.Join(left, "; "))
}
