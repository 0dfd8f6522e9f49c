package sqltext

import (
	"slices"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// Identifier quotes a name.
func Identifier(name string) string { return string(appendIdentifier(nil, name)) }

func appendIdentifier(dst []byte, name string) []byte {
	dst = append(dst, '`')
	for {
		before, after, found := strings.Cut(name, "`")
		if dst = append(dst, before...); !found {
			return append(dst, '`')
		}
		dst, name = append(dst, "``"...), after
	}
}

// Table quotes a table with its schema.
func Table(name diff.Name) string { return string(appendTable(nil, name)) }

func appendTable(dst []byte, name diff.Name) []byte {
	return appendIdentifier(append(appendIdentifier(dst, name.Schema), '.'), name.Table)
}

// Literal spells a value for storing it in the column or comparing the column's key with it.
func Literal(c diff.Column, v decode.Value) string { return string(appendLiteral(nil, c, v)) }

func appendLiteral(dst []byte, c diff.Column, v decode.Value) []byte {
	switch v.Kind {
	case decode.Absent, decode.Null:
		return append(dst, "NULL"...)
	case decode.Integer, decode.Decimal:
		return append(dst, v.Text...)
	case decode.Float:
		return appendExponent(dst, v.Text)
	case decode.Time:
		return append(append(append(dst, '\''), v.Text...), '\'')
	case decode.JSON:
		return append(appendCoded(append(dst, "CAST("...), "utf8mb4", v.Text), " AS JSON)"...)
	case decode.Text:
		return appendCoded(dst, c.Charset, v.Text)
	case decode.Binary:
	}
	return appendHex(dst, v.Text)
}

// appendCoded appends text with its character set.
func appendCoded(dst []byte, charset, bytes string) []byte {
	if charset == "" {
		charset = "utf8mb4"
	}
	return appendHex(append(append(append(dst, '_'), charset...), ' '), bytes)
}

func appendHex(dst []byte, bytes string) []byte {
	const digits = "0123456789abcdef"
	dst = append(slices.Grow(dst, 2*len(bytes)+len("X''")), "X'"...)
	for i := range len(bytes) {
		dst = append(dst, digits[bytes[i]>>4], digits[bytes[i]&0xf])
	}
	return append(dst, '\'')
}

// appendExponent appends a number so that the server reads a double, not a decimal.
func appendExponent(dst []byte, number string) []byte {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return append(dst, number...)
	}
	return strconv.AppendFloat(dst, f, 'e', -1, 64)
}

// Exactly is a condition that holds where the column stores exactly the value. NULL is asked for by IS NULL: with
// <=> the server refuses columns of some types (error 1210).
func Exactly(c diff.Column, v decode.Value) string { return string(appendExactly(nil, c, v)) }

func appendExactly(dst []byte, c diff.Column, v decode.Value) []byte {
	switch v.Kind {
	case decode.Absent, decode.Null:
		return append(appendIdentifier(dst, c.Name), " IS NULL"...)
	case decode.Text, decode.Binary:
		dst = appendIdentifier(append(dst, "BINARY "...), c.Name)
		return appendHex(append(dst, " = "...), v.Text)
	case decode.Integer:
		if c.Type == "enum" || c.Type == "set" || c.Type == "bit" {
			dst = appendIdentifier(append(dst, "CAST("...), c.Name)
			return append(append(dst, " AS UNSIGNED) = "...), v.Text...)
		}
	case decode.Float, decode.Decimal, decode.Time, decode.JSON:
	}
	return appendLiteral(append(appendIdentifier(dst, c.Name), " = "...), c, v)
}

// Same is a condition that holds where the server takes the column as equal to the value, under the column's own
// collation, so that an index serves it.
func Same(c diff.Column, v decode.Value) string { return string(appendSame(nil, c, v)) }

func appendSame(dst []byte, c diff.Column, v decode.Value) []byte {
	dst = appendIdentifier(dst, c.Name)
	if v.Kind == decode.Null || v.Kind == decode.Absent {
		return append(dst, " IS NULL"...)
	}
	return appendLiteral(append(dst, " = "...), c, v)
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
