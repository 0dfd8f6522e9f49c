package diff

import (
	"strconv"

	"github.com/regentdb/regent/binlog/decode"
)

// trace remembers which states each row change of the old side concerns, so that later passes need not find them by
// their keys again.
type trace struct {
	// chunks are the row changes in order, chunkRows in each but the last.
	chunks Dict
	open   Record
	rows   int
}

const chunkRows = 1024

// add takes the next row change: with the numbers of its states, -1 where there is none.
func (t *trace) add(from, to int) {
	t.open = t.open.Int(from + 1).Int(to + 1)
	if t.rows++; t.rows%chunkRows == 0 {
		t.flush()
	}
}

func (t *trace) flush() {
	if len(t.open) == 0 {
		return
	}
	n, _ := t.chunks.Add(strconv.Itoa(t.chunks.Len()))
	t.chunks.Set(n, t.open)
	t.open = t.open[:0]
}

// Walk goes through the row changes of the old side once more, in the order in which they were added.
type Walk struct {
	d        *Divergence
	chunk    int
	rest     Reader
	from, to int
	// free are states that nobody uses any more, and list is memory for those of a change.
	free []*State
	list []*State
}

// mostFree is how many states are kept for their memory.
const mostFree = 4096

// Walk returns a walk that is before the first row change. All transactions of the old side must have been added.
func (d *Divergence) Walk() *Walk {
	d.trace.flush()
	return &Walk{d: d}
}

// Step goes to the next row change. No change may be left out, also none of a shared transaction.
func (w *Walk) Step() {
	if w.rest.rest == "" && w.chunk < w.d.trace.chunks.Len() {
		w.rest = Reader{rest: w.d.trace.chunks.Value(w.chunk)}
		w.chunk++
	}
	w.from, w.to = w.rest.Int()-1, w.rest.Int()-1
}

// Candidate says whether the row change may turn out safe, as far as the states of its keys tell.
func (w *Walk) Candidate() bool {
	return (w.from >= 0 || w.to >= 0) && w.d.candidate(w.from) && w.d.candidate(w.to)
}

func (d *Divergence) candidate(state int) bool {
	return state < 0 || d.states.First(state)&isCandidate != 0
}

// Change finds the states of the row change that the walk is at. Changes of shared transactions have none.
func (w *Walk) Change(row decode.Row) Change {
	f := w.d.fit(row.Table)
	out := Change{Row: row, Table: f.table, Unkeyed: f.unkeyed}
	if f.unkeyed != "" {
		return out
	}
	if w.from < 0 && w.to < 0 {
		out.Unkeyed = "the row image lacks the primary key"
		return out
	}
	out.States = w.list[:0]
	w.list = nil
	for _, n := range [...]int{w.from, w.to} {
		if n >= 0 {
			out.States = append(out.States, w.state(n))
		}
	}
	return out
}

func (w *Walk) state(n int) *State {
	last := len(w.free) - 1
	if last < 0 {
		return w.d.State(n)
	}
	s := w.free[last]
	w.free = w.free[:last]
	s.images = nil
	w.d.Load(s, n)
	return s
}

// Free gives back the states of a change for the next changes. Nobody may use them any more, but the rows in them stay.
func (w *Walk) Free(c Change) {
	if len(w.free) < mostFree {
		w.free = append(w.free, c.States...)
		w.list = c.States
	}
}
