package diff

import (
	"strings"
	"unicode/utf8"

	"github.com/regentdb/regent/binlog/decode"
)

// Key names a row of a table. Keys are compared with ==.
type Key struct {
	Name
	// ID is the primary key's values in a form that is the same for values that the server compares as equal.
	ID string
}

// KeyOf returns the key of an image, or false where the image lacks a column of it.
func (d *Definition) KeyOf(image []decode.Value) (Key, bool) {
	if image == nil || len(d.PrimaryKey) == 0 {
		return Key{}, false
	}
	for _, i := range d.PrimaryKey {
		if i >= len(image) || image[i].Kind == decode.Absent {
			return Key{}, false
		}
	}
	var buf [64]byte
	id := buf[:0]
	for _, i := range d.PrimaryKey {
		id = spell(id, d.Columns[i].folded(image[i].Text))
	}
	return Key{Name: d.Name, ID: string(id)}, true
}

// KeyID returns the ID of the key with these values.
func (d *Definition) KeyID(values []decode.Value) string {
	var buf [64]byte
	id := buf[:0]
	for i, column := range d.PrimaryKey {
		id = spell(id, d.Columns[column].folded(values[i].Text))
	}
	return string(id)
}

// KeyValues returns the values of the primary key's columns.
func (d *Definition) KeyValues(image []decode.Value) []decode.Value {
	out := make([]decode.Value, 0, len(d.PrimaryKey))
	for _, i := range d.PrimaryKey {
		out = append(out, image[i])
	}
	return out
}

// folding is what differences in spelling a column overlooks, of those that collations overlook most often: case, and
// spaces at the end.
type folding struct{ text, pads, ignoresCase bool }

func (c Column) folding() folding {
	return folding{text: c.Kind() == decode.Text, pads: c.Pads(), ignoresCase: c.IgnoresCase()}
}

// fold undoes the differences.
func (f folding) fold(text string) string {
	if !f.text {
		return text
	}
	if f.pads {
		text = strings.TrimRight(text, " ")
	}
	if !f.ignoresCase {
		return text
	}
	if utf8.ValidString(text) {
		return strings.ToLower(text)
	}
	return lowerASCII(text)
}

func (c Column) folded(text string) string { return c.folding().fold(text) }

// IgnoresCase says whether the collation overlooks case.
func (c Column) IgnoresCase() bool { return strings.HasSuffix(c.Collation, "_ci") }

// Pads says whether the collation overlooks spaces at the end.
func (c Column) Pads() bool {
	return !strings.Contains(c.Collation, "_0900_") && c.Collation != "binary"
}

func lowerASCII(text string) string {
	out := []byte(text)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + ('a' - 'A')
		}
	}
	return string(out)
}
