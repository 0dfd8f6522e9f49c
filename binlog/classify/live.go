package classify

import (
	"context"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/gtid"
)

// LiveRows is the new primary inside one snapshot. Answers come in the order of what is asked for.
type LiveRows interface {
	// Rows returns the rows of the primary keys, nil where there is none.
	Rows(ctx context.Context, table *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error)
	// Holders returns the primary keys of the rows that hold the images' tuples under the unique key, nil where none
	// does. The tuples have no NULL.
	Holders(ctx context.Context, table *diff.Definition, unique diff.Unique, images [][]decode.Value) ([][]decode.Value, error)
	// Weights returns the sort keys of texts.
	Weights(ctx context.Context, texts []diff.Text) ([]string, error)
	// Count returns how many rows have the values.
	Count(ctx context.Context, wanted []diff.Wanted) ([]int, error)
	// Last returns the highest value of an integer column, 0 where there is none.
	Last(ctx context.Context, table *diff.Definition, column int) (uint64, error)
}

// ReadLive fills in what is on the new primary: the rows of every key of the divergence, and what Classify needs to
// know about unique and foreign keys.
func (c *Comparison) ReadLive(ctx context.Context, live LiveRows) error {
	r := reading{Comparison: c, d: c.d, live: live}
	for _, step := range []func(context.Context) error{r.spellings, r.rows, r.twins, r.weights, r.facts, r.numbers, r.children} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := c.d.Store().Err(); err != nil {
			return err
		}
	}
	return nil
}

// reading is a ReadLive under way.
type reading struct {
	*Comparison

	d    *diff.Divergence
	live LiveRows
	// free are states that nobody uses any more.
	free []*diff.State
}

// spellings finds out which keys are the same though they are spelled differently.
func (r *reading) spellings(ctx context.Context) error {
	texts := r.texts(ctx)
	r.d.UnweighedKeys(texts.add)
	if err := texts.end(); err != nil {
		return err
	}
	r.d.Respell()
	return nil
}

// texts asks for sort keys.
type texts struct {
	d *diff.Divergence
	batch[diff.Text]
}

func (r *reading) texts(ctx context.Context) *texts {
	return &texts{r.d, batch[diff.Text]{ask: func(all []diff.Text) error {
		weights, err := r.live.Weights(ctx, all)
		if err != nil {
			return err
		}
		for i, text := range all {
			r.d.SetWeight(text, weights[i])
		}
		return nil
	}}}
}

func (t *texts) add(text diff.Text) {
	if t.d.AskWeight(text) {
		t.batch.add(text, len(text.Bytes))
	}
}

// rows reads the row of every key.
func (r *reading) rows(ctx context.Context) error {
	asked := map[diff.Name]*batch[*diff.State]{}
	var order []*batch[*diff.State]
	held := 0
	for n := 0; n < r.d.States() && r.d.Store().Err() == nil; n++ {
		s := r.state(n)
		b := asked[s.Table.Name]
		if b == nil {
			b = &batch[*diff.State]{ask: func(all []*diff.State) error { return r.readRows(ctx, all) }}
			asked[s.Table.Name] = b
			order = append(order, b)
		}
		held -= b.bytes
		b.add(s, 2*s.Bytes()) // With the live row, which is about as large.
		if held += b.bytes; held < 2*batchBytes {
			continue
		}
		for _, b := range order {
			b.flush()
		}
		held = 0
	}
	return endAll(order)
}

// state is the state with the number, in the memory of one whose row was read.
func (r *reading) state(n int) *diff.State {
	last := len(r.free) - 1
	if last < 0 {
		return r.d.State(n)
	}
	s := r.free[last]
	r.free = r.free[:last]
	r.d.Load(s, n)
	return s
}

// readRows reads the rows of keys of one table.
func (r *reading) readRows(ctx context.Context, states []*diff.State) error {
	keys := make([][]decode.Value, 0, len(states))
	for _, s := range states {
		keys = append(keys, s.KeyValues)
	}
	rows, err := r.live.Rows(ctx, states[0].Table, keys)
	if err != nil {
		return err
	}
	for i, s := range states {
		s.Live, s.LiveRead = rows[i], true
		_, decided := settled(r.d, s)
		s.Candidate = !decided && !s.IsTouched()
		r.d.Keep(s)
	}
	r.free = append(r.free, states...)
	return nil
}

// twins finds of the rows that the new side inserted alike the first that still is.
func (r *reading) twins(ctx context.Context) error {
	if !r.d.AnyInserted() {
		return nil
	}
	for s := range r.d.AllOf(func(t *diff.Definition) bool { return t.Auto() >= 0 }) {
		g, ok := r.d.Twins(s)
		if !ok {
			continue
		}
		if _, done := r.d.Settled(g); done {
			continue
		}
		if err := r.alike(ctx, s, g); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) alike(ctx context.Context, s *diff.State, g diff.Group) error {
	want, _ := s.Table.ContentID(s.After)
	var by gtid.GTID
	asked := batch[diff.Insertion]{ask: func(all []diff.Insertion) error {
		if (by != gtid.GTID{}) {
			return nil
		}
		keys := make([][]decode.Value, 0, len(all))
		for _, in := range all {
			keys = append(keys, in.KeyValues)
		}
		rows, err := r.live.Rows(ctx, s.Table, keys)
		for i := 0; i < len(rows) && err == nil && by == (gtid.GTID{}); i++ {
			if content, ok := s.Table.ContentID(rows[i]); ok && content == want {
				by = all[i].By
			}
		}
		return err
	}}
	for in := range r.d.Inserted(g) {
		if asked.add(in, len(want)); (by != gtid.GTID{}) {
			break
		}
	}
	if err := asked.end(); err != nil {
		return err
	}
	r.d.Settle(g, by)
	return nil
}
