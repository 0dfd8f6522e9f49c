package classify

import (
	"fmt"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

// verdict is a class with the sentence that explains it.
type verdict struct {
	class  Class
	reason string
	// by is the transaction of the new side that decided; the zero GTID where none did.
	by gtid.GTID
}

// worse returns the verdict that asks more of a person.
func worse(a, b verdict) verdict {
	if b.class > a.class {
		return b
	}
	return a
}

// ofState applies the rules to one key, in the order of docs/classes.md. S0 is the row before the divergence, O what
// the old side left, L the live row.
func ofState(d *diff.Divergence, s *diff.State) verdict {
	if v, decided := settled(d, s); decided {
		return v
	}
	if v := repeated(d, s); v.class == LikelyRepeated {
		return v
	}
	if s.IsTouched() {
		return contested(s)
	}
	return verdict{class: Safe, reason: "untouched on the new primary"}
}

// settled applies the rules that need no more than the rows of the key itself.
func settled(d *diff.Divergence, s *diff.State) (v verdict, decided bool) {
	altered := d.Altered[s.Table.Name]
	switch {
	case s.Opaque != "":
		return verdict{class: Opaque, reason: s.Opaque}, true
	case d.Undone(s):
		return verdict{class: Noop, reason: "the row ended as it was before the divergence"}, true
	case !s.LiveRead:
		return verdict{class: Opaque, reason: "the row on the new primary was not read"}, true
	case s.IsTouched() && diff.Alike(s.Live, s.After):
		return verdict{Already, "the new primary made the same change in " + s.Touched.String(), s.Touched}, true
	case altered != "":
		return verdict{class: Opaque, reason: altered}, true
	case s.IsTouched() && s.BaseRead && !diff.Alike(s.Base, s.Before):
		return verdict{Drift, "the two sides had different rows when they parted", s.Touched}, true
	case !s.IsTouched() && !diff.Alike(s.Live, s.Before):
		return verdict{class: Drift, reason: "the live row is not the row before the divergence, though no transaction of the new primary touched it"}, true
	}
	return verdict{}, false
}

// repeated looks for a row of the new side that is the old one once more.
func repeated(d *diff.Divergence, s *diff.State) verdict {
	if s.IsTouched() && s.After != nil && s.Live != nil && len(s.Table.Changed(s.Live, s.After)) == 0 {
		return verdict{LikelyRepeated, "the new primary made the same change but for volatile columns in " + s.Touched.String(), s.Touched}
	}
	if g, ok := d.Twins(s); ok { // None has the key itself: its live row would be the same, which is told above.
		if by, _ := d.Settled(g); (by != gtid.GTID{}) {
			return verdict{LikelyRepeated, "the new primary inserted the same row under another generated key in " + by.String(), by}
		}
	}
	for i, u := range s.Table.Unique {
		if by, ok := rival(d, s, i); ok {
			return verdict{
				LikelyRepeated, "the new primary inserted a row with the same value of unique key " + u.Name + " in " + by.String(), by,
			}
		}
	}
	return verdict{}
}

// rival returns the transaction of the new side that inserted the live row that holds the unique tuple of O.
func rival(d *diff.Divergence, s *diff.State, unique int) (gtid.GTID, bool) {
	rivals, ok := d.Rivals(s, unique)
	if !ok {
		return gtid.GTID{}, false
	}
	tuple, ok := d.UniqueTuple(s.Table, s.Table.Unique[unique], s.After)
	if !ok {
		return gtid.GTID{}, false
	}
	holder, _ := d.Holder(tuple)
	if holder == "" {
		return gtid.GTID{}, false
	}
	return d.Rival(rivals, holder)
}

// contested judges a row that both sides changed, to different ends.
func contested(s *diff.State) verdict {
	if s.Before == nil && s.After != nil && s.Live != nil && s.Table.Auto() >= 0 {
		return verdict{AutoIncrement, "the new primary gave the same generated key to another row in " + s.Touched.String(), s.Touched}
	}
	clash := verdict{Conflict, fmt.Sprintf("%s: the new primary changed the row in %s", kind(s), s.Touched), s.Touched}
	if !disjoint(s) {
		return clash
	}
	if s.Table.Mergeable {
		return verdict{Mergeable, "the sides changed different columns; the new primary did in " + s.Touched.String(), s.Touched}
	}
	clash.reason += "; the columns are disjoint, but the policy does not let the table be merged"
	return clash
}

// kind names what a conflict is between.
func kind(s *diff.State) string {
	switch {
	case s.Before == nil:
		return "insert-insert"
	case s.After == nil:
		return "delete-update"
	case s.Live == nil:
		return "update-delete"
	}
	return "update-update"
}

// disjoint is the merge rule without the policy.
func disjoint(s *diff.State) bool {
	t := s.Table
	if s.Before == nil || s.After == nil || s.Live == nil || !t.Transactional || t.TriggersHidden || t.ForeignKeysHidden != "" ||
		len(t.TriggersOn(decode.Update)) > 0 {
		return false
	}
	ours := t.Changed(s.Before, s.After)
	theirs := t.Changed(s.Before, s.Live)
	return len(ours) > 0 && !slices.ContainsFunc(ours, func(i int) bool {
		return slices.Contains(theirs, i) || keyed(t, i)
	})
}

// keyed says whether a column is, or may be, part of a key of the table.
func keyed(t *diff.Definition, column int) bool {
	has := func(f diff.ForeignKey) bool { return slices.Contains(f.Columns, column) }
	return slices.Contains(t.PrimaryKey, column) ||
		slices.ContainsFunc(t.Unique, func(u diff.Unique) bool {
			return u.HasExpression() || slices.Contains(u.Columns, column)
		}) ||
		slices.ContainsFunc(t.References, has) || slices.ContainsFunc(t.ReferencedBy, has)
}
