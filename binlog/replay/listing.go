package replay

import (
	"fmt"
	"iter"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/binlog/tail"
	"github.com/regentdb/regent/gtid"
)

// Report is a report with what was captured for it.
type Report struct {
	// Dir is the directory of the report.
	Dir string
	// Tail iterates over what was captured, in commit order.
	Tail func() iter.Seq2[*decode.Transaction, error]
}

// Open names the report in a directory.
func Open(dir string) Report {
	return Report{Dir: dir, Tail: func() iter.Seq2[*decode.Transaction, error] { return tail.Transactions(dir) }}
}

// entry is what a report says of one transaction.
type entry struct {
	class classify.Class
	rows  []classify.Class
	// merges says of each row whether columns would be merged into it.
	merges []bool
	meant  bool
}

// listing is a report by transaction, without its values.
type listing map[gtid.GTID]*entry

// listed reads a report.
func listed(r Report, s Selection) (listing, error) {
	out := listing{}
	for tx, err := range report.Transactions(r.Dir, false) {
		if err != nil {
			return nil, err
		}
		e := &entry{class: tx.Class, meant: s.Means(&tx)}
		for _, row := range tx.Rows {
			e.rows, e.merges = append(e.rows, row.Class), append(e.merges, merges(&tx, row))
		}
		out[tx.GTID] = e
	}
	return out, nil
}

// settled says that the new side has what the transaction left.
func (e *entry) settled() bool { return e.class.Settled() }

// each calls visit with every captured transaction in commit order, and what the report says of it: nil where it could
// not be read.
func (l listing) each(r Report, visit func(*decode.Transaction, *entry) error) error {
	for tx, err := range r.Tail() {
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		e := l[tx.GTID]
		if e != nil && len(e.rows) != len(tx.Rows) {
			return fmt.Errorf("replay: %s: the report lists %d rows and the capture has %d; compare again", tx.GTID, len(e.rows), len(tx.Rows))
		}
		if err := visit(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// merges tells whether columns of the old side would be merged into a row of the new side: where the transaction is
// mergeable, and the row is one that both sides changed. One that only follows such a row has the class and no
// counterpart, and is repeated as a whole.
func merges(tx *report.Transaction, row report.Row) bool {
	return tx.Class == classify.Mergeable && row.Class == classify.Mergeable && row.Counterpart != nil
}

// repeated is a row change that is still to be made. Merged says that only the columns which it changes are.
type repeated struct {
	decode.Row
	merged bool
}

// changes are the row changes of the transaction that are still to be made.
func (e *entry) changes(tx *decode.Transaction) []repeated {
	var out []repeated
	for i, row := range tx.Rows {
		if !e.rows[i].Settled() {
			out = append(out, repeated{row, e.merges[i]})
		}
	}
	return out
}
