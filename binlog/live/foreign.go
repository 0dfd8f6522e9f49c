package live

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/sqltext"
)

// foreignKeys reads the constraints in which the table is child, and those in which it is parent. Of tables that the
// account may not see there are none, which ForeignKeysHidden says.
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
	if err := s.constraints(ctx, asParent, d, &d.ReferencedBy); err != nil {
		return err
	}
	return s.hiddenKeys(ctx, d)
}

// hiddenKeys finds out whether there are constraints that the account may not see. An account that reads every table
// sees all. Any other needs PROCESS, with which InnoDB names them, whatever the account may read (seen on 9.7).
func (s *Snapshot) hiddenKeys(ctx context.Context, d *diff.Definition) error {
	reads := false
	err := s.query(ctx, "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE NOT @@GLOBAL.partial_revokes AND "+held("SELECT"),
		func(*sql.Rows) error {
			reads = true
			return nil
		})
	if err != nil || reads {
		return err
	}
	const query = "SELECT ID, FOR_NAME, FOR_NAME = %[1]s, REF_NAME = %[1]s FROM information_schema.INNODB_FOREIGN " +
		"WHERE FOR_NAME = %[1]s OR REF_NAME = %[1]s ORDER BY ID"
	var hidden []string
	err = s.query(ctx, fmt.Sprintf(query, quoted(d.Schema+"/"+d.Table)), func(rows *sql.Rows) error {
		var id, child string
		var asChild, asParent bool
		err := rows.Scan(&id, &child, &asChild, &asParent)
		if asChild && !named(d.References, id) || asParent && !named(d.ReferencedBy, id) {
			schema, table, _ := strings.Cut(child, "/")
			hidden = append(hidden, sqltext.Table(diff.Name{Schema: schema, Table: table}))
		}
		return err
	})
	switch {
	case number(err) == needsPrivilege:
		d.ForeignKeysHidden = "foreign keys of other tables to it cannot be seen; GRANT PROCESS ON *.* to regent's account"
		return nil
	case len(hidden) > 0:
		slices.Sort(hidden)
		d.ForeignKeysHidden = "foreign keys of tables that cannot be seen concern it; GRANT SELECT ON " +
			strings.Join(slices.Compact(hidden), ", ") + " to regent's account"
	}
	return err
}

// named tells whether the constraint that InnoDB calls schema/name is known.
func named(known []diff.ForeignKey, id string) bool {
	return slices.ContainsFunc(known, func(f diff.ForeignKey) bool { return f.Schema+"/"+f.Name == id })
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
