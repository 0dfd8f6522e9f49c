package classes

import (
	"slices"
	"strings"
	"unicode"

	"github.com/regentdb/regent/truth/verbose"
)

// separates says whether a character parts two words of a statement.
func separates(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '$' && r != '-'
}

// names says whether a statement names a table of the schema that the tables are in.
func names(s verbose.Statement, table string) bool {
	words := strings.FieldsFunc(strings.ToLower(s.Text), separates)
	if len(words) > 1 && (words[1] == "database" || words[1] == "schema") {
		return true
	}
	return strings.ContainsFunc(table, separates) || slices.Contains(words, strings.ToLower(table))
}
