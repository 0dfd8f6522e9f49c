package classify

import (
	"context"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
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
func ReadLive(ctx context.Context, d *diff.Divergence, live LiveRows) error {
	r := reading{d: d, live: live}
	for _, step := range []func(context.Context) error{r.spellings, r.rows, r.twins, r.weights, r.holders, r.relatives, r.last} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reading is a ReadLive under way.
type reading struct {
	d    *diff.Divergence
	live LiveRows
}

// spellings finds out which keys are the same though they are spelled differently.
func (r *reading) spellings(ctx context.Context) error {
	if err := r.weigh(ctx, r.d.UnweighedKeys()); err != nil {
		return err
	}
	r.d.Respell()
	return nil
}

// weigh asks for sort keys.
func (r *reading) weigh(ctx context.Context, texts []diff.Text) error {
	asked := map[diff.Text]bool{}
	texts = slices.DeleteFunc(texts, func(t diff.Text) bool {
		again := asked[t]
		asked[t] = true
		return again
	})
	weights, err := r.live.Weights(ctx, texts)
	if err != nil {
		return err
	}
	for i, text := range texts {
		r.d.Facts.Weights[text] = weights[i]
	}
	return nil
}

// rows reads the row of every key.
func (r *reading) rows(ctx context.Context) error {
	byTable := map[diff.Name][]*diff.State{}
	var tables []diff.Name
	for _, key := range r.d.Order {
		if byTable[key.Name] == nil {
			tables = append(tables, key.Name)
		}
		byTable[key.Name] = append(byTable[key.Name], r.d.States[key])
	}
	for _, table := range tables {
		states := byTable[table]
		keys := make([][]decode.Value, 0, len(states))
		for _, state := range states {
			keys = append(keys, state.KeyValues)
		}
		rows, err := r.live.Rows(ctx, r.d.Tables[table], keys)
		if err != nil {
			return err
		}
		for i, state := range states {
			state.Live, state.LiveRead = rows[i], true
		}
	}
	return nil
}

// twins keeps of the rows that the new side inserted alike those that still are.
func (r *reading) twins(ctx context.Context) error {
	done := map[*diff.Group]bool{}
	for _, key := range r.d.Order {
		s := r.d.States[key]
		if s.Twins == nil || len(s.Twins.Inserted) == 0 || done[s.Twins] {
			continue
		}
		done[s.Twins] = true
		if err := r.alike(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) alike(ctx context.Context, s *diff.State) error {
	want, _ := s.Table.ContentID(s.After)
	keys := make([][]decode.Value, 0, len(s.Twins.Inserted))
	for _, in := range s.Twins.Inserted {
		keys = append(keys, in.KeyValues)
	}
	rows, err := r.live.Rows(ctx, s.Table, keys)
	if err != nil {
		return err
	}
	kept := s.Twins.Inserted[:0]
	for i, in := range s.Twins.Inserted {
		if content, ok := s.Table.ContentID(rows[i]); ok && content == want {
			kept = append(kept, in)
		}
	}
	s.Twins.Inserted = kept
	return nil
}

// last reads the highest generated key of the tables for which new ones may have to be proposed.
func (r *reading) last(ctx context.Context) error {
	for _, key := range r.d.Order {
		s := r.d.States[key]
		if _, known := r.d.Facts.Last[key.Name]; known || ofState(r.d, s).class != AutoIncrement {
			continue
		}
		last, err := r.live.Last(ctx, s.Table, s.Table.Auto())
		if err != nil {
			return err
		}
		r.d.Facts.Last[key.Name] = last
	}
	return nil
}
