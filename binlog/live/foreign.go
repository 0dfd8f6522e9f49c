package live

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/regentdb/regent/binlog/diff"
)

// foreignKeys reads the constraints in which the table is child, and those in which it is parent. Constraints of
// tables that the account may not see are not there.
func (s *Snapshot) foreignKeys(ctx context.Context, d *diff.Definition) error {
	const usage = "k.CONSTRAINT_SCHEMA, k.CONSTRAINT_NAME, r.DELETE_RULE, r.UPDATE_RULE " +
		"FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r " +
		"ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME"
	const order = " ORDER BY k.CONSTRAINT_SCHEMA, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"
	asChild := "SELECT k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, " + usage +
		where("k.TABLE_SCHEMA", "k.TABLE_NAME", d.Name) + " AND k.REFERENCED_TABLE_NAME IS NOT NULL" + order
	if err := s.constraints(ctx, asChild, d, &d.References); err != nil {
		return err
	}
	asParent := "SELECT k.REFERENCED_COLUMN_NAME, k.TABLE_SCHEMA, k.TABLE_NAME, k.COLUMN_NAME, " + usage +
		where("k.REFERENCED_TABLE_SCHEMA", "k.REFERENCED_TABLE_NAME", d.Name) + order
	return s.constraints(ctx, asParent, d, &d.ReferencedBy)
}

// constraints reads one row per column of each constraint.
func (s *Snapshot) constraints(ctx context.Context, query string, d *diff.Definition, into *[]diff.ForeignKey) error {
	return s.query(ctx, query, func(rows *sql.Rows) error {
		var own, other string
		var f diff.ForeignKey
		if err := rows.Scan(&own, &f.Other.Schema, &f.Other.Table, &other, &f.Schema, &f.Name, &f.OnDelete, &f.OnUpdate); err != nil {
			return err
		}
		column := d.Column(own)
		if column < 0 {
			return fmt.Errorf("column %s of foreign key %s cannot be seen", own, f.Name)
		}
		if n := len(*into); n == 0 || (*into)[n-1].Schema != f.Schema || (*into)[n-1].Name != f.Name {
			*into = append(*into, f)
		}
		last := &(*into)[len(*into)-1]
		last.Columns, last.OtherColumns = append(last.Columns, column), append(last.OtherColumns, other)
		return nil
	})
}
