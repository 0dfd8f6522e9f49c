package classify

import (
	"fmt"
	"slices"
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
	// Counterpart is the transaction of the new side that touched or repeated the row last; the zero GTID where none
	// did.
	Counterpart gtid.GTID
	// Proposal is how an AUTO_INCREMENT row could be kept; nil for other classes, and where no number is free.
	Proposal *Proposal
}

// Classify applies the rules to the whole divergence, in commit order. It needs what ReadLive reads.
func Classify(d *diff.Divergence) []Transaction {
	j := judge{d: d, taint: newTaint(), trial: newTrial(d), proposals: proposals(d)}
	out := make([]Transaction, 0, len(d.Old))
	for i, old := range d.Old {
		tx := j.transaction(old)
		j.trial.end(tx.Class == Safe)
		if tx.Class.NeedsPerson() {
			j.taint.spread(d, old, cause{order: i, by: tx.GTID, class: tx.Class})
		}
		out = append(out, tx)
	}
	return out
}

// judge is a classification under way.
type judge struct {
	d         *diff.Divergence
	taint     *taint
	trial     *trial
	proposals map[diff.Key]*Proposal
}

func (j *judge) transaction(old diff.Transaction) Transaction {
	tx := Transaction{
		GTID: old.GTID, CommittedAt: old.CommittedAt, Statements: old.Statements, Undecodable: old.Undecodable,
	}
	if old.Shared {
		return shared(tx, old)
	}
	worst := verdict{class: Noop, reason: "the transaction changes no row"}
	for i, change := range old.Changes {
		row, v := j.change(change)
		tx.Rows = append(tx.Rows, row)
		if i == 0 {
			worst = v
		}
		worst = worse(worst, v)
	}
	for _, reason := range slices.Concat(old.Undecodable, old.Opaque) {
		worst = worse(worst, verdict{class: Opaque, reason: reason})
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

func (j *judge) change(change diff.Change) (Row, verdict) {
	v := ofKeys(j.d, change)
	if v.class == Safe {
		v = worse(v, hazard(change))
	}
	if v.class == Safe {
		v = worse(v, j.taint.of(j.d, change))
	}
	v = j.trial.try(change, v)
	return j.row(change, v), v
}

func (j *judge) row(change diff.Change, v verdict) Row {
	row := Row{
		Row: change.Row, Class: v.class, Reason: v.reason, Counterpart: v.by,
		Definition: j.d.Tables[diff.Name{Schema: change.Row.Table.Schema, Table: change.Row.Table.Name}],
	}
	for i, state := range change.States {
		if i == 0 {
			row.Key = state.KeyValues
		}
		if row.Live == nil {
			row.Live = state.Live
		}
		if v.by == (gtid.GTID{}) && state.IsTouched() {
			row.Counterpart = state.Touched
		}
		if v.class == AutoIncrement && row.Proposal == nil {
			row.Proposal = j.proposals[state.Key]
		}
	}
	if row.Proposal != nil {
		row.Reason += fmt.Sprintf("; row changes of the old side that refer to it: %d", len(row.Proposal.Children))
	}
	return row
}
