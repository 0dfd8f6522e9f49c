package classify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// verdict is a class with the sentence that explains it.
type verdict struct {
	class  Class
	reason string
}

// worse returns the verdict that asks more of a person.
func worse(a, b verdict) verdict {
	if b.class > a.class {
		return b
	}
	return a
}

// ofState applies the rules to one key. S0 is the row before the divergence, O what the old side left, L the live row.
func ofState(d *diff.Divergence, s *diff.State) verdict {
	switch {
	case s.Opaque != "":
		return verdict{Opaque, s.Opaque}
	case alike(s.After, s.Before):
		return verdict{Noop, "the row ended as it was before the divergence"}
	case !s.LiveRead:
		return verdict{Opaque, "the row on the new primary was not read"}
	case s.IsTouched() && alike(s.Live, s.After):
		return verdict{Already, "the new primary made the same change in " + s.Touched.String()}
	case s.IsTouched():
		return verdict{Conflict, fmt.Sprintf("%s-%s: the new primary changed the row in %s",
			deed(s.Before, s.After), deed(s.Before, s.Live), s.Touched)}
	case !alike(s.Live, s.Before):
		return verdict{Drift, "the live row is not the row before the divergence, though no transaction of the new primary touched it"}
	}
	return hazard(d, s)
}

// alike compares rows, of which nil is none.
func alike(a, b []decode.Value) bool {
	return (a == nil) == (b == nil) && slices.Equal(a, b)
}

// deed names what turned one row into another.
func deed(from, to []decode.Value) string {
	switch {
	case from == nil:
		return "insert"
	case to == nil:
		return "delete"
	}
	return "update"
}

// hazard looks for what may make a replay do more, or less, than the row change.
func hazard(d *diff.Divergence, s *diff.State) verdict {
	table := s.Table
	switch altered := d.Altered[table.Name]; {
	case altered != "":
		return verdict{Opaque, altered}
	case !table.Transactional:
		return verdict{Opaque, "engine " + table.Engine + " cannot roll back"}
	case len(table.Triggers) > 0:
		return verdict{Opaque, "a replay would fire trigger " + strings.Join(table.Triggers, ", ")}
	case table.TriggersHidden:
		return verdict{Opaque, "the triggers of the table cannot be seen; grant TRIGGER on it to regent's account"}
	case s.Collision != "":
		return verdict{UniqueCollision, s.Collision}
	case len(table.ForeignKeys) > 0:
		return verdict{ForeignKey, "order against foreign key " + strings.Join(table.ForeignKeys, ", ") + " is not proven"}
	}
	return verdict{Safe, "untouched on the new primary"}
}
