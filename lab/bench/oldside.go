package main

import (
	"errors"
	"os"
	"slices"
	"strconv"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

// The old side: as many transactions as in the incident of October 2018, with a few rows each, of which a third are
// rows that the log has too.
const (
	oldTransactions = 954
	oldRows         = 3000
	oldMet          = 1000
	oldUUID         = "0a1b2c3d-0000-4000-8000-000000000001"
)

// oldSide is a comparison after its old side, made from rows of the file: updates, or inserts with generated keys.
func oldSide(path string, inserts bool, store diff.Store) (*diff.Divergence, error) {
	s := &sampler{step: 1}
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(decode.Scan(in, s), in.Close()); err != nil {
		return nil, err
	}
	tables := map[diff.Name]*diff.Definition{}
	transactions := make([]decode.Transaction, oldTransactions)
	for i := range oldRows {
		sample := s.rows[i%len(s.rows)]
		name := diff.Name{Schema: sample.Table.Schema, Table: sample.Table.Name}
		if tables[name] == nil {
			tables[name] = definition(name, sample.Table)
		}
		tx := &transactions[i*oldTransactions/oldRows]
		tx.GTID = gtid.GTID{UUID: oldUUID, Seq: uint64(i*oldTransactions/oldRows + 1)}
		tx.Rows = append(tx.Rows, change(sample, i/oldMet, inserts))
	}
	d := diff.New(tables, gtid.Set{}, store)
	for i := range transactions {
		if err := add(d, &transactions[i]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func add(d *diff.Divergence, tx *decode.Transaction) error {
	err := d.Begin(tx)
	for _, row := range tx.Rows {
		if err == nil {
			err = d.Row(tx, row)
		}
	}
	return errors.Join(err, d.End(tx))
}

// change is a row change of the old side on a sample, under its own key or, from 1 on, another one.
func change(sample decode.Row, another int, inserts bool) decode.Row {
	image := slices.Clone(sample.After)
	if image == nil {
		image = slices.Clone(sample.Before)
	}
	if another > 0 {
		image[0] = decode.Value{Kind: image[0].Kind, Text: strconv.Itoa(another) + "000000" + image[0].Text}
	}
	if inserts {
		return decode.Row{Op: decode.Insert, Table: sample.Table, After: image}
	}
	after := slices.Clone(image)
	after[1] = decode.IntegerValue(-1)
	return decode.Row{Op: decode.Update, Table: sample.Table, Before: image, After: after}
}

// definition is the table as the server has it.
func definition(name diff.Name, logged *decode.Table) *diff.Definition {
	d := &diff.Definition{Name: name, Engine: "InnoDB", Transactional: true, PrimaryKey: logged.PrimaryKey}
	for i, c := range logged.Columns {
		column := diff.Column{Name: c.Name, Type: c.Family, AutoIncrement: i == 0}
		if c.Kind == decode.Text {
			column.Charset, column.Collation = "utf8mb4", "utf8mb4_0900_ai_ci"
		}
		d.Columns = append(d.Columns, column)
		if c.Name == "reference" {
			d.Unique = []diff.Unique{{Name: c.Name, Columns: []int{i}}}
		}
	}
	return d
}

// sampler keeps oldMet rows or more, spread evenly over a log.
type sampler struct {
	rows       []decode.Row
	seen, step int
}

// Begin begins a transaction.
func (s *sampler) Begin(*decode.Transaction) error { return nil }

// Statement passes over a statement.
func (s *sampler) Statement(*decode.Transaction, decode.Statement) error { return nil }

// End ends a transaction.
func (s *sampler) End(*decode.Transaction) error { return nil }

// Row keeps one of so many rows, and of twice as many once there are enough.
func (s *sampler) Row(tx *decode.Transaction, c *decode.Change) error {
	if s.seen++; s.seen%s.step > 0 {
		return nil
	}
	if s.rows = append(s.rows, c.Values(tx)); len(s.rows) < 2*oldMet {
		return nil
	}
	for i := range oldMet {
		s.rows[i] = s.rows[2*i+1]
	}
	s.rows, s.step = s.rows[:oldMet], 2*s.step
	return nil
}

// met counts the keys of the old side that the new side touched.
func met(d *diff.Divergence) (n int) {
	for s := range d.All() {
		if s.IsTouched() {
			n++
		}
	}
	return n
}
