package report

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/regentdb/regent/binlog/decode"
)

// Image is a row as a JSON object that keeps the order of its columns.
type Image []Field

// Field is one column of an image.
type Field struct {
	Column string
	// Value is JSON.
	Value json.RawMessage
}

// MarshalJSON returns an object, or null for no row.
func (m Image) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("null"), nil
	}
	out := []byte{'{'}
	for i, f := range m {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(f.Column)
		if err != nil {
			return nil, fmt.Errorf("report: column %q: %w", f.Column, err)
		}
		out = append(append(append(out, name...), ':'), f.Value...)
	}
	return append(out, '}'), nil
}

// errImage is the error for an image that is no object.
var errImage = errors.New("report: an object of columns wanted")

// UnmarshalJSON is the inverse of MarshalJSON.
func (m *Image) UnmarshalJSON(text []byte) error {
	*m = nil
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	s := &scanner{window: text}
	if first, err := s.token(); err != nil || first != '{' {
		return errImage
	}
	*m = Image{}
	err := s.members(func(column string, first byte) error {
		value, err := s.value(first)
		*m = append(*m, Field{Column: column, Value: bytes.Clone(value)})
		return err
	})
	if err != nil {
		return fmt.Errorf("report: image: %w", err)
	}
	return nil
}

// field returns the value of a column, nil where the image lacks it.
func (m Image) field(column string) json.RawMessage {
	for _, f := range m {
		if f.Column == column {
			return f.Value
		}
	}
	return nil
}

// Names of the images in Row.Encoded.
const (
	beforeImage = "before"
	afterImage  = "after"
	liveImage   = "live"
)

// imageOf shows an image. The columns whose JSON is not what their type says are returned as encoded.
func imageOf(name string, columns []string, values []decode.Value) (image Image, encoded []string, err error) {
	if values == nil {
		return nil, nil, nil
	}
	image = Image{}
	for i, v := range values {
		if v.Kind == decode.Absent || i >= len(columns) {
			continue
		}
		text, odd, err := jsonOf(v)
		if err != nil {
			return nil, nil, err
		}
		if odd {
			encoded = append(encoded, name+"."+columns[i])
		}
		image = append(image, Field{Column: columns[i], Value: text})
	}
	return image, encoded, nil
}

// jsonOf shows a value: numbers as numbers, documents as documents, exact decimals and everything else as text, bytes
// that are no text in hexadecimal digits. Odd says that the kind alone does not lead back to the value: a document
// null, a number or document that is no JSON, text that is no UTF-8.
func jsonOf(v decode.Value) (text json.RawMessage, odd bool, err error) {
	switch v.Kind {
	case decode.Absent, decode.Null:
		return json.RawMessage("null"), false, nil
	case decode.Integer, decode.Float, decode.JSON:
		if json.Valid([]byte(v.Text)) {
			return json.RawMessage(v.Text), v.Text == "null", nil
		}
		odd = true
	case decode.Binary:
		text, err = json.Marshal(hexDigits(v.Text))
		return text, false, err
	case decode.Decimal, decode.Time, decode.Text:
	}
	if !utf8.ValidString(v.Text) {
		text, err = json.Marshal(hexDigits(v.Text))
		return text, true, err
	}
	text, err = json.Marshal(v.Text)
	return text, odd, err
}

const hexPrefix = "0x"

func hexDigits(bytes string) string { return hexPrefix + hex.EncodeToString([]byte(bytes)) }

// errValue means that the JSON of a value is not what its column can hold. The value is not named: it may be secret.
var errValue = errors.New("the value does not fit its column")

// valueOf is the inverse of jsonOf.
func valueOf(kind decode.Kind, text json.RawMessage, odd bool) (decode.Value, error) {
	if string(text) == "null" && !odd {
		return decode.NullValue(), nil
	}
	var plain string
	if err := json.Unmarshal(text, &plain); err != nil || string(text) == "null" {
		return numberOrDocument(kind, text)
	}
	switch kind {
	case decode.Binary:
		return unhex(kind, plain)
	case decode.Text:
		if odd {
			return unhex(kind, plain)
		}
	case decode.JSON:
		if !odd {
			return decode.JSONValue(string(text)), nil
		}
	case decode.Decimal, decode.Time:
	case decode.Integer, decode.Float, decode.Absent, decode.Null:
		return decode.Value{}, errValue
	}
	return decode.Value{Kind: kind, Text: plain}, nil
}

func numberOrDocument(kind decode.Kind, text json.RawMessage) (decode.Value, error) {
	switch {
	case kind == decode.JSON:
		return decode.JSONValue(string(text)), nil
	case (kind == decode.Integer || kind == decode.Float) && strings.Trim(string(text), "-+.eE0123456789") == "":
		return decode.Value{Kind: kind, Text: string(text)}, nil
	}
	return decode.Value{}, errValue
}

func unhex(kind decode.Kind, text string) (decode.Value, error) {
	digits, found := strings.CutPrefix(text, hexPrefix)
	bytes, err := hex.DecodeString(digits)
	if !found || err != nil {
		return decode.Value{}, errValue
	}
	return decode.Value{Kind: kind, Text: string(bytes)}, nil
}
