package rewind

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
	"github.com/regentdb/regent/binlog/rows"
	"github.com/regentdb/regent/binlog/sqltext"
)

// undo takes the rows back in one transaction, or finds that an earlier run did.
func (w *work) undo(ctx context.Context) (err error) {
	// read_only stays on meanwhile: only accounts with CONNECTION_ADMIN could write.
	for _, statement := range []string{
		"SET SESSION sql_log_bin = 0, foreign_key_checks = 0", "SET GLOBAL super_read_only = OFF", "START TRANSACTION",
	} {
		if err := w.session.Run(ctx, statement); err != nil {
			return errors.Join(err, w.close(ctx))
		}
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	if done, err := w.undone(ctx); err != nil || done {
		return errors.Join(err, w.enter(settling))
	}
	if err := w.change(ctx); err != nil {
		return err
	}
	if err := w.enter(undoing); err != nil {
		return err
	}
	if err := w.session.Run(ctx, "COMMIT"); err != nil {
		return err
	}
	return w.enter(settling)
}

// closeLimit is how long a server may take to be read-only again, after whatever ended the run. It is generous: the
// rollback of a large transaction counts.
const closeLimit = time.Minute

// close rolls back what is open and makes the server read-only again. On a connection that is lost neither is needed:
// the transaction ends with it, and whoever keeps the server quarantined closes it.
func (w *work) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	return w.session.Run(ctx, "ROLLBACK", "SET GLOBAL super_read_only = ON")
}

// enter puts the next stage on disk.
func (w *work) enter(next stage) error {
	w.progress.Stage = next
	err := w.progress.write(w.Dir, w.Server.Server)
	if err == nil && w.Entered != nil {
		w.Entered()
	}
	return err
}

// undone tells whether the commit of an earlier run succeeded, though its answer was lost.
func (w *work) undone(ctx context.Context) (bool, error) {
	if w.progress.Stage != undoing {
		return false, nil
	}
	strange, err := w.compare(ctx, func(n *rows.Net) []decode.Value { return n.Before })
	return strange == "", err
}

// asLogged refuses a server on which a row is not as its binary log left it, unless an earlier run undid them all.
func (w *work) asLogged(ctx context.Context) error {
	if done, err := w.undone(ctx); err != nil || done {
		return err
	}
	strange, err := w.compare(ctx, func(n *rows.Net) []decode.Value { return n.After })
	if err == nil && strange != "" {
		err = refused("a row of %s is not as the binary log left it", strange)
	}
	return err
}

// compare reads every touched row and names the table of one that is not as wanted; it is empty where all are.
func (w *work) compare(ctx context.Context, wanted func(*rows.Net) []decode.Value) (string, error) {
	byTable := map[*diff.Definition][]*rows.Net{}
	for _, key := range w.todo.Order {
		n := w.todo.Nets[key]
		byTable[n.Table] = append(byTable[n.Table], n)
	}
	for table, nets := range byTable {
		keys := make([][]decode.Value, 0, len(nets))
		for _, n := range nets {
			keys = append(keys, n.Key)
		}
		found, err := w.session.Rows(ctx, table, keys)
		if err != nil {
			return "", fmt.Errorf("rewind: %w", err)
		}
		for i, n := range nets {
			if !rows.Same(found[i], wanted(n)) {
				return table.String(), nil
			}
		}
	}
	return "", nil
}

// Limits of one round trip of changes, far below the 64 MiB that a server takes in one packet by default.
const (
	changesAtOnce = 500
	bytesAtOnce   = 4 << 20
)

// change makes the inverse of every change in reverse order, and checks every touched row afterwards.
func (w *work) change(ctx context.Context) error {
	var statements []string
	size := 0
	for _, c := range slices.Backward(w.todo.Changes) {
		inverse := c.Inverse()
		statement := sqltext.Change(inverse.Table, inverse.Op, inverse.Before, inverse.After)
		if statement == "" {
			continue
		}
		statements, size = append(statements, statement), size+len(statement)
		if len(statements) < changesAtOnce && size < bytesAtOnce {
			continue
		}
		if err := w.changeAll(ctx, statements); err != nil {
			return err
		}
		statements, size = statements[:0], 0
	}
	if err := w.changeAll(ctx, statements); err != nil {
		return err
	}
	strange, err := w.compare(ctx, func(n *rows.Net) []decode.Value { return n.Before })
	if err == nil && strange != "" {
		err = refused("a row of %s did not become what it was before the divergence", strange)
	}
	return err
}

// changeAll makes changes, each of which must meet one row.
func (w *work) changeAll(ctx context.Context, statements []string) error {
	if len(statements) == 0 {
		return nil
	}
	affected, err := w.session.ChangeAll(ctx, statements)
	var answer *live.RefusedError
	switch {
	case errors.As(err, &answer):
		return refused("%s", err)
	case err != nil:
		return fmt.Errorf("rewind: %w", err)
	case len(affected) != len(statements) || slices.ContainsFunc(affected, func(n int64) bool { return n != 1 }):
		return refused("a row is not as the binary log left it")
	}
	return nil
}
