//go:build integration

package binlog_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/binlog"
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
	fresh.follow(old)
	old.run(
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
	if err != nil || summary.Listed < 6 {
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
	// The file checks where it is: on the old side it does nothing.
	before := old.executed()
	if err := old.pipe(filepath.Join(dir, report.SQLName)); err == nil || !old.executed().Equal(before) {
		t.Errorf("the replay ran on the old side: %v", err)
	}
}

func notShown(t *testing.T, where, value, text string) {
	t.Helper()
	for _, form := range []string{value, hex.EncodeToString([]byte(value))} {
		if i := strings.Index(strings.ToLower(text), form); i >= 0 {
			t.Errorf("%s shows a value: …%s…", where, text[max(0, i-200):min(len(text), i+50)])
		}
	}
}
