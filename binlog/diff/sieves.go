package diff

import (
	"hash/maphash"

	"github.com/regentdb/regent/binlog/decode"
)

// sieves returns a sieve for each table of which a row of the old side has a key.
func (d *Divergence) sieves() map[Name]*sieve {
	out := map[Name]*sieve{}
	of := map[*Definition]*sieve{}
	d.each(func(state *State) {
		s := of[state.Table]
		if s == nil {
			name := state.Table.Name
			s = newSieve(state.Table, d.plan(state.Table).tally.keys, d.states.Len())
			s.all = d.strange[name]
			out[name], of[state.Table] = s, s
		}
		s.take(state)
	})
	for _, s := range out {
		s.tighten()
	}
	return out
}

// newSieve returns a sieve for a table of which the old side touched so many keys of all.
func newSieve(table *Definition, count, all int) *sieve {
	s := &sieve{seed: maphash.MakeSeed()}
	s.key = net{parts: table.parts(table.PrimaryKey), nulls: true, has: newMarks(count, all)}
	for i := range s.key.parts {
		p := &s.key.parts[i]
		if p.Kind() == decode.Text && !p.exact() {
			p.form, p.plain = folded, true
		}
	}
	s.repeatable = table.Auto() >= 0 && len(table.contentParts()) > 0
	s.content = &net{parts: table.contentParts(), nulls: true, has: newMarks(count, all)}
	for _, u := range table.Unique {
		n := &net{has: newMarks(count, all)}
		if u.Checkable() {
			n.parts = table.parts(u.Columns)
		}
		s.unique = append(s.unique, n)
	}
	return s
}

// parts are columns of the table as parts of a net for keys.
func (d *Definition) parts(columns []int) []part {
	out := make([]part, 0, len(columns))
	for _, i := range columns {
		p := newPart(d.Columns[i], i)
		if p.pads || p.ignoresCase {
			p.form = folded
		}
		out = append(out, p)
	}
	return out
}

// newPart is a column whose values are told apart by all that is stored.
func newPart(c Column, index int) part {
	p := part{Column: c, index: index, form: spelled}
	switch c.Kind() {
	case decode.Integer:
		p.form = number
	case decode.Binary:
		p.form = stored
	case decode.Text:
		p.form, p.pads, p.ignoresCase = stored, c.Pads(), c.IgnoresCase()
	case decode.Absent, decode.Null, decode.Float, decode.Decimal, decode.Time, decode.JSON:
	}
	return p
}

// contentParts are the columns that are cheap to read of those that two rows share when one repeats the other; all of
// them where none is cheap.
func (d *Definition) contentParts() []part {
	var cheap, every []part
	for i, c := range d.Columns {
		if i == d.Auto() || !d.steady(i) {
			continue
		}
		p := newPart(c, i)
		every = append(every, p)
		if p.form != spelled {
			cheap = append(cheap, p)
		}
	}
	if len(cheap) == 0 {
		return every
	}
	return cheap
}

// take lets the sieve hold what may concern a key of the old side.
func (s *sieve) take(state *State) {
	s.add(&s.key, state.KeyValues)
	if !state.isInserted() {
		return
	}
	if s.repeatable && isWhole(state.After) {
		s.addRow(s.content, state.After)
	}
	for i, n := range s.unique {
		if u := &state.Table.Unique[i]; u.Checkable() && hasValues(u.Columns, state.After) {
			s.addRow(n, state.After)
		}
	}
}

// tighten drops the nets that hold nothing.
func (s *sieve) tighten() {
	if s.content.has.empty() {
		s.content = nil
	}
	var left []*net
	for _, u := range s.unique {
		if !u.has.empty() {
			left = append(left, u)
		}
	}
	s.unique = left
}
