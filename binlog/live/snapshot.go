package live

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/gtid"
)

const connectTimeout = 10 * time.Second

// Snapshot is a connection to a server inside a read-only transaction. It is for one goroutine.
type Snapshot struct {
	server string
	pool   *sql.DB
	conn   *sql.Conn
	// Executed contains everything that the snapshot shows.
	Executed gtid.Set
}

// Open begins a snapshot. The account needs SELECT on the tables that will be compared. Close ends it.
func Open(ctx context.Context, from capture.Endpoint) (*Snapshot, error) {
	connector, err := mysql.NewConnector(config(from))
	if err != nil {
		return nil, fmt.Errorf("live: %s: %w", from.Server, err)
	}
	s := &Snapshot{server: from.Server, pool: sql.OpenDB(connector)}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("live: %s at %s: %w", from.Server, from.Address, err), s.Close())
	}
	return s, nil
}

func config(from capture.Endpoint) *mysql.Config {
	c := mysql.NewConfig()
	c.Net, c.Addr = "tcp", from.Address
	if strings.HasPrefix(from.Address, "/") {
		c.Net = "unix"
	}
	c.User, c.Passwd, c.TLS = from.User, from.Password, from.TLS
	c.Timeout = connectTimeout
	c.ConnectionAttributes = "program_name:regent compare"
	return c
}

// begin prepares the session so that values come as they are stored, whatever the server's defaults, and takes the
// snapshot. The executed set is read after it, so that it cannot miss what the snapshot shows.
func (s *Snapshot) begin(ctx context.Context) error {
	conn, err := s.pool.Conn(ctx)
	if err != nil {
		return err
	}
	s.conn = conn
	for _, statement := range []string{
		"SET NAMES utf8mb4",
		"SET character_set_results = NULL, time_zone = '+00:00', sql_mode = '', max_execution_time = 0",
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	var executed string
	if err := conn.QueryRowContext(ctx, "SELECT @@GLOBAL.gtid_executed").Scan(&executed); err != nil {
		return err
	}
	s.Executed, err = gtid.Parse(executed)
	return err
}

// Close ends the snapshot.
func (s *Snapshot) Close() error {
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	return errors.Join(err, s.pool.Close())
}

// query runs a query in the binary protocol, which alone returns floating point numbers exactly, and calls scan for
// each row. The query may hold values of rows, and the error holds none: it wraps a *RefusedError in place of the
// server's words, but where these name accounts and tables only.
func (s *Snapshot) query(ctx context.Context, text string, scan func(*sql.Rows) error) error {
	const noTableRight, noColumnRight, noTable = 1142, 1143, 1146
	err := s.run(ctx, text, scan)
	switch number(err) {
	case noTableRight, noColumnRight, noTable:
		return err
	}
	return withoutValues(err)
}

func (s *Snapshot) run(ctx context.Context, text string, scan func(*sql.Rows) error) (err error) {
	statement, err := s.conn.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	rows, err := statement.QueryContext(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
