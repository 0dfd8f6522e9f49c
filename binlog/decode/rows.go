package decode

import (
	"bytes"
	"fmt"
	"math/bits"
)

// partialImages is the reason for images that leave columns out.
const partialImages = "partial row images (binlog_row_image is not FULL)"

// partialJSON is the reason for documents of which only the change was logged.
const partialJSON = "partial JSON update (binlog_row_value_options)"

// badValue is the reason for bytes in a row that are no value of their column's type.
const badValue = "a value of a row cannot be decoded"

// tables are the tables of the open transaction by the numbers that the log gives them.
type tables struct {
	known map[uint64]*mapped
	// turn counts the transactions.
	turn uint64
}

// mapped is a table with the table map that described it. The same map comes again with each statement, so that it is
// read only when it has changed.
type mapped struct {
	raw   []byte
	table *Table
	turn  uint64
}

// manyTables is how many tables are remembered beyond a transaction.
const manyTables = 4096

// forget begins a transaction, which has to describe its tables anew.
func (t *tables) forget() {
	t.turn++
	if t.known == nil || len(t.known) > manyTables {
		t.known = map[uint64]*mapped{}
	}
}

func (t *tables) add(body []byte) error {
	c := cursor{rest: body}
	id := c.fixed(6)
	c.fixed(2) // Flags.
	if known := t.known[id]; known != nil && bytes.Equal(known.raw, c.rest) {
		known.turn = t.turn
		return nil
	}
	delete(t.known, id)
	table, err := tableOf(c.rest)
	if err != nil {
		return err
	}
	t.known[id] = &mapped{bytes.Clone(c.rest), table, t.turn}
	return nil
}

func (t *tables) find(id uint64) *Table {
	if known := t.known[id]; known != nil && known.turn == t.turn {
		return known.table
	}
	return nil
}

// rowEvent is the beginning of a row event.
type rowEvent struct {
	table *Table
	op    Op
	// partial says that after images may hold changes to JSON documents.
	partial bool
	// images say which columns the images have: one of each row, or before and after.
	images [2]present
	// width is how many of the images a row has.
	width int
}

type present struct {
	columns []byte
	count   int
}

// rows hands the changes of a row event to the visitor.
func (r *contents) rows(tx *Transaction, code byte, body []byte) error {
	c := cursor{rest: body}
	e, err := r.rowEvent(code, &c)
	if err != nil {
		return err
	}
	if r.skipper != nil && r.skipper.Skip(e.table) {
		return nil
	}
	r.change.Op, r.change.Table, r.change.Row = e.op, e.table, 0
	r.change.Before, r.change.After = &r.images[0], &r.images[1]
	switch e.op {
	case Insert:
		r.change.Before, r.change.After = nil, &r.images[0]
	case Delete:
		r.change.After = nil
	case Update:
	}
	for len(c.rest) > 0 {
		if err := r.row(tx, &e, &c); err != nil {
			return err
		}
		r.change.Row++
	}
	return nil
}

func (r *contents) rowEvent(code byte, c *cursor) (rowEvent, error) {
	e := rowEvent{op: opOf(code), partial: code == partialUpdate, width: 1}
	if e.op == Update {
		e.width = 2
	}
	e.table = r.tables.find(c.fixed(6))
	c.fixed(2) // Flags.
	if code >= writeRowsV2 {
		const own = 2
		c.bytes(max(own, c.fixed(own)) - own) // Extra data: of NDB, or the number of a partition.
	}
	width := c.packed()
	if c.failed || e.table == nil || width != uint64(len(e.table.cells)) {
		return e, fmt.Errorf("decode: row event: %w", ErrCorrupt)
	}
	if e.table.unreadable != "" {
		return e, reason(e.table.unreadable)
	}
	columns := 0
	for i := range e.width {
		e.images[i] = readPresent(c, int(width))
		columns += e.images[i].count
	}
	switch {
	case c.failed:
		return e, fmt.Errorf("decode: row event: %w", ErrCorrupt)
	case columns == 0:
		return e, reason("rows without any column cannot be counted")
	}
	return e, nil
}

func readPresent(c *cursor, width int) present {
	p := present{columns: c.bytes(uint64(bitmapSize(width)))}
	for i, b := range p.columns {
		if last := width - 8*i; last < 8 {
			b &= 1<<last - 1
		}
		p.count += bits.OnesCount8(b)
	}
	return p
}

func opOf(code byte) Op {
	switch code {
	case writeRowsV1, writeRowsV2:
		return Insert
	case deleteRowsV1, deleteRowsV2:
		return Delete
	}
	return Update
}

// row reads one change.
func (r *contents) row(tx *Transaction, e *rowEvent, c *cursor) error {
	partial := false
	for i, p := range e.images[:e.width] {
		var documents []byte
		if i == 1 && e.partial {
			documents = changedDocuments(c, e.table)
		}
		n, ok := r.images[i].read(e.table, c.rest, p.columns, p.count)
		if !ok || c.failed {
			return fmt.Errorf("decode: row event: %w", ErrCorrupt)
		}
		r.images[i].changed, r.images[i].before = documents, &r.images[0]
		c.rest = c.rest[n:]
		partial = partial || p.count < len(e.table.cells)
	}
	if partial {
		note(&tx.Opaque, partialImages)
	}
	if e.partial {
		tx.Note(r.images[1].applied())
	}
	return r.stop(r.visitor.Row(tx, &r.change))
}

// changedDocuments reads which JSON columns of the after image hold changes; nil where none does.
func changedDocuments(c *cursor, table *Table) []byte {
	const partialJSONUpdates = 1
	if c.packed()&partialJSONUpdates == 0 {
		return nil
	}
	return c.bytes(uint64(bitmapSize(table.documents)))
}

// applied makes the documents that the image has only the changes of, and returns what it made none of.
func (m *Image) applied() error {
	for i := range m.places {
		if m.isChange(i) {
			if _, err := m.Value(i); err != nil {
				return err
			}
		}
	}
	return nil
}
