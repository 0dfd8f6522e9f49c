//go:build integration

package decode_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/lab/mysqld/mysqldtest"
)

// everyType has a column of every type that a server can write into its log.
const everyType = `(id bigint unsigned primary key, ti tinyint, tu tinyint unsigned, si smallint, su smallint unsigned,
 mi mediumint, mu mediumint unsigned, ii int, iu int unsigned, bi bigint, bu bigint unsigned, fl float, dd double,
 de decimal(65,30), d0 decimal(10,0), d5 decimal(5,5), du decimal(20,9) unsigned, y year, b1 bit(1), b9 bit(9), b64 bit(64),
 dt date, t0 time, t1 time(1), t3 time(3), t6 time(6), dt0 datetime, dt2 datetime(2), dt5 datetime(5), dt6 datetime(6),
 ts timestamp null, ts1 timestamp(1) null, ts6 timestamp(6) null, c char(10), cl char(255), bn binary(16), bl binary(255),
 vc varchar(20), vl varchar(1000), vb varbinary(20), vm varbinary(3000), tt tinytext, tx text, mt mediumtext, lt longtext,
 tb tinyblob, bb blob, mb mediumblob, lb longblob, e enum('x','y','z'), en enum(%s), s set('p','q','r'), sl set(%s),
 j json, jn json not null, l1 varchar(20) character set latin1,
 u16 varchar(20) character set utf16, gk char(5) character set gbk,
 gv int generated always as (ti + 1) virtual, gs varchar(40) generated always as (concat('<', vc, '>')) stored,
 inv int invisible default 5)`

// unprinted has the types that mysqlbinlog cannot print.
const unprinted = `(id int primary key, g geometry, pt point, v vector(3), after_it varchar(5) collate utf8mb4_bin, b binary(4))`

// everyScalar is a document with every type of value, and enough text that a change is smaller than all of it.
const everyScalar = `JSON_OBJECT('i16', -7, 'u16', 65535, 'i32', -70000, 'u32', 4000000000, 'i64', -9223372036854775808,
 'u64', 18446744073709551615, 'dbl', 0.1e0, 'big', 1.5e300, 'tiny', -2.5e-300, 'whole', 3e0, 'e20', 1e20, 'e15', 123456789012345678e0,
 'minus0', -0e0, 'dec', 12.50, 'exact', 12345678901234567890.123456789, 'int dec', CAST(77 AS DECIMAL(20,0)), 'null', NULL,
 'true', TRUE, 'false', FALSE, 'date', DATE'2018-10-21', 'zero', CAST('0000-00-00' AS DATE), 'time', TIME'-12:34:56.5',
 'no time', TIME'00:00:00', 'datetime', TIMESTAMP'2018-10-21 22:52:10.25', 'bits', b'101', 'bytes', x'00ff',
 'long bytes', CAST(REPEAT('b', 200) AS BINARY), 'text', 'é€😀"\\\n<&>', 'point', ST_GeomFromText('POINT(1 2)'),
 'array', JSON_ARRAY(1, 'two', JSON_ARRAY(), JSON_OBJECT()), 'inner', JSON_OBJECT('a', 1, 'b c', 2), 'filler', REPEAT('f', 3000))`

