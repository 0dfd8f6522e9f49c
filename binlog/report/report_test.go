package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/gtid"
)

const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

// hostile is a value that tries to break out of every export.
const hostile = "</script><script>alert(1)</script>'; DROP TABLE t; -- \n\x1b[31m"

func at(second int) time.Time { return time.Date(2018, 10, 21, 22, 52, second, 0, time.UTC) }

// table has a hostile name too.
func table() (*decode.Table, *diff.Definition) {
	const name = "t`\n; DROP TABLE x; --"
	logged := &decode.Table{Schema: "s", Name: name, PrimaryKey: []int{0}, Columns: []decode.Column{
		{Name: "id", Kind: decode.Integer, Family: "int"},
		{Name: "secret", Kind: decode.Text, Family: "varchar"},
		{Name: "total", Kind: decode.Float, Family: "float"},
	}}
	return logged, &diff.Definition{
		Name: diff.Name{Schema: "s", Table: name}, PrimaryKey: []int{0},
		Columns: []diff.Column{{Name: "id", Type: "int"}, {Name: "secret", Type: "varchar", Charset: "utf8mb4"}, {Name: "total", Type: "float"}},
	}
}

func values(secret string) []decode.Value {
	return []decode.Value{decode.IntegerValue(7), {Kind: decode.Text, Text: secret}, decode.FloatValue(0.5)}
}

func classified() []classify.Transaction {
	logged, defined := table()
	row := func(op decode.Op, class classify.Class, before, after, live []decode.Value) classify.Row {
		return classify.Row{
			Row: decode.Row{Op: op, Table: logged, Before: before, After: after}, Definition: defined,
			Key: []decode.Value{decode.IntegerValue(7)}, Class: class, Reason: "because", Live: live,
		}
	}
	conflict := row(decode.Update, classify.Conflict, values("old"), values("new"), values(hostile))
	conflict.Counterpart = gtid.GTID{UUID: uuid, Tag: "west", Seq: 9}
	return []classify.Transaction{
		{
			GTID: gtid.GTID{UUID: uuid, Seq: 1}, CommittedAt: at(3), Class: classify.Safe, Reason: "untouched",
			Rows: []classify.Row{
				row(decode.Insert, classify.Safe, nil, values(hostile), nil),
				row(decode.Update, classify.Safe, values(hostile), values("x"), nil),
				row(decode.Delete, classify.Safe, values("x"), nil, values("x")),
			},
		},
		{GTID: gtid.GTID{UUID: uuid, Seq: 2}, CommittedAt: at(4), Class: classify.Conflict, Reason: hostile, Rows: []classify.Row{conflict}},
		{
			GTID: gtid.GTID{UUID: uuid, Seq: 3}, CommittedAt: at(46), Class: classify.Opaque, Reason: "DDL",
			Statements: []decode.Statement{{Schema: "s", Text: "ALTER TABLE t COMMENT 'verysecret'"}},
		},
		{GTID: gtid.GTID{UUID: uuid, Seq: 4}, CommittedAt: at(45), Class: classify.Opaque, Undecodable: []string{"incident"}},
	}
}

func input() report.Input {
	set := gtid.MustParse(uuid + ":1-4")
	return report.Input{
		ID: "r1", Cluster: "orders", OldServer: "east-db1", NewServer: "west-db1", OldOnly: set, CreatedAt: at(59),
		Manifest: capture.Manifest{
			Servers: []capture.ServerCapture{{Server: "east-db1", Extra: set}}, Wanted: set, Captured: set, Complete: true,
		},
		Transactions: classified(),
		Acknowledged: func(id gtid.GTID) string { return map[uint64]string{1: "yes", 2: "no"}[id.Seq] },
	}
}

func written(t *testing.T, in report.Input) (string, report.Summary) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r1")
	s, err := report.Write(dir, in)
	if err != nil {
		t.Fatal(err)
	}
	return dir, s
}

