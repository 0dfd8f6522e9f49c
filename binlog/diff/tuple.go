package diff

import (
	"slices"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
)

// Tuple names the values of a unique key, or of a foreign key at either end. Tuples are compared with ==.
type Tuple struct {
	// Of is the table of a unique key, or the schema of a constraint.
	Of Name
	// Under is the name of the key or constraint; empty for the content of a row.
	Under string
	// ID is the values in a form that is the same for values that are equal.
	ID string
}

// Text is a value of a character column with what decides how it compares.
type Text struct{ Charset, Collation, Bytes string }

// Wanted are rows of a table with certain values, none of them NULL. Only the names and character sets of the columns
// are meant.
type Wanted struct {
	Table   Name
	Columns []Column
	Values  []decode.Value
}

// Facts are what the new primary says about tuples. Only tuples that were asked for are in it.
type Facts struct {
	// Weights are the sort keys of texts: the same for texts that the server takes as equal.
	Weights map[Text]string
	// Holders are the keys of the live rows that hold tuples of unique keys; absent where none does.
	Holders map[Tuple]Key
	// Parents and Children count the live rows that provide a tuple, and those that refer to it.
	Parents, Children map[Tuple]int
	// Last is the highest auto-increment value of a table, 0 where it has no row.
	Last map[Name]uint64
}

func newFacts() Facts {
	return Facts{
		Weights: map[Text]string{}, Holders: map[Tuple]Key{}, Parents: map[Tuple]int{}, Children: map[Tuple]int{},
		Last: map[Name]uint64{},
	}
}

// UniqueTuple is the image's tuple under a unique key; false where there is no image or the tuple has a NULL.
func (d *Divergence) UniqueTuple(table *Definition, u Unique, image []decode.Value) (Tuple, bool) {
	id, ok := d.tupleID(table, u.Columns, image)
	return Tuple{Of: table.Name, Under: u.Name, ID: id}, ok
}

// ForeignTuple is the image's tuple under a foreign key, the same at both ends of it; false where there is no image or
// the tuple has a NULL.
func (d *Divergence) ForeignTuple(table *Definition, f ForeignKey, image []decode.Value) (Tuple, bool) {
	id, ok := d.tupleID(table, f.Columns, image)
	return Tuple{Of: Name{Schema: f.Schema}, Under: f.Name, ID: id}, ok
}

func (d *Divergence) tupleID(table *Definition, columns []int, image []decode.Value) (string, bool) {
	if !hasValues(columns, image) {
		return "", false
	}
	var id strings.Builder
	for _, i := range columns {
		spell(&id, d.weight(table.Columns[i], image[i].Text))
	}
	return id.String(), true
}

// hasValues says whether the image has a value other than NULL in every column.
func hasValues(columns []int, image []decode.Value) bool {
	return image != nil && !slices.ContainsFunc(columns, func(i int) bool {
		return image[i].Kind == decode.Null || image[i].Kind == decode.Absent
	})
}

// spell appends a text so that no two lists of texts come out the same.
func spell(id *strings.Builder, text string) {
	id.WriteString(strconv.Itoa(len(text)))
	id.WriteByte(':')
	id.WriteString(text)
}

func (d *Divergence) weight(c Column, text string) string {
	if weight, known := d.Facts.Weights[Text{c.Charset, c.Collation, text}]; known {
		return weight
	}
	return c.folded(text)
}

// Unweighed lists the texts of the columns of an image whose equality only the server can tell and has not told yet.
func (d *Divergence) Unweighed(table *Definition, columns []int, image []decode.Value) []Text {
	if image == nil || slices.Contains(columns, -1) {
		return nil
	}
	values := make([]decode.Value, 0, len(columns))
	for _, i := range columns {
		values = append(values, image[i])
	}
	return d.unweighed(table, columns, values)
}

func (d *Divergence) unweighed(table *Definition, columns []int, values []decode.Value) []Text {
	var out []Text
	for i, column := range columns {
		c := table.Columns[column]
		if values[i].Kind != decode.Text || c.exact() {
			continue
		}
		text := Text{c.Charset, c.Collation, values[i].Text}
		if _, known := d.Facts.Weights[text]; !known {
			out = append(out, text)
		}
	}
	return out
}

// exact says whether folding tells equality exactly: the collation compares bytes, and a space is one byte.
func (c Column) exact() bool {
	switch c.Charset {
	case "utf8mb4", "utf8mb3", "utf8", "latin1", "ascii", "binary":
		return c.Collation == "binary" || strings.HasSuffix(c.Collation, "_bin")
	}
	return false
}
