package replay

import (
	"fmt"
	"slices"

	"github.com/regentdb/regent/binlog/classify"
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
	case classify.Mergeable:
		return fmt.Sprintf("class %s cannot be replayed: the row is another on each side; merge it by hand and acknowledge it", c)
	case classify.Noop, classify.Already:
		return fmt.Sprintf("class %s needs no replay", c)
	case classify.Safe, classify.LikelyRepeated, classify.AutoIncrement, classify.UniqueCollision, classify.ForeignKey,
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
