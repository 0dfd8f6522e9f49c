package diff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
)

// Name names a table.
type Name struct{ Schema, Table string }

// String returns schema.table.
func (n Name) String() string { return n.Schema + "." + n.Table }

// Definition is a table as it is on the new primary.
type Definition struct {
	Name
	// Missing says that the table is not there, or not visible.
	Missing bool
	Engine  string
	// Transactional says whether the engine can roll back.
	Transactional bool
	Columns       []Column
	// PrimaryKey holds indexes into Columns.
	PrimaryKey []int
	// PrefixKey says that the primary key covers only the beginning of one of its columns.
	PrefixKey bool
	// Unique are the other unique keys.
	Unique []Unique
	// References are the foreign keys of the table, ReferencedBy those that refer to it, each by name.
	References, ReferencedBy []ForeignKey
	Triggers                 []Trigger
	// TriggersHidden says that the account may not see the triggers of the table, so that there may be any.
	TriggersHidden bool
	// ForeignKeysHidden says which foreign keys of the table, or to it, the account may not see, and what to grant; it is
	// empty where all are known.
	ForeignKeysHidden string
	// Volatile holds indexes of the columns that the policy declares volatile: repeating a write does not repeat them.
	Volatile []int
	// Mergeable says that the policy allows disjoint updates of a row to be merged.
	Mergeable bool
}

// Column is a column of a table on the new primary.
type Column struct {
	Name string
	// Type is the data type in lower case, without sizes.
	Type string
	// Charset and Collation are empty for columns that hold no text.
	Charset, Collation string
	Generated          bool
	AutoIncrement      bool
}

// families maps data types to the families of the log, where the two differ.
func family(dataType string) string {
	switch dataType {
	case "binary":
		return "char"
	case "varbinary":
		return "varchar"
	case "tinytext", "text", "mediumtext", "longtext", "tinyblob", "mediumblob", "longblob":
		return "blob"
	case "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geomcollection",
		"geometrycollection":
		return "geometry"
	}
	return dataType
}

// Kind is the family of values that the column holds.
func (c Column) Kind() decode.Kind {
	switch family(c.Type) {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year", "enum", "set", "bit":
		return decode.Integer
	case "float", "double":
		return decode.Float
	case "decimal":
		return decode.Decimal
	case "date", "time", "datetime", "timestamp":
		return decode.Time
	case "json":
		return decode.JSON
	}
	if c.Charset != "" {
		return decode.Text
	}
	return decode.Binary
}

// Mismatch says how the table of the log differs from the definition, or returns the empty text where row images of
// the one can be compared with rows of the other.
func (d *Definition) Mismatch(t *decode.Table) string {
	switch {
	case d.Missing:
		return "the table is not on the new primary"
	case len(d.Columns) != len(t.Columns):
		return fmt.Sprintf("the table has %d columns on the new primary and %d in the log", len(d.Columns), len(t.Columns))
	}
	for i, c := range d.Columns {
		logged := t.Columns[i]
		if logged.Name != "" && !strings.EqualFold(logged.Name, c.Name) ||
			logged.Family != family(c.Type) || logged.Kind != c.Kind() {
			return fmt.Sprintf("column %d is %s %s on the new primary and another in the log", i+1, c.Name, c.Type)
		}
	}
	if len(t.PrimaryKey) > 0 && !slices.Equal(t.PrimaryKey, d.PrimaryKey) {
		return "the primary key is another on the new primary"
	}
	return ""
}

// unkeyed says why rows of the table have no usable key; empty where they have.
func (d *Definition) unkeyed() string {
	switch {
	case len(d.PrimaryKey) == 0:
		return "the table has no primary key"
	case d.PrefixKey:
		return "the primary key covers only the beginning of a column"
	}
	return ""
}
