package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
	"github.com/regentdb/regent/binlog/rows"
)

// Server is a real target.
type Server struct {
	session *live.Session
	uuid    string
}

// Connect opens the primary for a replay, and ends an earlier session that replays on it: its last statement is over
// when Connect returns. The server must have the uuid; where that is empty, the one that it has now. Close ends it.
func Connect(ctx context.Context, to capture.Endpoint, uuid, report string) (*Server, error) {
	session, err := live.OpenSession(ctx, to)
	if err != nil {
		return nil, err
	}
	err = session.Own(ctx, live.LockName(report))
	if err == nil && uuid == "" {
		uuid, err = session.Value(ctx, "SELECT @@GLOBAL.server_uuid")
	}
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return &Server{session, uuid}, nil
}

// Close ends the session; what was not committed is rolled back.
func (s *Server) Close() error { return s.session.Close() }

// Table reads a table with what its changes would set off.
func (s *Server) Table(ctx context.Context, name diff.Name) (*rows.Table, error) {
	d, err := s.session.Definition(ctx, name)
	if err != nil {
		return nil, err
	}
	hazards, err := s.session.Hazards(ctx, name)
	return &rows.Table{Definition: d, Hazards: hazards}, err
}

// Begin opens a transaction on a server that is open to everybody.
func (s *Server) Begin(ctx context.Context) error {
	const query = "SELECT CONCAT(@@GLOBAL.read_only OR @@GLOBAL.super_read_only OR @@GLOBAL.offline_mode, @@GLOBAL.server_uuid)"
	switch is, err := s.session.Value(ctx, query); {
	case err != nil:
		return err
	case is == "1"+s.uuid:
		return fmt.Errorf("%w: %s is read-only", ErrStopped, s.session.Server)
	case is != "0"+s.uuid:
		return fmt.Errorf("%w: another server answers at the address of %s", ErrStopped, s.session.Server)
	}
	return s.session.Run(ctx, "START TRANSACTION")
}

// Locked reads and locks a row.
func (s *Server) Locked(ctx context.Context, d *diff.Definition, key []decode.Value) ([]decode.Value, error) {
	row, err := s.session.Locked(ctx, d, key)
	return row, refusal(err)
}

// Change makes a change.
func (s *Server) Change(ctx context.Context, c rows.Change) (int64, error) {
	affected, err := s.session.Change(ctx, c.Table, c.Op, c.Before, c.After)
	return affected, refusal(err)
}

// refusal tells what the server refuses for this transaction from what ends the run.
func refusal(err error) error {
	var refused *live.RefusedError
	switch {
	case !errors.As(err, &refused):
		return err
	case refused.IsReadOnly():
		return fmt.Errorf("%w: %w", ErrStopped, err)
	}
	return &RefusedError{Why: err.Error()}
}

// Commit commits.
func (s *Server) Commit(ctx context.Context) error { return s.session.Run(ctx, "COMMIT") }

// Rollback rolls back.
func (s *Server) Rollback(ctx context.Context) error { return s.session.Run(ctx, "ROLLBACK") }
