package diff

import (
	"fmt"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// Divergence is the whole comparison. Transactions of the old side are added first, in commit order, then those of
// the new side. What it remembers of rows is in a store.
type Divergence struct {
	// Tables are the definitions on the new primary of every table that the old side touched.
	Tables map[Name]*Definition
	// Altered says, by table, which statement of the new side may have changed it as a whole.
	Altered map[Name]string
	// Touched are the tables with a key that both sides touched.
	Touched map[Name]bool
	// Facts are what else was read from the new primary.
	Facts Facts

	store Store
	// states are by key, links by the number of a state.
	states, links Dict
	numbers       map[named]uint32
	named         []numbered
	// record, id and text are memory for what is made next.
	record   Record
	id, text []byte
	past     past
	trace    trace
	// fits are by table of the log and plans by definition, and fitted and planned the last of them.
	fits    map[*decode.Table]fit
	fitted  fit
	plans   map[*Definition]*plan
	planned *plan
	tallies map[Name]*tally
	// images is memory for rows.
	images []decode.Value
	shared gtid.Set
	groups *groups
	// strange are the tables in which a key of the old side may be spelled in other ways, strayed those with a key of
	// the new side that may be another spelling.
	strange map[Name]bool
	strayed map[Name]bool
	strays  Dict
	// place counts the row changes of the new side.
	place int
}

// New returns an empty comparison over the definitions, which must cover every table of the old side when its rows are
// added. Shared are the transactions of the old side that the new primary has itself: they are no part of the
// divergence any more.
func New(tables map[Name]*Definition, shared gtid.Set, store Store) *Divergence {
	return &Divergence{
		Tables: tables, Touched: map[Name]bool{}, Altered: map[Name]string{}, Facts: newFacts(store), shared: shared,
		store: store, states: store.Dict(), links: store.Dict(), numbers: map[named]uint32{},
		past: past{touched: store.List()}, trace: trace{chunks: store.Dict()},
		fits: map[*decode.Table]fit{}, plans: map[*Definition]*plan{}, tallies: map[Name]*tally{},
		strange: map[Name]bool{}, strayed: map[Name]bool{}, strays: store.Dict(),
	}
}

// Store is where the comparison remembers what it does.
func (d *Divergence) Store() Store { return d.store }

// Highest is the highest value of the auto-increment column of a table among the images of the old side, 0 where there
// is none.
func (d *Divergence) Highest(table Name) uint64 {
	if t := d.tallies[table]; t != nil {
		return t.highest
	}
	return 0
}

// Shared says that the new primary has the transaction itself.
func (d *Divergence) Shared(id gtid.GTID) bool { return d.shared.ContainsGTID(id) }

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
		d.Touched[key.Name] = true
		d.Keep(s)
	} else {
		d.astray(table, key, by, image, from)
	}
}
