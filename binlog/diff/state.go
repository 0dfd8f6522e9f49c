package diff

import (
	"iter"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
)

// State is what became of one key. It is a copy of what the comparison keeps.
type State struct {
	Contact

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
	// Candidate says that a replay may change the row, as far as its own states tell. Whoever reads the live row sets it.
	Candidate bool
	// stored is the key as stores have it.
	stored string
	// linked says that updates of the primary key join the state with others.
	linked bool
	// images is memory for the rows.
	images []decode.Value
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
	// Which rows there are.
	hasBefore
	hasAfter
	hasLive
	isCandidate
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
	}{
		{s.linked, isLinked},
		{s.LiveRead, isLive},
		{s.IsTouched(), isTouched},
		{s.BaseRead, isBase},
		{s.Before != nil, hasBefore},
		{s.After != nil, hasAfter},
		{s.Live != nil, hasLive},
		{s.Candidate, isCandidate},
	} {
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

// room is memory for the rows of a record.
func (s *State) room(record string) []decode.Value {
	size, width := len(s.Table.PrimaryKey), len(s.Table.Columns)
	flags := record[0]
	for _, own := range [...]bool{
		flags&hasBefore != 0, flags&hasAfter != 0 && record[1] != asBefore, flags&hasLive != 0 && record[2] == asItself,
		flags&isTouched != 0 && record[3] == asItself,
	} {
		if own {
			size += width
		}
	}
	if cap(s.images) >= size {
		return s.images[:0]
	}
	return make([]decode.Value, 0, size)
}

// read is the inverse of record.
func (s *State) read(record string) {
	const head = 4
	if len(record) < head {
		s.lost()
		return
	}
	flags, r := record[0], Reader{rest: record[head:], images: s.room(record)}
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
	s.linked, s.LiveRead, s.Candidate = flags&isLinked != 0, flags&isLive != 0, flags&isCandidate != 0
	if flags&isTouched != 0 {
		s.Base = same(record[3])
		s.Touched, s.first, s.last, s.BaseRead = r.GTID(), r.Int(), r.Int(), flags&isBase != 0
	}
	s.images = r.images
	for _, image := range [...][]decode.Value{s.Before, s.After, s.Live, s.Base} {
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
	*s = State{stored: s.stored, Number: s.Number, Table: s.Table, Opaque: "the row could not be kept"}
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
	if table := d.tableOf(stored); table != nil {
		return Key{Name: table.Name, ID: stored[tableSize:]}, table
	}
	return Key{}, &Definition{Missing: true}
}

// tableOf is the table of a key as stores have it; nil where it is none.
func (d *Divergence) tableOf(stored string) *Definition {
	if len(stored) < tableSize {
		return nil
	}
	n := int(stored[0]) | int(stored[1])<<8 | int(stored[2])<<16 | int(stored[3])<<24
	if n >= len(d.named) {
		return nil
	}
	of := &d.named[n]
	if of.table == nil {
		of.table = d.Tables[of.of]
	}
	return of.table
}

// States counts the keys that the old side touched.
func (d *Divergence) States() int { return d.states.Len() }

// State returns the state with the number.
func (d *Divergence) State(n int) *State {
	s := &State{}
	d.Load(s, n)
	return s
}

// Load fills in the state with the number. Its rows take the memory of those that were in it.
func (d *Divergence) Load(s *State, n int) {
	stored, record := d.states.Pair(n)
	*s = State{Number: n, stored: stored, Table: d.tableOf(stored), images: s.images[:0]}
	if s.Table == nil {
		s.Table = &Definition{Missing: true}
	}
	s.read(record)
}

// each visits the states in the order of All. A state is valid until the next.
func (d *Divergence) each(visit func(s *State)) {
	var s State
	for n := 0; n < d.states.Len() && d.store.Err() == nil; n++ {
		d.Load(&s, n)
		visit(&s)
	}
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
			if table := d.tableOf(d.states.Key(n)); table != nil && wanted(table) && !yield(d.State(n)) {
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
	s := &State{Number: n, Table: d.Tables[key.Name], stored: stored}
	s.read(d.states.Value(n))
	return s
}

// Keep keeps what was changed in a state.
func (d *Divergence) Keep(s *State) {
	d.record = s.record(d.record[:0])
	d.states.Set(s.Number, d.record)
}
