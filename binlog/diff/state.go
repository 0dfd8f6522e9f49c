package diff

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
)

// State is what became of one key. It is a copy of what the comparison keeps.
type State struct {
	Contact

	Key Key
	// Number counts the keys of the old side, from 0, as they were first touched.
	Number int
	// Table is the definition on the new primary.
	Table *Definition
	// KeyValues spell the key as the old side first did.
	KeyValues []decode.Value
	// Before is the row before the old side touched it, After what the old side left; nil where there was no row.
	Before, After []decode.Value
	// Opaque says why the states cannot be trusted; empty where they can.
	Opaque string
	// Live is the row on the new primary now, nil where there is none. It means nothing before LiveRead is set.
	Live     []decode.Value
	LiveRead bool
	// stored is the key as stores have it.
	stored string
	// linked says that updates of the primary key join the state with others.
	linked bool
	// turn is the last transaction of the old side that changed the row, from 1.
	turn int
}

// Alike compares rows, of which nil is none, by what they store.
func Alike(a, b []decode.Value) bool {
	return (a == nil) == (b == nil) && slices.Equal(a, b)
}

// difference is 1 where the old side left another row than it found.
func (s *State) difference() int {
	if Alike(s.Before, s.After) {
		return 0
	}
	return 1
}

// Bytes is about how much memory the rows of the state take.
func (s *State) Bytes() int {
	n := 0
	for _, image := range [][]decode.Value{s.Before, s.After} {
		for _, v := range image {
			n += len(v.Text)
		}
	}
	return n
}

// Flags of a kept state.
const (
	isLinked = 1 << iota
	isLive
	isTouched
	isBase
)

// Rows of a kept state that are the same as another are not kept again.
const (
	asBefore = iota
	asAfter
	asItself
)

// record is how the state is kept.
func (s *State) record(r Record) Record {
	flags := 0
	for _, f := range []struct {
		set  bool
		flag int
	}{{s.linked, isLinked}, {s.LiveRead, isLive}, {s.IsTouched(), isTouched}, {s.BaseRead, isBase}} {
		if f.set {
			flags |= f.flag
		}
	}
	r = append(r, byte(flags), s.like(s.After), s.like(s.Live), s.like(s.Base))
	r = r.Text(s.Opaque).Int(s.turn).Image(s.KeyValues).Image(s.Before)
	if !Alike(s.After, s.Before) {
		r = r.Image(s.After)
	}
	if s.like(s.Live) == asItself {
		r = r.Image(s.Live)
	}
	if !s.IsTouched() {
		return r
	}
	if s.like(s.Base) == asItself {
		r = r.Image(s.Base)
	}
	return r.GTID(s.Touched).Int(s.first).Int(s.last)
}

func (s *State) like(image []decode.Value) byte {
	switch {
	case Alike(image, s.Before):
		return asBefore
	case Alike(image, s.After):
		return asAfter
	}
	return asItself
}

// read is the inverse of record.
func (s *State) read(record string) {
	const head = 4
	if len(record) < head {
		s.lost()
		return
	}
	flags, r := record[0], NewReader(record[head:])
	same := func(like byte) []decode.Value {
		switch like {
		case asBefore:
			return s.Before
		case asAfter:
			return s.After
		}
		return r.Image()
	}
	s.Opaque, s.turn, s.KeyValues, s.Before = r.Text(), r.Int(), r.Image(), r.Image()
	if s.After = s.Before; record[1] != asBefore {
		s.After = r.Image()
	}
	s.Live = same(record[2])
	s.linked, s.LiveRead = flags&isLinked != 0, flags&isLive != 0
	if flags&isTouched != 0 {
		s.Base = same(record[3])
		s.Touched, s.first, s.last, s.BaseRead = r.GTID(), r.Int(), r.Int(), flags&isBase != 0
	}
	for _, image := range [][]decode.Value{s.Before, s.After, s.Live, s.Base} {
		if image != nil && len(image) != len(s.Table.Columns) {
			s.lost()
			return
		}
	}
	if len(s.KeyValues) != len(s.Table.PrimaryKey) {
		s.lost()
	}
}

// Stored is the key as stores have it: the same exactly for keys that are.
func (s *State) Stored() string { return s.stored }

// lost empties a state that the store failed to keep.
func (s *State) lost() {
	*s = State{Key: s.Key, stored: s.stored, Number: s.Number, Table: s.Table, Opaque: "the row could not be kept"}
	s.KeyValues = make([]decode.Value, len(s.Table.PrimaryKey))
}

// tableSize is how many bytes of a key in a store say which table it is of.
const tableSize = 4

// stored is the key as stores have it.
func (d *Divergence) stored(key Key) string {
	var buf [64]byte
	return string(append(begin(buf[:0], d.number(named{of: key.Name})), key.ID...))
}

// keyOf is the inverse of stored.
func (d *Divergence) keyOf(stored string) (Key, *Definition) {
	if len(stored) >= tableSize {
		if n := binary.LittleEndian.Uint32([]byte(stored)); int(n) < len(d.named) {
			name := d.named[n].of
			if table := d.Tables[name]; table != nil {
				return Key{Name: name, ID: stored[tableSize:]}, table
			}
		}
	}
	return Key{}, &Definition{Missing: true}
}

// States counts the keys that the old side touched.
func (d *Divergence) States() int { return d.states.Len() }

// State returns the state with the number.
func (d *Divergence) State(n int) *State {
	s := &State{Number: n, stored: d.states.Key(n)}
	s.Key, s.Table = d.keyOf(s.stored)
	s.read(d.states.Value(n))
	return s
}

// All iterates over the states in the order in which the keys were first touched.
func (d *Divergence) All() iter.Seq[*State] {
	return func(yield func(*State) bool) {
		for n := range d.states.Len() {
			if d.store.Err() != nil || !yield(d.State(n)) {
				return
			}
		}
	}
}

// AllOf is All for the tables that are wanted.
func (d *Divergence) AllOf(wanted func(*Definition) bool) iter.Seq[*State] {
	return func(yield func(*State) bool) {
		if !d.anyTable(wanted) {
			return
		}
		for n := range d.states.Len() {
			if d.store.Err() != nil {
				return
			}
			if _, table := d.keyOf(d.states.Key(n)); wanted(table) && !yield(d.State(n)) {
				return
			}
		}
	}
}

func (d *Divergence) anyTable(wanted func(*Definition) bool) bool {
	for _, table := range d.Tables {
		if wanted(table) {
			return true
		}
	}
	return false
}

// state is that of a key which the old side touched, else nil. What is changed in it has to be kept.
func (d *Divergence) state(key Key) *State {
	stored := d.stored(key)
	n, ok := d.states.Find(stored)
	if !ok {
		return nil
	}
	s := &State{Number: n, Key: key, Table: d.Tables[key.Name], stored: stored}
	s.read(d.states.Value(n))
	return s
}

// Keep keeps what was changed in a state.
func (d *Divergence) Keep(s *State) {
	d.record = s.record(d.record[:0])
	d.states.Set(s.Number, d.record)
}
