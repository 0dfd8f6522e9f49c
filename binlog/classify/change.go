package classify

import (
	"strings"

	"github.com/regentdb/regent/binlog/diff"
)

// ofKeys is the verdict on a row change by its keys.
func ofKeys(d *diff.Divergence, change diff.Change) verdict {
	switch len(change.States) {
	case 0:
		return verdict{class: Opaque, reason: change.Unkeyed}
	case 1:
		return ofState(d, change.States[0])
	}
	from, to := ofState(d, change.States[0]), ofState(d, change.States[1])
	switch {
	case from.class == Already && to.class == Safe:
		return verdict{Conflict, "update-delete: the new primary removed the row in " + from.by.String() + ", but did not move it", from.by}
	case from.class == Safe && to.class == Already:
		return verdict{Conflict, "insert-insert: the new primary inserted the moved row in " + to.by.String() + ", but kept the old one", to.by}
	}
	return worse(from, to)
}

// hazard looks for what may make a replay do more than the row change, or leave half of it.
func hazard(change diff.Change) verdict {
	table := change.Table
	switch triggers := table.TriggersOn(change.Row.Op); {
	case !table.Transactional:
		return verdict{class: Opaque, reason: "engine " + table.Engine + " cannot roll back"}
	case len(triggers) > 0:
		return verdict{class: Opaque, reason: "a replay would fire trigger " + strings.Join(triggers, ", ")}
	case table.TriggersHidden:
		return verdict{class: Opaque, reason: "the triggers of the table cannot be seen; grant TRIGGER on it to regent's account"}
	case table.ForeignKeysHidden != "":
		return verdict{class: Opaque, reason: table.ForeignKeysHidden}
	}
	return verdict{}
}
