package replay

import (
	"context"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/rows"
)

// Target is the server on which transactions are repeated, on one connection. Its errors wrap a *RefusedError where the
// server refused one transaction, which may be rolled back then; any other ends the run.
type Target interface {
	Table(ctx context.Context, name diff.Name) (*rows.Table, error)
	// Together repeats transactions one after the other, in one round trip: each begins as by Begin, every change of it
	// meets exactly one row, and it is committed. The first that cannot be repeated so is rolled back, and those after
	// it are not begun. After an error nobody knows of any of them whether it was committed.
	Together(ctx context.Context, transactions [][]rows.Change) (Progress, error)
	// Begin opens a transaction. The error wraps ErrStopped where the server takes no writes.
	Begin(ctx context.Context) error
	// Locked reads the rows of keys in their order, nil where there is none, and keeps them as they are until the
	// transaction ends.
	Locked(ctx context.Context, d *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error)
	// Change makes changes of one kind in one table, each where the row is as expected, and returns how many rows each
	// of them changed.
	Change(ctx context.Context, changes []rows.Change) ([]int64, error)
	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

// Progress is how far Together came.
type Progress struct {
	// Committed is how many transactions were.
	Committed int
	// Doubt says that the next one was refused at its commit, so that it may be committed too.
	Doubt bool
}

// RefusedError says why a server refuses a change, without values of rows.
type RefusedError struct{ Why string }

// Error returns the reason.
func (e *RefusedError) Error() string { return e.Why }
