package diff

import (
	"encoding/binary"
	"iter"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// Group names rows of the new side that were inserted alike.
type Group int

// Insertion is a row that the new side inserted.
type Insertion struct {
	Key       Key
	KeyValues []decode.Value
	By        gtid.GTID
}

// groups are what the new side may repeat of the old side's inserted rows.
type groups struct {
	// tuples are what rows have in common that may repeat each other, inserted the rows of the new side, by group and key.
	tuples, inserted Dict
}

// ContentID is what two rows have in common when one repeats the other: all values but those of the auto-increment
// key, of generated and of volatile columns. It is false where nothing remains, or the image is not a whole one.
func (d *Definition) ContentID(image []decode.Value) (string, bool) {
	var buf [256]byte
	id := buf[:0]
	auto := d.Auto()
	for i, v := range image {
		if v.Kind == decode.Absent {
			return "", false
		}
		if i == auto || !d.steady(i) {
			continue
		}
		id = spell(append(id, '0'+byte(v.Kind)), v.Text)
	}
	return string(id), len(id) > 0
}

// index groups the rows that the old side inserted by what a repetition would share. It is made for the first row of the
// new side that may be one.
func (d *Divergence) index() {
	d.groups = &groups{tuples: d.store.Dict(), inserted: d.store.Dict()}
	for s := range d.All() {
		if of, ok := d.content(s); ok {
			d.groups.tuples.Add(string(of))
		}
		for i := range s.Table.Unique {
			if of, ok := d.folded(s, i); ok {
				d.groups.tuples.Add(string(of))
			}
		}
	}
}

// content is what rows that repeat the state's under another generated key have in common with it; false where the old
// side inserted no row, or such rows cannot be told.
func (d *Divergence) content(s *State) (Tuple, bool) {
	if !s.isInserted() || s.Table.Auto() < 0 {
		return "", false
	}
	return d.contentOf(s.Table, s.After)
}

// isInserted says whether the old side inserted the row.
func (s *State) isInserted() bool { return s.Before == nil && s.After != nil }

func (d *Divergence) contentOf(table *Definition, image []decode.Value) (Tuple, bool) {
	p := d.plan(table)
	if !isWhole(image) {
		return "", false
	}
	id := begin(d.id[:0], p.number)
	for _, i := range p.content {
		id = spell(append(id, '0'+byte(image[i].Kind)), image[i].Text)
	}
	d.id = id
	return Tuple(id), len(p.content) > 0
}

// isWhole says whether an image has all columns.
func isWhole(image []decode.Value) bool {
	for i := range image {
		if image[i].Kind == decode.Absent {
			return false
		}
	}
	return true
}

// folded is likewise what rows have in common with the state's by a unique key of its table.
func (d *Divergence) folded(s *State, unique int) (Tuple, bool) {
	if !s.isInserted() {
		return "", false
	}
	return d.foldedTuple(s.Table, s.Table.Unique[unique], s.After)
}

// known is the group of a tuple under which the old side inserted a row.
func (d *Divergence) known(of Tuple) (Group, bool) {
	n, ok := d.groups.tuples.Find(string(of))
	return Group(n), ok
}

// inserted is the group where the new side inserted rows of it.
func (d *Divergence) inserted(of Tuple, ok bool) (Group, bool) {
	if !ok {
		return 0, false
	}
	g, ok := d.known(of)
	return g, ok && d.groups.tuples.Value(int(g)) != ""
}

// AnyInserted says whether the new side inserted anything that may repeat a row of the old side.
func (d *Divergence) AnyInserted() bool { return d.groups != nil && d.groups.inserted.Len() > 0 }

// Twins are the rows of other keys that the new side inserted with the same content; false where there are none.
func (d *Divergence) Twins(s *State) (Group, bool) {
	if !d.AnyInserted() {
		return 0, false
	}
	of, ok := d.content(s)
	return d.inserted(of, ok)
}

// Rivals are the rows that the new side inserted with the same tuple under a unique key of the table; false where there
// are none.
func (d *Divergence) Rivals(s *State, unique int) (Group, bool) {
	if !d.AnyInserted() {
		return 0, false
	}
	of, ok := d.folded(s, unique)
	return d.inserted(of, ok)
}

// Rival is the transaction that first inserted the row of the group with the key, as stores have it; false where none
// did.
func (d *Divergence) Rival(g Group, stored string) (gtid.GTID, bool) {
	n, ok := d.groups.inserted.Find(member(g, stored))
	if !ok {
		return gtid.GTID{}, false
	}
	return d.insertion(n).By, true
}

// Inserted iterates over the rows of a group in the order in which they were first inserted.
func (d *Divergence) Inserted(g Group) iter.Seq[Insertion] {
	return func(yield func(Insertion) bool) {
		n := d.ends(g).first
		for range d.groups.inserted.Len() {
			in := d.insertion(n)
			if !yield(in.Insertion) || in.next < 0 {
				return
			}
			n = in.next
		}
	}
}

// Settle says which transaction of the new side repeated the rows of the group; none where nobody did.
func (d *Divergence) Settle(g Group, by gtid.GTID) {
	e := d.ends(g)
	e.settled, e.by = true, by
	d.keepEnds(g, e)
}

// Settled returns what Settle was told; false where it was not.
func (d *Divergence) Settled(g Group) (gtid.GTID, bool) {
	e := d.ends(g)
	return e.by, e.settled
}

// ends are the first and the last row of a group, and what is known of all.
type ends struct {
	first, last int
	settled     bool
	by          gtid.GTID
}

func (d *Divergence) ends(g Group) (e ends) {
	r := NewReader(d.groups.tuples.Value(int(g)))
	e.first, e.last, e.settled = r.Int(), r.Int(), r.Int() > 0
	if e.settled {
		e.by = r.GTID()
	}
	return e
}

func (d *Divergence) keepEnds(g Group, e ends) {
	r := d.record[:0].Int(e.first).Int(e.last)
	if e.settled {
		r = r.Int(1).GTID(e.by)
	}
	d.record = r
	d.groups.tuples.Set(int(g), r)
}

// member is an inserted row as stores have it.
func member(g Group, stored string) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(g))) + stored
}

