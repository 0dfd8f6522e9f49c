//go:build integration

package binlog_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
	"github.com/regentdb/regent/binlog/replay"
	"github.com/regentdb/regent/binlog/report"
)

// TestNoValueLeavesThePipeline: from the servers to every part of the report, and into the log, no value of a row is
// shown unasked: not as it is, not in hexadecimal digits, not in a reason or an error.
func TestNoValueLeavesThePipeline(t *testing.T) {
	t.Parallel()
	const canary = "canary7f3a"
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run("CREATE DATABASE shop", "CREATE TABLE shop.users (mail VARCHAR(80) PRIMARY KEY, name VARCHAR(80), nick VARCHAR(80) UNIQUE, j JSON, b BLOB)",
		"INSERT INTO shop.users VALUES ('"+canary+"1','a','a',NULL,NULL),('"+canary+"2','b','b',NULL,NULL)")
	old.run("CREATE TABLE shop.nicks (mail VARCHAR(80) PRIMARY KEY, nick VARCHAR(80) UNIQUE)")
	fresh.follow(old)
	old.run(
		"INSERT INTO shop.nicks VALUES ('"+canary+"5','"+canary+"')",
		"INSERT INTO shop.users VALUES ('"+canary+"3','"+canary+"','"+canary+"','{\"x\":\""+canary+"\"}','"+canary+"')",
		"UPDATE shop.users SET name='"+canary+"' WHERE nick='a'", "UPDATE shop.users SET name='"+canary+"' WHERE nick='b'",
		"INSERT INTO shop.users VALUES ('"+canary+"4','x','"+canary+"taken',NULL,NULL)",
		"SET SESSION binlog_format=STATEMENT", "UPDATE shop.users SET name='"+canary+"stmt' WHERE nick='a'", "SET SESSION binlog_format=ROW",
		"ALTER TABLE shop.users ADD COLUMN extra VARCHAR(20) DEFAULT '"+canary+"'",
	)
	fresh.run("UPDATE shop.users SET name='"+canary+"west' WHERE nick='b'", "INSERT INTO shop.users VALUES ('w','w','"+canary+"taken',NULL,NULL)")

	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := filepath.Join(t.TempDir(), "report")
	m := captureOf(t, dir, fresh, old)
	request := requestOf(m, dir, old)
	request.Log = log
	if _, err := binlog.Capture(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	compare := compareRequest(dir, fresh)
	compare.Log, compare.Now = log, time.Now
	summary, err := binlog.Compare(t.Context(), compare)
	if err != nil || summary.Listed < 7 {
		t.Fatalf("%d listed, %v", summary.Listed, err)
	}
	parts := map[string]func(io.Writer, string, bool) error{
		"transactions": report.CopyTransactions, "page": report.WriteHTML,
		"entities": report.WriteEntitiesNDJSON, "entities as a table": report.WriteEntitiesCSV,
	}
	for name, write := range parts {
		var hidden, revealed bytes.Buffer
		if err := write(&hidden, dir, false); err != nil {
			t.Fatal(err)
		}
		if err := write(&revealed, dir, true); err != nil || !strings.Contains(revealed.String(), canary) {
			t.Errorf("%s, revealed, does not have the value: it proves nothing (%v)", name, err)
		}
		notShown(t, name, canary, hidden.String())
	}
	notShown(t, "log", canary, out.String())
	notShown(t, "summary", canary, summary.Sentence+strings.Join(summary.Incomplete, " "))
	if !strings.Contains(out.String(), summary.Sentence) {
		t.Errorf("the log does not tell of the report: %s", out.String())
	}
	settledUnseen(t, canary, dir, fresh)
	unaskable(t, canary, fresh)
	// The file checks where it is: on the old side it does nothing.
	before := old.executed()
	if err := old.pipe(filepath.Join(dir, report.SQLName)); err == nil || !old.executed().Equal(before) {
		t.Errorf("the replay ran on the old side: %v", err)
	}
}

// settledUnseen has the server refuse, in words that repeat a value, what is replayed, and looks for the value in all
// that is kept and told of it. Only the capture, the transactions and the SQL hold values.
func settledUnseen(t *testing.T, value, dir string, fresh *server) {
	t.Helper()
	fresh.run("INSERT INTO shop.nicks VALUES ('z','" + value + "')")
	if _, err := fresh.db.ExecContext(t.Context(), "INSERT INTO shop.nicks VALUES ('y','"+value+"')"); err == nil ||
		!strings.Contains(err.Error(), value) {
		t.Errorf("the server does not repeat the value: this proves nothing: %v", err)
	}
	forecast, err := replay.Forecast(t.Context(), replay.Open(dir), safe(), nil, fresh.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	counts, err := replay.Run(t.Context(), replayRequest(dir, connected(t, fresh)))
	if err != nil || counts.Left == 0 {
		t.Errorf("%+v, %v: nothing was left alone", counts, err)
	}
	told := fmt.Sprint(forecast, counts)
	last, err := replay.ReadDecisions(dir)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for id, d := range last {
		told += fmt.Sprint(id, d)
		if strings.Contains(d.Detail, "unique key") {
			refused++
		}
	}
	if refused == 0 {
		t.Errorf("the server refused nothing for a value that is taken: %v", last)
	}
	notShown(t, "decisions", value, told)
	for name, write := range map[string]func(io.Writer, string, bool) error{
		"hand-over": replay.WriteHandover, "hand-over as a table": replay.WriteHandoverCSV,
	} {
		var hidden bytes.Buffer
		if err := write(&hidden, dir, false); err != nil || hidden.Len() == 0 {
			t.Errorf("%s: %d bytes, %v", name, hidden.Len(), err)
		}
		notShown(t, name, value, hidden.String())
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	clean := 0
	for _, path := range files {
		if strings.HasSuffix(path, ".binlog") || strings.HasSuffix(path, report.TransactionsName) || strings.HasSuffix(path, report.SQLName) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		clean++
		notShown(t, path, value, string(text))
	}
	if clean < 4 {
		t.Errorf("only %q", files)
	}
}

// unaskable asks for the row of a key that is no date: the server says so, and repeats it.
func unaskable(t *testing.T, value string, s *server) {
	t.Helper()
	s.run("CREATE TABLE shop.days (d DATE PRIMARY KEY)")
	snapshot, err := live.Open(t.Context(), s.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = snapshot.Close() }()
	definition, err := snapshot.Definition(t.Context(), diff.Name{Schema: "shop", Table: "days"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = snapshot.Rows(t.Context(), definition, [][]decode.Value{{{Kind: decode.Time, Text: value}}}); err == nil {
		t.Error("the server took the key as a date: this proves nothing")
	}
	notShown(t, "an error of the live check", value, fmt.Sprint(err))
}

func notShown(t *testing.T, where, value, text string) {
	t.Helper()
	for _, form := range []string{value, hex.EncodeToString([]byte(value))} {
		if i := strings.Index(strings.ToLower(text), form); i >= 0 {
			t.Errorf("%s shows a value: …%s…", where, text[max(0, i-200):min(len(text), i+50)])
		}
	}
}
