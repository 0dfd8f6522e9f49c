package report

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// hashDigits is how much of a hash stands for a value: enough that two values do not share it by chance.
const hashDigits = 16

// Column names a column of a table.
type Column struct {
	Schema string `json:"schema"`
	Table  string `json:"table"`
	Column string `json:"column"`
}

// redactor replaces values by keyed hashes.
type redactor struct {
	mac      hash.Hash
	harmless map[Column]bool
}

func newRedactor(key []byte, harmless []Column) redactor {
	r := redactor{mac: hmac.New(sha256.New, key), harmless: map[Column]bool{}}
	for _, c := range harmless {
		r.harmless[c] = true
	}
	return r
}

// head returns the transaction without the text of its statements.
func (r redactor) head(tx Transaction) Transaction {
	tx.Statements = slices.Clone(tx.Statements)
	for i, s := range tx.Statements {
		tx.Statements[i].Text = fmt.Sprintf("%s … (%d bytes, redacted)", verb(s.Text), len(s.Text))
	}
	return tx
}

// hide returns the row without values. Integers of its key stay: without them nobody finds a row.
func (r redactor) hide(row Row) Row {
	shown := numbersOf(row.Key)
	row.Key = r.image(row, row.Key, shown)
	row.Before = r.image(row, row.Before, shown)
	row.After = r.image(row, row.After, shown)
	row.Live = r.image(row, row.Live, shown)
	row.Encoded = nil
	return row
}

// numbersOf returns the columns of a key that hold numbers; these are shown.
func numbersOf(key Image) map[string]bool {
	shown := map[string]bool{}
	for _, f := range key {
		shown[f.Column] = isInteger(f.Value)
	}
	return shown
}

func isInteger(value json.RawMessage) bool {
	digits := strings.TrimPrefix(string(value), "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

func (r redactor) image(row Row, image Image, shown map[string]bool) Image {
	out := slices.Clone(image)
	for i, f := range out {
		harmless := r.harmless[Column{row.Schema, row.Table, f.Column}]
		if string(f.Value) == "null" || harmless || shown[f.Column] && isInteger(f.Value) {
			continue
		}
		out[i].Value = r.hash(row, f)
	}
	return out
}

// hash is the same for the same value of the same column, and for no other column.
func (r redactor) hash(row Row, f Field) json.RawMessage {
	r.mac.Reset()
	for _, part := range []string{row.Schema, row.Table, f.Column, string(f.Value)} {
		_, _ = fmt.Fprintf(r.mac, "%d:%s", len(part), part) // A hash never fails to take bytes.
	}
	return json.RawMessage(`"#` + hex.EncodeToString(r.mac.Sum(nil))[:hashDigits] + `"`)
}

// verb is the first word of a statement where that is a plain one.
func verb(statement string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(statement), " ")
	if len(word) > 20 || strings.Trim(strings.ToUpper(word), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "statement"
	}
	return strings.ToUpper(word)
}
