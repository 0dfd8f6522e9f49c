package sqltext

import (
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// Change spells one row change, bound to the full row that it expects, so that it changes exactly one row or none. It
// is empty where no stored column differs.
func Change(d *diff.Definition, op decode.Op, before, after []decode.Value) string {
	switch op {
	case decode.Insert:
		return insert(d, after)
	case decode.Update:
		sets := assignments(d, before, after)
		if len(sets) == 0 {
			return ""
		}
		return "UPDATE " + Table(d.Name) + " SET " + strings.Join(sets, ", ") + expected(d, before)
	case decode.Delete:
	}
	return "DELETE FROM " + Table(d.Name) + expected(d, before)
}

// Merge spells an update of columns alone, bound to the key and to what these columns are expected to hold; the others
// keep what they hold. It is empty where no column is given.
func Merge(d *diff.Definition, columns []int, before, after []decode.Value) string {
	var sets, parts []string
	for _, i := range d.PrimaryKey {
		parts = append(parts, Same(d.Columns[i], before[i]))
	}
	for _, i := range columns {
		sets = append(sets, Identifier(d.Columns[i].Name)+" = "+Literal(d.Columns[i], after[i]))
		parts = append(parts, Exactly(d.Columns[i], before[i]))
	}
	if len(sets) == 0 {
		return ""
	}
	return "UPDATE " + Table(d.Name) + " SET " + strings.Join(sets, ", ") + " WHERE " + strings.Join(parts, " AND ")
}

func insert(d *diff.Definition, after []decode.Value) string {
	var names, values []string
	for i, c := range d.Columns {
		if !c.Generated {
			names, values = append(names, Identifier(c.Name)), append(values, Literal(c, after[i]))
		}
	}
	return "INSERT INTO " + Table(d.Name) + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
}

func assignments(d *diff.Definition, before, after []decode.Value) []string {
	var sets []string
	for i, c := range d.Columns {
		if !c.Generated && before[i] != after[i] {
			sets = append(sets, Identifier(c.Name)+" = "+Literal(c, after[i]))
		}
	}
	return sets
}

// expected is the condition that finds the row by its primary key, and only if it is exactly the image.
func expected(d *diff.Definition, image []decode.Value) string {
	var parts []string
	for _, i := range d.PrimaryKey {
		parts = append(parts, Same(d.Columns[i], image[i]))
	}
	for i, c := range d.Columns {
		if !c.Generated {
			parts = append(parts, Exactly(c, image[i]))
		}
	}
	return " WHERE " + strings.Join(parts, " AND ")
}