func TestEveryTransactionIsAccountedFor(t *testing.T) {
	dir, s := written(t, input())
	if !s.Complete || s.Captured != 4 || s.Listed != 3 || s.Unreadable != 1 {
		t.Errorf("complete %v: %d captured, %d listed, %d undecodable: %v", s.Complete, s.Captured, s.Listed, s.Unreadable, s.Incomplete)
	}
	want := "4 transactions, 1 table, 22:52:03-22:52:46 UTC: 1 safe, 0 already repeated, 3 need a person (1 undecodable)"
	if s.Sentence != want {
		t.Errorf("got %q, want %q", s.Sentence, want)
	}
	equations := []string{
		"4 captured = 3 listed + 1 undecodable", "3 listed = 1 SAFE + 1 CONFLICT + 1 OPAQUE",
		"4 captured = 1 acknowledged to a client + 1 not acknowledged + 2 unknown", "4 row changes = 3 SAFE + 1 CONFLICT",
	}
	if diff := cmp.Diff(equations, s.Arithmetic.Equations); diff != "" || !s.Arithmetic.Balanced {
		t.Errorf("balanced %v (-want +got)\n%s", s.Arithmetic.Balanced, diff)
	}
	read, err := report.ReadSummary(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Dir = dir
	if diff := cmp.Diff(s, read); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
}

func TestAGapMakesTheReportIncomplete(t *testing.T) {
	for name, change := range map[string]func(*report.Input){
		"more captured than listed": func(in *report.Input) { in.Manifest.Captured = gtid.MustParse(uuid + ":1-5") },
		"another one captured":      func(in *report.Input) { in.Manifest.Captured = gtid.MustParse(uuid + ":1-3:5") },
		"not all captured":          func(in *report.Input) { in.OldOnly = gtid.MustParse(uuid + ":1-5") },
		"capture incomplete":        func(in *report.Input) { in.Manifest.Complete, in.Manifest.Reason = false, "purged" },
		"the same one twice":        func(in *report.Input) { in.Transactions = append(in.Transactions, in.Transactions[0]) },
	} {
		in := input()
		change(&in)
		if _, s := written(t, in); s.Complete || !strings.HasPrefix(s.Sentence, "INCOMPLETE: ") {
			t.Errorf("%s: complete %v: %s", name, s.Complete, s.Sentence)
		}
	}
}

func TestSummaryHasTheFieldsThatScriptsRead(t *testing.T) {
	dir, _ := written(t, input())
	text, err := os.ReadFile(filepath.Join(dir, report.SummaryName))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"id": `"r1"`, "cluster": `"orders"`, "state": `"open"`, "complete": `true`, "old_server": `"east-db1"`,
		"new_server": `"west-db1"`, "servers": `[{"server":"east-db1","extra_gtids":"` + uuid + `:1-4"}]`,
		"transactions": `3`, "undecodable": `1`, "by_class": `{"CONFLICT":1,"OPAQUE":1,"SAFE":1}`,
		"from": `"2018-10-21T22:52:03Z"`, "to": `"2018-10-21T22:52:46Z"`, "created_at": `"2018-10-21T22:52:59Z"`,
	} {
		var compact bytes.Buffer
		if err := json.Compact(&compact, got[field]); err != nil || compact.String() != want {
			t.Errorf("%s is %s, want %s", field, compact.String(), want)
		}
	}
}

func TestTransactionsAreLinesInCommitOrder(t *testing.T) {
	dir, _ := written(t, input())
	var out bytes.Buffer
	if err := report.CopyTransactions(&out, dir, true); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3", len(lines))
	}
	want := `{"gtid":"` + uuid + `:2","committed_at":"2018-10-21T22:52:04Z","class":"CONFLICT","reason":`
	if !strings.HasPrefix(lines[1], want) {
		t.Errorf("got %s, want it to begin with %s", lines[1], want)
	}
	for _, part := range []string{
		`"acknowledged":"no"`, `"op":"update","key":{"id":7},"class":"CONFLICT","reason":"because"`,
		`"before":{"id":7,"secret":"old","total":0.5},"after":{"id":7,"secret":"new","total":0.5},"live":{"id":7,`,
		`"counterpart_gtid":"` + uuid + `:west:9"`,
	} {
		if !strings.Contains(lines[1], part) {
			t.Errorf("%s lacks %s", lines[1], part)
		}
	}
	if !strings.Contains(lines[0], `"before":null`) || !strings.Contains(lines[0], `"counterpart_gtid":null`) {
		t.Errorf("%s must show what there is not as null", lines[0])
	}
}

func TestValuesAreRedactedByDefault(t *testing.T) {
	in := input()
	in.Transactions[1].Reason = "because"
	dir, _ := written(t, in)
	var out bytes.Buffer
	if err := report.CopyTransactions(&out, dir, false); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"old", "new\"", "script", "0.5", "verysecret"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is in the redacted export", secret)
		}
	}
	if strings.Contains(out.String(), `"id":7`) || !strings.Contains(out.String(), `"key":{"id":"#`) {
		t.Error("the key must be a hash")
	}
	var first report.Transaction
	if err := json.NewDecoder(&out).Decode(&first); err != nil {
		t.Fatal(err)
	}
	inserted, expected := first.Rows[0].After[1], first.Rows[1].Before[1]
	if string(inserted.Value) != string(expected.Value) {
		t.Errorf("one value has two hashes: %s and %s", inserted.Value, expected.Value)
	}
	if string(inserted.Value) == string(first.Rows[1].After[1].Value) {
		t.Error("two values have one hash")
	}
	other, _ := written(t, input())
	for tx, err := range report.Transactions(other, false) {
		if err != nil || string(tx.Rows[0].After[1].Value) == string(inserted.Value) {
			t.Errorf("another report has the same hash (%v)", err)
		}
		break
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	dir, _ := written(t, input())
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 7 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", entry.Name(), info.Mode(), err)
		}
	}
}

