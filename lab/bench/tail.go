package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/spill"
)

// tailSize is how much of a file is read as the log of the old side, in bytes.
const tailSize = 20 << 20

// captured is the beginning of a file as what was captured from the old primary: whole transactions, tailSize or a bit
// more.
func captured(path, dir string) (m capture.Manifest, err error) {
	in, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var b beginning
	if err := decode.Scan(in, &b); err != nil && !errors.Is(err, errEnough) {
		return m, err
	}
	f := capture.File{Name: "old.binlog", Size: b.end, Transactions: int(b.transactions.Count())}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return m, err
	}
	out, err := os.Create(filepath.Join(dir, f.Name))
	if err != nil {
		return m, err
	}
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(out, sum), in, b.end)
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if err := errors.Join(err, out.Close()); err != nil {
		return m, err
	}
	if m.Wanted, err = b.transactions.Set(); err != nil {
		return m, err
	}
	m.Captured, m.Complete = m.Wanted, true
	m.Servers = []capture.ServerCapture{{
		Server: "old", Extra: m.Wanted, Executed: m.Wanted, Wanted: m.Wanted, Captured: m.Wanted, Files: []capture.File{f}, Complete: true,
	}}
	return m, nil
}

// errEnough ends the reading of a file.
var errEnough = errors.New("enough")

// beginning finds where to end.
type beginning struct {
	transactions files.Collector
	end          int64
}

// Begin ends the reading after enough transactions.
func (b *beginning) Begin(tx *decode.Transaction) error {
	if b.end >= tailSize {
		return errEnough
	}
	b.transactions.Add(tx.GTID)
	return nil
}

// Skip passes over the rows.
func (b *beginning) Skip(*decode.Table) bool { return true }

// Row passes over a row change.
func (b *beginning) Row(*decode.Transaction, *decode.Change) error { return nil }

// Statement passes over a statement.
func (b *beginning) Statement(*decode.Transaction, decode.Statement) error { return nil }

// End notes where the transaction ends.
func (b *beginning) End(tx *decode.Transaction) error {
	b.end = tx.Offset + int64(tx.Size)
	return nil
}

// origin is a new primary that did nothing: it has every row as it was before the old side.
type origin struct {
	rows   diff.Dict
	tables map[diff.Name]*diff.Definition
	// changes counts the row changes of the old side.
	changes int
}

// originMemory holds all rows, in bytes.
const originMemory = 1 << 30

func newOrigin(dir string) (*origin, error) {
	space, err := spill.Open(dir, originMemory)
	if err != nil {
		return nil, err
	}
	return &origin{rows: space.Dict(), tables: map[diff.Name]*diff.Definition{}}, nil
}

// Begin begins a transaction.
func (o *origin) Begin(*decode.Transaction) error { return nil }

// Row keeps how the rows were that a change of the old side is the first to touch.
func (o *origin) Row(_ *decode.Transaction, row decode.Row) error {
	o.changes++
	table := o.define(row.Table)
	o.keep(table, row.Before, row.Before)
	o.keep(table, row.After, nil)
	return nil
}

// End ends a transaction.
func (o *origin) End(*decode.Transaction) error { return nil }

func (o *origin) define(logged *decode.Table) *diff.Definition {
	name := diff.Name{Schema: logged.Schema, Table: logged.Name}
	if o.tables[name] == nil {
		o.tables[name] = definition(name, logged)
	}
	return o.tables[name]
}

func (o *origin) keep(table *diff.Definition, keyed, row []decode.Value) {
	if keyed == nil {
		return
	}
	if n, added := o.rows.Add(table.String() + ":" + table.KeyID(table.KeyValues(keyed))); added {
		o.rows.Set(n, diff.Record(nil).Image(row))
	}
}