// changes are statements on a table %[1]s of everyType.
func changes() []string {
	return []string{
		`INSERT INTO %[1]s VALUES (18446744073709551615, 127, 255, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295,
 9223372036854775807, 18446744073709551615, 3.4e38, 1.7e308, REPEAT('9', 35), 9999999999, 0.99999, 12345678901.987654321, 2155,
 b'1', b'111111111', 0xffffffffffffffff, '9999-12-31', '838:59:59', '838:59:58.9', '1:2:3.004', '23:59:59.999999',
 '9999-12-31 23:59:59', '9999-12-31 23:59:59.99', '2018-10-21 22:52:10.00001', '2018-10-21 22:52:10.120000',
 '2038-01-19 03:14:07', '2018-10-21 22:52:10.5', '2018-10-21 22:52:10.000001', 'c', REPEAT('x', 255), x'0102', REPEAT('y', 255),
 'v€', REPEAT('z', 1000), x'00ff00', REPEAT(x'00', 3000), 'tiny', 'text', REPEAT('m', 70000), 'long', x'00', x'01', x'02', x'03',
 'z', 'e300', 'p,r', 's64', ` + everyScalar + `, '[1,2]', 'é', 'é😀', '中', DEFAULT, DEFAULT)`,
		`INSERT INTO %[1]s (id, ti, tu, si, mi, ii, bi, fl, dd, de, d0, d5, y, b1, b9, b64, dt, t0, t1, t3, t6, dt0, dt2, ts, ts6, c, bn, vc, e, s, j, jn)
 VALUES (1, -128, 0, -32768, -8388608, -2147483648, -9223372036854775808, -1.5e-30, -0e0, -0.000000000000000000000000000001, -1, -0.00001,
 1901, b'0', b'1', 1, '2018-00-00', '-838:59:59', '-00:00:00.1', '-0:0:1.001', '-00:00:00.000001', '0000-00-00 00:00:00', '2018-10-00 10:11:12.3',
 '0000-00-00 00:00:00', '1970-01-01 05:30:00.5', '', x'00', 'trailing  ', 1, '', 'null', '{}')`,
		`INSERT INTO %[1]s (id, jn) VALUES (2, '0')`,
		`INSERT INTO %[1]s (id, y, e, en, dt, dt0, bn, tx, j, jn) VALUES (3, 0, '', 'e257', '0000-00-00', '1000-01-01', x'20', '', '"x"', '[]'), (4, 70, 'y', 'e1', '0001-01-01', '2018-10-21', '', '\\\'"', '{"a": {"b": [1, {"c": 2}]}}', 'true')`,
		`UPDATE %[1]s SET ti = 5, vc = 'other', bn = x'0100' WHERE id = 1`,
		`UPDATE %[1]s SET j = JSON_SET(j, '$.i16', 'text now', '$.inner."b c"', 3, '$.inner.new', JSON_ARRAY(1), '$.array[1]', 2, '$.array[3].x', NULL, '$.dec', 12.75),
 jn = JSON_ARRAY(REPEAT('n', 2000), 1, 2, 3) WHERE id = 18446744073709551615`,
		`UPDATE %[1]s SET j = JSON_REMOVE(j, '$.text', '$.array[0]', '$.inner.a'), jn = JSON_REPLACE(jn, '$[2]', JSON_OBJECT('k', 1.5)) WHERE id = 18446744073709551615`,
		`UPDATE %[1]s SET j = JSON_REPLACE(JSON_SET(j, '$."odd key"', 1e0), '$.filler', REPEAT('g', 10)), ti = 7 WHERE id = 18446744073709551615`,
		`DELETE FROM %[1]s WHERE id = 4`,
		`INSERT INTO %[1]s_unprinted VALUES (1, ST_GeomFromText('POINT(1 2)', 4326), POINT(-1.5, 2), TO_VECTOR('[1,-2.5,3e20]'), 'a', 'b')`,
		`INSERT INTO %[1]s_unprinted (id, g) VALUES (2, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))'))`,
		`UPDATE %[1]s_unprinted SET v = TO_VECTOR('[0]'), g = NULL WHERE id = 2`,
	}
}

func names(prefix string, n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("'%s%d'", prefix, i+1))
	}
	return strings.Join(out, ",")
}

// source is a real server whose log is read.
type source struct {
	*mysqldtest.Server
	t    *testing.T
	conn *sql.Conn
}

