package decode

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/decode/jsonb"
)

// Kind is the family of a value: how its text is to be understood.
type Kind uint8

const (
	// Absent marks a column that the row image leaves out (binlog_row_image other than FULL).
	Absent Kind = iota
	// Null is SQL NULL.
	Null
	// Integer covers the integer types and YEAR, and ENUM, SET and BIT by their number.
	Integer
	// Float covers FLOAT and DOUBLE; a FLOAT is shown as the double that it widens to.
	Float
	// Decimal is exact, with all the digits of its scale.
	Decimal
	// Time covers the temporal types, TIMESTAMP in UTC, without trailing zeros of the fraction.
	Time
	// Text holds the bytes of a character column in the column's own character set.
	Text
	// Binary covers binary strings, blobs, geometries (SRID and WKB) and vectors. BINARY is padded.
	Binary
	// JSON is compact text with sorted keys.
	JSON
)

// Value is one column of one row image. Two values are the same exactly when they are ==.
type Value struct {
	Kind Kind
	// Text is the value as its Kind describes it; empty for Absent and Null.
	Text string
}

// NullValue is SQL NULL.
func NullValue() Value { return Value{Kind: Null} }

// IntegerValue returns a signed integer.
func IntegerValue(n int64) Value { return Value{Integer, strconv.FormatInt(n, 10)} }

// UnsignedValue returns an unsigned integer, or the number of a BIT, ENUM or SET.
func UnsignedValue(n uint64) Value { return Value{Integer, strconv.FormatUint(n, 10)} }

// FloatValue returns a floating point number; the sign of zero is not kept, as comparison in SQL ignores it.
func FloatValue(f float64) Value {
	return Value{Float, string(appendFloat(nil, f))}
}

// TimeValue returns a temporal value; the fraction loses its trailing zeros, as the number of its digits is a
// property of the column.
func TimeValue(text string) Value {
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return Value{Time, text}
}

// JSONValue returns a document, compact and with sorted keys, whatever the form of the text. Text that is not
// JSON is kept as it is.
func JSONValue(text string) Value {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var document any
	if decoder.Decode(&document) != nil || decoder.More() {
		return Value{JSON, text}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(canonicalNumbers(document)) != nil {
		return Value{JSON, text}
	}
	return Value{JSON, strings.TrimSuffix(out.String(), "\n")}
}

// canonicalNumbers gives each double of a document one spelling. Integers and doubles stay apart: the server
// stores them as different types.
func canonicalNumbers(document any) any {
	switch d := document.(type) {
	case []any:
		for i := range d {
			d[i] = canonicalNumbers(d[i])
		}
	case map[string]any:
		for key := range d {
			d[key] = canonicalNumbers(d[key])
		}
	case json.Number:
		return json.Number(jsonb.Number(d.String()))
	}
	return document
}
