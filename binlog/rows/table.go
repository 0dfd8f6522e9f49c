package rows

import (
	"slices"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// Hazards says what a change would set off besides itself.
type Hazards interface {
	// Fired names the triggers that an operation fires; empty where there are none.
	Fired(op decode.Op) string
	// Cascading names the foreign key by which a change of a row changes children; empty where none does.
	Cascading(d *diff.Definition, op decode.Op, before, after []decode.Value) string
}

// Table is a table as it is on the server whose rows are to be changed.
type Table struct {
	*diff.Definition
	Hazards Hazards
}

// Unusable says why a row change of the log cannot be made on the table, or undone; empty where it can.
func (t *Table) Unusable(row decode.Row) string {
	switch mismatch := t.Mismatch(row.Table); {
	case mismatch != "":
		return mismatch
	case len(t.PrimaryKey) == 0:
		return "the table has no primary key"
	case t.PrefixKey:
		return "the primary key covers only the beginning of a column"
	case !t.Transactional:
		return "engine " + t.Engine + " cannot roll back"
	case t.TriggersHidden:
		return "the triggers of the table cannot be seen; grant TRIGGER on it to regent's account"
	case t.ForeignKeysHidden != "":
		return t.ForeignKeysHidden
	case !whole(row.Before) || !whole(row.After):
		return "the log has only a part of the row"
	}
	return ""
}

func whole(image []decode.Value) bool {
	return !slices.ContainsFunc(image, func(v decode.Value) bool { return v.Kind == decode.Absent })
}
