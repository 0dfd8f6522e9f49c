package classify

import (
	"fmt"
	"time"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

// Transaction is one transaction of the old side with its class.
type Transaction struct {
	GTID        gtid.GTID
	CommittedAt time.Time
	Class       Class
	// Reason explains the class.
	Reason     string
	Rows       []Row
	Statements []decode.Statement
	// Undecodable says what of the transaction could not be read; empty where all of it is in Rows and Statements.
	Undecodable []string
}

// Row is one row change with its class.
type Row struct {
	decode.Row
	// Definition is the table on the new primary; it may be missing there.
	Definition *diff.Definition
	// Key are the values of the primary key as the new primary defines it, empty where the row has no key.
	Key    []decode.Value
	Class  Class
	Reason string
	// Live is the row on the new primary; nil where there is none or it was not read.
	Live []decode.Value
	// Counterpart is the transaction of the new side that touched the row last; the zero GTID where none did.
	Counterpart gtid.GTID
}

// Classify applies the rules to the whole divergence, in commit order.
func Classify(d *diff.Divergence) []Transaction {
	t := taint{keys: map[diff.Key]cause{}, tables: map[diff.Name]cause{}}
	out := make([]Transaction, 0, len(d.Old))
	for _, old := range d.Old {
		tx := ofTransaction(d, old, &t)
		if tx.Class.NeedsPerson() {
			t.spread(d, old, tx)
		}
		out = append(out, tx)
	}
	return out
}

func ofTransaction(d *diff.Divergence, old diff.Transaction, t *taint) Transaction {
	tx := Transaction{
		GTID: old.GTID, CommittedAt: old.CommittedAt, Statements: old.Statements, Undecodable: old.Undecodable,
	}
	if old.Shared {
		return shared(tx, old)
	}
	worst := verdict{Noop, "the transaction changes no row"}
	for i, change := range old.Changes {
		row, v := ofChange(d, change, t)
		tx.Rows = append(tx.Rows, row)
		if i == 0 {
			worst = v
		}
		worst = worse(worst, v)
	}
	for _, reason := range append(append([]string(nil), old.Undecodable...), old.Opaque...) {
		worst = worse(worst, verdict{Opaque, reason})
	}
	tx.Class, tx.Reason = worst.class, worst.reason
	return tx
}

// shared settles a transaction that both sides have.
func shared(tx Transaction, old diff.Transaction) Transaction {
	tx.Class, tx.Reason = Already, "the new primary has this very transaction by now"
	for _, change := range old.Changes {
		tx.Rows = append(tx.Rows, Row{Row: change.Row, Class: tx.Class, Reason: tx.Reason, Counterpart: tx.GTID})
	}
	return tx
}

func ofChange(d *diff.Divergence, change diff.Change, t *taint) (Row, verdict) {
	row := Row{Row: change.Row, Definition: d.Tables[diff.Name{Schema: change.Row.Table.Schema, Table: change.Row.Table.Name}]}
	v := verdict{Opaque, change.Unkeyed}
	for i, state := range change.States {
		each := ofState(d, state)
		if each.class == Safe {
			each = worse(each, t.of(state.Key))
		}
		if i == 0 {
			v = each
			row.Key = state.KeyValues
		}
		v = worse(v, each)
		if row.Live == nil {
			row.Live = state.Live
		}
		if state.IsTouched() {
			row.Counterpart = state.Touched
		}
	}
	row.Class, row.Reason = v.class, v.reason
	return row, v
}

// cause is the unsafe transaction that makes later ones unsafe.
type cause struct {
	by    gtid.GTID
	class Class
}

// taint remembers what unsafe transactions touched.
type taint struct {
	keys   map[diff.Key]cause
	tables map[diff.Name]cause
	// all is set after a transaction of which nobody knows what it touched.
	all *cause
}

// of returns the verdict on a safe change of the key.
func (t *taint) of(key diff.Key) verdict {
	found, ok := t.keys[key]
	if !ok {
		found, ok = t.tables[key.Name]
	}
	if !ok && t.all != nil {
		found, ok = *t.all, true
	}
	if !ok {
		return verdict{}
	}
	return verdict{found.class, fmt.Sprintf("follows %s, which is %s", found.by, found.class)}
}

func (t *taint) spread(d *diff.Divergence, old diff.Transaction, tx Transaction) {
	c := cause{by: tx.GTID, class: tx.Class}
	if len(old.Undecodable) > 0 && t.all == nil {
		t.all = &c
	}
	for _, change := range old.Changes {
		for _, state := range change.States {
			if _, known := t.keys[state.Key]; !known {
				t.keys[state.Key] = c
			}
		}
		if change.Unkeyed != "" {
			t.table(diff.Name{Schema: change.Row.Table.Schema, Table: change.Row.Table.Name}, c)
		}
	}
	for _, statement := range old.Statements {
		for name := range d.Tables {
			if diff.Touches(statement, name) {
				t.table(name, c)
			}
		}
	}
}

func (t *taint) table(name diff.Name, c cause) {
	if _, known := t.tables[name]; !known {
		t.tables[name] = c
	}
}
