package classify

import (
	"math"
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
	// Children are the row changes of the old side that refer to the row by a declared foreign key, and would have to
	// refer to the new value.
	Children []Child
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

// proposals numbers the AUTO_INCREMENT rows of each table above all that the table has, or had on the old side.
func proposals(d *diff.Divergence) map[diff.Key]*Proposal {
	out := map[diff.Key]*Proposal{}
	last := highest(d)
	parents := map[diff.Tuple]*Proposal{}
	for _, key := range d.Order {
		s := d.States[key]
		if ofState(d, s).class != AutoIncrement || last[key.Name] == math.MaxUint64 {
			continue
		}
		last[key.Name]++
		out[key] = &Proposal{Column: s.Table.Columns[s.Table.Auto()].Name, ID: decode.UnsignedValue(last[key.Name])}
		for _, f := range s.Table.ReferencedBy {
			if tuple, ok := d.ForeignTuple(s.Table, f, s.After); ok {
				parents[tuple] = out[key]
			}
		}
	}
	if len(parents) > 0 {
		addChildren(d, parents)
	}
	return out
}

// highest is, by table, the highest auto-increment value that is live or in an image of the old side.
func highest(d *diff.Divergence) map[diff.Name]uint64 {
	last := map[diff.Name]uint64{}
	for name, n := range d.Facts.Last {
		last[name] = n
	}
	for _, tx := range d.Old {
		for _, change := range tx.Changes {
			if change.Table == nil || change.Table.Auto() < 0 {
				continue
			}
			for _, image := range [][]decode.Value{change.Row.Before, change.Row.After} {
				if image != nil {
					n, _ := strconv.ParseUint(image[change.Table.Auto()].Text, 10, 64) // A negative one is not the highest.
					last[change.Table.Name] = max(last[change.Table.Name], n)
				}
			}
		}
	}
	return last
}

func addChildren(d *diff.Divergence, parents map[diff.Tuple]*Proposal) {
	for _, tx := range d.Old {
		for _, change := range tx.Changes {
			if change.Table == nil {
				continue
			}
			for _, f := range change.Table.References {
				tuple, ok := d.ForeignTuple(change.Table, f, change.Row.After)
				if p := parents[tuple]; ok && p != nil {
					p.Children = append(p.Children, childOf(tx.GTID, change, f, p.Column))
				}
			}
		}
	}
}

func childOf(by gtid.GTID, change diff.Change, f diff.ForeignKey, parent string) Child {
	table := change.Table
	out := Child{GTID: by, Table: table.Name, Key: table.KeyValues(change.Row.After), ForeignKey: f.Name}
	for _, i := range table.PrimaryKey {
		out.KeyColumns = append(out.KeyColumns, table.Columns[i].Name)
	}
	for i, column := range f.OtherColumns {
		if strings.EqualFold(column, parent) {
			out.Column = table.Columns[f.Columns[i]].Name
		}
	}
	return out
}
