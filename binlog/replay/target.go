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
	// Begin opens a transaction. The error wraps ErrStopped where the server takes no writes.
	Begin(ctx context.Context) error
	// Locked reads the row of the key, nil where there is none, and keeps it as it is until the transaction ends.
	Locked(ctx context.Context, d *diff.Definition, key []decode.Value) ([]decode.Value, error)
	// Change makes a change where the row is exactly as expected, and returns how many rows it changed.
	Change(ctx context.Context, c rows.Change) (int64, error)
	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

// RefusedError says why a server refuses a change, without values of rows.
type RefusedError struct{ Why string }

// Error returns the reason.
func (e *RefusedError) Error() string { return e.Why }
