//go:build integration

package binlog_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/replay"
	"github.com/regentdb/regent/binlog/rows"
)

// reported splits two servers, and reports what only the old one has.
func reported(t testing.TB, old, fresh *server) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "report")
	if m := captureOf(t, dir, fresh, old); !m.Complete {
		t.Fatal(m.Reason)
	}
	if _, err := binlog.Compare(t.Context(), compareRequest(dir, fresh)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// explain logs why transactions were left alone.
func explain(t *testing.T, dir string) {
	t.Helper()
	last, err := replay.ReadDecisions(dir)
	if err != nil {
		t.Fatal(err)
	}
	for id, d := range last {
		if d.Outcome == replay.Left {
			t.Logf("%s: %s", id, d.Detail)
		}
	}
}

func safe() replay.Selection { return replay.Selection{Classes: []classify.Class{classify.Safe}} }

func replayRequest(dir string, target replay.Target) replay.Request {
	return replay.Request{
		Report: replay.Open(dir), Selection: safe(), Order: "o1", By: "ann", Reason: "test", Server: "west-db1", Target: target,
		Permit: func(context.Context) error { return nil }, Progress: func(replay.Counts) {}, Now: time.Now,
	}
}

func connected(t *testing.T, s *server) *replay.Server {
	t.Helper()
	return connectedTo(t, s.endpoint(), s)
}

func connectedTo(t testing.TB, at binlog.Endpoint, s *server) *replay.Server {
	t.Helper()
	target, err := replay.Connect(t.Context(), at, s.value("SELECT @@server_uuid"), "r1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Close() })
	return target
}

func replayed(t *testing.T, dir string, s *server) replay.Counts {
	t.Helper()
	counts, err := replay.Run(t.Context(), replayRequest(dir, connected(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

func TestReplayMakesTheNewPrimaryAsExpectedOnce(t *testing.T) {
	t.Parallel()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	want := 0
	for _, class := range oldSide(old) {
		if class == "SAFE" {
			want++
		}
	}
	newSide(fresh)
	dir := reported(t, old, fresh)
	fresh.run("CREATE TRIGGER shop.late BEFORE INSERT ON shop.users FOR EACH ROW SET NEW.name = 'trigger'")

	forecast, err := replay.Forecast(t.Context(), replay.Open(dir), safe(), nil, fresh.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	counts := replayed(t, dir, fresh)
	if forecast.Counts != counts {
		t.Errorf("forecast %+v, became %+v", forecast, counts)
	}
	if counts.Replayed != want || counts.Left != 0 || counts.Meant != want {
		t.Errorf("%+v, want %d replayed", counts, want)
	}
	explain(t, dir)
	sameWhereSafe(t, old, fresh)
	before := fresh.executed()
	if again := replayed(t, dir, fresh); again.Replayed != want || again.Meant != 0 || !fresh.executed().Equal(before) {
		t.Errorf("again: %+v, and %s was written", again, fresh.executed().Subtract(before))
	}
}

func TestReplayLeavesAloneWhatWasChangedMeanwhile(t *testing.T) {
	t.Parallel()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	changed := old.transaction("UPDATE shop.orders SET state='paid' WHERE id=1", "UPDATE shop.orders SET state='paid' WHERE id=2")
	follows := old.statement("UPDATE shop.orders SET state='sent' WHERE id=2")
	old.run("UPDATE shop.orders SET state='paid' WHERE id=3")
	taken := old.statement("INSERT INTO shop.users VALUES ('n@example.com','N','n')")
	fired := old.statement("DELETE FROM shop.orders WHERE id=4")
	dir := reported(t, old, fresh)
	fresh.run("UPDATE shop.orders SET total=50 WHERE id=1", "INSERT INTO shop.users VALUES ('o@example.com','O','n')",
		"CREATE TRIGGER shop.late AFTER DELETE ON shop.orders FOR EACH ROW INSERT INTO shop.log (v) VALUES (OLD.id)")
	if counts := replayed(t, dir, fresh); counts.Replayed != 1 || counts.Left != 4 || counts.Undecided != 0 {
		t.Errorf("%+v", counts)
	}
	got := fresh.value("SELECT GROUP_CONCAT(state, total ORDER BY id) FROM shop.orders WHERE id < 5")
	if got != "new50.00,new2.00,paid3.00,new4.00" {
		t.Error(got)
	}
	last, err := replay.ReadDecisions(dir)
	if err != nil {
		t.Fatal(err)
	}
	for gtid, why := range map[string]string{
		changed: "a row of shop.orders was changed meanwhile", follows: "follows " + changed, taken: "a unique key", fired: "trigger late",
	} {
		found := false
		for id, d := range last {
			found = found || id.String() == gtid && d.Outcome == replay.Left && strings.Contains(d.Detail, why)
			if strings.Contains(d.Detail, "example.com") {
				t.Errorf("a value is in the reason: %s", d.Detail)
			}
		}
		if !found {
			t.Errorf("%s: want %q, have %+v", gtid, why, last)
		}
	}
}

// merging splits two servers by updates of different columns of the same rows, and reports them by the rules.
func merging(t *testing.T) (dir string, fresh *server, rules map[binlog.TableName]binlog.TableRule) {
	t.Helper()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run("CREATE DATABASE shop",
		"CREATE TABLE shop.users (id INT PRIMARY KEY, name VARCHAR(20), phone VARCHAR(20), doc JSON, at INT, twice INT AS (at * 2))",
		"CREATE TABLE shop.log (id INT PRIMARY KEY, v VARCHAR(20))",
		`INSERT INTO shop.users (id, name, phone, doc, at) VALUES (1,'n1','p1','{"a": 1}',1),(2,'n2','p2',NULL,1),(3,'n3','p3',NULL,1),(4,'n4','p4',NULL,1)`)
	fresh.follow(old)
	old.transaction(`UPDATE shop.users SET name='secret-m', doc='{"a": 2}', at=2 WHERE id=1`, "INSERT INTO shop.log VALUES (1,'m1')")
	old.run("UPDATE shop.users SET name='secret-o', at=3 WHERE id=1", "UPDATE shop.users SET name='m2' WHERE id=2",
		"UPDATE shop.users SET name='m3', phone='q3' WHERE id=3", "UPDATE shop.users SET name='m4' WHERE id=4", "UPDATE shop.log SET v='follows' WHERE id=1")
	fresh.run("UPDATE shop.users SET phone='new', at=9 WHERE id IN (1,2,3,4)")
	dir = filepath.Join(t.TempDir(), "report")
	captureOf(t, dir, fresh, old)
	request := compareRequest(dir, fresh)
	request.Rules = map[binlog.TableName]binlog.TableRule{
		{Schema: "shop", Table: "users"}: {Mergeable: true, Volatile: []string{"at"}, Harmless: []string{"id"}},
	}
	s, err := binlog.Compare(t.Context(), request)
	if err != nil || s.ByClass["MERGEABLE"] != 5 || s.ByClass["CONFLICT"] != 1 {
		t.Fatalf("%+v, %v", s.ByClass, err)
	}
	return dir, fresh, request.Rules
}

func TestReplayMergesDisjointColumns(t *testing.T) {
	t.Parallel()
	dir, fresh, rules := merging(t)
	fresh.run("UPDATE shop.users SET name='meanwhile' WHERE id=4")
	selection := replay.Selection{Classes: []classify.Class{classify.Mergeable}}
	outlook, err := replay.Forecast(t.Context(), replay.Open(dir), selection, rules, fresh.endpoint())
	if err != nil || len(outlook.Merged) != 3 {
		t.Fatalf("%+v, %v", outlook, err)
	}
	row, err := outlook.Merged[0].Row.MarshalJSON()
	if err != nil || !strings.HasPrefix(string(row), `{"id":1,"name":"#`) || strings.Contains(string(row), "secret") {
		t.Errorf("the merged row is shown as %s, %v", row, err)
	}
	if got := strings.Join(outlook.Merged[0].Columns, " "); got != "name doc" {
		t.Errorf("columns of the old side: %s", got)
	}
	request := replayRequest(dir, connected(t, fresh))
	request.Selection, request.Rules = selection, rules
	before := fresh.executed()
	for range 2 { // The second changes nothing more.
		counts, err := replay.Run(t.Context(), request)
		if err != nil || counts.Replayed != 4 || counts.Left != 1 {
			t.Fatalf("%+v, %v", counts, err)
		}
		if counts.Left != outlook.Counts.Left || counts.Replayed != outlook.Counts.Replayed {
			t.Errorf("forecast %+v, became %+v", outlook.Counts, counts)
		}
		if wrote := fresh.executed().Count() - before.Count(); wrote != 4 {
			t.Errorf("%d transactions were written for 4", wrote)
		}
	}
	explain(t, dir)
	// What the new side changed stays, the volatile and the generated column too.
	const want = `1|secret-o|new|{"a": 2}|9|18,2|m2|new|-|9|18,3|n3|new|-|9|18,4|meanwhile|new|-|9|18`
	if got := fresh.value("SELECT GROUP_CONCAT(CONCAT_WS('|', id, name, phone, IFNULL(doc,'-'), at, twice) ORDER BY id) FROM shop.users"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := fresh.value("SELECT v FROM shop.log WHERE id=1"); got != "follows" {
		t.Errorf("the rest of the transaction: %q", got)
	}
}

func TestALaterReplayEndsTheSessionOfAnEarlierOne(t *testing.T) {
	t.Parallel()
	s := newServer(t, "west-db1", 1)
	s.run("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)")
	first := connected(t, s)
	table, err := first.Table(t.Context(), diff.Name{Schema: "shop", Table: "t"})
	if err != nil {
		t.Fatal(err)
	}
	deletion := rows.Change{Table: table.Definition, Op: decode.Delete, Before: []decode.Value{decode.IntegerValue(1)}}
	if err := first.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := first.Change(t.Context(), []rows.Change{deletion}); err != nil || n[0] != 1 {
		t.Fatalf("%d rows, %v", n, err)
	}
	second := connected(t, s)
	if err := first.Commit(t.Context()); err == nil {
		t.Error("the earlier session still commits")
	}
	if err := second.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if row, err := second.Locked(t.Context(), table.Definition, [][]decode.Value{deletion.Before}); err != nil || row[0] == nil {
		t.Errorf("what the earlier session did not commit is there: %v, %v", row, err)
	}
	s.run("SET GLOBAL read_only=ON")
	if err := errors.Join(second.Rollback(t.Context()), second.Begin(t.Context())); !errors.Is(err, replay.ErrStopped) {
		t.Errorf("a read-only server gives %v", err)
	}
	stranger, err := replay.Connect(t.Context(), s.endpoint(), "another-uuid", "r2")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	if err := stranger.Begin(t.Context()); !errors.Is(err, replay.ErrStopped) {
		t.Errorf("another server gives %v", err)
	}
}

// killing is a target whose server is killed once the first of several transactions that are repeated together is
// committed, or right before the answer.
type killing struct {
	*replay.Server
	on     *server
	during int
	answer int
}

func (k *killing) Together(ctx context.Context, transactions [][]rows.Change) (replay.Progress, error) {
	var kill sync.WaitGroup
	defer kill.Wait()
	if k.during--; k.during == 0 {
		before := k.on.executed()
		kill.Go(func() {
			for grew := ""; grew == ""; {
				query := fmt.Sprintf("SELECT GTID_SUBTRACT(@@GLOBAL.gtid_executed, '%s')", before)
				if err := k.on.db.QueryRowContext(ctx, query).Scan(&grew); err != nil {
					k.on.t.Error(err)
					return
				}
			}
			k.kill()
		})
	}
	p, err := k.Server.Together(ctx, transactions)
	if k.answer--; k.answer == 0 {
		k.kill()
		return replay.Progress{}, fmt.Errorf("the answer was lost: %w", context.Canceled)
	}
	return p, err
}

func (k *killing) kill() {
	if err := k.on.Kill(); err != nil {
		k.on.t.Error(err)
	}
}

func TestReplayGoesOnAfterTheServerWasKilled(t *testing.T) {
	t.Parallel()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	const transactions = 60
	for i := range transactions {
		old.transaction(
			fmt.Sprintf("INSERT INTO shop.orders (id, state, total) VALUES (%d,'x',1)", 100+i),
			fmt.Sprintf("UPDATE shop.orders SET total=total+1 WHERE id=%d", 1+i%9))
	}
	dir := reported(t, old, fresh)
	before := fresh.executed().Count()
	for _, at := range []killing{{during: 2}, {answer: 2}} {
		at.Server, at.on = connected(t, fresh), fresh
		if _, err := replay.Run(t.Context(), replayRequest(dir, &at)); err == nil {
			t.Error("the replay did not notice that the server was killed")
		}
		fresh.Run(t)
	}
	if counts := replayed(t, dir, fresh); counts.Replayed != transactions || counts.Undecided != 0 {
		t.Errorf("%+v", counts)
	}
	if wrote := fresh.executed().Count() - before; wrote != transactions {
		t.Errorf("%d transactions were written for %d", wrote, transactions)
	}
	same(t, old, fresh, "shop.orders")
}

// same compares tables as wholes.
func same(t *testing.T, a, b *server, tables ...string) {
	t.Helper()
	for _, table := range tables {
		if x, y := a.checksum(table), b.checksum(table); x != y {
			t.Errorf("%s: %s on %s and %s on %s", table, x, a.Spec().Name, y, b.Spec().Name)
		}
	}
}

func (s *server) checksum(table string) string {
	s.t.Helper()
	var name, sum string
	if err := s.db.QueryRowContext(s.t.Context(), "CHECKSUM TABLE "+table).Scan(&name, &sum); err != nil {
		s.t.Fatal(err)
	}
	return sum
}
