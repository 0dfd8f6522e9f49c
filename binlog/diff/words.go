package diff

import (
	"strings"
	"unicode"

	"github.com/regentdb/regent/binlog/decode"
)

// mention is which tables a statement may concern, judged by its words. It errs on the side of too many.
type mention struct {
	words map[string]bool
	// schemaWide says that the statement is about a whole schema.
	schemaWide bool
	schema     string
}

func mentionsOf(s decode.Statement) mention {
	words := strings.FieldsFunc(strings.ToLower(s.Text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '$' && r != '-'
	})
	m := mention{words: make(map[string]bool, len(words)), schema: strings.ToLower(s.Schema)}
	for _, word := range words {
		m.words[word] = true
	}
	m.schemaWide = len(words) > 1 && (words[1] == "database" || words[1] == "schema")
	return m
}

// touches says whether the statement may concern the table.
func (m mention) touches(table Name) bool {
	schema, name := strings.ToLower(table.Schema), strings.ToLower(table.Table)
	if m.schemaWide {
		return m.words[schema] || m.schema == schema
	}
	return m.words[name] || !plain(name)
}

// plain says whether a name is one word to mentionsOf.
func plain(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '$' && r != '-'
	})
}

// Touches says whether a statement may concern a table, judged by its words.
func Touches(s decode.Statement, table Name) bool { return mentionsOf(s).touches(table) }
