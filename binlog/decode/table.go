package decode

import (
	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// Table is a table as the log describes it.
type Table struct {
	Schema, Name string
	Columns      []Column
	// PrimaryKey holds indexes into Columns; empty where the table has none or the log does not say
	// (binlog_row_metadata=MINIMAL).
	PrimaryKey []int
	// PrefixKey says that the key covers only the beginning of one of its columns.
	PrefixKey bool
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
	// pad is the length that a BINARY value is padded to, in bytes; 0 for other types.
	pad int
}

// binaryCollation is the collation number of binary strings.
const binaryCollation = 63

// columnOf describes a column by its type code, its metadata and its collation.
func columnOf(code byte, meta uint16, collation uint64) Column {
	length := 0
	if code == mysql.MYSQL_TYPE_STRING {
		code, length = realType(meta)
	}
	c := Column{Kind: Text, Family: "char"}
	if known, ok := plainColumn(code); ok {
		c = known
	} else if family := stringFamily(code); family != "" {
		c.Family = family
	} else {
		return Column{Kind: Binary, Family: "unknown"}
	}
	if c.Kind == Text && collation == binaryCollation {
		c.Kind = Binary
		if c.Family == "char" {
			c.pad = length
		}
	}
	return c
}

// realType undoes the packing of the CHAR, BINARY, ENUM and SET types: two bits of the length are in the type
// (Field_string in the server).
func realType(meta uint16) (code byte, length int) {
	high, low := byte(meta>>8), int(meta&0xff)
	switch {
	case meta < 256:
		return mysql.MYSQL_TYPE_STRING, low
	case high&0x30 != 0x30:
		return high | 0x30, low | int(high&0x30^0x30)<<4
	}
	return high, low
}

func stringFamily(code byte) string {
	switch code {
	case mysql.MYSQL_TYPE_STRING:
		return "char"
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING:
		return "varchar"
	case mysql.MYSQL_TYPE_BLOB:
		return "blob"
	}
	return ""
}

func plainColumn(code byte) (Column, bool) {
	switch code {
	case mysql.MYSQL_TYPE_TINY:
		return Column{Kind: Integer, Family: "tinyint"}, true
	case mysql.MYSQL_TYPE_SHORT:
		return Column{Kind: Integer, Family: "smallint"}, true
	case mysql.MYSQL_TYPE_INT24:
		return Column{Kind: Integer, Family: "mediumint"}, true
	case mysql.MYSQL_TYPE_LONG:
		return Column{Kind: Integer, Family: "int"}, true
	case mysql.MYSQL_TYPE_LONGLONG:
		return Column{Kind: Integer, Family: "bigint"}, true
	case mysql.MYSQL_TYPE_YEAR:
		return Column{Kind: Integer, Family: "year"}, true
	case mysql.MYSQL_TYPE_ENUM:
		return Column{Kind: Integer, Family: "enum"}, true
	case mysql.MYSQL_TYPE_SET:
		return Column{Kind: Integer, Family: "set"}, true
	case mysql.MYSQL_TYPE_BIT:
		return Column{Kind: Integer, Family: "bit"}, true
	case mysql.MYSQL_TYPE_FLOAT:
		return Column{Kind: Float, Family: "float"}, true
	case mysql.MYSQL_TYPE_DOUBLE:
		return Column{Kind: Float, Family: "double"}, true
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		return Column{Kind: Decimal, Family: "decimal"}, true
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		return Column{Kind: Time, Family: "date"}, true
	case mysql.MYSQL_TYPE_TIME, mysql.MYSQL_TYPE_TIME2:
		return Column{Kind: Time, Family: "time"}, true
	case mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_DATETIME2:
		return Column{Kind: Time, Family: "datetime"}, true
	case mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_TIMESTAMP2:
		return Column{Kind: Time, Family: "timestamp"}, true
	case mysql.MYSQL_TYPE_JSON:
		return Column{Kind: JSON, Family: "json"}, true
	case mysql.MYSQL_TYPE_GEOMETRY:
		return Column{Kind: Binary, Family: "geometry"}, true
	case mysql.MYSQL_TYPE_VECTOR:
		return Column{Kind: Binary, Family: "vector"}, true
	}
	return Column{}, false
}

// collationsOf returns the collation numbers of the character columns by column index. The library's own map is not
// used: it leaves out VECTOR, which the server counts among them, so that every later column gets the collation of
// another.
func collationsOf(event *replication.TableMapEvent) map[int]uint64 {
	exceptions := map[uint64]uint64{}
	for i := 1; i+1 < len(event.DefaultCharset); i += 2 {
		exceptions[event.DefaultCharset[i]] = event.DefaultCharset[i+1]
	}
	out, n := map[int]uint64{}, uint64(0)
	for i := range event.ColumnType {
		if !isCharacter(event, i) {
			continue
		}
		if len(event.DefaultCharset) > 0 {
			out[i] = event.DefaultCharset[0]
			if collation, ok := exceptions[n]; ok {
				out[i] = collation
			}
		} else if n < uint64(len(event.ColumnCharset)) {
			out[i] = event.ColumnCharset[n]
		}
		n++
	}
	return out
}

func isCharacter(event *replication.TableMapEvent, column int) bool {
	return event.ColumnType[column] == mysql.MYSQL_TYPE_VECTOR || event.IsCharacterColumn(column)
}

// tableOf describes the table of a table map event. The optional metadata of the event must have been read into it.
func tableOf(event *replication.TableMapEvent) *Table {
	t := &Table{Schema: string(event.Schema), Name: string(event.Table)}
	collations := collationsOf(event)
	for i, code := range event.ColumnType {
		c := columnOf(code, event.ColumnMeta[i], collations[i])
		if len(event.ColumnName) == len(event.ColumnType) {
			c.Name = string(event.ColumnName[i])
		}
		t.Columns = append(t.Columns, c)
	}
	for i, column := range event.PrimaryKey {
		t.PrimaryKey = append(t.PrimaryKey, int(column))
		t.PrefixKey = t.PrefixKey || event.PrimaryKeyPrefix[i] != 0
	}
	return t
}
