//go:build integration

package binlog_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/gtid"
)

// everyType has a column of each type, so that images and live rows meet in all of them.
const everyType = `CREATE TABLE shop.every (id BIGINT UNSIGNED PRIMARY KEY, ti TINYINT, tu TINYINT UNSIGNED, m MEDIUMINT,
	mu MEDIUMINT UNSIGNED, iu INT UNSIGNED, b BIGINT, f FLOAT, d DOUBLE, de DECIMAL(20,5), y YEAR, bi BIT(10), b64 BIT(64),
	dt DATE, t0 TIME, t3 TIME(3), d0 DATETIME, d6 DATETIME(6), ts TIMESTAMP NULL, ts4 TIMESTAMP(4) NULL, c CHAR(10),
	bin BINARY(8), vc VARCHAR(300), vb VARBINARY(20), tx TEXT, bl BLOB, e ENUM('x','y','z'), st SET('p','q','r'), j JSON,
	l1 VARCHAR(20) CHARACTER SET latin1, g GEOMETRY, v VECTOR(3), ci VARCHAR(20) COLLATE utf8mb4_general_ci,
	gv INT GENERATED ALWAYS AS (ti + 1) VIRTUAL, gs INT GENERATED ALWAYS AS (ti + 2) STORED, inv INT INVISIBLE DEFAULT 5)`

const everyValue = `INSERT INTO shop.every (id, ti, tu, m, mu, iu, b, f, d, de, y, bi, b64, dt, t0, t3, d0, d6, ts, ts4, c, bin,
	vc, vb, tx, bl, e, st, j, l1, g, v, ci) VALUES (%ID%, -128, 255, -8388608, 16777215, 4294967295,
	-9223372036854775808, 0.1, -1.5e-300, -0.10000, 2026, b'1000000001', 18446744073709551615, '2018-10-21', '-838:59:59',
	'12:34:56.100', '2018-10-21 22:52:10', '2018-10-21 22:52:10.120000', '2018-10-21 22:52:10',
	'2018-10-21 22:52:10.1200', 'héllo', X'0102030000000000', 'v€''"\\;--', X'00FF00', 'line
two', X'DEADBEEF', 'y', 'p,r', '{"b": 1, "a": [1.0, 2.5e30, true, null, "<x>"], "z": 12345678901234567890}', 'é',
	ST_GeomFromText('POINT(1 2)', 4326), TO_VECTOR('[1,2,3]'), 'Abc')`

// schema is what both sides have before the split.
func schema() []string {
	return []string{
		"CREATE DATABASE shop",
		"CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, state VARCHAR(20), total DECIMAL(10,2))",
		"CREATE TABLE shop.users (mail VARCHAR(80) COLLATE utf8mb4_0900_ai_ci PRIMARY KEY, name VARCHAR(80), nick VARCHAR(20) UNIQUE)",
		"CREATE TABLE shop.keyless (a INT)",
		"CREATE TABLE shop.parent (id INT PRIMARY KEY)",
		"CREATE TABLE shop.child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES shop.parent (id))",
		"CREATE TABLE shop.watched (id INT PRIMARY KEY, v INT)",
		"CREATE TABLE shop.log (id INT AUTO_INCREMENT PRIMARY KEY, v INT)",
		"CREATE TRIGGER shop.watch AFTER INSERT ON shop.watched FOR EACH ROW INSERT INTO shop.log (v) VALUES (NEW.v)",
		"CREATE TABLE shop.altered (id INT PRIMARY KEY, v INT)",
		everyType,
		strings.ReplaceAll(everyValue, "%ID%", "1"), strings.ReplaceAll(everyValue, "%ID%", "2"),
		strings.ReplaceAll(everyValue, "%ID%", "3"),
		"INSERT INTO shop.orders (id, state, total) VALUES (1,'new',1),(2,'new',2),(3,'new',3),(4,'new',4),(5,'new',5),(6,'new',6),(7,'new',7),(8,'new',8),(9,'new',9)",
		"INSERT INTO shop.users VALUES ('a@example.com','A','a'),('b@example.com','B','b')",
		"INSERT INTO shop.altered VALUES (1,1)",
	}
}

