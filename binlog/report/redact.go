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

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
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
		r.harmless[folded(c)] = true
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

// hide returns the row without values, those of its key among them: a key may be an account or a number of a telephone.
func (r redactor) hide(row Row) Row {
	for _, image := range []*Image{&row.Key, &row.Before, &row.After, &row.Live} {
		*image = r.image(row.Schema, row.Table, *image)
	}
	row.Proposal = r.proposal(row.Schema, row.Table, row.Proposal)
	row.Encoded = nil
	return row
}

func (r redactor) image(schema, table string, image Image) Image {
	out := slices.Clone(image)
	for i, f := range out {
		if string(f.Value) != "null" && !r.harmless[folded(Column{schema, table, f.Column})] {
			out[i].Value = r.hash(schema, table, f)
		}
	}
	return out
}

// Redacted returns what shows a row of a table as the report in the directory shows those it lists.
func Redacted(dir string) (func(*diff.Definition, []decode.Value) (Image, error), error) {
	s, err := ReadSummary(dir)
	if err != nil {
		return nil, err
	}
	r, err := readRedactor(dir, s.Harmless)
	if err != nil {
		return nil, err
	}
	return func(d *diff.Definition, row []decode.Value) (Image, error) {
		names := make([]string, 0, len(d.Columns))
		for _, c := range d.Columns {
			names = append(names, c.Name)
		}
		return r.image(d.Schema, d.Table, imageOf(names, row)), nil
	}, nil
}

// folded names a column in the spelling that all of its spellings share.
func folded(c Column) Column {
	c.Column = strings.ToLower(c.Column)
	return c
}

// hash is the same for the same value of the same column, and for no other column.
func (r redactor) hash(schema, table string, f Field) json.RawMessage {
	r.mac.Reset()
	for _, part := range []string{schema, table, f.Column, string(f.Value)} {
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
