package classify

import (
	"context"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// LiveRows is the new primary inside one snapshot.
type LiveRows interface {
	// Rows returns the rows of the primary keys in their order, nil where there is none.
	Rows(ctx context.Context, table *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error)
	// Holder returns the row that holds the image's tuple under the unique key, nil where none does.
	Holder(ctx context.Context, table *diff.Definition, unique diff.Unique, image []decode.Value) ([]decode.Value, error)
}

// ReadLive fills in what is on the new primary for every key of the divergence.
func ReadLive(ctx context.Context, d *diff.Divergence, live LiveRows) error {
	byTable := map[diff.Name][]*diff.State{}
	var tables []diff.Name
	for _, key := range d.Order {
		if byTable[key.Name] == nil {
			tables = append(tables, key.Name)
		}
		byTable[key.Name] = append(byTable[key.Name], d.States[key])
	}
	for _, table := range tables {
		if err := readTable(ctx, d.Tables[table], byTable[table], live); err != nil {
			return err
		}
	}
	return nil
}

func readTable(ctx context.Context, table *diff.Definition, states []*diff.State, live LiveRows) error {
	keys := make([][]decode.Value, 0, len(states))
	for _, state := range states {
		keys = append(keys, state.KeyValues)
	}
	rows, err := live.Rows(ctx, table, keys)
	if err != nil {
		return err
	}
	for i, state := range states {
		state.Live, state.LiveRead = rows[i], true
		if err := readHolders(ctx, state, live); err != nil {
			return err
		}
	}
	return nil
}

// readHolders looks for other rows that hold a unique tuple of the row that the old side left.
func readHolders(ctx context.Context, state *diff.State, live LiveRows) error {
	if state.After == nil || state.Opaque != "" || !alike(state.Live, state.Before) {
		return nil // There is nothing to store, or the row is not safe for another reason.
	}
	for _, unique := range state.Table.Unique {
		if !changes(state, unique) {
			continue
		}
		if unique.Partial {
			state.Collision = "unique key " + unique.Name + " has a prefix or an expression and was not checked"
			return nil
		}
		holder, err := live.Holder(ctx, state.Table, unique, state.After)
		if err != nil {
			return err
		}
		if holder == nil {
			continue
		}
		if key, ok := state.Table.KeyOf(holder); !ok || key != state.Key {
			state.Collision = "another row holds the same value of unique key " + unique.Name
			return nil
		}
	}
	return nil
}

// changes says whether the old side gave the row another tuple under the unique key.
func changes(state *diff.State, unique diff.Unique) bool {
	if state.Before == nil || unique.Partial {
		return true
	}
	return slices.ContainsFunc(unique.Columns, func(column int) bool {
		return state.Before[column] != state.After[column]
	})
}
