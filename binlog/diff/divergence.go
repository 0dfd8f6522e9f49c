package diff

import (
	"fmt"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// State is what became of one key.
type State struct {
	Contact

	Key Key
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
	// Twins are rows of other keys that the new side inserted alike; Rivals, by unique key of the table, those that it
	// inserted with the same tuple. Nil where the old side inserted no row, or rows of the kind cannot be told.
	Twins  *Group
	Rivals []*Group
	// link leads to the state that stands for all that updates of the primary key join with this one; differs counts
	// there those that did not end as they began.
	link    *State
	differs int
}

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

// Transaction is one transaction of the old side.
type Transaction struct {
	*decode.Transaction
	Changes []Change
	// Shared says that the new primary has the transaction itself: it is no part of the divergence any more.
	Shared bool
}

// Divergence is the whole comparison. Transactions of the old side are added first, in commit order, then those of
// the new side.
type Divergence struct {
	// Tables are the definitions on the new primary of every table that the old side touched.
	Tables map[Name]*Definition
	Old    []Transaction
	States map[Key]*State
	// Order lists the keys of States as they were first touched.
	Order []Key
	// Altered says, by table, which statement of the new side may have changed it as a whole.
	Altered map[Name]string
	// Facts are what else was read from the new primary.
	Facts  Facts
	shared map[gtid.GTID]bool
	groups map[Tuple]*Group
	// strange are the tables in which a key of the old side may be spelled in other ways, strayed those with a key of
	// the new side that may be another spelling.
	strange    map[Name]bool
	strayed    map[Name]bool
	strays     map[Key]*stray
	strayOrder []Key
	// place counts the row changes of the new side.
	place int
}

// New returns an empty comparison over the definitions, which must cover every table of the old side.
func New(tables map[Name]*Definition) *Divergence {
	return &Divergence{
		Tables: tables, States: map[Key]*State{}, Altered: map[Name]string{}, Facts: newFacts(), shared: map[gtid.GTID]bool{},
		strange: map[Name]bool{}, strayed: map[Name]bool{}, strays: map[Key]*stray{},
	}
}

// AddOld adds the next transaction of the old side.
func (d *Divergence) AddOld(tx *decode.Transaction) {
	out := Transaction{Transaction: tx}
	for _, row := range tx.Rows {
		out.Changes = append(out.Changes, d.change(tx, row))
	}
	d.Old = append(d.Old, out)
}

// AddShared adds a captured transaction that the new primary has by now.
func (d *Divergence) AddShared(tx *decode.Transaction) {
	out := Transaction{Transaction: tx, Shared: true}
	for _, row := range tx.Rows {
		out.Changes = append(out.Changes, Change{Row: row})
	}
	d.Old = append(d.Old, out)
	d.shared[tx.GTID] = true
}

func (d *Divergence) change(tx *decode.Transaction, row decode.Row) Change {
	out := Change{Row: row}
	table := d.Tables[Name{row.Table.Schema, row.Table.Name}]
	if table == nil {
		out.Unkeyed = "the definition of the table was not read"
		return out
	}
	if out.Unkeyed = table.Mismatch(row.Table); out.Unkeyed == "" {
		out.Table = table
		out.Unkeyed = table.unkeyed()
	}
	if out.Unkeyed != "" {
		return out
	}
	d.follow(&out)
	for _, state := range out.States {
		if len(tx.Opaque)+len(tx.Undecodable) > 0 && state.Opaque == "" {
			state.Opaque = slices.Concat(tx.Opaque, tx.Undecodable)[0] + " in " + tx.GTID.String()
		}
	}
	return out
}

// follow brings the states of the change's keys forward.
func (d *Divergence) follow(out *Change) {
	row, table := out.Row, out.Table
	before, hasBefore := table.KeyOf(row.Before)
	after, hasAfter := table.KeyOf(row.After)
	if row.Op == decode.Update && !hasAfter {
		after, hasAfter = before, hasBefore // A partial image leaves an unchanged key out.
	}
	if !hasBefore && !hasAfter {
		out.Unkeyed = "the row image lacks the primary key"
		return
	}
	if hasBefore {
		next := row.After
		if hasAfter && after != before {
			next = nil
		}
		out.States = append(out.States, d.step(table, before, row.Before, row.Before, next))
	}
	if hasAfter && (!hasBefore || after != before) {
		out.States = append(out.States, d.step(table, after, row.After, nil, row.After))
	}
	if len(out.States) == 2 {
		join(out.States[0], out.States[1])
	}
}

// state is that of a key which the old side touched, else nil.
func (d *Divergence) state(key Key) *State { return d.States[key] }

// step moves the state of a key from one image to the next. An image that does not fit what the key was last says
// that something between is missing.
func (d *Divergence) step(table *Definition, key Key, spelled, from, to []decode.Value) *State {
	state := d.state(key)
	if state == nil {
		state = &State{Key: key, Table: table, KeyValues: table.KeyValues(spelled), Before: from, After: from}
		d.States[key] = state
		d.Order = append(d.Order, key)
		d.strange[key.Name] = d.strange[key.Name] || !table.plainKey(state.KeyValues)
	}
	if state.Opaque == "" && !slices.Equal(state.After, from) {
		state.Opaque = "the history of the row has a gap"
	}
	root := state.root()
	root.differs -= state.difference()
	state.After = to
	root.differs += state.difference()
	return state
}

// difference is 1 where the old side left another row than it found.
func (s *State) difference() int {
	if Alike(s.Before, s.After) {
		return 0
	}
	return 1
}

func (s *State) root() *State {
	for s.link != nil {
		if s.link.link != nil {
			s.link = s.link.link
		}
		s = s.link
	}
	return s
}

// join notes that an update moved a row from one key to the other.
func join(a, b *State) {
	if a, b = a.root(), b.root(); a != b {
		a.link = b
		b.differs += a.differs
	}
}

// Undone says that the old side left the row as it found it, and likewise every row that a change of the primary key
// joins with it.
func (s *State) Undone() bool { return s.root().differs == 0 }

// Alike compares rows, of which nil is none, by what they store.
func Alike(a, b []decode.Value) bool {
	return (a == nil) == (b == nil) && slices.Equal(a, b)
}

// AddNew adds the next transaction of the new side as a whole. Transactions that were added as shared are passed over.
func (d *Divergence) AddNew(tx *decode.Transaction) {
	if d.shared[tx.GTID] {
		return
	}
	for _, statement := range tx.Statements {
		d.alter(tx, statement)
	}
	d.obscure(tx)
	for _, row := range tx.Rows {
		d.touch(tx, row)
	}
}

// alter notes which tables a statement of the new side may have changed.
func (d *Divergence) alter(tx *decode.Transaction, statement decode.Statement) {
	m := mentionsOf(statement)
	for name := range d.Tables {
		if m.touches(name) {
			d.Altered[name] = fmt.Sprintf("%s ran a statement that names the table on the new primary", tx.GTID)
		}
	}
}

// obscure notes that a transaction of the new side may have changed any table, where it cannot be decoded.
func (d *Divergence) obscure(tx *decode.Transaction) {
	if len(tx.Undecodable) == 0 {
		return
	}
	for name := range d.Tables {
		d.Altered[name] = fmt.Sprintf("%s of the new primary cannot be decoded", tx.GTID)
	}
}

// misfit notes that a transaction of the new side changed rows of a table that cannot be compared.
func (d *Divergence) misfit(tx *decode.Transaction, table *Definition, reason string) {
	d.Altered[table.Name] = fmt.Sprintf("in %s of the new primary %s", tx.GTID, reason)
}

func (d *Divergence) touch(tx *decode.Transaction, row decode.Row) {
	table := d.Tables[Name{row.Table.Schema, row.Table.Name}]
	if table == nil {
		return
	}
	if reason := table.Mismatch(row.Table); reason != "" {
		d.misfit(tx, table, reason)
		return
	}
	d.place++
	before, hasBefore := table.KeyOf(row.Before)
	if hasBefore {
		d.touchKey(table, before, tx.GTID, row.Before, row.Before)
	}
	if after, ok := table.KeyOf(row.After); ok && (!hasBefore || after != before) {
		d.touchKey(table, after, tx.GTID, row.After, nil)
	}
	d.repeat(tx, table, row)
}

// touchKey notes that the new side changed the row of a key, which image spells, and which was from before.
func (d *Divergence) touchKey(table *Definition, key Key, by gtid.GTID, image, from []decode.Value) {
	if s := d.state(key); s != nil {
		s.touch(by, d.place, from)
	} else {
		d.astray(table, key, by, image, from)
	}
}
