package replay

import (
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/rows"
	"github.com/regentdb/regent/gtid"
)

// touched is what a transaction changes.
type touched struct {
	keys []diff.Key
	// tables are those of which rows without a usable key were changed: any row of them may be meant.
	tables []diff.Name
}

func (t *touched) add(table *rows.Table, row decode.Row) {
	keyed := table.Mismatch(row.Table) == "" && !table.PrefixKey
	found := false
	for _, image := range [][]decode.Value{row.Before, row.After} {
		if key, ok := table.KeyOf(image); keyed && ok {
			t.keys, found = append(t.keys, key), true
		}
	}
	if !found {
		t.tables = append(t.tables, table.Name)
	}
}

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

// add notes a transaction. The first one that touched a row counts.
func (m *missing) add(id gtid.GTID, t *touched) {
	for _, key := range t.keys {
		if _, known := m.keys[key]; !known {
			m.keys[key] = id
		}
	}
	for _, name := range t.tables {
		if _, known := m.tables[name]; !known {
			m.tables[name] = id
		}
	}
}

// before returns the missing transaction that one follows which touches this.
func (m *missing) before(t *touched) (gtid.GTID, bool) {
	for _, key := range t.keys {
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
