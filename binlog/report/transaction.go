package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

// Transaction is one line of the report.
type Transaction struct {
	GTID         gtid.GTID      `json:"gtid"`
	CommittedAt  time.Time      `json:"committed_at"`
	Class        classify.Class `json:"class"`
	Reason       string         `json:"reason"`
	Acknowledged string         `json:"acknowledged"`
	Statements   []Statement    `json:"statements,omitempty"`
	// Undecodable says what of the transaction could not be read; its rows are those that could.
	Undecodable []string `json:"undecodable,omitempty"`
	Rows        []Row    `json:"rows"`
}

// Row is one row change. Before, After and Live are nil where there is no row.
type Row struct {
	Schema      string         `json:"schema"`
	Table       string         `json:"table"`
	Op          string         `json:"op"`
	Key         Image          `json:"key"`
	Class       classify.Class `json:"class"`
	Reason      string         `json:"reason"`
	Before      Image          `json:"before"`
	After       Image          `json:"after"`
	Live        Image          `json:"live"`
	Counterpart *gtid.GTID     `json:"counterpart_gtid"`
	// Proposal is there for rows of class AUTO_INCREMENT.
	Proposal *Proposal `json:"proposal,omitempty"`
	// Encoded names, as image.column, the values whose JSON is not what the type of their column says: text that is no
	// UTF-8, in hexadecimal digits, and the JSON document null.
	Encoded []string `json:"encoded,omitempty"`
}

// clone returns a row whose images stay valid.
func (r Row) clone() Row {
	r.Key, r.Before, r.After, r.Live = r.Key.clone(), r.Before.clone(), r.After.clone(), r.Live.clone()
	if r.Counterpart != nil {
		counterpart := *r.Counterpart
		r.Counterpart = &counterpart
	}
	return r
}

// Statement is a change that was logged as text.
type Statement struct {
	Schema string `json:"schema"`
	Text   string `json:"text"`
}

// headOf converts a classified transaction without its rows.
func headOf(tx classify.Transaction, acknowledged string) Transaction {
	out := Transaction{
		GTID: tx.GTID, CommittedAt: tx.CommittedAt, Class: tx.Class, Reason: tx.Reason, Acknowledged: acknowledged,
		Undecodable: tx.Undecodable,
	}
	if len(tx.Undecodable) > 0 {
		out.Class = classify.Opaque
		if out.Reason == "" {
			out.Reason = tx.Undecodable[0]
		}
	}
	for _, s := range tx.Statements {
		out.Statements = append(out.Statements, Statement{Schema: s.Schema, Text: strings.ToValidUTF8(s.Text, "\ufffd")})
	}
	return out
}

// rowMaker converts row changes. A row is valid until the next one is made.
type rowMaker struct {
	arena  arena
	images [4]Image
	// table and definition have these names of columns.
	table      *decode.Table
	definition *diff.Definition
	names      []string
	// key and keyNames are of the last row.
	key         []decode.Value
	keyNames    []string
	counterpart gtid.GTID
}

func (m *rowMaker) row(r classify.Row) Row {
	if r.Table != m.table || r.Definition != m.definition {
		m.table, m.definition, m.names = r.Table, r.Definition, columnNames(r)
	}
	m.arena = m.arena[:0]
	out := Row{
		Schema: r.Table.Schema, Table: r.Table.Name, Op: r.Op.String(), Key: Image{},
		Class: r.Class, Reason: r.Reason, Proposal: proposalOf(r.Proposal),
	}
	if (r.Counterpart != gtid.GTID{}) {
		m.counterpart = r.Counterpart
		out.Counterpart = &m.counterpart
	}
	for i, image := range []struct {
		name   string
		to     *Image
		values []decode.Value
	}{{beforeImage, &out.Before, r.Before}, {afterImage, &out.After, r.After}, {liveImage, &out.Live, r.Live}} {
		var encoded []string
		*image.to, encoded = m.image(i, image.name, m.names, image.values)
		out.Encoded = append(out.Encoded, encoded...)
	}
	if m.keyOf(r); len(m.key) > 0 {
		out.Key, _ = m.image(len(m.images)-1, "key", m.keyNames, m.key)
	}
	return out
}

// image makes one of the images of a row.
func (m *rowMaker) image(i int, name string, columns []string, values []decode.Value) (image Image, encoded []string) {
	if values == nil {
		return nil, nil
	}
	if m.images[i] == nil {
		m.images[i] = Image{}
	}
	m.images[i], encoded = m.arena.image(m.images[i][:0], name, columns, values)
	return m.images[i], encoded
}

// columnNames prefers the names of the log, then those of the new primary, then numbers.
func columnNames(r classify.Row) []string {
	names := make([]string, len(r.Table.Columns))
	for i, c := range r.Table.Columns {
		names[i] = c.Name
		if c.Name == "" && r.Definition != nil && len(r.Definition.Columns) == len(names) {
			names[i] = r.Definition.Columns[i].Name
		}
		if names[i] == "" {
			names[i] = fmt.Sprintf("@%d", i+1)
		}
	}
	return names
}

// keyOf finds the key of a row with its names: the one that the comparison used, or the one that the log describes.
func (m *rowMaker) keyOf(r classify.Row) {
	m.key, m.keyNames = m.key[:0], m.keyNames[:0]
	columns := r.Table.PrimaryKey
	if len(r.Key) > 0 {
		columns = r.Definition.PrimaryKey
	}
	image := r.Before
	if image == nil {
		image = r.After
	}
	for i, column := range columns {
		if column >= len(m.names) || column >= len(image) {
			m.key = m.key[:0]
			return
		}
		m.keyNames = append(m.keyNames, m.names[column])
		if len(r.Key) > 0 {
			m.key = append(m.key, r.Key[i])
		} else {
			m.key = append(m.key, image[column])
		}
	}
}
