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

// Sink takes classified transactions, in commit order: each without its rows, then one row after the other.
type Sink interface {
	Begin(tx Transaction) error
	Row(row Row) error
	End() error
}

// Comparison classifies a divergence.
type Comparison struct {
	d         *diff.Divergence
	old       diff.History
	hold      int
	proposals proposals
}

// New returns the comparison of a divergence with the history that its old side was made of. The rows of a transaction
// are held in memory until its class is known, up to hold bytes, and in the store beyond that.
func New(d *diff.Divergence, old diff.History, hold int) *Comparison {
	store := d.Store()
	return &Comparison{
		d: d, old: old, hold: hold,
		proposals: proposals{ids: store.Dict(), parents: store.Dict(), children: store.Dict()},
	}
}

// Classify applies the rules to the whole divergence, in commit order. It needs what ReadLive reads.
func (c *Comparison) Classify(sink Sink) error {
	j := judge{
		d: c.d, walk: c.d.Walk(), sink: sink, hold: c.hold, proposals: c.proposals, taint: newTaint(c.d), trial: newTrial(c.d),
		rest: c.d.Store().List(), places: map[*decode.Table]int{},
	}
	return c.old(&j)
}

// judge is a classification under way.
type judge struct {
	d         *diff.Divergence
	walk      *diff.Walk
	sink      Sink
	taint     *taint
	trial     *trial
	proposals proposals

	// order counts the transactions.
	order int
	// shared says that both sides have the open transaction.
	shared bool
	// worst is the verdict on the open transaction so far, by its rows.
	worst verdict
	rows  int
	// held are the first rows of the open transaction, of about so many bytes, and rest the others.
	held  []judged
	bytes int
	hold  int
	rest  diff.List
	// tables are those of the rest, places where they are in it.
	tables []*decode.Table
	places map[*decode.Table]int
	record diff.Record
	// tuples are those of the row change that is judged.
	tuples []related
}

// judged is a row change with the verdict on it.
type judged struct {
	change diff.Change
	verdict
}

// Begin begins a transaction.
func (j *judge) Begin(tx *decode.Transaction) error {
	j.worst, j.rows = verdict{class: Noop, reason: "the transaction changes no row"}, 0
	if j.shared = j.d.Shared(tx.GTID); j.shared {
		j.worst = verdict{Already, "the new primary has this very transaction by now", tx.GTID}
	}
	clear(j.held)
	j.held, j.bytes = j.held[:0], 0
	j.rest.Reset()
	clear(j.places)
	j.tables = j.tables[:0]
	return nil
}

// Row judges a row change. A transaction that both sides have is settled.
func (j *judge) Row(_ *decode.Transaction, row decode.Row) error {
	j.walk.Step()
	if j.shared {
		j.keep(judged{diff.Change{Row: row}, j.worst})
		return j.d.Store().Err()
	}
	change := j.walk.Change(row)
	j.tuples = relatives(j.tuples[:0], j.d, change)
	v := j.change(change)
	if j.rows == 0 {
		j.worst = v
	}
	j.rows++
	j.worst = worse(j.worst, v)
	j.taint.touch(change, j.tuples)
	j.keep(judged{change, v})
	return j.d.Store().Err()
}

// End judges the transaction and hands it on.
func (j *judge) End(tx *decode.Transaction) error {
	if !j.shared {
		for _, reason := range slices.Concat(tx.Undecodable, tx.Opaque) {
			j.worst = worse(j.worst, verdict{class: Opaque, reason: reason})
		}
	}
	class := j.worst.class
	j.trial.end(class == Safe)
	var unsafe *cause
	if class.NeedsPerson() {
		unsafe = &cause{order: j.order, by: tx.GTID, class: class}
	}
	j.taint.end(tx, unsafe)
	j.order++
	if err := j.d.Store().Err(); err != nil {
		return err
	}
	return j.hand(Transaction{
		GTID: tx.GTID, CommittedAt: tx.CommittedAt, Class: class, Reason: j.worst.reason,
		Statements: tx.Statements, Undecodable: tx.Undecodable,
	})
}

func (j *judge) change(change diff.Change) verdict {
	v := ofKeys(j.d, change)
	if v.class == Safe {
		v = worse(v, hazard(change))
	}
	if v.class == Safe {
		v = worse(v, j.taint.of(change, j.tuples))
	}
	return j.trial.try(change, v)
}

// row is a row change with what is said of it.
func (j *judge) row(change diff.Change, v verdict) Row {
	row := Row{
		Row: change.Row, Class: v.class, Reason: v.reason, Counterpart: v.by,
	}
	if !j.shared {
		row.Definition = j.d.Tables[diff.Name{Schema: change.Row.Table.Schema, Table: change.Row.Table.Name}]
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
			row.Proposal = j.proposals.of(j.d, state)
		}
	}
	if row.Proposal != nil {
		row.Reason += fmt.Sprintf("; row changes of the old side that refer to it: %d", row.Proposal.Referring)
	}
	return row
}