func TestThePageNeedsNothingAndRunsNothingFromData(t *testing.T) {
	dir, s := written(t, input())
	for _, reveal := range []bool{false, true} {
		var out bytes.Buffer
		if err := report.WriteHTML(&out, dir, reveal); err != nil {
			t.Fatal(err)
		}
		page := out.String()
		for _, outside := range []string{"http://", "https://", "src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest"} {
			if strings.Contains(page, outside) {
				t.Errorf("the page refers to something outside: %s", outside)
			}
		}
		if scripts, data := strings.Count(page, "<script>"), strings.Count(page, `<script type="application/json" class="`); scripts != 1 || data != 3 ||
			strings.Count(page, "<script") != scripts+data || strings.Count(page, "</script") != scripts+data {
			t.Errorf("data became a script: %d scripts, %d blocks of data", scripts, data)
		}
		if strings.Contains(page, "alert(1)") != reveal && strings.Contains(page, `"old"`) != reveal {
			t.Errorf("reveal %v, but values are not as that says", reveal)
		}
		for _, part := range append(s.Arithmetic.Equations, s.Sentence, `content="default-src 'none'; script-src 'sha256-`, "ALTER") {
			if !strings.Contains(html.UnescapeString(page), part) {
				t.Errorf("missing: %s", part)
			}
		}
	}
}

func TestSQLIsGuardedAndNothingBreaksOut(t *testing.T) {
	dir, _ := written(t, input())
	text, err := os.ReadFile(filepath.Join(dir, report.SQLName))
	if err != nil {
		t.Fatal(err)
	}
	// A quoted identifier may hold a line break, so that lines are told apart after taking the name out.
	sql := strings.ReplaceAll(string(text), "`t``\n; DROP TABLE x; --`", "TABLE")
	for line := range strings.Lines(sql) {
		if strings.Contains(line, "DROP") && !strings.HasPrefix(line, "-- ") {
			t.Errorf("data became a statement: %s", line)
		}
	}
	secret := "X'3c2f7363726970743e"
	for _, part := range []string{
		"INSERT INTO `s`.TABLE (`id`, `secret`, `total`) VALUES (7, _utf8mb4 " + secret,
		"UPDATE `s`.TABLE SET `secret` = _utf8mb4 X'78' WHERE `id` = 7 AND `id` = 7 AND BINARY `secret` = " + secret,
		"DELETE FROM `s`.TABLE WHERE `id` = 7 AND `id` = 7 AND BINARY `secret` = X'78' AND `total` = 5e-01;",
	} {
		if !strings.Contains(sql, part) {
			t.Errorf("missing: %s in\n%s", part, sql)
		}
	}
	if n := strings.Count(sql, "SELECT IF(ROW_COUNT() = 1"); n != 3 {
		t.Errorf("%d guards for 3 statements", n)
	}
	if strings.Count(sql, "START TRANSACTION;") != 1 || strings.Count(sql, "COMMIT;") != 1 {
		t.Error("only the safe transaction may be replayed")
	}
}

func TestStateAndList(t *testing.T) {
	dir, _ := written(t, input())
	if err := report.SetState(dir, report.Settled); err != nil {
		t.Fatal(err)
	}
	all, err := report.List(filepath.Dir(dir))
	if err != nil || len(all) != 1 || all[0].State != report.Settled || all[0].Dir != dir {
		t.Errorf("%+v, %v", all, err)
	}
	none, err := report.List(filepath.Join(dir, "nowhere"))
	if err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

// parsed is what the lines say, with the error that ends them.
func parsed(r io.Reader) string {
	var out strings.Builder
	for tx, err := range report.ParseTransactions(r) {
		line, failure := json.Marshal(tx)
		fmt.Fprintf(&out, "%s %v %v\n", line, failure, err)
	}
	return out.String()
}

func FuzzParseTransactions(f *testing.F) {
	f.Add([]byte(`{"gtid":"` + uuid + `:1","class":"SAFE","rows":[{"key":{"id":1},"before":null,"after":{"a":"b","c":[1,{}]}}]}`))
	f.Add([]byte("{}\n{}"))
	f.Add([]byte(`{"rows":[{"key":[]}]}`))
	f.Add([]byte(`{"gtid":"` + uuid + `:1","class":"SAFE","rows":[{"counterpart_gtid":"` + uuid + `:2","key":{"i\\"d":"\\\\"},"before":{},"after":{"a":[{"b":"}"}]}},{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if whole, pieces := parsed(bytes.NewReader(text)), parsed(iotest.OneByteReader(bytes.NewReader(text))); whole != pieces {
			t.Fatalf("read at once: %s\nread byte by byte: %s", whole, pieces)
		}
		for tx, err := range report.ParseTransactions(bytes.NewReader(text)) {
			if err != nil {
				return
			}
			if tx.GTID == (gtid.GTID{}) || tx.Class == 0 {
				continue // A line without them cannot be written, but it can be read.
			}
			line, err := json.Marshal(tx)
			if err != nil {
				continue // Numbers that are no class.
			}
			for again, err := range report.ParseTransactions(bytes.NewReader(line)) {
				if err != nil {
					t.Fatalf("own line %s: %v", line, err)
				}
				if second, err := json.Marshal(again); err != nil || !bytes.Equal(line, second) {
					t.Fatalf("%s became %s, %v", line, second, err)
				}
			}
		}
	})
}