// oldSide writes on the old primary alone and returns the class that each transaction must get.
func oldSide(s *server) map[string]string {
	want := map[string]string{}
	expect := func(class, gtid string) { want[gtid] = class }
	expect("SAFE", s.statement("INSERT INTO shop.orders (id, state, total) VALUES (100,'paid',10)"))
	expect("SAFE", s.statement("UPDATE shop.orders SET state='paid' WHERE id=1"))
	expect("SAFE", s.statement("DELETE FROM shop.orders WHERE id=2"))
	expect("ALREADY", s.statement("UPDATE shop.orders SET state='void' WHERE id=3"))
	expect("CONFLICT", s.statement("UPDATE shop.orders SET state='east' WHERE id=4"))
	expect("AUTO_INCREMENT", s.statement("INSERT INTO shop.orders (id, state, total) VALUES (101,'east',1)"))
	expect("CONFLICT", s.statement("DELETE FROM shop.orders WHERE id=5"))
	expect("CONFLICT", s.statement("UPDATE shop.orders SET total=60 WHERE id=6"))
	// A conflict taints what follows on the other row of its transaction, but nothing before it.
	expect("SAFE", s.statement("UPDATE shop.orders SET total=71 WHERE id=7"))
	expect("CONFLICT", s.transaction("UPDATE shop.orders SET total=72 WHERE id=7", "UPDATE shop.orders SET total=44 WHERE id=4"))
	expect("CONFLICT", s.statement("UPDATE shop.orders SET total=73 WHERE id=7"))
	expect("NOOP", s.statement("INSERT INTO shop.orders (id, state) VALUES (102,'brief')"))
	expect("NOOP", s.statement("DELETE FROM shop.orders WHERE id=102"))
	// The row moves to another key: free on the new primary, then taken there.
	expect("SAFE", s.statement("UPDATE shop.orders SET id=108 WHERE id=8"))
	expect("AUTO_INCREMENT", s.statement("UPDATE shop.orders SET id=109 WHERE id=9"))
	// Keys that differ in spelling only.
	expect("CONFLICT", s.statement("INSERT INTO shop.users VALUES ('Dora@Example.com','D','d')"))
	expect("CONFLICT", s.statement("INSERT INTO shop.users VALUES ('émile@example.com','E','e')"))
	expect("LIKELY_REPEATED", s.statement("INSERT INTO shop.users VALUES ('f@example.com','F','taken')"))
	expect("SAFE", s.statement("UPDATE shop.users SET nick='bb' WHERE mail='b@example.com'"))
	expect("OPAQUE", s.statement("INSERT INTO shop.keyless VALUES (1)"))
	expect("SAFE", s.statement("INSERT INTO shop.parent VALUES (1)"))
	expect("OPAQUE", s.statement("INSERT INTO shop.watched VALUES (1,1)"))
	expect("OPAQUE", s.statement("UPDATE shop.altered SET v=2 WHERE id=1"))
	expect("OPAQUE", s.statement("CREATE TABLE shop.only_east (id INT PRIMARY KEY)"))
	expect("OPAQUE", s.statement("INSERT INTO shop.only_east VALUES (1)"))
	expect("SAFE", s.statement(strings.ReplaceAll(everyValue, "%ID%", "18446744073709551615")))
	expect("SAFE", s.statement("UPDATE shop.every SET f=0.3, j=JSON_SET(j,'$.b',2), vc=NULL, e='z', inv=6 WHERE id=2"))
	expect("SAFE", s.statement("DELETE FROM shop.every WHERE id=3"))
	s.run("SET SESSION binlog_transaction_compression=ON")
	expect("SAFE", s.transaction("INSERT INTO shop.orders (id, total) VALUES (103,1)", "INSERT INTO shop.orders (id, total) VALUES (104,1)"))
	s.run("SET SESSION binlog_transaction_compression=OFF, gtid_next='AUTOMATIC:blue'")
	// What became of the row later is unknown, so this is too.
	expect("OPAQUE", s.statement("INSERT INTO shop.orders (id, total) VALUES (105,1)"))
	expect("SAFE", s.statement("INSERT INTO shop.orders (id, total) VALUES (106,1)"))
	s.run("SET SESSION gtid_next='AUTOMATIC', binlog_row_image=MINIMAL")
	expect("OPAQUE", s.statement("UPDATE shop.orders SET total=1.5 WHERE id=105"))
	s.run("SET SESSION binlog_row_image=FULL, binlog_row_value_options=PARTIAL_JSON")
	expect("SAFE", s.statement("UPDATE shop.every SET j=JSON_SET(j,'$.b',3) WHERE id=1"))
	s.run("SET SESSION binlog_row_value_options='', binlog_format=STATEMENT")
	expect("OPAQUE", s.statement("UPDATE shop.orders SET state='stmt' WHERE id=103"))
	s.run("SET SESSION binlog_format=ROW, sql_mode='NO_AUTO_VALUE_ON_ZERO'")
	s.run("SET GLOBAL binlog_row_metadata=MINIMAL", "SET GLOBAL binlog_checksum=NONE")
	expect("SAFE", s.statement(strings.ReplaceAll(everyValue, "%ID%", "4")))
	expect("SAFE", s.statement("UPDATE shop.users SET name='Anna' WHERE mail='a@example.com'"))
	s.run("SET GLOBAL binlog_row_metadata=FULL", "SET GLOBAL binlog_checksum=CRC32")
	s.run("XA START 'x'", "INSERT INTO shop.users VALUES ('x@example.com','X','x')", "XA END 'x'")
	expect("OPAQUE", s.statement("XA PREPARE 'x'"))
	expect("OPAQUE", s.statement("XA COMMIT 'x'"))
	// A statement names the table: what it touched there is unknown.
	expect("OPAQUE", s.statement("INSERT INTO shop.orders (id, total) VALUES (0,1)"))
	return want
}