func newSource(t *testing.T) *source {
	t.Helper()
	s := &source{Server: mysqldtest.Start(t, "db1", 1, false), t: t}
	conn, err := s.Admin(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s.conn = conn
	s.run("SET SESSION sql_mode = '', time_zone = '+05:30'", "CREATE DATABASE w")
	return s
}

func (s *source) run(statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		if _, err := s.conn.ExecContext(s.t.Context(), statement); err != nil {
			s.t.Fatalf("%.200s: %v", statement, err)
		}
	}
}

// log returns the path of the file that holds what the server wrote while the statements ran.
func (s *source) log(statements ...string) string {
	s.t.Helper()
	s.run("FLUSH BINARY LOGS")
	var file string
	var position, do, ignore, executed sql.RawBytes
	rows, err := s.conn.QueryContext(s.t.Context(), "SHOW BINARY LOG STATUS")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() || rows.Scan(&file, &position, &do, &ignore, &executed) != nil || rows.Close() != nil || rows.Err() != nil {
		s.t.Fatal("no status of the binary log")
	}
	s.run(statements...)
	s.run("FLUSH BINARY LOGS")
	return filepath.Join(s.Spec().Dir, "data", file)
}

func transactionsOf(t *testing.T, path string) []*decode.Transaction {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var out []*decode.Transaction
	for tx, err := range decode.Transactions(file) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, tx)
	}
	return out
}

// partialUpdates counts the events in which documents are changes.
func partialUpdates(t *testing.T, path string) (n int) {
	t.Helper()
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range eventsOf(t, log) {
		if e.Type() == 39 {
			n++
		}
	}
	return n
}

func TestEveryValueIsWhatTheServerHas(t *testing.T) {
	s := newSource(t)
	for _, mode := range []struct {
		name     string
		settings []string
		opaque   []string
	}{
		{name: "full"},
		{name: "compressed", settings: []string{"SET SESSION binlog_transaction_compression = ON"}},
		{name: "changes", settings: []string{"SET SESSION binlog_row_value_options = PARTIAL_JSON"}},
		{name: "compressed_changes", settings: []string{
			"SET SESSION binlog_row_value_options = PARTIAL_JSON", "SET SESSION binlog_transaction_compression = ON",
		}},
		{name: "noblob", settings: []string{"SET SESSION binlog_row_image = NOBLOB"}, opaque: []string{
			"partial row images (binlog_row_image is not FULL)",
		}},
		{name: "minimal", settings: []string{"SET SESSION binlog_row_image = MINIMAL"}, opaque: []string{
			"partial row images (binlog_row_image is not FULL)",
		}},
		{
			name:     "minimal_changes",
			settings: []string{"SET SESSION binlog_row_image = MINIMAL", "SET SESSION binlog_row_value_options = PARTIAL_JSON"},
			opaque: []string{
				"partial JSON update (binlog_row_value_options)", "partial row images (binlog_row_image is not FULL)",
			},
		},
		{name: "minimal_metadata", settings: []string{"SET GLOBAL binlog_row_metadata = MINIMAL"}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			s := &source{Server: s.Server, t: t, conn: s.conn}
			table := "w." + mode.name
			s.run("CREATE TABLE "+table+fmt.Sprintf(everyType, names("e", 300), names("s", 64)),
				"CREATE TABLE "+table+"_unprinted"+unprinted)
			s.run(mode.settings...)
			var statements []string
			for _, change := range changes() {
				statements = append(statements, fmt.Sprintf(change, table))
			}
			path := s.log(statements...)
			s.run("SET SESSION binlog_row_value_options = DEFAULT, binlog_transaction_compression = DEFAULT, binlog_row_image = DEFAULT",
				"SET GLOBAL binlog_row_metadata = FULL")
			all := transactionsOf(t, path)
			if len(all) != len(statements) {
				t.Fatalf("%d transactions for %d statements", len(all), len(statements))
			}
			var opaque []string
			for _, tx := range all {
				if len(tx.Undecodable) > 0 || len(tx.Statements) > 0 {
					t.Errorf("%s: undecodable %q, statements %v", tx.GTID, tx.Undecodable, tx.Statements)
				}
				opaque = append(opaque, tx.Opaque...)
			}
			slices.Sort(opaque)
			if got := slices.Compact(opaque); !slices.Equal(got, mode.opaque) {
				t.Errorf("opaque %q, want %q", got, mode.opaque)
			}
			if got := partialUpdates(t, path); mode.name == "changes" && got < 3 {
				t.Errorf("%d events hold changes of documents, want 3 at least", got)
			}
			sameAsTheTable(t, s, mode.name, 4, all)
			sameAsTheTable(t, s, mode.name+"_unprinted", 2, all)
			sameAsMysqlbinlog(t, s, path, mode.name, all)
		})
	}
}

