package live

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/sqltext"
)

// Definition reads how a table is defined. A table that is not there, or that the account may not see, comes back as
// missing.
func (s *Snapshot) Definition(ctx context.Context, name diff.Name) (*diff.Definition, error) {
	d := &diff.Definition{Name: name}
	for _, read := range []func(context.Context, *diff.Definition) error{
		s.engine, s.columns, s.keys, s.foreignKeys, s.triggers,
	} {
		if err := read(ctx, d); err != nil {
			return nil, fmt.Errorf("live: %s: definition of %s: %w", s.server, name, err)
		}
	}
	d.Missing = len(d.Columns) == 0
	return d, nil
}

// where is the condition on the columns of information_schema that hold the schema and the table.
func where(schema, table string, name diff.Name) string {
	column := diff.Column{Charset: "utf8mb4"}
	return " WHERE " + schema + " = " + sqltext.Literal(column, decode.Value{Kind: decode.Text, Text: name.Schema}) +
		" AND " + table + " = " + sqltext.Literal(column, decode.Value{Kind: decode.Text, Text: name.Table})
}

func (s *Snapshot) engine(ctx context.Context, d *diff.Definition) error {
	query := "SELECT t.ENGINE, e.TRANSACTIONS FROM information_schema.TABLES t JOIN information_schema.ENGINES e " +
		"ON e.ENGINE = t.ENGINE" + where("t.TABLE_SCHEMA", "t.TABLE_NAME", d.Name)
	return s.query(ctx, query, func(rows *sql.Rows) error {
		var transactions sql.NullString
		err := rows.Scan(&d.Engine, &transactions)
		d.Transactional = transactions.String == "YES"
		return err
	})
}

func (s *Snapshot) columns(ctx context.Context, d *diff.Definition) error {
	query := "SELECT COLUMN_NAME, DATA_TYPE, IFNULL(CHARACTER_SET_NAME, ''), IFNULL(COLLATION_NAME, ''), " +
		"GENERATION_EXPRESSION <> '' FROM information_schema.COLUMNS" +
		where("TABLE_SCHEMA", "TABLE_NAME", d.Name) + " ORDER BY ORDINAL_POSITION"
	return s.query(ctx, query, func(rows *sql.Rows) error {
		var c diff.Column
		if err := rows.Scan(&c.Name, &c.Type, &c.Charset, &c.Collation, &c.Generated); err != nil {
			return err
		}
		c.Type = strings.ToLower(c.Type)
		if !holdsText(c.Type) {
			c.Charset, c.Collation = "", ""
		}
		d.Columns = append(d.Columns, c)
		return nil
	})
}

// holdsText says whether the values of a type are text in the log: ENUM and SET are numbers there.
func holdsText(dataType string) bool {
	return strings.HasSuffix(dataType, "char") || strings.HasSuffix(dataType, "text")
}

func (s *Snapshot) keys(ctx context.Context, d *diff.Definition) error {
	query := "SELECT INDEX_NAME, IFNULL(COLUMN_NAME, ''), SUB_PART IS NOT NULL, COLUMN_NAME IS NULL " +
		"FROM information_schema.STATISTICS" + where("TABLE_SCHEMA", "TABLE_NAME", d.Name) +
		" AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX"
	return s.query(ctx, query, func(rows *sql.Rows) error {
		var index, column string
		var prefix, expression bool
		if err := rows.Scan(&index, &column, &prefix, &expression); err != nil {
			return err
		}
		position := columnIndex(d, column)
		if index == "PRIMARY" {
			d.PrimaryKey = append(d.PrimaryKey, position)
			d.PrefixKey = d.PrefixKey || prefix
			return nil
		}
		if n := len(d.Unique); n == 0 || d.Unique[n-1].Name != index {
			d.Unique = append(d.Unique, diff.Unique{Name: index})
		}
		last := &d.Unique[len(d.Unique)-1]
		last.Partial = last.Partial || prefix || expression || position < 0
		last.Columns = append(last.Columns, position)
		return nil
	})
}

func columnIndex(d *diff.Definition, name string) int {
	for i, c := range d.Columns {
		if strings.EqualFold(c.Name, name) {
			return i
		}
	}
	return -1
}

// foreignKeys reads the constraints in which the table is child or parent.
func (s *Snapshot) foreignKeys(ctx context.Context, d *diff.Definition) error {
	const from = "SELECT CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS"
	query := from + where("CONSTRAINT_SCHEMA", "TABLE_NAME", d.Name) + " UNION " +
		from + where("UNIQUE_CONSTRAINT_SCHEMA", "REFERENCED_TABLE_NAME", d.Name) + " ORDER BY 1"
	return s.names(ctx, query, &d.ForeignKeys)
}

func (s *Snapshot) triggers(ctx context.Context, d *diff.Definition) error {
	query := "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS" +
		where("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", d.Name) + " ORDER BY 1"
	if err := s.names(ctx, query, &d.Triggers); err != nil {
		return err
	}
	var privileges []string
	err := s.names(ctx, triggerPrivileges(d.Name), &privileges)
	d.TriggersHidden = len(privileges) == 0
	return err
}

// triggerPrivileges asks for the privilege without which a table seems to have no trigger (MySQL 8.4 Reference Manual,
// section 28.3.44). Privileges that come from a role are not listed there.
func triggerPrivileges(name diff.Name) string {
	const account = "PRIVILEGE_TYPE = 'TRIGGER' AND GRANTEE = CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), " +
		"'@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))"
	const from = "SELECT PRIVILEGE_TYPE FROM information_schema."
	return from + "USER_PRIVILEGES WHERE " + account +
		" UNION ALL " + from + "SCHEMA_PRIVILEGES" + where("TABLE_SCHEMA", "TABLE_SCHEMA", diff.Name{
		Schema: name.Schema, Table: name.Schema,
	}) + " AND " + account +
		" UNION ALL " + from + "TABLE_PRIVILEGES" + where("TABLE_SCHEMA", "TABLE_NAME", name) + " AND " + account
}

func (s *Snapshot) names(ctx context.Context, query string, into *[]string) error {
	return s.query(ctx, query, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		*into = append(*into, name)
		return err
	})
}
