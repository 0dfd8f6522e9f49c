package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// columnsOf lists the columns of all images of a row, in order.
func columnsOf(row Row) []string {
	var out []string
	for _, image := range []Image{row.Before, row.After, row.Live} {
		at := 0
		for _, f := range image {
			i := slices.Index(out, f.Column)
			if i < 0 {
				i = at
				out = slices.Insert(out, i, f.Column)
			}
			at = i + 1
		}
	}
	return out
}

// Marks in an image instead of a value.
const (
	absentMark   = '0'
	sameAsBefore = '1'
	sameAsAfter  = '2'
)

// pageImages spells the images of a row for the page, with marks for values that an earlier image has too.
type pageImages struct {
	// values are those of the images in the order of the form's columns; nil is absent.
	values  [3][]json.RawMessage
	scratch []byte
}

func (p *pageImages) append(dst []byte, columns []string, row Row) []byte {
	images := [3]Image{row.Before, row.After, row.Live}
	for i, image := range images {
		p.values[i] = arranged(p.values[i][:0], columns, image)
	}
	for i, image := range images {
		if image == nil {
			dst = append(dst, ",null"...)
			continue
		}
		dst = append(dst, ",["...)
		for column := range columns {
			if column > 0 {
				dst = append(dst, ',')
			}
			dst = p.value(dst, i, column)
		}
		dst = append(dst, ']')
	}
	return dst
}

// arranged appends the values of an image in the order of the columns.
func arranged(dst []json.RawMessage, columns []string, image Image) []json.RawMessage {
	whole := image.has(columns)
	for i, column := range columns {
		if whole {
			dst = append(dst, image[i].Value)
		} else {
			dst = append(dst, image.field(column))
		}
	}
	return dst
}

// value appends the value of a column in the n-th image.
func (p *pageImages) value(dst []byte, n, column int) []byte {
	value := p.values[n][column]
	switch {
	case value == nil:
		return append(dst, absentMark)
	case string(value) == "null":
		return append(dst, value...)
	case n > 0 && string(p.values[0][column]) == string(value):
		return append(dst, sameAsBefore)
	case n > 1 && string(p.values[1][column]) == string(value):
		return append(dst, sameAsAfter)
	case isVerbatim(value):
		return append(dst, value...)
	}
	p.scratch = appendDisplay(p.scratch[:0], value)
	return appendCut(dst, p.scratch)
}

// isVerbatim says that a value is a short text that is shown as it is spelled.
func isVerbatim(value []byte) bool {
	if value[0] != '"' || len(value) > pageValue {
		return false
	}
	for _, b := range value[1 : len(value)-1] {
		if !isPlain(b) || b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendKey appends a key as people read it.
func appendKey(dst []byte, key Image) []byte {
	for i, f := range key {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendDisplay(append(append(dst, f.Column...), '='), f.Value)
	}
	return dst
}

// appendDisplay appends text without its quotes and everything else as JSON.
func appendDisplay(dst []byte, value json.RawMessage) []byte {
	if len(value) > 0 && value[0] == '"' {
		if text, err := unquoted(dst, value); err == nil {
			return text
		}
	}
	return append(dst, value...)
}

// appendCut appends a text for the page, shortened.
func appendCut(dst, text []byte) []byte {
	if len(text) <= pageValue {
		return appendText(dst, text)
	}
	return appendText(dst, cut(string(text)))
}

// cut shortens a text for the page.
func cut(text string) string {
	if len(text) <= pageValue {
		return text
	}
	return strings.ToValidUTF8(text[:pageValue], "") + fmt.Sprintf(" … (%d bytes)", len(text))
}
