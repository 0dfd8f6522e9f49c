package classes

import (
	"strings"
	"unicode/utf8"

	"github.com/regentdb/regent/truth/table"
)

// key names a row of the old side: the table and the folded values of the primary key.
type key string

// unkeyed says whether rows of the table have no key.
func unkeyed(t *table.Table) bool { return len(t.PrimaryKey) == 0 || t.PrefixKey }

// keyOf returns the key of an image; false where it lacks a column of the key.
func keyOf(t *table.Table, image table.Row) (key, bool) {
	if image == nil {
		return "", false
	}
	parts := []string{t.Name}
	for _, i := range t.PrimaryKey {
		if image[i].Absent || image[i].Unknown {
			return "", false
		}
		parts = append(parts, fold(t.Columns[i], image[i].Text))
	}
	return key(strings.Join(parts, "\x00\x01")), true
}

// stored is a key as the server compares it, under which the new side, the live rows and the trial are kept.
type stored string

func (w *world) storedKey(t *table.Table, image table.Row) (stored, bool) {
	tuple, ok := w.tuple(t, t.PrimaryKey, image)
	return stored(t.Name + "\x00\x01" + tuple), ok
}

// fold undoes differences of spelling as the specification says.
func fold(c table.Column, text string) string {
	if c.Collation == "" {
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
	out := []byte(text)
	for i, b := range out {
		if 'A' <= b && b <= 'Z' {
			out[i] = b + 'a' - 'A'
		}
	}
	return string(out)
}

// tuple is the values of columns as the server compares them; false where one is NULL or not in the image.
func (w *world) tuple(t *table.Table, columns []int, image table.Row) (string, bool) {
	if image == nil {
		return "", false
	}
	parts := make([]string, 0, len(columns))
	for _, i := range columns {
		if i < 0 || image[i].Null || image[i].Absent || image[i].Unknown {
			return "", false
		}
		weight, err := w.Weigh(t.Columns[i], image[i])
		if err != nil {
			w.fail(err)
		}
		parts = append(parts, weight)
	}
	return strings.Join(parts, "\x00\x01"), true
}

// folded is the values of columns after folding; false where one is NULL.
func folded(t *table.Table, columns []int, image table.Row) (string, bool) {
	parts := make([]string, 0, len(columns))
	for _, i := range columns {
		if i < 0 || image[i].Null || image[i].Absent {
			return "", false
		}
		parts = append(parts, fold(t.Columns[i], image[i].Text))
	}
	return strings.Join(parts, "\x00\x01"), true
}
