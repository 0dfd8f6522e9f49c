package classify

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

// Proposal is how a row whose generated key is taken could be kept.
type Proposal struct {
	// Column is the auto-increment column, ID its new value.
	Column string
	ID     decode.Value
	// Children are the first of the row changes of the old side that refer to the row by a declared foreign key, and
	// would have to refer to the new value. Referring is how many there are in all.
	Children  []Child
	Referring int
}

// Child is a row change that refers to another row.
type Child struct {
	GTID gtid.GTID
	// Table is the child's, Key the values of its primary key there and KeyColumns their names, ForeignKey the constraint
	// by which it refers.
	Table      diff.Name
	Key        []decode.Value
	KeyColumns []string
	ForeignKey string
	// Column is the child's column that holds the key; empty where the constraint refers to other columns of the row.
	Column string
}

// childLimit is how many children a proposal lists.
const childLimit = 10_000

// proposals are the new keys of AUTO_INCREMENT rows.
type proposals struct {
	// ids are by the number of the state: the new value, and how many refer to the row.
	ids diff.Dict
	// parents lead from tuples to the number of the state that provides them.
	parents diff.Dict
	// children are by the number of the state and their own.
	children diff.Dict
}

// numbers gives new keys to the AUTO_INCREMENT rows of each table: above all that the table has, or had on the old side.
func (r *reading) numbers(ctx context.Context) error {
	last := map[diff.Name]uint64{}
	for s := range r.d.AllOf(r.mayClash) {
		if !s.IsTouched() || ofState(r.d, s).class != AutoIncrement {
			continue
		}
		name := s.Table.Name
		if _, known := last[name]; !known {
			live, err := r.live.Last(ctx, s.Table, s.Table.Auto())
			if err != nil {
				return err
			}
			last[name] = max(live, r.d.Highest(name))
		}
		if last[name] == math.MaxUint64 {
			continue
		}
		last[name]++
		r.propose(s, last[name])
	}
	return nil
}

// mayClash says whether both sides may have generated the same key of the table.
func (r *reading) mayClash(t *diff.Definition) bool { return t.Auto() >= 0 && r.d.Touched[t.Name] }

func (r *reading) propose(s *diff.State, id uint64) {
	n, _ := r.proposals.ids.Add(strconv.Itoa(s.Number))
	r.proposals.ids.Set(n, diff.Record(nil).Text(strconv.FormatUint(id, 10)).Int(0))
	for _, f := range s.Table.ReferencedBy {
		if tuple, ok := r.d.ForeignTuple(s.Table, f, s.After); ok {
			at, _ := r.proposals.parents.Add(string(tuple))
			r.proposals.parents.Set(at, diff.Record(nil).Int(n))
		}
	}
}

// children gathers the row changes that refer to the AUTO_INCREMENT rows.
func (r *reading) children(context.Context) error {
	p := r.proposals
	if p.parents.Len() == 0 {
		return nil
	}
	wanted := func(t *diff.Definition) bool { return len(t.References) > 0 }
	return r.each(wanted, func(tx *decode.Transaction, table *diff.Definition, row decode.Row, _ *diff.Walk) error {
		for _, f := range table.References {
			tuple, ok := r.d.ForeignTuple(table, f, row.After)
			if !ok {
				continue
			}
			if at, known := p.parents.Find(string(tuple)); known {
				p.refer(diff.NewReader(p.parents.Value(at)).Int(), Child{
					GTID: tx.GTID, Table: table.Name, Key: table.KeyValues(row.After), ForeignKey: f.Name,
				})
			}
		}
		return nil
	})
}

// refer adds a child to the n-th proposal.
func (p proposals) refer(n int, c Child) {
	old := diff.NewReader(p.ids.Value(n))
	id, referring := old.Text(), old.Int()
	p.ids.Set(n, diff.Record(nil).Text(id).Int(referring+1))
	if referring < childLimit {
		at, _ := p.children.Add(childKey(n, referring))
		p.children.Set(at, diff.Record(nil).GTID(c.GTID).Text(c.Table.Schema).Text(c.Table.Table).Text(c.ForeignKey).Image(c.Key))
	}
}

func childKey(proposal, child int) string { return strconv.Itoa(proposal) + "." + strconv.Itoa(child) }

// of is the proposal for a state; nil where there is none.
func (p proposals) of(d *diff.Divergence, s *diff.State) *Proposal {
	n, ok := p.ids.Find(strconv.Itoa(s.Number))
	if !ok {
		return nil
	}
	r := diff.NewReader(p.ids.Value(n))
	out := &Proposal{
		Column: s.Table.Columns[s.Table.Auto()].Name, ID: decode.Value{Kind: decode.Integer, Text: r.Text()}, Referring: r.Int(),
	}
	for i := range min(out.Referring, childLimit) {
		at, ok := p.children.Find(childKey(n, i))
		if !ok {
			break
		}
		r := diff.NewReader(p.children.Value(at))
		c := Child{GTID: r.GTID(), Table: diff.Name{Schema: r.Text(), Table: r.Text()}, ForeignKey: r.Text(), Key: r.Image()}
		c.name(d.Tables[c.Table], out.Column)
		out.Children = append(out.Children, c)
	}
	return out
}

// name fills in the names of the child's columns.
func (c *Child) name(table *diff.Definition, parent string) {
	for _, i := range table.PrimaryKey {
		c.KeyColumns = append(c.KeyColumns, table.Columns[i].Name)
	}
	for _, f := range table.References {
		at := slices.IndexFunc(f.OtherColumns, func(column string) bool { return strings.EqualFold(column, parent) })
		if f.Name == c.ForeignKey && at >= 0 {
			c.Column = table.Columns[f.Columns[at]].Name
		}
	}
}
