package diff

import (
	"strconv"
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
	var id strings.Builder
	for _, i := range d.PrimaryKey {
		if i >= len(image) || image[i].Kind == decode.Absent {
			return Key{}, false
		}
		folded := d.Columns[i].folded(image[i].Text)
		id.WriteString(strconv.Itoa(len(folded)))
		id.WriteByte(':')
		id.WriteString(folded)
	}
	return Key{Name: d.Name, ID: id.String()}, true
}

// KeyValues returns the values of the primary key's columns.
func (d *Definition) KeyValues(image []decode.Value) []decode.Value {
	out := make([]decode.Value, 0, len(d.PrimaryKey))
	for _, i := range d.PrimaryKey {
		out = append(out, image[i])
	}
	return out
}

// ExactKey says whether two keys are the same to the server exactly when their bytes are: no column of the key has a
// collation that takes different texts as equal.
func (d *Definition) ExactKey() bool {
	for _, i := range d.PrimaryKey {
		if d.Columns[i].Kind() == decode.Text {
			return false
		}
	}
	return true
}

// folded undoes the differences in spelling that a collation overlooks most often: case, and spaces at the end.
func (c Column) folded(text string) string {
	if c.Kind() != decode.Text {
		return text
	}
	if !strings.Contains(c.Collation, "_0900_") && c.Collation != "binary" {
		text = strings.TrimRight(text, " ")
	}
	if !strings.HasSuffix(c.Collation, "_ci") {
		return text
	}
	if utf8.ValidString(text) {
		return strings.ToLower(text)
	}
	return lowerASCII(text)
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
