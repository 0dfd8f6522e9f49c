package sqltext

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// Identifier quotes a name.
func Identifier(name string) string {
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// Table quotes a table with its schema.
func Table(name diff.Name) string {
	return Identifier(name.Schema) + "." + Identifier(name.Table)
}

// Literal spells a value for storing it in the column or comparing the column's key with it.
func Literal(c diff.Column, v decode.Value) string {
	switch v.Kind {
	case decode.Absent, decode.Null:
		return "NULL"
	case decode.Integer, decode.Decimal:
		return v.Text
	case decode.Float:
		return exponent(v.Text)
	case decode.Time:
		return "'" + v.Text + "'"
	case decode.JSON:
		return "CAST(" + text("utf8mb4", v.Text) + " AS JSON)"
	case decode.Text:
		return text(c.Charset, v.Text)
	case decode.Binary:
	}
	return "X'" + hex.EncodeToString([]byte(v.Text)) + "'"
}

func text(charset, bytes string) string {
	if charset == "" {
		charset = "utf8mb4"
	}
	return "_" + charset + " X'" + hex.EncodeToString([]byte(bytes)) + "'"
}

// exponent writes a number so that the server reads a double, not a decimal.
func exponent(number string) string {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return number
	}
	return strconv.FormatFloat(f, 'e', -1, 64)
}

// Exactly is a condition that holds where the column stores exactly the value. NULL is asked for by IS NULL: with
// <=> the server refuses columns of some types (error 1210).
func Exactly(c diff.Column, v decode.Value) string {
	name := Identifier(c.Name)
	switch v.Kind {
	case decode.Absent, decode.Null:
		return name + " IS NULL"
	case decode.Text, decode.Binary:
		return "BINARY " + name + " = X'" + hex.EncodeToString([]byte(v.Text)) + "'"
	case decode.Integer:
		if c.Type == "enum" || c.Type == "set" || c.Type == "bit" {
			return "CAST(" + name + " AS UNSIGNED) = " + v.Text
		}
	case decode.Float, decode.Decimal, decode.Time, decode.JSON:
	}
	return name + " = " + Literal(c, v)
}

// Same is a condition that holds where the server takes the column as equal to the value, under the column's own
// collation, so that an index serves it.
func Same(c diff.Column, v decode.Value) string {
	if v.Kind == decode.Null || v.Kind == decode.Absent {
		return Identifier(c.Name) + " IS NULL"
	}
	return Identifier(c.Name) + " = " + Literal(c, v)
}

// Read is the expression that returns the column as a decode.Value can take it.
func Read(c diff.Column) string {
	name := Identifier(c.Name)
	switch c.Type {
	case "enum", "set", "bit":
		return "CAST(" + name + " AS UNSIGNED)"
	case "date", "time", "datetime", "timestamp":
		return "CAST(" + name + " AS CHAR)"
	}
	return name
}

// Comment makes text harmless behind "-- ": one line, without control characters.
func Comment(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, text)
}
