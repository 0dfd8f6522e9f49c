package classify

import (
	"context"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// pass visits the changes whose images fit the definition of a table that is wanted.
type pass struct {
	d      *diff.Divergence
	walk   *diff.Walk
	wanted map[*diff.Definition]bool
	// chosen are the columns that are wanted, by table of the log.
	chosen map[*decode.Table][]bool
	shared bool
	visit  visit
}

// manyTables is how many tables of a log are remembered. Each new description of a table is another one.
const manyTables = 4096

// visit takes a row change; the walk is at it.
type visit func(tx *decode.Transaction, table *diff.Definition, row decode.Row, at *diff.Walk) error

// each goes through the history, unless no table is wanted.
func (c *Comparison) each(wanted func(*diff.Definition) bool, v visit) error {
	p := pass{d: c.d, walk: c.d.Walk(), wanted: map[*diff.Definition]bool{}, chosen: map[*decode.Table][]bool{}, visit: v}
	for _, table := range c.d.Tables {
		if wanted(table) {
			p.wanted[table] = true
		}
	}
	if len(p.wanted) == 0 {
		return nil
	}
	return c.old(&p)
}

// Choose chooses the columns of keys, and of tables that are not wanted none.
func (p *pass) Choose(logged *decode.Table) []bool {
	out, known := p.chosen[logged]
	if !known {
		if len(p.chosen) >= manyTables {
			clear(p.chosen)
		}
		out = p.choose(logged)
		p.chosen[logged] = out
	}
	return out
}

func (p *pass) choose(logged *decode.Table) []bool {
	out := make([]bool, len(logged.Columns))
	table := p.d.Definition(logged)
	if table == nil || !p.wanted[table] {
		return out
	}
	choose := func(columns []int) {
		for _, i := range columns {
			if i >= 0 {
				out[i] = true
			}
		}
	}
	choose(table.PrimaryKey)
	for _, u := range table.Unique {
		choose(u.Columns)
	}
	for _, f := range slices.Concat(table.References, table.ReferencedBy) {
		choose(f.Columns)
	}
	return out
}

func (p *pass) Begin(tx *decode.Transaction) error {
	p.shared = p.d.Shared(tx.GTID)
	return nil
}

func (p *pass) Row(tx *decode.Transaction, row decode.Row) error {
	p.walk.Step()
	if table := p.d.Definition(row.Table); !p.shared && table != nil && p.wanted[table] {
		return p.visit(tx, table, row, p.walk)
	}
	return nil
}

func (p *pass) End(*decode.Transaction) error { return p.d.Store().Err() }

// eachRepeated visits the rows of the old side that the new side may have repeated by a unique key.
func (r *reading) eachRepeated(visit func(s *diff.State, u diff.Unique)) {
	if !r.d.AnyInserted() {
		return
	}
	for s := range r.d.AllOf(func(t *diff.Definition) bool { return len(t.Unique) > 0 }) {
		if _, decided := settled(r.d, s); decided {
			continue
		}
		for i, u := range s.Table.Unique {
			if _, ok := r.d.Rivals(s, i); ok {
				visit(s, u)
			}
		}
	}
}

// weighty lists the columns of unique and of foreign keys that hold texts whose equality only the server can tell.
func weighty(t *diff.Definition) (unique, foreign [][]int) {
	for _, u := range t.Unique {
		if u.Checkable() && t.Weighty(u.Columns) {
			unique = append(unique, u.Columns)
		}
	}
	for _, f := range slices.Concat(t.References, t.ReferencedBy) {
		if t.Weighty(f.Columns) {
			foreign = append(foreign, f.Columns)
		}
	}
	return unique, foreign
}

// weights asks for the sort keys of all texts by which tuples are compared.
func (r *reading) weights(ctx context.Context) error {
	asked := r.texts(ctx)
	r.eachRepeated(func(s *diff.State, u diff.Unique) { r.d.Unweighed(s.Table, u.Columns, s.After, asked.add) })
	type columns struct{ unique, foreign [][]int }
	of := map[*diff.Definition]columns{}
	wanted := func(t *diff.Definition) bool {
		unique, foreign := weighty(t)
		of[t] = columns{unique, foreign}
		return len(unique)+len(foreign) > 0
	}
	err := r.each(wanted, func(_ *decode.Transaction, table *diff.Definition, row decode.Row, at *diff.Walk) error {
		ask := func(all [][]int) {
			for _, columns := range all {
				r.d.Unweighed(table, columns, row.Before, asked.add)
				r.d.Unweighed(table, columns, row.After, asked.add)
			}
		}
		ask(of[table].foreign)
		if unique := of[table].unique; len(unique) > 0 && at.Candidate() {
			ask(unique)
		}
		return asked.err
	})
	if err != nil {
		return err
	}
	return asked.end()
}

// facts asks which live rows hold the unique tuples that a replay would store, and counts the live parents that it
// would refer to, and the live children of what it would remove.
func (r *reading) facts(ctx context.Context) error {
	holders := r.holders(ctx)
	parents, children := r.counting(ctx, r.d.Parents()), r.counting(ctx, r.d.Children())
	r.eachRepeated(func(s *diff.State, u diff.Unique) { holders.add(s.Table, u, only(s.After, u.Columns)) })
	wanted := func(t *diff.Definition) bool { return len(t.Unique)+len(t.References)+len(t.ReferencedBy) > 0 }
	err := r.each(wanted, func(_ *decode.Transaction, table *diff.Definition, row decode.Row, at *diff.Walk) error {
		if !concerns(table, row) || !at.Candidate() {
			return nil
		}
		for _, u := range table.Unique {
			if u.Checkable() && u.Changes(row.Before, row.After) {
				holders.add(table, u, row.After)
			}
		}
		for _, f := range table.References {
			parents.add(table, f, row.After)
		}
		for _, f := range table.ReferencedBy {
			children.add(table, f, row.Before)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, end := range []func() error{func() error { return endAll(holders.order) }, parents.end, children.end} {
		if err := end(); err != nil {
			return err
		}
	}
	return nil
}

// concerns says whether a replay of the change would have to know anything of the table's keys.
func concerns(table *diff.Definition, row decode.Row) bool {
	return row.After != nil && len(table.References) > 0 || row.Before != nil && len(table.ReferencedBy) > 0 ||
		slices.ContainsFunc(table.Unique, func(u diff.Unique) bool { return u.Checkable() && u.Changes(row.Before, row.After) })
}

// holders are the tuples to ask for, by unique key.
type holders struct {
	d     *diff.Divergence
	begin func(table *diff.Definition, u diff.Unique) *batch[holding]
	asked map[uniqueKey]*batch[holding]
	order []*batch[holding]
}

type uniqueKey struct {
	table *diff.Definition
	name  string
}

// holding is a tuple whose holder is asked for, and a row with it.
type holding struct {
	tuple diff.Tuple
	image []decode.Value
}

func (r *reading) holders(ctx context.Context) *holders {
	begin := func(table *diff.Definition, u diff.Unique) *batch[holding] {
		return &batch[holding]{ask: func(all []holding) error {
			images := make([][]decode.Value, 0, len(all))
			for _, h := range all {
				images = append(images, h.image)
			}
			keys, err := r.live.Holders(ctx, table, u, images)
			if err != nil {
				return err
			}
			for i, key := range keys {
				if key != nil {
					r.d.SetHolder(all[i].tuple, diff.Key{Name: table.Name, ID: table.KeyID(key)})
				}
			}
			return nil
		}}
	}
	return &holders{d: r.d, begin: begin, asked: map[uniqueKey]*batch[holding]{}}
}

// only is an image with the values of some columns alone: the rest of a row may be large.
func only(image []decode.Value, columns []int) []decode.Value {
	out := make([]decode.Value, len(image))
	for _, i := range columns {
		out[i] = image[i]
	}
	return out
}

// add asks for the tuple of an image, the first time.
func (h *holders) add(table *diff.Definition, u diff.Unique, image []decode.Value) {
	tuple, ok := h.d.UniqueTuple(table, u, image)
	if !ok || !h.d.AskHolder(tuple) {
		return
	}
	of := uniqueKey{table, u.Name}
	if h.asked[of] == nil {
		h.asked[of] = h.begin(table, u)
		h.order = append(h.order, h.asked[of])
	}
	bytes := len(tuple)
	for i := range image {
		bytes += len(image[i].Text)
	}
	h.asked[of].add(holding{tuple, image}, bytes)
}

// counting is the tuples whose rows at the other end of a foreign key are to be counted.
type counting struct {
	d      *diff.Divergence
	counts diff.Counts
	batch[counted]
}

type counted struct {
	tuple  diff.Tuple
	wanted diff.Wanted
}

func (r *reading) counting(ctx context.Context, counts diff.Counts) *counting {
	return &counting{r.d, counts, batch[counted]{ask: func(all []counted) error {
		wanted := make([]diff.Wanted, 0, len(all))
		for _, c := range all {
			wanted = append(wanted, c.wanted)
		}
		numbers, err := r.live.Count(ctx, wanted)
		if err != nil {
			return err
		}
		for i, n := range numbers {
			counts.Add(all[i].tuple, n)
		}
		return nil
	}}}
}

// add asks for the tuple of an image, the first time.
func (c *counting) add(table *diff.Definition, f diff.ForeignKey, image []decode.Value) {
	tuple, ok := c.d.ForeignTuple(table, f, image)
	if !ok || !c.counts.Ask(tuple) {
		return
	}
	w := diff.Wanted{Table: f.Other}
	for i, column := range f.Columns {
		there := table.Columns[column]
		there.Name = f.OtherColumns[i]
		w.Columns = append(w.Columns, there)
		w.Values = append(w.Values, image[column])
	}
	c.batch.add(counted{tuple, w}, len(tuple))
}
