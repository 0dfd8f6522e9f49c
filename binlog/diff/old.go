package diff

import (
	"slices"
	"strconv"

	"github.com/regentdb/regent/binlog/decode"
)

// Visitor takes the transactions of the old side, in commit order, row by row.
type Visitor interface {
	// Begin announces a transaction: its identity, time and size.
	Begin(tx *decode.Transaction) error
	Row(tx *decode.Transaction, row decode.Row) error
	// End says that all rows were visited. All but the rows is in the transaction now.
	End(tx *decode.Transaction) error
}

// Chooser is a Visitor that does without some values. Where it chooses, it gets rows with the values of those columns,
// and all others [decode.Absent].
type Chooser interface {
	// Choose says which columns of a table are wanted, by their number; nil means all of them.
	Choose(logged *decode.Table) []bool
}

// Choose is what a visitor chooses: nil where it does not.
func Choose(v Visitor, logged *decode.Table) []bool {
	if c, ok := v.(Chooser); ok {
		return c.Choose(logged)
	}
	return nil
}

// History is the old side, which may be visited many times. It ends with the first error of the visitor, and returns it.
type History func(v Visitor) error

// Change is one row change of the old side.
type Change struct {
	Row decode.Row
	// States are those of the row's keys: one, or two where the change moved the row to another key; none where the
	// row has no key, and then Unkeyed says why.
	States []*State
	// Table is the definition on the new primary; nil where it does not fit the images.
	Table   *Definition
	Unkeyed string
}

// past is the open transaction of the old side.
type past struct {
	shared bool
	// turn counts the transactions.
	turn int
	// touched are the states that the transaction changed, each as often.
	touched List
}

// fit is the definition for a table of the log.
type fit struct {
	logged  *decode.Table
	table   *Definition
	plan    *plan
	unkeyed string
}

// manyTables is how many tables of a log are remembered. Each new description of a table is another one.
const manyTables = 4096

func (d *Divergence) fit(logged *decode.Table) fit {
	if logged == d.fitted.logged {
		return d.fitted
	}
	if known, ok := d.fits[logged]; ok {
		d.fitted = known
		return known
	}
	table, f := d.Tables[Name{logged.Schema, logged.Name}], fit{logged: logged}
	if table == nil {
		return fit{unkeyed: "the definition of the table was not read"}
	}
	if f.unkeyed = table.Mismatch(logged); f.unkeyed == "" {
		f = fit{logged: logged, table: table, plan: d.plan(table), unkeyed: table.unkeyed()}
	}
	if len(d.fits) >= manyTables {
		clear(d.fits)
	}
	d.fits[logged] = f
	return f
}

// Begin begins the next transaction of the old side.
func (d *Divergence) Begin(tx *decode.Transaction) error {
	d.past.shared = d.Shared(tx.GTID)
	d.past.turn++
	d.past.touched.Reset()
	return nil
}

// Row adds a row change of the old side.
func (d *Divergence) Row(_ *decode.Transaction, row decode.Row) error {
	from, to := -1, -1
	if !d.past.shared {
		f := d.fit(row.Table)
		if f.table != nil {
			f.plan.raise(row.Before)
			f.plan.raise(row.After)
		}
		if f.unkeyed == "" {
			from, to = d.follow(f.plan, row)
		}
	}
	d.trace.add(from, to)
	return d.store.Err()
}

// End ends the transaction. Where it cannot be compared row by row, nothing is known of the rows that it changed.
func (d *Divergence) End(tx *decode.Transaction) error {
	if len(tx.Opaque)+len(tx.Undecodable) == 0 {
		return d.store.Err()
	}
	reason := slices.Concat(tx.Opaque, tx.Undecodable)[0] + " in " + tx.GTID.String()
	for part := range d.past.touched.All() {
		r := NewReader(part)
		s, overruled := d.State(r.Int()), r.Int() > 0
		if s.Opaque == "" || overruled {
			s.Opaque = reason
			d.Keep(s)
		}
	}
	return d.store.Err()
}

