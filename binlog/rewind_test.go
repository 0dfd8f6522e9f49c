//go:build integration

package binlog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/rewind"
	"github.com/regentdb/regent/gtid"
)

// family is a schema whose changes set off others.
func family() []string {
	return append(schema(),
		"CREATE TABLE shop.house (id INT PRIMARY KEY, name VARCHAR(20))",
		"CREATE TABLE shop.room (id INT PRIMARY KEY, house INT, FOREIGN KEY (house) REFERENCES shop.house (id) ON DELETE CASCADE ON UPDATE CASCADE)",
		"INSERT INTO shop.house VALUES (1,'a'),(2,'b'),(3,'c')",
		"INSERT INTO shop.room VALUES (10,1),(11,1),(20,2),(30,3)",
	)
}

// ownWrites are what only the old server does, all of which can be undone.
func ownWrites(s *server) {
	s.run(
		"INSERT INTO shop.orders (id, state, total) VALUES (100,'paid',10),(101,'paid',11)",
		"UPDATE shop.orders SET state='paid', total=total+1 WHERE id<4",
		"UPDATE shop.orders SET id=108 WHERE id=8",
		"DELETE FROM shop.orders WHERE id IN (2,100)",
		"INSERT INTO shop.watched VALUES (1,1),(2,2)", // fires a trigger, whose rows are undone with it
		"DELETE FROM shop.house WHERE id=1", "UPDATE shop.house SET id=22 WHERE id=2",
		"UPDATE shop.users SET nick='swap' WHERE mail='a@example.com'",
		"UPDATE shop.users SET nick='a' WHERE mail='b@example.com'",
		strings.ReplaceAll(everyValue, "%ID%", "9"), "DELETE FROM shop.every WHERE id=3",
		"UPDATE shop.every SET f=0.3, j=JSON_SET(j,'$.b',2), vc=NULL, e='z', st='q', bi=b'1', inv=6, g=NULL WHERE id=2",
		"SET SESSION binlog_transaction_compression=ON", "UPDATE shop.orders SET total=7 WHERE id=9",
		"SET SESSION binlog_transaction_compression=OFF",
	)
}

func (s *server) tables() []string {
	s.t.Helper()
	return strings.Split(s.value("SELECT GROUP_CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA='shop'"), ",")
}

// quarantined makes a server as one in quarantine is.
func quarantined(s *server) { s.run("SET GLOBAL super_read_only=ON") }

func rewindRequest(dir string, old, fresh *server) rewind.Request {
	return rewind.Request{
		Dir: dir, Server: old.endpoint(), Primary: fresh.executed(), Permit: func(context.Context) error { return nil },
		Log: slog.New(slog.DiscardHandler),
	}
}

func TestRewindMakesTheOldServerTheCommonAncestor(t *testing.T) {
	t.Parallel()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(family()...)
	fresh.follow(old)
	ancestor := old.executed()
	ownWrites(old)
	dir := reported(t, old, fresh)
	quarantined(old)
	extra := old.executed().Subtract(ancestor)

	r := rewindRequest(dir, old, fresh)
	if _, err := rewind.Check(t.Context(), r); err != nil || !old.executed().Contains(extra) {
		t.Fatalf("a check gives %v, and %s is left", err, old.executed())
	}
	killed := r
	killed.Permit = func(context.Context) error { return old.Kill() }
	if _, err := rewind.Run(t.Context(), killed); err == nil || errors.Is(err, rewind.ErrRefused) || errors.Is(err, rewind.ErrTorn) {
		t.Fatalf("a server that dies gives %v", err)
	}
	old.Run(t)
	quarantined(old)
	result, err := rewind.Run(t.Context(), r)
	if err != nil || result.Transactions != int(extra.Count()) || !old.executed().Equal(ancestor) {
		t.Fatalf("%+v, %v; executed %s of %s", result, err, old.executed(), ancestor)
	}
	same(t, old, fresh, old.tables()...)
	if old.value("SELECT @@super_read_only") != "1" {
		t.Error("the server is not read-only afterwards")
	}
	fresh.run("UPDATE shop.orders SET state='west' WHERE id=1")
	old.follow(fresh)
	same(t, old, fresh, old.tables()...)
}

func TestRewindRefusesWhatItCannotUndo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ write, why string }{
		{"INSERT INTO shop.keyless VALUES (1)", "no primary key"},
		{"CREATE TABLE shop.more (id INT PRIMARY KEY)", "logged as text"},
		{"SET SESSION binlog_row_image=MINIMAL; UPDATE shop.orders SET total=1 WHERE id=3; SET SESSION binlog_row_image=FULL", "partial row images"},
		{"CREATE TRIGGER shop.gone AFTER DELETE ON shop.orders FOR EACH ROW INSERT INTO shop.log (v) VALUES (1)", "logged as text"},
	} {
		t.Run(tt.write, func(t *testing.T) {
			t.Parallel()
			old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
			old.run(schema()...)
			fresh.follow(old)
			old.run("UPDATE shop.orders SET total=70 WHERE id=7")
			old.run(strings.Split(tt.write, "; ")...)
			dir := reported(t, old, fresh)
			quarantined(old)
			refusedUnchanged(t, rewindRequest(dir, old, fresh), old, tt.why)
		})
	}
}

