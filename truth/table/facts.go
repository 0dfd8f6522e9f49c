package table

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Querier runs queries: a pool, a connection or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Table is a table as it is on one server.
type Table struct {
	Name          string
	Engine        string
	Transactional bool
	Columns       []Column
	// PrimaryKey holds indexes into Columns.
	PrimaryKey []int
	// PrefixKey says that the primary key covers only the beginning of a column.
	PrefixKey bool
	// Unique are the other unique keys, by name.
	Unique []Unique
	// Parents are the foreign keys of the table, Children those that refer to it, by name.
	Parents, Children []ForeignKey
	// Triggers are the operations, in lower case, for which the table has a trigger.
	Triggers []string
}

// Column is a column of a table.
type Column struct {
	Name string
	// Type is the data type in lower case, without sizes.
	Type                     string
	Unsigned                 bool
	Charset, Collation       string
	Length                   int // of BINARY, in bytes
	Generated, AutoIncrement bool
	// PadSpace says that the collation ignores spaces at the end.
	PadSpace bool
}

// Unique is a unique key beside the primary key.
type Unique struct {
	Name               string
	Columns            []int
	Prefix, Expression bool
}

// ForeignKey refers from columns of a child to columns of a parent.
type ForeignKey struct {
	Name, Child, Parent string
	ChildColumns        []int
	ParentColumns       []int
}

// Read describes all tables of a schema, by name.
func Read(ctx context.Context, q Querier, schema string) (map[string]*Table, error) {
	tables := map[string]*Table{}
	for _, read := range []func(context.Context, Querier, string, map[string]*Table) error{
		readTables, readColumns, readKeys, readForeignKeys, readTriggers,
	} {
		if err := read(ctx, q, schema, tables); err != nil {
			return nil, fmt.Errorf("table: definitions of %s: %w", schema, err)
		}
	}
	return tables, nil
}

// each calls visit with every row of a query that takes the schema as its argument.
func each(ctx context.Context, q Querier, query, schema string, visit func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, strings.ReplaceAll(query, "?", "'"+schema+"'"))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func readTables(ctx context.Context, q Querier, schema string, tables map[string]*Table) error {
	const query = "SELECT t.TABLE_NAME, t.ENGINE, e.TRANSACTIONS = 'YES' FROM information_schema.TABLES t " +
		"JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = ? AND t.TABLE_TYPE = 'BASE TABLE'"
	return each(ctx, q, query, schema, func(rows *sql.Rows) error {
		t := &Table{}
		err := rows.Scan(&t.Name, &t.Engine, &t.Transactional)
		tables[t.Name] = t
		return err
	})
}

func readColumns(ctx context.Context, q Querier, schema string, tables map[string]*Table) error {
	const query = "SELECT c.TABLE_NAME, c.COLUMN_NAME, LOWER(c.DATA_TYPE), c.COLUMN_TYPE LIKE '%unsigned%', " +
		"IFNULL(c.CHARACTER_SET_NAME, ''), IFNULL(c.COLLATION_NAME, ''), IFNULL(c.CHARACTER_OCTET_LENGTH, 0), " +
		"c.GENERATION_EXPRESSION <> '', c.EXTRA LIKE '%auto_increment%', IFNULL(o.PAD_ATTRIBUTE = 'PAD SPACE', 0) " +
		"FROM information_schema.COLUMNS c LEFT JOIN information_schema.COLLATIONS o ON o.COLLATION_NAME = c.COLLATION_NAME " +
		"WHERE c.TABLE_SCHEMA = ? ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION"
	return each(ctx, q, query, schema, func(rows *sql.Rows) error {
		var name string
		var c Column
		var length int64
		err := rows.Scan(&name, &c.Name, &c.Type, &c.Unsigned, &c.Charset, &c.Collation, &length,
			&c.Generated, &c.AutoIncrement, &c.PadSpace)
		if c.Type == "binary" {
			c.Length = int(length)
		}
		if !c.holdsText() {
			c.Charset, c.Collation, c.PadSpace = "", "", false
		}
		if t := tables[name]; t != nil {
			t.Columns = append(t.Columns, c)
		}
		return err
	})
}

// holdsText says whether values are texts: those of ENUM and SET are numbers to the log.
func (c Column) holdsText() bool {
	return strings.HasSuffix(c.Type, "char") || strings.HasSuffix(c.Type, "text")
}

// Column returns the index of a column, or -1.
func (t *Table) Column(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
}

func readKeys(ctx context.Context, q Querier, schema string, tables map[string]*Table) error {
	const query = "SELECT TABLE_NAME, INDEX_NAME, IFNULL(COLUMN_NAME, ''), SUB_PART IS NOT NULL, COLUMN_NAME IS NULL " +
		"FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND NON_UNIQUE = 0 ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
	return each(ctx, q, query, schema, func(rows *sql.Rows) error {
		var name, index, column string
		var prefix, expression bool
		if err := rows.Scan(&name, &index, &column, &prefix, &expression); err != nil {
			return err
		}
		t := tables[name]
		if index == "PRIMARY" {
			t.PrimaryKey = append(t.PrimaryKey, t.Column(column))
			t.PrefixKey = t.PrefixKey || prefix
			return nil
		}
		if n := len(t.Unique); n == 0 || t.Unique[n-1].Name != index {
			t.Unique = append(t.Unique, Unique{Name: index})
		}
		u := &t.Unique[len(t.Unique)-1]
		u.Columns = append(u.Columns, t.Column(column))
		u.Prefix, u.Expression = u.Prefix || prefix, u.Expression || expression
		return nil
	})
}

func readForeignKeys(ctx context.Context, q Querier, schema string, tables map[string]*Table) error {
	const query = "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME " +
		"FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME IS NOT NULL " +
		"ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION"
	var all []ForeignKey
	err := each(ctx, q, query, schema, func(rows *sql.Rows) error {
		var child, name, from, parent, to string
		if err := rows.Scan(&child, &name, &from, &parent, &to); err != nil {
			return err
		}
		if n := len(all); n == 0 || all[n-1].Name != name {
			all = append(all, ForeignKey{Name: name, Child: child, Parent: parent})
		}
		f := &all[len(all)-1]
		f.ChildColumns = append(f.ChildColumns, tables[child].Column(from))
		f.ParentColumns = append(f.ParentColumns, tables[parent].Column(to))
		return nil
	})
	for _, f := range all {
		tables[f.Child].Parents = append(tables[f.Child].Parents, f)
		tables[f.Parent].Children = append(tables[f.Parent].Children, f)
	}
	return err
}

func readTriggers(ctx context.Context, q Querier, schema string, tables map[string]*Table) error {
	const query = "SELECT EVENT_OBJECT_TABLE, LOWER(EVENT_MANIPULATION) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ?"
	return each(ctx, q, query, schema, func(rows *sql.Rows) error {
		var name, op string
		err := rows.Scan(&name, &op)
		if t := tables[name]; t != nil {
			t.Triggers = append(t.Triggers, op)
		}
		return err
	})
}
