package decode

// Table is a table as the log describes it.
type Table struct {
	Schema, Name string
	Columns      []Column
	// PrimaryKey holds indexes into Columns; empty where the table has none or the log does not say
	// (binlog_row_metadata=MINIMAL).
	PrimaryKey []int
	// PrefixKey says that the key covers only the beginning of one of its columns.
	PrefixKey bool

	// cells say how the values of Columns are stored.
	cells []cell
	// documents counts the JSON columns.
	documents int
	// unreadable says why images of the table cannot be read; empty where they can.
	unreadable string
}

// Named says whether the log carries column names and keys (binlog_row_metadata=FULL).
func (t *Table) Named() bool { return len(t.Columns) > 0 && t.Columns[0].Name != "" }

// Column is a column as the log describes it.
type Column struct {
	// Name is empty under binlog_row_metadata=MINIMAL.
	Name string
	Kind Kind
	// Family is the SQL type, without sizes, or the first of those that the log does not tell apart: text and
	// blobs of all sizes are "blob".
	Family string
}

// binaryCollation is the collation number of binary strings.
const binaryCollation = 63

// column describes the column that is stored in the cell, by its collation.
func (c *cell) column(collation uint64) Column {
	out := Column{Kind: Binary, Family: "unknown"}
	if known, ok := plainColumn(c.code); ok {
		return known
	}
	if family := stringFamily(c.code); family != "" {
		out.Family = family
		if collation != binaryCollation {
			out.Kind = Text
		} else if c.code == typeString {
			c.pad = c.meta
		}
	}
	return out
}

func stringFamily(code byte) string {
	switch code {
	case typeString:
		return "char"
	case typeVarchar, typeVarString:
		return "varchar"
	case typeBlob:
		return "blob"
	}
	return ""
}

func plainColumn(code byte) (Column, bool) {
	switch code {
	case typeTiny:
		return Column{Kind: Integer, Family: "tinyint"}, true
	case typeShort:
		return Column{Kind: Integer, Family: "smallint"}, true
	case typeInt24:
		return Column{Kind: Integer, Family: "mediumint"}, true
	case typeLong:
		return Column{Kind: Integer, Family: "int"}, true
	case typeLongLong:
		return Column{Kind: Integer, Family: "bigint"}, true
	case typeYear:
		return Column{Kind: Integer, Family: "year"}, true
	case typeEnum:
		return Column{Kind: Integer, Family: "enum"}, true
	case typeSet:
		return Column{Kind: Integer, Family: "set"}, true
	case typeBit:
		return Column{Kind: Integer, Family: "bit"}, true
	case typeFloat:
		return Column{Kind: Float, Family: "float"}, true
	case typeDouble:
		return Column{Kind: Float, Family: "double"}, true
	case typeNewDecimal:
		return Column{Kind: Decimal, Family: "decimal"}, true
	case typeDate, typeNewDate:
		return Column{Kind: Time, Family: "date"}, true
	case typeTime, typeTime2:
		return Column{Kind: Time, Family: "time"}, true
	case typeDatetime, typeDatetime2:
		return Column{Kind: Time, Family: "datetime"}, true
	case typeTimestamp, typeTimestamp2:
		return Column{Kind: Time, Family: "timestamp"}, true
	case typeJSON:
		return Column{Kind: JSON, Family: "json"}, true
	case typeGeometry:
		return Column{Kind: Binary, Family: "geometry"}, true
	case typeVector:
		return Column{Kind: Binary, Family: "vector"}, true
	}
	return Column{}, false
}