// insertion is an inserted row with the number of the next of its group, -1 where it is the last.
type insertion struct {
	Insertion

	next int
}

func (d *Divergence) insertion(n int) insertion {
	r := NewReader(d.groups.inserted.Value(n))
	in := insertion{next: r.Int()}
	in.By, in.KeyValues = r.GTID(), r.Image()
	const groupSize = 8
	var table *Definition
	if member := d.groups.inserted.Key(n); len(member) > groupSize {
		in.Key, table = d.keyOf(member[groupSize:])
	}
	if table == nil || len(in.KeyValues) != len(table.PrimaryKey) {
		return insertion{next: -1}
	}
	return in
}

// add adds a row to a group, the first time that it is inserted.
func (d *Divergence) add(g Group, in insertion) {
	n, added := d.groups.inserted.Add(member(g, d.stored(in.Key)))
	if !added {
		return
	}
	in.next = -1
	d.keepInsertion(n, in)
	if d.groups.tuples.Value(int(g)) == "" {
		d.keepEnds(g, ends{first: n, last: n})
		return
	}
	e := d.ends(g)
	last := d.insertion(e.last)
	last.next, e.last = n, n
	d.keepInsertion(d.ends(g).last, last)
	d.keepEnds(g, e)
}

func (d *Divergence) keepInsertion(n int, in insertion) {
	d.record = d.record[:0].Int(in.next).GTID(in.By).Image(in.KeyValues)
	d.groups.inserted.Set(n, d.record)
}

// foldedTuple is the tuple of an image as far as it can be told without the server.
func (d *Divergence) foldedTuple(table *Definition, u Unique, image []decode.Value) (Tuple, bool) {
	if !u.Checkable() || !hasValues(u.Columns, image) {
		return "", false
	}
	t := d.tuplePlan(d.plan(table), named{table.Name, u.Name}, u.Columns)
	id := begin(d.id[:0], t.number)
	for i := range t.parts {
		s := &t.parts[i]
		id = spell(id, s.fold(image[s.column].Text))
	}
	d.id = id
	return Tuple(id), true
}

// repeat keeps a row that the new side inserted where it may repeat one of the old side.
func (d *Divergence) repeat(tx *decode.Transaction, table *Definition, row decode.Row) {
	key, ok := table.KeyOf(row.After)
	if !ok || row.Op != decode.Insert {
		return
	}
	if d.groups == nil {
		d.index()
	}
	note := func(of Tuple) {
		if g, ok := d.known(of); ok {
			d.add(g, insertion{Insertion: Insertion{Key: key, KeyValues: table.KeyValues(row.After), By: tx.GTID}})
		}
	}
	if of, ok := d.contentOf(table, row.After); ok {
		note(of)
	}
	for _, u := range table.Unique {
		if of, ok := d.foldedTuple(table, u, row.After); ok {
			note(of)
		}
	}
}