// newSide writes on the new primary alone.
func newSide(s *server) {
	s.run(
		"UPDATE shop.orders SET state='void' WHERE id=3",
		"UPDATE shop.orders SET state='west' WHERE id=4",
		"INSERT INTO shop.orders (id, state, total) VALUES (101,'west',1)",
		"UPDATE shop.orders SET total=50 WHERE id=5",
		"DELETE FROM shop.orders WHERE id=6",
		"INSERT INTO shop.orders (id, state) VALUES (109,'west')",
		"INSERT INTO shop.users VALUES ('dora@example.com','Dora','dd'),('emile@example.com','Emile','em'),('w@example.com','W','taken')",
		"ALTER TABLE shop.altered ADD INDEX (v)",
	)
}

func classesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for tx, err := range report.Transactions(dir, true) {
		if err != nil {
			t.Fatal(err)
		}
		out[tx.GTID.String()] = tx.Class.String()
	}
	return out
}

func TestSplitIsClassifiedExactly(t *testing.T) {
	t.Parallel()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	common := fresh.executed()
	want := oldSide(old)
	newSide(fresh)

	dir := filepath.Join(t.TempDir(), "report")
	m := captureOf(t, dir, fresh, old)
	if !m.Complete || !m.Captured.Equal(old.executed().Subtract(common)) {
		t.Fatalf("captured %s: %s", m.Captured, m.Reason)
	}
	summary, err := binlog.Compare(t.Context(), compareRequest(dir, fresh))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, classesOf(t, dir)); diff != "" {
		t.Errorf("classes: (-want +got)\n%s", diff)
	}
	if !summary.Complete || summary.Listed != len(want) || summary.Unreadable != 0 {
		t.Errorf("complete %v, %d listed, %d undecodable of %d: %v",
			summary.Complete, summary.Listed, summary.Unreadable, len(want), summary.Incomplete)
	}
	if err := fresh.pipe(filepath.Join(dir, report.SQLName)); err != nil {
		t.Fatalf("replay: %v", err)
	}
	sameWhereSafe(t, old, fresh)
	if err := fresh.pipe(filepath.Join(dir, report.SQLName)); err == nil {
		t.Error("a second replay must stop at the first guard")
	}
}

