package replay

import (
	"fmt"
	"maps"
	"slices"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/gtid"
)

// Selection says which transactions are meant: those that pass each part that is not empty.
type Selection struct {
	Classes      []classify.Class
	Transactions gtid.Set
	// Tables are written schema.table; a transaction is meant when it changes nothing else.
	Tables []string
}

// Irreplayable says why transactions of a class may not be repeated at all; it is empty where the rows decide.
func Irreplayable(c classify.Class) string {
	switch c {
	case classify.Opaque:
		return fmt.Sprintf("class %s cannot be replayed: what its transactions did is not known row by row", c)
	case classify.Noop, classify.Already:
		return fmt.Sprintf("class %s needs no replay", c)
	case classify.Safe, classify.LikelyRepeated, classify.Mergeable, classify.AutoIncrement, classify.UniqueCollision, classify.ForeignKey,
		classify.Drift, classify.Conflict:
	}
	return ""
}

// Means tells whether the selection means the transaction.
func (s *Selection) Means(tx *report.Transaction) bool {
	if len(s.Classes) > 0 && !slices.Contains(s.Classes, tx.Class) {
		return false
	}
	if !s.Transactions.IsEmpty() && !s.Transactions.ContainsGTID(tx.GTID) {
		return false
	}
	return len(s.Tables) == 0 || !slices.ContainsFunc(tx.Rows, func(r report.Row) bool {
		return !slices.Contains(s.Tables, r.Schema+"."+r.Table)
	})
}

// Unmergeable names, as schema.table, tables of transactions of class MERGEABLE that are meant, where the policy does not let
// rows of the table be merged.
func Unmergeable(r Report, s Selection, rules map[diff.Name]diff.Rule) ([]string, error) {
	out := map[string]bool{}
	for tx, err := range report.Transactions(r.Dir, false) {
		if err != nil {
			return nil, err
		}
		if !s.Means(&tx) {
			continue
		}
		for _, row := range tx.Rows {
			if merges(&tx, row) && !rules[diff.Name{Schema: row.Schema, Table: row.Table}].Mergeable {
				out[row.Schema+"."+row.Table] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(out)), nil
}