func TestWhatIsNotRowsIsNamed(t *testing.T) {
	s := newSource(t)
	s.run("CREATE TABLE w.n (id int primary key auto_increment, x double)")
	path := s.log(
		"SET SESSION binlog_format = 'STATEMENT'", "SET @u = 7", "INSERT INTO w.n (x) VALUES (@u)", "INSERT INTO w.n (x) VALUES (RAND())",
		"INSERT INTO w.n (x) VALUES (LAST_INSERT_ID())", "SET SESSION binlog_format = 'ROW'",
		"ALTER TABLE w.n ADD COLUMN extra int", "XA START 'x'", "INSERT INTO w.n (x) VALUES (1)", "XA END 'x'", "XA PREPARE 'x'",
		"XA COMMIT 'x'", "XA START 'y'", "INSERT INTO w.n (x) VALUES (2)", "XA END 'y'", "XA COMMIT 'y' ONE PHASE",
	)
	var got []string
	for _, tx := range transactionsOf(t, path) {
		got = append(got, fmt.Sprintf("%q %q %d rows %d statements", tx.Opaque, tx.Undecodable, len(tx.Rows), len(tx.Statements)))
	}
	want := []string{
		`["statement format"] [] 0 rows 1 statements`, `["statement format"] [] 0 rows 1 statements`,
		`["statement format"] [] 0 rows 1 statements`, `["DDL"] [] 0 rows 1 statements`,
		`["XA transaction"] [] 1 rows 0 statements`, `["XA transaction"] [] 0 rows 1 statements`,
		`["XA transaction"] [] 1 rows 0 statements`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestHiddenColumnsAreNotInTheLog(t *testing.T) {
	s := newSource(t)
	s.run("CREATE TABLE w.h (id int primary key, j json, name varchar(20), index ((CAST(j->'$.n' AS UNSIGNED ARRAY))), " +
		"index ((UPPER(name))))")
	s.run("CREATE TABLE w.p (id int primary key, x int) PARTITION BY HASH (id) PARTITIONS 3")
	path := s.log("INSERT INTO w.h VALUES (1, '{\"n\": [1, 2]}', 'a'), (2, NULL, NULL)",
		"UPDATE w.h SET id = 5, j = '{\"n\": [3]}' WHERE id = 1", "INSERT INTO w.p VALUES (1, 1), (2, 2)", "UPDATE w.p SET id = 3 WHERE id = 1")
	var got []string
	for _, tx := range transactionsOf(t, path) {
		for _, row := range tx.Rows {
			got = append(got, fmt.Sprintf("%s %v %v", row.Op, row.Before, row.After))
		}
		if tx.Undecodable != nil || tx.Opaque != nil {
			t.Errorf("undecodable %q, opaque %q", tx.Undecodable, tx.Opaque)
		}
	}
	want := []string{
		`insert [] [{2 1} {8 {"n":[1,2]}} {6 a}]`, `insert [] [{2 2} {1 } {1 }]`,
		`update [{2 1} {8 {"n":[1,2]}} {6 a}] [{2 5} {8 {"n":[3]}} {6 a}]`,
		`insert [] [{2 1} {2 1}]`, `insert [] [{2 2} {2 2}]`, `update [{2 1} {2 1}] [{2 3} {2 1}]`,
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
