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
	return " WHERE " + schema + " = " + quoted(name.Schema) + " AND " + table + " = " + quoted(name.Table)
}

func quoted(text string) string {
	return sqltext.Literal(diff.Column{Charset: "utf8mb4"}, decode.Value{Kind: decode.Text, Text: text})
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
		"GENERATION_EXPRESSION <> '', EXTRA LIKE '%auto_increment%' FROM information_schema.COLUMNS" +
		where("TABLE_SCHEMA", "TABLE_NAME", d.Name) + " ORDER BY ORDINAL_POSITION"
	return s.query(ctx, query, func(rows *sql.Rows) error {
		var c diff.Column
		if err := rows.Scan(&c.Name, &c.Type, &c.Charset, &c.Collation, &c.Generated, &c.AutoIncrement); err != nil {
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
	query := "SELECT INDEX_NAME, IFNULL(COLUMN_NAME, ''), SUB_PART IS NOT NULL " +
		"FROM information_schema.STATISTICS" + where("TABLE_SCHEMA", "TABLE_NAME", d.Name) +
		" AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX"
	return s.query(ctx, query, func(rows *sql.Rows) error {
		var index, column string
		var prefix bool
		if err := rows.Scan(&index, &column, &prefix); err != nil {
			return err
		}
		position := d.Column(column) // An expression has no column, or one that is hidden.
		if index == "PRIMARY" {
			d.PrimaryKey = append(d.PrimaryKey, position)
			d.PrefixKey = d.PrefixKey || prefix
			return nil
		}
		if n := len(d.Unique); n == 0 || d.Unique[n-1].Name != index {
			d.Unique = append(d.Unique, diff.Unique{Name: index})
		}
		last := &d.Unique[len(d.Unique)-1]
		last.Prefix = last.Prefix || prefix
		last.Columns = append(last.Columns, position)
		return nil
	})
}

func (s *Snapshot) triggers(ctx context.Context, d *diff.Definition) error {
	query := "SELECT TRIGGER_NAME, EVENT_MANIPULATION FROM information_schema.TRIGGERS" +
		where("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", d.Name) + " ORDER BY 1"
	err := s.query(ctx, query, func(rows *sql.Rows) error {
		var trigger diff.Trigger
		var event string
		if err := rows.Scan(&trigger.Name, &event); err != nil {
			return err
		}
		var known bool
		trigger.On, known = operation(event)
		if !known {
			return fmt.Errorf("trigger %s fires for %s, which is unknown", trigger.Name, event)
		}
		d.Triggers = append(d.Triggers, trigger)
		return nil
	})
	if err != nil {
		return err
	}
	d.TriggersHidden = true
	return s.query(ctx, triggerPrivileges(d.Name), func(*sql.Rows) error {
		d.TriggersHidden = false
		return nil
	})
}

func operation(event string) (op decode.Op, known bool) {
	for _, op := range []decode.Op{decode.Insert, decode.Update, decode.Delete} {
		if strings.EqualFold(op.String(), event) {
			return op, true
		}
	}
	return 0, false
}

// triggerPrivileges asks for the privilege without which a table seems to have no trigger (MySQL 8.4 Reference Manual,
// section 28.3.44). Privileges that come from a role are not listed there.
func triggerPrivileges(name diff.Name) string {
	account := held("TRIGGER")
	const from = "SELECT PRIVILEGE_TYPE FROM information_schema."
	return from + "USER_PRIVILEGES WHERE " + account +
		" UNION ALL " + from + "SCHEMA_PRIVILEGES" + where("TABLE_SCHEMA", "TABLE_SCHEMA", diff.Name{
		Schema: name.Schema, Table: name.Schema,
	}) + " AND " + account +
		" UNION ALL " + from + "TABLE_PRIVILEGES" + where("TABLE_SCHEMA", "TABLE_NAME", name) + " AND " + account
}

// held is the condition on a list of privileges that the account itself has one; what comes from a role is not listed.
func held(privilege string) string {
	return "PRIVILEGE_TYPE = '" + privilege + "' AND GRANTEE = CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), " +
		"'@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))"
}
