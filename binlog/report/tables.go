package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// tables are the definitions on the new primary of the tables that a report names: what turns the JSON of a value back
// into the value.
type tables map[diff.Name]*diff.Definition

func (t tables) add(d *diff.Definition) {
	if d != nil && t[d.Name] == nil {
		t[d.Name] = d
	}
}

// storedTable is what a report keeps of a definition.
type storedTable struct {
	Schema     string         `json:"schema"`
	Table      string         `json:"table"`
	Columns    []storedColumn `json:"columns"`
	PrimaryKey []int          `json:"primary_key"`
}

type storedColumn struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Charset   string `json:"charset,omitempty"`
	Collation string `json:"collation,omitempty"`
	Generated bool   `json:"generated,omitempty"`
}

func (t tables) write(dir string) error {
	stored := make([]storedTable, 0, len(t))
	for name, d := range t {
		one := storedTable{Schema: name.Schema, Table: name.Table, PrimaryKey: d.PrimaryKey}
		for _, c := range d.Columns {
			one.Columns = append(one.Columns, storedColumn{c.Name, c.Type, c.Charset, c.Collation, c.Generated})
		}
		stored = append(stored, one)
	}
	slices.SortFunc(stored, func(a, b storedTable) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table))
	})
	return writeFile(dir, TablesName, func(w io.Writer) error { return json.NewEncoder(w).Encode(stored) })
}

func readTables(dir string) (tables, error) {
	text, err := os.ReadFile(filepath.Join(dir, TablesName))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	var stored []storedTable
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, fmt.Errorf("report: %s: %w", filepath.Join(dir, TablesName), err)
	}
	out := tables{}
	for _, one := range stored {
		d := &diff.Definition{Name: diff.Name{Schema: one.Schema, Table: one.Table}, PrimaryKey: one.PrimaryKey}
		for _, c := range one.Columns {
			d.Columns = append(d.Columns, diff.Column{
				Name: c.Name, Type: c.Type, Charset: c.Charset, Collation: c.Collation, Generated: c.Generated,
			})
		}
		out[d.Name] = d
	}
	return out, nil
}

// errPartial means that an image does not have the columns of its table, so that no statement can be bound to it.
var errPartial = errors.New("the image is not the whole row")

// valuesOf appends the values of an image of a row, in the order of the table's columns; an image that is nil has none.
func valuesOf(dst []decode.Value, d *diff.Definition, row Row, name string, image Image) ([]decode.Value, error) {
	if image == nil {
		return dst, nil
	}
	if len(image) != len(d.Columns) {
		return dst, errPartial
	}
	for i, f := range image {
		odd := len(row.Encoded) > 0 && slices.Contains(row.Encoded, name+"."+f.Column)
		v, err := valueOf(d.Columns[i].Kind(), f.Value, odd)
		if err != nil {
			return dst, fmt.Errorf("column %s: %w", f.Column, err)
		}
		dst = append(dst, v)
	}
	return dst, nil
}
