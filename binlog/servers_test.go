//go:build integration

package binlog_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/lab/mysqld/mysqldtest"
)

// server is a real MySQL server with a connection of its administrator.
type server struct {
	*mysqldtest.Server
	t  testing.TB
	db *sql.DB
}

// newServer starts a server on a copy of the template.
func newServer(t testing.TB, name string, id int) *server {
	t.Helper()
	p := mysqldtest.Start(t, name, id, false)
	s := &server{Server: p, t: t, db: p.Admin(t)}
	s.db.SetMaxOpenConns(1) // Session settings of a script must reach its next statements.
	s.run("SET SESSION group_concat_max_len = 1000000")
	return s
}

// run executes statements, each in autocommit unless the script says otherwise.
func (s *server) run(statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		if _, err := s.db.ExecContext(s.t.Context(), statement); err != nil {
			s.t.Fatalf("%s: %s: %v", s.Spec().Name, statement, err)
		}
	}
}

// transaction runs statements as one transaction and returns its GTID.
func (s *server) transaction(statements ...string) string {
	s.t.Helper()
	before := s.executed()
	s.run("BEGIN")
	s.run(statements...)
	s.run("COMMIT")
	return s.executed().Subtract(before).String()
}

// statement runs one statement and returns its GTID.
func (s *server) statement(text string) string {
	s.t.Helper()
	before := s.executed()
	s.run(text)
	return s.executed().Subtract(before).String()
}

func (s *server) value(query string) string {
	s.t.Helper()
	var out sql.NullString
	if err := s.db.QueryRowContext(s.t.Context(), query).Scan(&out); err != nil {
		s.t.Fatalf("%s: %s: %v", s.Spec().Name, query, err)
	}
	return out.String
}

func (s *server) executed() gtid.Set {
	s.t.Helper()
	return gtid.MustParse(s.value("SELECT @@GLOBAL.gtid_executed"))
}

func (s *server) endpoint() binlog.Endpoint {
	return binlog.Endpoint{
		Server: s.Spec().Name, Address: s.Spec().Address.String(), User: s.Accounts.Controller.User, Password: s.Accounts.Controller.Password,
	}
}

// pipe runs a file through the command-line client, as an operator would.
func (s *server) pipe(path string) error {
	s.t.Helper()
	in, err := os.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	command := exec.CommandContext(s.t.Context(), s.Client[0], s.Client[1:]...)
	command.Stdin = in
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// follow brings a server to the state of its source by replication, and detaches it.
func (s *server) follow(source *server) {
	s.t.Helper()
	s.run(fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='%s', "+
		"SOURCE_PASSWORD='%s', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1",
		source.Spec().Address.Addr(), source.Spec().Address.Port(), source.Accounts.Controller.User, source.Accounts.Controller.Password), "START REPLICA")
	if s.value(fmt.Sprintf("SELECT WAIT_FOR_EXECUTED_GTID_SET('%s', 30)", source.executed())) != "0" {
		s.t.Fatal("the replica did not catch up within 30 s")
	}
	s.run("STOP REPLICA", "RESET REPLICA ALL")
}

// captureOf captures what the old servers have and the new one lacks.
func captureOf(t testing.TB, dir string, fresh *server, old ...*server) binlog.Manifest {
	t.Helper()
	request := binlog.CaptureRequest{Dir: dir, Now: time.Now, Log: slog.New(slog.DiscardHandler), Room: durable.RoomAt}
	enew := fresh.executed()
	request.Common = enew
	for _, s := range old {
		executed := s.executed()
		request.Common = request.Common.Intersect(executed)
		request.Servers = append(request.Servers, binlog.Source{
			Endpoint: s.endpoint(), Extra: executed.Subtract(enew), Executed: executed,
		})
	}
	m, err := binlog.Capture(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// logFile is the binary log that the server writes to.
func (s *server) logFile() string {
	s.t.Helper()
	var file string
	var position int64
	var do, ignore, set sql.NullString
	row := s.db.QueryRowContext(s.t.Context(), "SHOW BINARY LOG STATUS")
	if err := row.Scan(&file, &position, &do, &ignore, &set); err != nil {
		s.t.Fatal(err)
	}
	return file
}
