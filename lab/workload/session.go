package workload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// session is one writer's connection to one server.
type session struct {
	server Endpoint
	db     *sql.DB
	conn   *sql.Conn
}

// dsn configures the application's connections. Values are put into the
// statements by the driver, so that a write is one round trip.
func (c Config) dsn(server Endpoint) *mysql.Config {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", server.Address
	config.User, config.Passwd = c.User, c.Password
	config.InterpolateParams = true
	config.Timeout = c.ConnectTimeout
	config.Logger = &mysql.NopLogger{}
	return config
}

// pool opens a pool of at most one connection; it does not connect yet.
func (c Config) pool(server Endpoint) (*sql.DB, error) {
	connector, err := mysql.NewConnector(c.dsn(server))
	if err != nil {
		return nil, fmt.Errorf("workload: connect to %s: %w", server.Name, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, nil
}

// connect opens a session within the connect timeout.
func (c Config) connect(ctx context.Context, server Endpoint) (*session, error) {
	db, err := c.pool(server)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.ConnectTimeout)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("workload: connect to %s: %w", server.Name, err)
	}
	return &session{server: server, db: db, conn: conn}, nil
}

func (s *session) close() {
	_ = s.conn.Close()
	_ = s.db.Close()
}

// execute carries an attempt out as one transaction and settles it. A single
// statement commits by itself; several stand between BEGIN and COMMIT. The
// error, which the attempt carries as text, tells whether the session is of
// further use.
func (s *session) execute(ctx context.Context, a *Attempt) error {
	for i := range a.Statements {
		a.Statements[i].Rows = -1
	}
	a.Server = s.server.Name
	a.StartedAt = time.Now().UTC()
	outcome, err := s.transact(ctx, a)
	a.settle(outcome, err, time.Now().UTC())
	return err
}

func (s *session) transact(ctx context.Context, a *Attempt) (Outcome, error) {
	steps := steps(a.Statements)
	if len(steps) == 1 {
		if err := s.apply(ctx, a.ID, steps[0]); err != nil {
			return classify(err), err
		}
		return Acknowledged, nil
	}
	if err := s.run(ctx, "BEGIN"); err != nil {
		return Refused, err
	}
	for _, step := range steps {
		if err := s.apply(ctx, a.ID, step); err != nil {
			// Nothing commits before COMMIT is sent.
			if rollback := s.run(ctx, "ROLLBACK"); rollback != nil {
				err = errors.Join(err, errLost)
			}
			return Refused, err
		}
	}
	if err := s.run(ctx, "COMMIT"); err != nil {
		return classify(err), err
	}
	return Acknowledged, nil
}

// steps groups statements into what is sent at once: inserts that follow each
// other are one statement, so that filling the pool is one round trip.
func steps(statements []Statement) [][]Statement {
	var all [][]Statement
	for i := 0; i < len(statements); {
		end := i + 1
		for statements[i].Op == Insert && end < len(statements) && statements[end].Op == Insert {
			end++
		}
		all = append(all, statements[i:end])
		i = end
	}
	return all
}

func (s *session) run(ctx context.Context, statement string) error {
	_, err := s.conn.ExecContext(ctx, statement)
	return err
}

// apply sends one step and records how many rows each statement changed.
func (s *session) apply(ctx context.Context, attempt string, step []Statement) error {
	statement := &step[0]
	var result sql.Result
	var err error
	switch statement.Op {
	case Create:
		return s.createTable(ctx)
	case Insert:
		result, err = s.insert(ctx, attempt, step)
	case Update:
		result, err = s.conn.ExecContext(ctx, "UPDATE "+Table+" SET attempt = ?, amount = ?, note = ? WHERE id = ?",
			attempt, statement.Amount, statement.Note, statement.Key)
	case Delete:
		result, err = s.conn.ExecContext(ctx, "DELETE FROM "+Table+" WHERE id = ?", statement.Key)
	}
	if err != nil {
		return err
	}
	rows, err := result.RowsAffected()
	for i := range step {
		step[i].Rows = rows / int64(len(step)) // an INSERT inserts all of its rows or fails.
	}
	return err
}

func (s *session) insert(ctx context.Context, attempt string, step []Statement) (sql.Result, error) {
	values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?), ", len(step)), ", ")
	var arguments []any
	for _, statement := range step {
		arguments = append(arguments, statement.Key, attempt, statement.Amount, statement.Note)
	}
	return s.conn.ExecContext(ctx, "INSERT INTO "+Table+" (id, attempt, amount, note) VALUES "+values, arguments...)
}

func (s *session) createTable(ctx context.Context) error {
	for _, statement := range []string{
		"CREATE DATABASE IF NOT EXISTS app",
		"CREATE TABLE IF NOT EXISTS " + Table + ` (
			id VARCHAR(64) NOT NULL PRIMARY KEY,
			attempt VARCHAR(64) NOT NULL COMMENT 'the attempt of the ledger that wrote this version',
			amount BIGINT NOT NULL,
			note VARCHAR(120) NOT NULL)`,
	} {
		if err := s.run(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// errLost marks an error after which the connection is of no use.
var errLost = errors.New("connection lost")

// classify tells an error that rules a commit out from one that leaves it
// open. Only what the server is known to answer instead of committing counts
// as refused; a shutdown, for one, ends a wait for semi-sync acknowledgements
// with an error after the transaction was committed.
func classify(err error) Outcome {
	var answer *mysql.MySQLError
	if !errors.As(err, &answer) {
		return Unknown
	}
	switch answer.Number {
	case 1290, // ER_OPTION_PREVENTS_STATEMENT: the server is read-only.
		1836, // ER_READ_ONLY_MODE.
		1062, // ER_DUP_ENTRY.
		1205, // ER_LOCK_WAIT_TIMEOUT.
		1213, // ER_LOCK_DEADLOCK.
		1044, // ER_DBACCESS_DENIED_ERROR.
		1142, // ER_TABLEACCESS_DENIED_ERROR.
		1049, // ER_BAD_DB_ERROR.
		1146: // ER_NO_SUCH_TABLE.
		return Refused
	default:
		return Unknown
	}
}

// usable reports whether a session may serve the next attempt after an error,
// and whether the server is still the place to write.
func usable(err error) (connection, server bool) {
	var answer *mysql.MySQLError
	if err == nil {
		return true, true
	}
	if errors.Is(err, errLost) || !errors.As(err, &answer) {
		return false, false
	}
	return true, answer.Number == 1062 || answer.Number == 1205 || answer.Number == 1213
}
