package replay

import (
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

// missing remembers what transactions touched that are not on the target.
type missing struct {
	keys   map[diff.Key]gtid.GTID
	tables map[diff.Name]gtid.GTID
	all    *gtid.GTID
}

// everything notes a transaction of which nobody knows what it touched.
func (m *missing) everything(id gtid.GTID) {
	if m.all == nil {
		m.all = &id
	}
}

// add notes a transaction. Where its rows have no usable key the whole table counts.
func (m *missing) add(tx *decode.Transaction, w *work) {
	for key := range w.Nets {
		if _, known := m.keys[key]; !known {
			m.keys[key] = tx.GTID
		}
	}
	if w.obstacle == "" {
		return
	}
	for _, row := range tx.Rows {
		name := diff.Name{Schema: row.Table.Schema, Table: row.Table.Name}
		if _, known := m.tables[name]; !known {
			m.tables[name] = tx.GTID
		}
	}
}

// before returns the missing transaction that this one follows.
func (m *missing) before(w *work) (gtid.GTID, bool) {
	for _, key := range w.Order {
		if by, ok := m.keys[key]; ok {
			return by, true
		}
		if by, ok := m.tables[key.Name]; ok {
			return by, true
		}
	}
	if m.all != nil {
		return *m.all, true
	}
	return gtid.GTID{}, false
}