// raise follows the highest generated key.
func (p *plan) raise(image []decode.Value) {
	if p.auto >= 0 && image != nil {
		n, _ := strconv.ParseUint(image[p.auto].Text, 10, 64) // A negative one is not the highest.
		p.tally.highest = max(p.tally.highest, n)
	}
}

// keys are those of a row change as stores have them: of the images, each only where it has one that counts.
type keys struct {
	before, after       string
	hasBefore, hasAfter bool
}

func (d *Divergence) keysOf(p *plan, row decode.Row) (k keys) {
	if k.hasBefore = d.spellKey(p, row.Before); k.hasBefore {
		k.before = string(d.id)
	}
	switch k.hasAfter = d.spellKey(p, row.After); {
	case k.hasAfter && k.hasBefore && string(d.id) == k.before:
		k.after = k.before
	case k.hasAfter:
		k.after = string(d.id)
	case row.Op == decode.Update:
		k.after, k.hasAfter = k.before, k.hasBefore // A partial image leaves an unchanged key out.
	}
	return k
}

// spellKey makes the key of an image as stores have it in d.id; false where the image lacks a column of it.
func (d *Divergence) spellKey(p *plan, image []decode.Value) bool {
	if image == nil {
		return false
	}
	id := begin(d.id[:0], p.number)
	for i := range p.key {
		s := &p.key[i]
		if image[s.column].Kind == decode.Absent {
			return false
		}
		id = spell(id, s.fold(image[s.column].Text))
	}
	d.id = id
	return true
}

// moved says that the key of the after image is another.
func (k keys) moved() bool { return k.hasAfter && (!k.hasBefore || k.after != k.before) }

// follow brings the states of the change's keys forward, and returns their numbers, -1 where there is none.
func (d *Divergence) follow(p *plan, row decode.Row) (from, to int) {
	k := d.keysOf(p, row)
	from, to = -1, -1
	if k.hasBefore {
		next := row.After
		if k.moved() {
			next = nil
		}
		from = d.step(p, k.before, row.Before, row.Before, next)
	}
	if k.moved() {
		to = d.step(p, k.after, row.After, nil, row.After)
	}
	if from >= 0 && to >= 0 {
		d.join(from, to)
	}
	return from, to
}

// step moves the state of a key from one image to the next, and returns its number. An image that does not fit what
// the key was last says that something between is missing.
func (d *Divergence) step(p *plan, key string, spelled, from, to []decode.Value) int {
	n, added := d.states.Add(key)
	s := State{Number: n, Table: p.table, stored: key, images: d.images[:0]}
	if added {
		s.KeyValues, s.Before, s.After = d.keyValues(p, spelled), from, from
		p.tally.keys++
		if p.strange && !p.table.plainKey(s.KeyValues) {
			d.strange[p.table.Name] = true
		}
	} else {
		s.read(d.states.Value(n))
		d.images = s.images
	}
	again := s.turn == d.past.turn
	gap := s.Opaque == "" && !slices.Equal(s.After, from)
	if gap {
		s.Opaque = "the history of the row has a gap"
	}
	was := s.difference()
	s.After, s.turn = to, d.past.turn
	if s.linked {
		d.differ(n, s.difference()-was)
	}
	d.Keep(&s)
	d.note(n, again && gap)
	return n
}

// keyValues is KeyValues, valid until the next call.
func (d *Divergence) keyValues(p *plan, image []decode.Value) []decode.Value {
	d.images = d.images[:0]
	for i := range p.key {
		d.images = append(d.images, image[p.key[i].column])
	}
	return d.images
}

// note remembers that the transaction changed the state. That it has a gap is overruled where the transaction, which
// changed the row before, turns out not to be comparable at all.
func (d *Divergence) note(n int, overruled bool) {
	r := d.record[:0].Int(n)
	if overruled {
		r = r.Int(1)
	}
	d.record = r
	d.past.touched.Append(r)
}

// Definition is the definition that fits the images of a table of the log; nil where none does.
func (d *Divergence) Definition(logged *decode.Table) *Definition { return d.fit(logged).table }
