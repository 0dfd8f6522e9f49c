package report

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strconv"
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
	tables   map[diff.Name]map[string]*redactedColumn
	// images are those of the last row.
	images    [4]Image
	text, sum []byte
}

// redactedColumn is what is known of a column.
type redactedColumn struct {
	harmless bool
	// begin is what its hashes begin with.
	begin []byte
	// last are the last two values that differ: mostly those of a row before and after its change.
	last [2]redactedValue
	next int
}

type redactedValue struct {
	value []byte
	hash  json.RawMessage
}

func newRedactor(key []byte, harmless []Column) *redactor {
	r := &redactor{mac: hmac.New(sha256.New, key), harmless: map[Column]bool{}, tables: map[diff.Name]map[string]*redactedColumn{}}
	for _, c := range harmless {
		r.harmless[folded(c)] = true
	}
	return r
}

// head returns the transaction without the text of its statements.
func (r *redactor) head(tx Transaction) Transaction {
	tx.Statements = slices.Clone(tx.Statements)
	for i, s := range tx.Statements {
		tx.Statements[i].Text = fmt.Sprintf("%s … (%d bytes, redacted)", verb(s.Text), len(s.Text))
	}
	return tx
}

// hide returns the row without values, those of its key among them: a key may be an account or a number of a telephone.
// Its images are valid until the next call.
func (r *redactor) hide(row Row) Row {
	for i, image := range []*Image{&row.Key, &row.Before, &row.After, &row.Live} {
		if *image != nil {
			r.images[i] = r.appendImage(r.images[i][:0], row.Schema, row.Table, *image)
			*image = r.images[i]
		}
	}
	row.Proposal = r.proposal(row.Schema, row.Table, row.Proposal)
	row.Encoded = nil
	return row
}

func (r *redactor) image(schema, table string, image Image) Image {
	if image == nil {
		return nil
	}
	return r.appendImage(Image{}, schema, table, image)
}

func (r *redactor) appendImage(dst Image, schema, table string, image Image) Image {
	if dst == nil {
		dst = Image{}
	}
	name := diff.Name{Schema: schema, Table: table}
	columns := r.tables[name]
	if columns == nil {
		columns = map[string]*redactedColumn{}
		r.tables[name] = columns
	}
	for _, f := range image {
		if string(f.Value) != "null" {
			c := columns[f.Column]
			if c == nil {
				c = r.column(Column{schema, table, f.Column})
				columns[f.Column] = c
			}
			if !c.harmless {
				f.Value = r.hash(c, f.Value)
			}
		}
		dst = append(dst, f)
	}
	return dst
}

func (r *redactor) column(c Column) *redactedColumn {
	out := &redactedColumn{harmless: r.harmless[folded(c)]}
	for _, part := range []string{c.Schema, c.Table, c.Column} {
		out.begin = fmt.Appendf(out.begin, "%d:%s", len(part), part)
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
func (r *redactor) hash(c *redactedColumn, value json.RawMessage) json.RawMessage {
	for i := range c.last {
		if c.last[i].hash != nil && bytes.Equal(c.last[i].value, value) {
			return c.last[i].hash
		}
	}
	r.text = strconv.AppendInt(append(r.text[:0], c.begin...), int64(len(value)), 10)
	r.text = append(append(r.text, ':'), value...)
	r.mac.Reset()
	_, _ = r.mac.Write(r.text) // A hash never fails to take bytes.
	r.sum = r.mac.Sum(r.sum[:0])
	out := make(json.RawMessage, 0, hashDigits+len(`"#"`))
	out = append(hex.AppendEncode(append(out, `"#`...), r.sum[:hashDigits/2]), '"')
	last := &c.last[c.next]
	last.value, last.hash = append(last.value[:0], value...), out
	c.next = 1 - c.next
	return out
}

// verb is the first word of a statement where that is a plain one.
func verb(statement string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(statement), " ")
	if len(word) > 20 || strings.Trim(strings.ToUpper(word), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "statement"
	}
	return strings.ToUpper(word)
}
