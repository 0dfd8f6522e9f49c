package diff

import (
	"slices"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// Contact is what the new side did to a key.
type Contact struct {
	// Touched is the last transaction of the new side that touched the key; the zero GTID where none did.
	Touched gtid.GTID
	// Base is the row before the new side first touched it. It means nothing where the new side did not, or logged a
	// partial image, and BaseRead is not set then.
	Base     []decode.Value
	BaseRead bool
	// first and last are places in the history of the new side, from 1.
	first, last int
}

// IsTouched says whether the new side touched the key.
func (t *Contact) IsTouched() bool { return t.Touched != gtid.GTID{} }

// touch notes a change of the new side; from is the row of the key before it.
func (t *Contact) touch(by gtid.GTID, place int, from []decode.Value) {
	if !t.IsTouched() {
		t.first, t.Base = place, from
		t.BaseRead = !slices.ContainsFunc(from, func(v decode.Value) bool { return v.Kind == decode.Absent })
	}
	t.Touched, t.last = by, place
}

// merge adds what the new side did under another spelling of the key.
func (t *Contact) merge(o Contact) {
	if !t.IsTouched() || o.first < t.first {
		t.first, t.Base, t.BaseRead = o.first, o.Base, o.BaseRead
	}
	if o.last > t.last {
		t.Touched, t.last = o.Touched, o.last
	}
}

// stray is a key that the new side touched and the old side did not, as far as spelling tells.
type stray struct {
	Contact
	table  *Definition
	values []decode.Value
}

func (d *Divergence) stray(n int) (s stray) {
	_, s.table = d.keyOf(d.strays.Key(n))
	r := NewReader(d.strays.Value(n))
	s.values, s.Touched, s.Base = r.Image(), r.GTID(), r.Image()
	s.first, s.last, s.BaseRead = r.Int(), r.Int(), r.Int() > 0
	if len(s.values) != len(s.table.PrimaryKey) {
		s.values = make([]decode.Value, len(s.table.PrimaryKey))
	}
	return s
}

func (d *Divergence) keepStray(n int, s stray) {
	r := d.record[:0].Image(s.values).GTID(s.Touched).Image(s.Base).Int(s.first).Int(s.last)
	if s.BaseRead {
		r = r.Int(1)
	}
	d.record = r
	d.strays.Set(n, r)
}

// plainly says whether folding tells exactly which texts the server takes as equal to this one, other than texts that
// are not plain themselves: printable ASCII, in collations that treat it by case alone.
func (c Column) plainly(text string) bool {
	if c.Kind() != decode.Text || c.exact() {
		return true
	}
	known := strings.HasSuffix(c.Collation, "_general_ci") || slices.Contains([]string{
		"utf8mb4_0900_ai_ci", "utf8mb4_0900_as_ci", "utf8mb4_0900_as_cs", "utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci",
		"latin1_swedish_ci",
	}, c.Collation)
	return known && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// plainKey says whether every text of the key is plain.
func (d *Definition) plainKey(values []decode.Value) bool {
	for i, column := range d.PrimaryKey {
		if !d.Columns[column].plainly(values[i].Text) {
			return false
		}
	}
	return true
}

// astray keeps a key of the new side that may be another spelling of one of the old side.
func (d *Divergence) astray(table *Definition, key Key, by gtid.GTID, image, from []decode.Value) {
	n, known := d.strays.Find(d.stored(key))
	var s stray
	if known {
		s = d.stray(n)
	} else {
		s = stray{table: table, values: table.KeyValues(image)}
		if !d.strange[table.Name] && table.plainKey(s.values) {
			return
		}
		n, _ = d.strays.Add(d.stored(key))
		d.strayed[table.Name] = true
	}
	s.touch(by, d.place, from)
	d.keepStray(n, s)
}

// UnweighedKeys visits the texts whose sort keys Respell needs.
func (d *Divergence) UnweighedKeys(visit func(Text)) {
	for s := range d.AllOf(d.respelled) {
		d.unweighed(s.Table, s.Table.PrimaryKey, s.KeyValues, visit)
	}
	for n := range d.strays.Len() {
		if s := d.stray(n); d.store.Err() == nil {
			d.unweighed(s.table, s.table.PrimaryKey, s.values, visit)
		}
	}
}

// respelled says whether keys of the table may be spelled in several ways that folding keeps apart.
func (d *Divergence) respelled(table *Definition) bool {
	return d.strange[table.Name] || d.strayed[table.Name]
}

// Respell brings together what the new side did under other spellings of the old side's keys, once the sort keys are
// known. Where the old side itself used two spellings of one key, the history of its row cannot be told.
func (d *Divergence) Respell() {
	spellings := d.store.Dict()
	for s := range d.AllOf(d.respelled) {
		at, added := spellings.Add(d.weighed(s.Table, s.KeyValues))
		if !added {
			const reason = "the old side spelled the key in two ways"
			other := d.State(NewReader(spellings.Value(at)).Int())
			s.Opaque, other.Opaque = reason, reason
			d.Keep(s)
			d.Keep(other)
		}
		spellings.Set(at, Record(nil).Int(s.Number))
	}
	for n := range d.strays.Len() {
		stray := d.stray(n)
		at, known := spellings.Find(d.weighed(stray.table, stray.values))
		if !known || d.store.Err() != nil {
			continue
		}
		s := d.State(NewReader(spellings.Value(at)).Int())
		s.merge(stray.Contact)
		d.Touched[s.Table.Name] = true
		d.Keep(s)
	}
}

// weighed is the key as the server compares it, as stores have it.
func (d *Divergence) weighed(table *Definition, values []decode.Value) string {
	p := d.plan(table)
	id := begin(d.id[:0], p.number)
	for i := range p.key {
		id = spell(id, d.weight(&p.key[i], values[i].Text))
	}
	d.id = id
	return string(id)
}
