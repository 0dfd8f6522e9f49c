package sqltext

import (
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// Change spells one row change, bound to the full row that it expects, so that it changes exactly one row or none. It
// is empty where no stored column differs.
func Change(d *diff.Definition, op decode.Op, before, after []decode.Value) string {
	return string(AppendChange(nil, d, op, before, after))
}

// AppendChange appends what Change spells.
func AppendChange(dst []byte, d *diff.Definition, op decode.Op, before, after []decode.Value) []byte {
	switch op {
	case decode.Insert:
		return appendInsert(dst, d, after)
	case decode.Update:
		return appendUpdate(dst, d, before, after)
	case decode.Delete:
	}
	dst = appendTable(append(dst, "DELETE FROM "...), d.Name)
	return AppendExpected(dst, d, before)
}

// Merge spells an update of columns alone, bound to the key and to what these columns are expected to hold; the others
// keep what they hold. It is empty where no column is given.
func Merge(d *diff.Definition, columns []int, before, after []decode.Value) string {
	if len(columns) == 0 {
		return ""
	}
	dst := append(appendTable([]byte("UPDATE "), d.Name), " SET "...)
	for n, i := range columns {
		dst = appendAssignment(dst, n == 0, d.Columns[i], after[i])
	}
	c := where(dst)
	for _, i := range d.PrimaryKey {
		c.same(d.Columns[i], before[i])
	}
	for _, i := range columns {
		c.exactly(d.Columns[i], before[i])
	}
	return string(c.dst)
}

func appendInsert(dst []byte, d *diff.Definition, after []decode.Value) []byte {
	dst = append(appendTable(append(dst, "INSERT INTO "...), d.Name), " ("...)
	between := ""
	for _, c := range d.Columns {
		if !c.Generated {
			dst = appendIdentifier(append(dst, between...), c.Name)
			between = ", "
		}
	}
	dst = append(dst, ") VALUES ("...)
	between = ""
	for i, c := range d.Columns {
		if !c.Generated {
			dst = appendLiteral(append(dst, between...), c, after[i])
			between = ", "
		}
	}
	return append(dst, ')')
}

func appendUpdate(dst []byte, d *diff.Definition, before, after []decode.Value) []byte {
	from := len(dst)
	dst = append(appendTable(append(dst, "UPDATE "...), d.Name), " SET "...)
	none := true
	for i, c := range d.Columns {
		if !c.Generated && before[i] != after[i] {
			dst = appendAssignment(dst, none, c, after[i])
			none = false
		}
	}
	if none {
		return dst[:from]
	}
	return AppendExpected(dst, d, before)
}

func appendAssignment(dst []byte, first bool, c diff.Column, v decode.Value) []byte {
	if !first {
		dst = append(dst, ", "...)
	}
	return appendLiteral(append(appendIdentifier(dst, c.Name), " = "...), c, v)
}

// AppendExpected appends the condition that finds the row by its primary key, and only if it is exactly the image.
func AppendExpected(dst []byte, d *diff.Definition, image []decode.Value) []byte {
	c := where(dst)
	for _, i := range d.PrimaryKey {
		c.same(d.Columns[i], image[i])
	}
	for i, column := range d.Columns {
		if !column.Generated {
			c.exactly(column, image[i])
		}
	}
	return c.dst
}

// condition is the end of a statement that grows.
type condition struct {
	dst []byte
	any bool
}

// where begins a condition. A statement that ends there is none, so that no row can be hit by one without parts.
func where(dst []byte) condition { return condition{dst: append(dst, " WHERE "...)} }

func (c *condition) same(column diff.Column, v decode.Value) {
	c.and()
	c.dst = appendSame(c.dst, column, v)
}

func (c *condition) exactly(column diff.Column, v decode.Value) {
	c.and()
	c.dst = appendExactly(c.dst, column, v)
}

func (c *condition) and() {
	if c.any {
		c.dst = append(c.dst, " AND "...)
	}
	c.any = true
}
