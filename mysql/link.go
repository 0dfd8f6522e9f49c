package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
)

// link is one connection of the driver, without a pool: nothing opens it again.
type link struct {
	server *Server
	wire   *wire
	conn   driver.Conn
	query  driver.QueryerContext
	fresh  bool // the session variables are not set yet
	broken bool
	// start is the server's start configuration, which cannot change while the connection lasts.
	start string
	// glance is how a probe reads the state.
	glance glance
}

// open connects and logs in.
func (s *Server) open(ctx context.Context, attributes string) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.dialTimeout())
	defer cancel()
	l := &link{server: s, fresh: true}
	config := s.config(attributes)
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		w, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l.wire = w
		return w, nil
	}
	connector, err := mysqldriver.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("mysql: %s: %w: %w", s.name, ErrConnect, err)
	}
	l.conn, err = connector.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("mysql: %s: %w to %s: %w", s.name, ErrConnect, s.address, l.explain(err))
	}
	query, ok := l.conn.(driver.QueryerContext)
	if !ok {
		return nil, fmt.Errorf("mysql: %s: %w: the driver cannot query", s.name, ErrConnect)
	}
	l.query = query
	return l, nil
}

// sessionSetup makes literals, waits and commits behave the same whatever the server's defaults.
const sessionSetup = "SET SESSION sql_mode='', autocommit=1, transaction_read_only=0, sql_safe_updates=0, lock_wait_timeout=1, max_execution_time=0, wait_timeout=604800;\n"

// run sends a batch and reads all its answers. After a statement failed, the answers of those
// before it are returned with the error. A context that ends breaks the connection.
func (l *link) run(ctx context.Context, b *batch) (answers, error) {
	if l.broken {
		return answers{}, fmt.Errorf("mysql: %s: %w: it broke earlier", l.server.name, ErrLost)
	}
	sql := b.String()
	if l.fresh {
		sql = sessionSetup + sql
		l.fresh = false
	}
	rows, err := l.query.QueryContext(ctx, sql, nil)
	if err != nil {
		return answers{}, l.failure(ctx, "", err)
	}
	r := reader{got: answers{}}
	err = r.all(rows)
	if closed := rows.Close(); err == nil {
		err = closed
	}
	if err != nil && r.trying && code(err) != 0 {
		r.got[r.name] = table{refused: err}
		return r.got, nil
	}
	if err != nil {
		return r.got, l.failure(ctx, r.last, err)
	}
	return r.got, nil
}

// failure names the statement that failed and tells a broken connection from an answer.
func (l *link) failure(ctx context.Context, step string, err error) error {
	if code(err) == codeOutOfRange && strings.HasPrefix(step, guardColumn) {
		return fmt.Errorf("mysql: %s: %w: %s", l.server.name, ErrCondition, strings.TrimPrefix(step, guardColumn))
	}
	step = strings.TrimPrefix(step, guardColumn)
	if step == "" {
		step = "query"
	}
	if code(err) != 0 {
		return fmt.Errorf("mysql: %s: %s: %w", l.server.name, step, err)
	}
	l.broken = true
	if ctx.Err() != nil {
		return fmt.Errorf("mysql: %s: %s: %w: %w", l.server.name, step, ErrLost, context.Cause(ctx))
	}
	return fmt.Errorf("mysql: %s: %s: %w: %w", l.server.name, step, ErrLost, l.explain(err))
}

// explain adds why the wire broke, which the driver does not tell.
func (l *link) explain(err error) error {
	if code(err) != 0 || l.wire == nil || l.wire.broken() == nil || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return l.wire.broken()
}

// close ends the connection politely, and in any case.
func (l *link) close() {
	if l.wire != nil {
		_ = l.wire.SetDeadline(time.Now().Add(silence))
	}
	if l.conn != nil {
		_ = l.conn.Close()
	}
	l.broken = true
}

// reader takes the answers of a batch apart.
type reader struct {
	got  answers
	last string // the words of the statement under way
	name string // the table under way, empty for none
	// trying tells that the rest of the batch may be refused.
	trying bool
}

func (r *reader) all(rows driver.Rows) error {
	for {
		if err := r.one(rows); err != nil {
			return err
		}
		next, ok := rows.(driver.RowsNextResultSet)
		if !ok || !next.HasNextResultSet() {
			return nil
		}
		if err := next.NextResultSet(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// one reads a single result set: a mark that regent added, or the rows of a query.
func (r *reader) one(rows driver.Rows) error {
	columns := rows.Columns()
	if len(columns) == 0 {
		return nil
	}
	t, err := readTable(rows)
	if err != nil {
		return err
	}
	if name, found := strings.CutPrefix(columns[0], readColumn); found {
		r.got[name] = t.without()
		return nil
	}
	switch columns[0] {
	case stepColumn:
		r.last, r.name = t.rows[0][0], ""
	case guardColumn:
		r.last, r.name = guardColumn+t.rows[0][0], ""
	case tableColumn, tryColumn:
		r.name = t.rows[0][0]
		r.last = "read " + r.name
		r.trying = r.trying || columns[0] == tryColumn
	default:
		if r.name != "" {
			r.got[r.name] = t
		}
	}
	return nil
}

func readTable(rows driver.Rows) (table, error) {
	var t table
	for _, c := range rows.Columns() {
		t.columns = append(t.columns, strings.ToLower(c))
	}
	values := make([]driver.Value, len(t.columns))
	for {
		err := rows.Next(values)
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return t, err
		}
		r := make([]string, len(values))
		for i, v := range values {
			r[i] = text(v)
		}
		t.rows = append(t.rows, r)
	}
}

// text is a value as the server prints it.
func text(v driver.Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}
