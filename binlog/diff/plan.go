package diff

import (
	"encoding/binary"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
)

// plan is what every row of a table needs, worked out once.
type plan struct {
	table *Definition
	// number stands for the table in keys of stores.
	number uint32
	// key are the columns of the primary key, and auto is the one that is generated, or -1.
	key  []speller
	auto int
	// strange says that a key may be spelled in ways that folding keeps apart.
	strange bool
	tally   *tally
	// content are the columns that rows share when one repeats the other.
	content []int
	// tuples are the unique and foreign keys of which tuples were made.
	tuples []*tuplePlan
}

// tally is what the old side did to a table.
type tally struct {
	// highest is the highest value of the auto-increment column, 0 where there is none.
	highest uint64
	// keys is how many keys it touched.
	keys int
}

// tuplePlan is a unique key, or a foreign key as one of its ends has it.
type tuplePlan struct {
	of      named
	columns []int
	// number stands for the key in keys of stores.
	number uint32
	parts  []speller
	// made are the last tuples: those of the images of one change are asked for several times.
	made [2]Tuple
	next int
}

// tuple is the text as a tuple, the same memory for one that was made just now.
func (t *tuplePlan) tuple(id []byte) Tuple {
	for _, made := range t.made {
		if string(id) == string(made) {
			return made
		}
	}
	made := Tuple(id)
	t.made[t.next] = made
	t.next = 1 - t.next
	return made
}

// speller spells the values of a column.
type speller struct {
	folding

	column int
	// weighted says that only the server can tell which values are equal; texts stands for their collation in keys of
	// stores then.
	weighted bool
	texts    uint32
}

// plan returns the plan of a table.
func (d *Divergence) plan(table *Definition) *plan {
	if d.planned != nil && d.planned.table == table {
		return d.planned
	}
	p := d.plans[table]
	if p == nil {
		p = d.newPlan(table)
		d.plans[table] = p
	}
	d.planned = p
	return p
}

func (d *Divergence) newPlan(table *Definition) *plan {
	p := &plan{table: table, number: d.number(named{of: table.Name}), auto: table.Auto(), tally: d.tallies[table.Name]}
	if p.tally == nil {
		p.tally = &tally{}
		d.tallies[table.Name] = p.tally
	}
	p.key = d.spellers(table, table.PrimaryKey)
	p.strange = slices.ContainsFunc(p.key, func(s speller) bool { return s.weighted })
	for i := range table.Columns {
		if i != p.auto && table.steady(i) {
			p.content = append(p.content, i)
		}
	}
	return p
}

// replan forgets the plans, as the policy has changed the tables.
func (d *Divergence) replan() {
	d.planned, d.plans = nil, map[*Definition]*plan{}
	d.fitted, d.fits = fit{}, map[*decode.Table]fit{}
}

func (d *Divergence) spellers(table *Definition, columns []int) []speller {
	out := make([]speller, 0, len(columns))
	for _, i := range columns {
		c := table.Columns[i]
		s := speller{folding: c.folding(), column: i}
		if s.weighted = s.text && !c.exact(); s.weighted {
			s.texts = d.number(named{of: Name{c.Charset, c.Collation}})
		}
		out = append(out, s)
	}
	return out
}

// tuplePlan returns the plan of a key of the table.
func (d *Divergence) tuplePlan(p *plan, of named, columns []int) *tuplePlan {
	for _, t := range p.tuples {
		if t.of == of && slices.Equal(t.columns, columns) {
			return t
		}
	}
	t := &tuplePlan{of: of, columns: columns, number: d.number(of), parts: d.spellers(p.table, columns)}
	p.tuples = append(p.tuples, t)
	return t
}

// number is a short name for what a key of a store is of.
func (d *Divergence) number(of named) uint32 {
	n, known := d.numbers[of]
	if !known {
		n = uint32(len(d.named))
		d.numbers[of] = n
		d.named = append(d.named, numbered{named: of})
	}
	return n
}

// begin begins a key of a store with the short name for what it is of.
func begin(dst []byte, number uint32) []byte { return binary.LittleEndian.AppendUint32(dst, number) }
