package live

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/sqltext"
)

// Session is a connection to a server on which rows are changed. It is for one goroutine.
type Session struct {
	Server string
	reader *Snapshot
}

// ownerWait is how long to wait for a lock whose holder was ended, in seconds: a session keeps it until its statement
// is over.
const ownerWait = 30

// ErrOwned means that another session works on the server and could not be ended.
var ErrOwned = errors.New("another session works on the server")

// OpenSession connects and prepares the session so that it stores exactly what statements say, whatever the server's
// defaults. Close ends it; a transaction that is open then is rolled back.
func OpenSession(ctx context.Context, to capture.Endpoint) (*Session, error) {
	c := config(to)
	c.ConnectionAttributes, c.MultiStatements = "program_name:regent settle", true
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("live: %s: %w", to.Server, err)
	}
	s := &Session{Server: to.Server, reader: &Snapshot{server: to.Server, pool: sql.OpenDB(connector)}}
	if s.reader.conn, err = s.reader.pool.Conn(ctx); err == nil {
		err = s.Run(
			ctx, "SET NAMES utf8mb4",
			"SET character_set_results = NULL, time_zone = '+00:00', max_execution_time = 0, innodb_lock_wait_timeout = 10, "+
				"sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,STRICT_ALL_TABLES', foreign_key_checks = 1, unique_checks = 1",
			"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("live: %s at %s: %w", to.Server, to.Address, err), s.Close())
	}
	return s, nil
}

// Close ends the session.
func (s *Session) Close() error { return s.reader.Close() }

// Own makes this the only session under the name: an earlier one, which may have a statement under way, is ended and
// waited for. The error wraps ErrOwned where that takes too long.
func (s *Session) Own(ctx context.Context, name string) error {
	quoted := sqltext.Literal(diff.Column{Charset: "utf8mb4"}, decode.Value{Kind: decode.Text, Text: name})
	if won, err := s.Value(ctx, "SELECT GET_LOCK("+quoted+", 0)"); err != nil || won == "1" {
		return err
	}
	holder, err := s.Value(ctx, "SELECT IFNULL(IS_USED_LOCK("+quoted+"), '')")
	if err != nil {
		return err
	}
	if holder != "" {
		if err := s.Run(ctx, "KILL CONNECTION "+holder); err != nil && number(err) != noSuchThread {
			return err
		}
	}
	won, err := s.Value(ctx, fmt.Sprintf("SELECT GET_LOCK(%s, %d)", quoted, ownerWait))
	if err == nil && won != "1" {
		err = fmt.Errorf("live: %s: %w", s.Server, ErrOwned)
	}
	return err
}

// Run executes statements that hold no values of rows.
func (s *Session) Run(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.reader.conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("live: %s: %s: %w", s.Server, statement, err)
		}
	}
	return nil
}

// Value reads one value; NULL is empty.
func (s *Session) Value(ctx context.Context, query string) (string, error) {
	var out sql.NullString
	if err := s.reader.conn.QueryRowContext(ctx, query).Scan(&out); err != nil {
		return "", fmt.Errorf("live: %s: %s: %w", s.Server, query, err)
	}
	return out.String, nil
}

// Definition reads how a table is defined; see Snapshot.Definition.
func (s *Session) Definition(ctx context.Context, name diff.Name) (*diff.Definition, error) {
	return s.reader.Definition(ctx, name)
}

// Locked is Rows, and locks the rows until the transaction ends. The error wraps a *RefusedError where the server refused
// it, and names no value.
func (s *Session) Locked(ctx context.Context, d *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error) {
	return s.rows(ctx, d, keys, locking())
}

// Row reads the row of a key, nil where there is none.
func (s *Session) Row(ctx context.Context, d *diff.Definition, key []decode.Value) ([]decode.Value, error) {
	found, err := s.Rows(ctx, d, [][]decode.Value{key})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// Rows reads the rows of the keys in their order, nil where there is none; see Snapshot.Rows.
func (s *Session) Rows(ctx context.Context, d *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error) {
	return s.rows(ctx, d, keys, reading{})
}

func (s *Session) rows(ctx context.Context, d *diff.Definition, keys [][]decode.Value, how reading) ([][]decode.Value, error) {
	found, err := s.reader.rows(ctx, d, keys, how)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Name, withoutValues(err))
	}
	return found, nil
}

// ChangeAll makes the changes of statements that sqltext.Change spelled, in their order and in one round trip, and returns
// how many rows each of them changed. After an error, which is one of Change, nobody knows how many were made.
func (s *Session) ChangeAll(ctx context.Context, statements []string) (affected []int64, err error) {
	err = s.reader.conn.Raw(func(raw any) error {
		conn, ok := raw.(driver.ExecerContext)
		if !ok {
			return fmt.Errorf("live: %s: %w", s.Server, errors.ErrUnsupported)
		}
		answer, err := conn.ExecContext(ctx, strings.Join(statements, ";\n"), nil)
		if result, ok := answer.(mysql.Result); ok && err == nil {
			affected = result.AllRowsAffected() // Without one the caller misses its rows, and undoes nothing.
		}
		return err
	})
	if err != nil {
		return nil, withoutValues(err)
	}
	return affected, nil
}

// RunAll executes statements in one round trip. It ends at the first that the server refuses; the error, which names no
// value, wraps a *RefusedError then.
func (s *Session) RunAll(ctx context.Context, statements []string) error {
	if _, err := s.reader.conn.ExecContext(ctx, strings.Join(statements, ";\n")); err != nil {
		return withoutValues(err)
	}
	return nil
}

// LockName is the name under which the sessions that settle a report own their server. A name has 64 characters at most
// (MySQL 8.4 Reference Manual, "Locking Functions").
func LockName(report string) string {
	const prefix, longest = "regent-settle:", 64
	if len(prefix)+len(report) > longest {
		hash := sha256.Sum256([]byte(report))
		report = hex.EncodeToString(hash[:16])
	}
	return prefix + report
}