func refusedUnchanged(t *testing.T, r rewind.Request, old *server, why string) {
	t.Helper()
	executed, sum := old.executed(), old.checksum("shop.orders")
	for name, run := range map[string]func(context.Context, rewind.Request) (rewind.Result, error){"check": rewind.Check, "run": rewind.Run} {
		_, err := run(t.Context(), r)
		if !errors.Is(err, rewind.ErrRefused) || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "regent clone") {
			t.Errorf("%s: %v, want %q", name, err, why)
		}
	}
	if !old.executed().Equal(executed) || old.checksum("shop.orders") != sum || old.value("SELECT @@super_read_only") != "1" {
		t.Error("a refusal changed the server")
	}
}

func TestRewindRefusesAServerThatIsNotAsItsLogSays(t *testing.T) {
	t.Parallel()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	old.run("UPDATE shop.orders SET total=70 WHERE id=7", "UPDATE shop.orders SET total=60 WHERE id=6")
	dir := reported(t, old, fresh)
	old.run("CREATE TRIGGER shop.later BEFORE UPDATE ON shop.users FOR EACH ROW SET NEW.name='x'", "DROP TRIGGER shop.later")
	quarantined(old)
	refusedUnchanged(t, rewindRequest(dir, old, fresh), old, "does not hold")
	old.run("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
	refusedUnchanged(t, rewindRequest(dir, old, fresh), old, "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
	old.run("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
	old.run("SET GLOBAL super_read_only=OFF", "SET GLOBAL read_only=OFF")
	if _, err := rewind.Run(t.Context(), rewindRequest(dir, old, fresh)); !errors.Is(err, rewind.ErrRefused) {
		t.Errorf("a writable server: %v", err)
	}
	dir = reported(t, old, fresh)
	old.run("SET SESSION sql_log_bin=0", "UPDATE shop.orders SET total=61 WHERE id=6", "SET SESSION sql_log_bin=1")
	quarantined(old)
	refusedUnchanged(t, rewindRequest(dir, old, fresh), old, "logged as text")
}

func TestRewindRollsBackWhereOneRowIsAnother(t *testing.T) {
	t.Parallel()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	old.run("UPDATE shop.orders SET total=60 WHERE id=6", "UPDATE shop.orders SET total=70 WHERE id=7")
	dir := reported(t, old, fresh)
	old.run("SET SESSION sql_log_bin=0", "UPDATE shop.orders SET total=61 WHERE id=6", "SET SESSION sql_log_bin=1")
	quarantined(old)
	refusedUnchanged(t, rewindRequest(dir, old, fresh), old, "is not as the binary log left it")
}

// TestRewindGoesOnFromEveryStage brings the server and the stage file into each state in which a crash may leave them.
func TestRewindGoesOnFromEveryStage(t *testing.T) {
	t.Parallel()
	const undo = "UPDATE shop.orders SET total=6 WHERE id=6"
	for name, tt := range map[string]struct {
		stage  string
		by     []string
		torn   bool
		purged bool
	}{
		"before the commit":         {stage: "undoing"},
		"after the commit":          {stage: "undoing", by: []string{undo}},
		"before the reset":          {stage: "settling", by: []string{undo}},
		"after the reset":           {stage: "settling", by: []string{undo, "RESET BINARY LOGS AND GTIDS"}},
		"at the end":                {stage: "settling", by: []string{undo, "RESET BINARY LOGS AND GTIDS"}, purged: true},
		"written to after the half": {stage: "settling", by: []string{undo, "RESET BINARY LOGS AND GTIDS", "SET SESSION sql_log_bin=1", undo, "DELETE FROM shop.orders"}, torn: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
			old.run(schema()...)
			fresh.follow(old)
			kept := old.executed()
			old.run("UPDATE shop.orders SET total=60 WHERE id=6")
			dir, extra := reported(t, old, fresh), old.executed().Subtract(kept)
			old.run("SET SESSION sql_log_bin=0")
			old.run(tt.by...)
			if tt.purged {
				old.run("SET GLOBAL gtid_purged='" + kept.String() + "'")
			}
			quarantined(old)
			at(t, dir, tt.stage, old, extra, kept)
			if _, err := rewind.Check(t.Context(), rewindRequest(dir, old, fresh)); (err != nil) != tt.torn {
				t.Errorf("a check gives %v", err)
			}
			_, err := rewind.Run(t.Context(), rewindRequest(dir, old, fresh))
			if tt.torn {
				if !errors.Is(err, rewind.ErrTorn) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || !old.executed().Equal(kept) {
				t.Fatalf("%v; executed %s of %s", err, old.executed(), kept)
			}
			same(t, old, fresh, "shop.orders")
		})
	}
}

// at writes a stage file as a crash leaves it.
func at(t *testing.T, dir, stage string, s *server, extra, kept gtid.Set) {
	t.Helper()
	text := fmt.Sprintf(`{"stage":%q,"uuid":%q,"extra":%q,"kept":%q}`, stage, s.value("SELECT @@server_uuid"), extra, kept)
	if err := os.WriteFile(filepath.Join(dir, "rewind-east-db1.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
