package report

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/gtid"
)

// Proposal is how a row whose generated key is taken could be kept: with another value of the column, and with the row
// changes that refer to it made to refer to that.
type Proposal struct {
	Column string          `json:"column"`
	Value  json.RawMessage `json:"value"`
	// Children are the first of those that refer to the row, Referring is how many there are.
	Children  []Child `json:"children"`
	Referring int     `json:"referring"`
}

// Child is a row change of the old side that refers to the row.
type Child struct {
	GTID       gtid.GTID `json:"gtid"`
	Schema     string    `json:"schema"`
	Table      string    `json:"table"`
	Key        Image     `json:"key"`
	ForeignKey string    `json:"foreign_key"`
	// Column would have to hold the new value; it is empty where the foreign key refers to other columns of the row.
	Column string `json:"column"`
}

// proposalOf shows a proposal; nil is none.
func proposalOf(p *classify.Proposal) *Proposal {
	if p == nil {
		return nil
	}
	out := &Proposal{Column: p.Column, Children: []Child{}, Referring: p.Referring}
	out.Value, _ = appendValue(nil, p.ID)
	for _, c := range p.Children {
		child := Child{
			GTID: c.GTID, Schema: c.Table.Schema, Table: c.Table.Table, Key: Image{}, ForeignKey: c.ForeignKey, Column: c.Column,
		}
		if len(c.Key) > 0 {
			child.Key = imageOf(c.KeyColumns, c.Key)
		}
		out.Children = append(out.Children, child)
	}
	return out
}

// proposal hides the values of a proposal for a row of the table.
func (r *redactor) proposal(schema, table string, p *Proposal) *Proposal {
	if p == nil {
		return nil
	}
	out := &Proposal{Column: p.Column, Children: slices.Clone(p.Children), Referring: p.Referring}
	out.Value = r.image(schema, table, Image{{Column: p.Column, Value: p.Value}})[0].Value
	for i, c := range out.Children {
		out.Children[i].Key = r.image(c.Schema, c.Table, c.Key)
	}
	return out
}

// with returns the image with another value of a column that it has.
func (m Image) with(column string, value json.RawMessage) Image {
	out := slices.Clone(m)
	for i, f := range out {
		if f.Column == column {
			out[i].Value = value
		}
	}
	return out
}

// remapping are the values that row changes would have to hold instead of a key that is taken, by row change and column.
// What refers to a row comes after it.
type remapping map[string]map[string]json.RawMessage

// changeID names a row change of a transaction by its key.
func changeID(tx gtid.GTID, schema, table string, key Image) (string, error) {
	text, err := json.Marshal([]any{tx.String(), schema, table, key})
	return string(text), err
}

// add notes what a proposal asks of those that refer to the row.
func (m remapping) add(p *Proposal) error {
	for _, c := range p.Children {
		if c.Column == "" {
			continue
		}
		id, err := changeID(c.GTID, c.Schema, c.Table, c.Key)
		if err != nil {
			return err
		}
		if m[id] == nil {
			m[id] = map[string]json.RawMessage{}
		}
		m[id][c.Column] = p.Value
	}
	return nil
}

// remapped returns a row change with the proposed values, its own and those of rows that it refers to; false where
// there are none. The row before is taken to be what the same proposals made of it.
func (m remapping) remapped(tx gtid.GTID, row Row) (Row, bool, error) {
	if len(m) == 0 && row.Proposal == nil {
		return row, false, nil
	}
	id, err := changeID(tx, row.Schema, row.Table, row.Key)
	if err != nil {
		return row, false, err
	}
	values := map[string]json.RawMessage{}
	maps.Copy(values, m[id])
	if row.Proposal != nil {
		values[row.Proposal.Column] = row.Proposal.Value
	}
	for column, value := range values {
		if was := row.Before.field(column); was != nil && (row.After == nil || string(was) == string(row.After.field(column))) {
			row.Before = row.Before.with(column, value)
		}
		row.After = row.After.with(column, value)
	}
	return row, len(values) > 0, nil
}

// proposalText is a proposal as a cell of a table: JSON, or empty where there is none.
func proposalText(p *Proposal) (string, error) {
	if p == nil {
		return "", nil
	}
	text, err := json.Marshal(p)
	return string(text), err
}
