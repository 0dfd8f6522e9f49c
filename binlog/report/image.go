package report

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// clone returns an image that stays valid.
func (m Image) clone() Image {
	out := slices.Clone(m)
	for i, f := range out {
		out[i].Value = bytes.Clone(f.Value)
	}
	return out
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

// imageOf shows the values of columns.
func imageOf(columns []string, values []decode.Value) Image {
	if values == nil {
		return nil
	}
	image, _ := new(arena).image(Image{}, "", columns, values)
	return image
}

// arena holds the JSON of values until it is reset, so that a row needs no memory of its own.
type arena []byte

// image appends the columns of an image to the fields. Those whose JSON is not what their type says are returned as
// encoded.
func (a *arena) image(fields Image, name string, columns []string, values []decode.Value) (image Image, encoded []string) {
	for i, v := range values {
		if v.Kind == decode.Absent || i >= len(columns) {
			continue
		}
		from, odd := len(*a), false
		*a, odd = appendValue(*a, v)
		if odd {
			encoded = append(encoded, name+"."+columns[i])
		}
		fields = append(fields, Field{Column: columns[i], Value: json.RawMessage((*a)[from:len(*a):len(*a)])})
	}
	return fields, encoded
}

// errValue means that the JSON of a value is not what its column can hold. The value is not named: it may be secret.
var errValue = errors.New("the value does not fit its column")

// valueOf is the inverse of appendValue.
func valueOf(kind decode.Kind, text json.RawMessage, odd bool) (decode.Value, error) {
	if string(text) == "null" && !odd {
		return decode.NullValue(), nil
	}
	if len(text) == 0 || text[0] != '"' {
		return numberOrDocument(kind, text)
	}
	if kind == decode.JSON && !odd {
		return document(text), nil
	}
	plain, err := textOf(text)
	if err != nil {
		return decode.Value{}, errValue
	}
	switch kind {
	case decode.Binary:
		return unhex(kind, plain)
	case decode.Text:
		if odd {
			return unhex(kind, plain)
		}
	case decode.Decimal, decode.Time, decode.JSON:
	case decode.Integer, decode.Float, decode.Absent, decode.Null:
		return decode.Value{}, errValue
	}
	return decode.Value{Kind: kind, Text: plain}, nil
}

func numberOrDocument(kind decode.Kind, text json.RawMessage) (decode.Value, error) {
	switch {
	case kind == decode.JSON:
		return document(text), nil
	case (kind == decode.Integer || kind == decode.Float) && numberEnded(text, 0) == len(text):
		return decode.Value{Kind: kind, Text: string(text)}, nil
	case (kind == decode.Integer || kind == decode.Float) && strings.Trim(string(text), "-+.eE0123456789") == "":
		return decode.Value{Kind: kind, Text: string(text)}, nil
	}
	return decode.Value{}, errValue
}

// document is a document as it was before what could be markup was escaped. The rest is as package decode spells it.
func document(text []byte) decode.Value {
	out := make([]byte, 0, len(text))
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 || len(text)-i < 2 {
			return decode.Value{Kind: decode.JSON, Text: string(append(out, text...))}
		}
		out = append(out, text[:i]...)
		size := 2
		if r, ok := unhexRune(text, i+size); ok && text[i+1] == 'u' && (r == '<' || r == '>' || r == '&') {
			out = append(out, byte(r))
			size += runeDigits
		} else {
			out = append(out, text[i:i+size]...)
		}
		text = text[i+size:]
	}
}

func unhex(kind decode.Kind, text string) (decode.Value, error) {
	digits, found := strings.CutPrefix(text, hexPrefix)
	bytes, err := hex.DecodeString(digits)
	if !found || err != nil {
		return decode.Value{}, errValue
	}
	return decode.Value{Kind: kind, Text: string(bytes)}, nil
}