func compareRequest(dir string, fresh *server) binlog.CompareRequest {
	return binlog.CompareRequest{
		ID: "r1", Cluster: "orders", OldServer: "east-db1", Dir: dir, NewPrimary: fresh.endpoint(), Enew: fresh.executed(),
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
}

// sameWhereSafe compares the rows that only safe transactions touched.
func sameWhereSafe(t *testing.T, old, fresh *server) {
	t.Helper()
	for _, query := range []string{
		"SELECT GROUP_CONCAT(CONCAT_WS('|', id, state, total) ORDER BY id) FROM shop.orders WHERE id IN (1,2,8,100,104,106,108)",
		"SELECT nick FROM shop.users WHERE mail='b@example.com'",
		"SELECT COUNT(*) FROM shop.every",
		"SELECT SHA2(GROUP_CONCAT(CONCAT_WS('|',id,ti,tu,m,mu,iu,b,f+0e0,d,de,y,bi+0,b64+0,dt,t0,t3,d0,d6,ts,ts4,c,HEX(bin),vc," +
			"HEX(vb),tx,HEX(bl),e,st,j,l1,ST_AsText(g),FROM_VECTOR(v),ci,gv,gs,inv) ORDER BY id), 256) FROM shop.every WHERE id > 1",
	} {
		if a, b := old.value(query), fresh.value(query); a != b {
			t.Errorf("%s:\nold %s\nnew %s", query, a, b)
		}
	}
}

func TestCaptureTakesTheUnionOnceAndResumes(t *testing.T) {
	t.Parallel()
	old, second, fresh := newServer(t, "east-db1", 1), newServer(t, "east-db2", 2), newServer(t, "west-db1", 3)
	old.run(schema()...)
	fresh.follow(old)
	old.run("INSERT INTO shop.parent VALUES (1)")
	second.follow(old)
	old.run("INSERT INTO shop.parent VALUES (2)")
	second.run("INSERT INTO shop.parent VALUES (3)")

	dir := filepath.Join(t.TempDir(), "report")
	m := captureOf(t, dir, fresh, old, second)
	union := old.executed().Union(second.executed()).Subtract(fresh.executed())
	if !m.Complete || !m.Captured.Equal(union) || union.Count() != 3 {
		t.Fatalf("captured %s of %s: %s", m.Captured, union, m.Reason)
	}
	for i, transactions := range []int{2, 1} {
		if files := m.Servers[i].Files; len(files) != 1 || files[0].Transactions != transactions {
			t.Errorf("%s: %+v, want %d transactions", m.Servers[i].Server, files, transactions)
		}
	}
	old.Close() // What is complete needs no server any more.
	resumed, err := binlog.Capture(t.Context(), requestOf(m, dir, old, second))
	if err != nil || !resumed.Complete || !resumed.Captured.Equal(union) {
		t.Fatalf("resumed: %v, %s, %v", resumed.Complete, resumed.Reason, err)
	}
	summary, err := binlog.Compare(t.Context(), compareRequest(dir, fresh))
	if err != nil || !summary.Complete || summary.Listed != 3 {
		t.Errorf("report %+v, %v", summary, err)
	}
}

func TestALateCommitOfWhatTheNewPrimaryHasIsNoGrowth(t *testing.T) {
	t.Parallel()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	seen := old.executed()
	old.run("INSERT INTO shop.parent VALUES (1)")
	fresh.follow(old)
	old.run("INSERT INTO shop.parent VALUES (2)")
	extra := old.executed().Subtract(fresh.executed())
	request := func(enew gtid.Set) binlog.CaptureRequest {
		return binlog.CaptureRequest{
			Dir: filepath.Join(t.TempDir(), "report"), Common: seen, Enew: enew, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Servers: []binlog.Source{{Endpoint: old.endpoint(), Extra: extra, Executed: seen.Union(extra)}},
		}
	}
	m, err := binlog.Capture(t.Context(), request(fresh.executed()))
	if err != nil || !m.Complete || m.Grew() {
		t.Errorf("what both have: complete %v, grew %v, %s, %v", m.Complete, m.Grew(), m.Reason, err)
	}
	if m, err = binlog.Capture(t.Context(), request(seen)); err != nil || m.Complete || !m.Grew() {
		t.Errorf("what only the old server has: complete %v, grew %v, %s, %v", m.Complete, m.Grew(), m.Reason, err)
	}
}

// requestOf repeats the request of a manifest.
func requestOf(m binlog.Manifest, dir string, servers ...*server) binlog.CaptureRequest {
	r := binlog.CaptureRequest{Dir: dir, Common: m.Common, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	for i, s := range servers {
		r.Servers = append(r.Servers, binlog.Source{
			Endpoint: s.endpoint(), Extra: m.Servers[i].Extra, Executed: m.Servers[i].Executed,
		})
	}
	return r
}

func TestAReplicaThatWasBehindDoesNotBlurTheAncestor(t *testing.T) {
	t.Parallel()
	old, second, fresh := newServer(t, "east-db1", 1), newServer(t, "east-db2", 2), newServer(t, "west-db1", 3)
	old.run(schema()...)
	second.follow(old)
	old.run("UPDATE shop.orders SET state='both' WHERE id=1") // The second server never gets this.
	fresh.follow(old)
	want := map[string]string{
		old.statement("UPDATE shop.orders SET total=11 WHERE id=1"):    "SAFE",
		second.statement("UPDATE shop.orders SET total=12 WHERE id=2"): "SAFE",
	}
	dir := filepath.Join(t.TempDir(), "report")
	captureOf(t, dir, fresh, old, second)
	summary, err := binlog.Compare(t.Context(), compareRequest(dir, fresh))
	if err != nil || !summary.Complete || !summary.Gtids.NewOnly.IsEmpty() {
		t.Fatalf("complete %v, new side %s, %v", summary.Complete, summary.Gtids.NewOnly, err)
	}
	if diff := cmp.Diff(want, classesOf(t, dir)); diff != "" {
		t.Errorf("classes: (-want +got)\n%s", diff)
	}
}

// TestARunningServerSaysHowMuchThereIs refuses a capture that does not fit, by the size of files and then of transactions.
func TestARunningServerSaysHowMuchThereIs(t *testing.T) {
	t.Parallel()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	old.run("INSERT INTO shop.parent VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO shop.parent VALUES (2)")
	extra := old.executed().Subtract(fresh.executed())
	for name, tt := range map[string]struct {
		free int64
		fits bool
	}{"by files": {1 << 40, true}, "by transactions": {5 * 1000, true}, "not even so": {5 * 400, false}} {
		m, err := binlog.Capture(t.Context(), binlog.CaptureRequest{
			Servers: []binlog.Source{{Endpoint: old.endpoint(), Extra: extra, Executed: old.executed()}},
			Dir:     t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Room: func(string) (durable.Room, error) { return durable.Room{Free: tt.free}, nil },
		})
		if err != nil || m.Complete != tt.fits || strings.Contains(m.Reason, capture.ErrRoom.Error()) == tt.fits {
			t.Errorf("%s: complete %v: %s, %v", name, m.Complete, m.Reason, err)
		}
	}
}

func TestPurgedLogMakesTheReportIncomplete(t *testing.T) {
	t.Parallel()
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	old.run("INSERT INTO shop.parent VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO shop.parent VALUES (2)")
	last := old.logFile()
	old.run("PURGE BINARY LOGS TO '" + last + "'")

	dir := filepath.Join(t.TempDir(), "report")
	m := captureOf(t, dir, fresh, old)
	if m.Complete || m.Captured.Count() != 1 || !strings.Contains(m.Reason, capture.ErrPurged.Error()) {
		t.Fatalf("complete %v, captured %s: %s", m.Complete, m.Captured, m.Reason)
	}
	summary, err := binlog.Compare(t.Context(), compareRequest(dir, fresh))
	if err != nil {
		t.Fatal(err)
	}
	if summary.Complete || !strings.HasPrefix(summary.Sentence, "INCOMPLETE") {
		t.Errorf("%v: %s", summary.Complete, summary.Sentence)
	}
}
