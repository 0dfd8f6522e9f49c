package classes

import (
	"slices"

	"github.com/regentdb/regent/truth/table"
	"github.com/regentdb/regent/truth/verbose"
)

// ofKey applies the rules to one key of the old side; image is an image that has the key.
func (w *world) ofKey(k key, image table.Row) Class {
	h := w.old[k]
	s0, o := h.first, h.last
	live := w.live(h.table, image)
	row, _ := w.storedKey(h.table, image)
	other := w.fresh[row]
	touched := other != nil
	switch {
	case h.gap || h.opaque || len(w.spellings[row]) > 1:
		return Opaque
	case w.noop(k):
		return Noop
	case touched && table.Same(live, o):
		return Already
	case w.altered[h.table.Name]:
		return Opaque
	case touched && other.first.Full() && !table.Same(other.first, s0), !touched && !table.Same(live, s0):
		return Drift
	case w.repeated(h, row, live, touched):
		return LikelyRepeated
	case touched && s0 == nil && o != nil && live != nil && w.automatic(h.table) >= 0:
		return AutoIncrement
	case touched && w.merges(h, s0, o, live):
		return Mergeable
	case touched:
		return Conflict
	}
	return Safe
}

// noop says whether the key and all that are linked with it ended as they began.
func (w *world) noop(k key) bool {
	seen := map[key]bool{k: true}
	for queue := []key{k}; len(queue) > 0; queue = queue[1:] {
		h := w.old[queue[0]]
		if !table.Same(h.first, h.last) {
			return false
		}
		for _, next := range h.linked {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return true
}

// automatic is the auto-increment column of the primary key, or -1.
func (w *world) automatic(t *table.Table) int {
	for _, i := range t.PrimaryKey {
		if t.Columns[i].AutoIncrement {
			return i
		}
	}
	return -1
}

// repeated are rules 6 to 8.
func (w *world) repeated(h *history, k stored, live table.Row, touched bool) bool {
	t, o := h.table, h.last
	if touched && o != nil && live != nil {
		if same, _ := without(t, o, live, w.volatile(t)); same {
			return true
		}
	}
	if h.first != nil || o == nil {
		return false
	}
	return w.repeatedElsewhere(t, k, o) || w.repeatedTuple(t, o)
}

// repeatedElsewhere says whether the new side inserted the row under another generated key.
func (w *world) repeatedElsewhere(t *table.Table, k stored, o table.Row) bool {
	automatic := w.automatic(t)
	if automatic < 0 {
		return false
	}
	left := append(w.volatile(t), automatic)
	for _, i := range w.inserted {
		if i.table != t.Name || i.stored == k {
			continue
		}
		live := w.live(t, i.image)
		if live == nil {
			continue
		}
		byImage, compared := without(t, o, i.image, left)
		byLive, _ := without(t, o, live, left)
		if byImage && byLive && compared > 0 {
			return true
		}
	}
	return false
}

// repeatedTuple says whether a live row has the tuple of a unique key, which the new side inserted.
func (w *world) repeatedTuple(t *table.Table, o table.Row) bool {
	for _, u := range t.Unique {
		want, ok := w.tuple(t, u.Columns, o)
		if u.Prefix || u.Expression || !ok {
			continue
		}
		spelled, _ := folded(t, u.Columns, o)
		for _, row := range w.Live[t.Name] {
			if have, ok := w.tuple(t, u.Columns, row); !ok || have != want {
				continue
			}
			if w.insertedTuple(t, u.Columns, row, spelled) {
				return true
			}
		}
	}
	return false
}

// insertedTuple says whether the new side inserted the row, with this tuple after folding.
func (w *world) insertedTuple(t *table.Table, columns []int, row table.Row, spelled string) bool {
	k, _ := keyOf(t, row)
	return slices.ContainsFunc(w.inserted, func(i inserted) bool {
		if i.table != t.Name || i.key != k {
			return false
		}
		have, ok := folded(t, columns, i.image)
		return ok && have == spelled
	})
}

// merges is the merge rule.
func (w *world) merges(h *history, s0, o, live table.Row) bool {
	t := h.table
	if !w.Policy.Mergeable[t.Name] || s0 == nil || o == nil || live == nil || !t.Transactional ||
		slices.Contains(t.Triggers, string(verbose.Update)) {
		return false
	}
	bound := slices.Clone(t.PrimaryKey)
	for _, u := range t.Unique {
		if u.Expression {
			return false
		}
		bound = append(bound, u.Columns...)
	}
	for _, f := range t.Parents {
		bound = append(bound, f.ChildColumns...)
	}
	for _, f := range t.Children {
		bound = append(bound, f.ParentColumns...)
	}
	changed := 0
	for i, c := range t.Columns {
		if c.Generated || slices.Contains(w.volatile(t), i) || o[i] == s0[i] {
			continue
		}
		if live[i] != s0[i] || slices.Contains(bound, i) {
			return false
		}
		changed++
	}
	return changed > 0
}

// ofChange is the class of a row change before anything but its keys is looked at.
func (w *world) ofChange(parts []part) Class {
	first := w.ofKey(parts[0].key, parts[0].image())
	if len(parts) == 1 {
		return first
	}
	second := w.ofKey(parts[1].key, parts[1].image())
	if first == Safe && second == Already || first == Already && second == Safe {
		return Conflict
	}
	return greater(first, second)
}
