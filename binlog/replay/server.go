package replay

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
	"github.com/regentdb/regent/binlog/rows"
	"github.com/regentdb/regent/binlog/sqltext"
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

// Together repeats transactions in one text of statements. The server ends it at the first that fails, and a session
// variable says how far it came, so that an answer that says no leaves nothing open but what a rollback ends.
func (s *Server) Together(ctx context.Context, transactions [][]rows.Change) (p Progress, err error) {
	err = s.session.RunAll(ctx, together(s.uuid, transactions))
	var refused *live.RefusedError
	switch {
	case err == nil:
		return Progress{Committed: len(transactions)}, nil
	case !errors.As(err, &refused):
		return p, err
	}
	came, err := s.session.Value(ctx, "SELECT "+mark)
	if err != nil {
		return p, err
	}
	steps, err := strconv.Atoi(came)
	if err != nil {
		return p, fmt.Errorf("replay: %s: %w", s.session.Server, err)
	}
	return Progress{Committed: steps / stepsEach, Doubt: steps%stepsEach == atCommit}, s.Rollback(ctx)
}

// How far a text of transactions came, in the session variable: each takes stepsEach, the step atCommit of which says that
// its commit comes next.
const (
	mark      = "@regent_step"
	stepsEach = 2
	atCommit  = 1
)

// together spells transactions of which each change must meet one row.
func together(uuid string, transactions [][]rows.Change) []string {
	who := sqltext.Literal(diff.Column{Charset: "utf8mb4"}, decode.Value{Kind: decode.Text, Text: uuid})
	open := "NOT (@@GLOBAL.read_only OR @@GLOBAL.super_read_only OR @@GLOBAL.offline_mode) AND @@GLOBAL.server_uuid = " + who
	out := []string{"SET " + mark + " = 0"}
	for i, changes := range transactions {
		out = append(out, unless(open, stepsEach*i), "START TRANSACTION")
		for _, c := range changes {
			out = append(out, spelled(c), unless("ROW_COUNT() = 1", stepsEach*i))
		}
		out = append(
			out, fmt.Sprintf("SET %s = %d", mark, stepsEach*i+atCommit), "COMMIT", fmt.Sprintf("SET %s = %d", mark, stepsEach*(i+1)),
		)
	}
	return out
}

// unless ends a text of statements where a condition does not hold: a scalar subquery with two rows is an error.
func unless(condition string, step int) string {
	return fmt.Sprintf("SET %s = IF(%s, %d, (SELECT 1 UNION ALL SELECT 2))", mark, condition, step)
}

// spelled is a change as a statement; it is empty where no stored column differs.
func spelled(c rows.Change) string {
	if c.Merge != nil {
		return sqltext.Merge(c.Table, c.Merge, c.Before, c.After)
	}
	return sqltext.Change(c.Table, c.Op, c.Before, c.After)
}

// Locked reads and locks rows.
func (s *Server) Locked(ctx context.Context, d *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error) {
	found, err := s.session.Locked(ctx, d, keys)
	return found, refusal(err)
}

// Change makes changes in one round trip. One of no stored column counts as made.
func (s *Server) Change(ctx context.Context, changes []rows.Change) ([]int64, error) {
	affected := make([]int64, len(changes))
	var statements []string
	var places []int
	for i, c := range changes {
		affected[i] = 1
		if statement := spelled(c); statement != "" {
			statements, places = append(statements, statement), append(places, i)
		}
	}
	if len(statements) == 0 {
		return affected, nil
	}
	made, err := s.session.ChangeAll(ctx, statements)
	if err != nil {
		return nil, refusal(fmt.Errorf("%s in %s: %w", changes[0].Op, changes[0].Table.Name, err))
	}
	for n, i := range places {
		affected[i] = 0
		if n < len(made) {
			affected[i] = made[n]
		}
	}
	return affected, nil
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
