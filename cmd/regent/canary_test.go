package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/replay"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/raftnode/fsm"
)

// canary is a value that must not be seen outside.
const canary = "canary7f3a"

// reportFiles serves a report from its directory.
type reportFiles struct{ dir string }

func (f reportFiles) Copy(_ context.Context, w io.Writer, id string, part api.ReportPart, reveal bool) error {
	switch part {
	case api.PartSummary:
		return f.copy(w, report.SummaryName)
	case api.PartTransactions:
		return report.CopyTransactions(w, f.dir, reveal)
	case api.PartHTML:
		return report.WriteHTML(w, f.dir, reveal)
	case api.PartSQL:
		return f.copy(w, report.SQLName)
	case api.PartEntities:
		return report.WriteEntitiesNDJSON(w, f.dir, reveal)
	case api.PartEntitiesCSV:
		return report.WriteEntitiesCSV(w, f.dir, reveal)
	case api.PartHandover:
		return replay.WriteHandover(w, f.dir, reveal)
	case api.PartHandoverCSV:
		return replay.WriteHandoverCSV(w, f.dir, reveal)
	}
	return fmt.Errorf("%w: %s", api.ErrNoReport, id)
}

func (f reportFiles) copy(w io.Writer, name string) error {
	text, err := os.ReadFile(filepath.Join(f.dir, name))
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// canaryReport has the canary in a key, in every image and in a statement.
func canaryReport(t *testing.T) string {
	t.Helper()
	text := func(s string) decode.Value { return decode.Value{Kind: decode.Text, Text: s} }
	logged := &decode.Table{Schema: "shop", Name: "users", PrimaryKey: []int{0}, Columns: []decode.Column{
		{Name: "mail", Kind: decode.Text, Family: "varchar"}, {Name: "name", Kind: decode.Text, Family: "varchar"},
	}}
	defined := &diff.Definition{Name: diff.Name{Schema: "shop", Table: "users"}, PrimaryKey: []int{0}, Columns: []diff.Column{
		{Name: "mail", Type: "varchar", Charset: "utf8mb4"}, {Name: "name", Type: "varchar", Charset: "utf8mb4"},
	}}
	image := func(name string) []decode.Value { return []decode.Value{text(canary + "@example.com"), text(name)} }
	row := classify.Row{
		Row:        decode.Row{Op: decode.Update, Table: logged, Before: image(canary), After: image("x" + canary)},
		Definition: defined, Key: image("")[:1], Class: classify.Safe, Reason: "untouched", Live: image(canary + "y"),
	}
	set := apitest.SampleReport().Captured
	var ids []gtid.GTID
	for id := range set.All() {
		ids = append(ids, id)
	}
	dir := t.TempDir()
	_, err := report.Write(dir, report.Input{
		ID: apitest.Report, Cluster: apitest.Cluster, OldServer: "east-db2", NewServer: "east-db1", OldOnly: set, CreatedAt: apitest.Epoch(),
		Manifest: capture.Manifest{Wanted: set, Captured: set, Complete: true},
		Transactions: []classify.Transaction{
			{GTID: ids[0], CommittedAt: apitest.Epoch(), Class: classify.Safe, Reason: "untouched", Rows: []classify.Row{row}},
			{
				GTID: ids[1], CommittedAt: apitest.Epoch(), Class: classify.Opaque, Reason: "a statement",
				Statements: []decode.Statement{{Schema: "shop", Text: "UPDATE users SET name = '" + canary + "'"}},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// holds looks for the canary, as it is or in hexadecimal digits.
func holds(text string) bool {
	return strings.Contains(text, canary) || strings.Contains(strings.ToLower(text), hex.EncodeToString([]byte(canary)))
}

// TestNoValueIsShownUnasked: a value reaches nobody who has not the role, by no command, and never the log.
func TestNoValueIsShownUnasked(t *testing.T) {
	s := newShell(t)
	s.world.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Divergences = []failover.Divergence{apitest.SampleReport()} })
	files := reportFiles{dir: canaryReport(t)}
	var log bytes.Buffer
	cfg := s.world.Config()
	cfg.Reports, cfg.Logger = files, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	front := httptest.NewServer(api.New(cfg).Handler())
	t.Cleanup(front.Close)
	s.url = front.URL

	file := filepath.Join(t.TempDir(), "export")
	lines := [][]string{
		{"report", "list"},
		{"report", "show", "orders-d1"},
		{"report", "show", "orders-d1", "-o", "json"},
		{"report", "show", "orders-d1", "--transactions"},
		{"report", "show", "orders-d1", "--transactions", "--reveal"},
		{"report", "replay", "orders-d1", "--dry-run", "--reason", "test"},
		{"report", "rewind", "orders-d1", "east-db2", "--dry-run", "--reason", "test"},
		{"report", "approve", "orders-d1", "--reason", "test"},
		{"report", "ack", "orders-d1", "--note", "test"},
		{"history"},
		{"status"},
		{"status", "-o", "json"},
	}
	for _, format := range []string{"ndjson", "csv"} {
		lines = append(lines, []string{"report", "handover", "orders-d1", "--format", format},
			[]string{"report", "handover", "orders-d1", "--format", format, "--reveal"})
	}
	for _, format := range []string{"ndjson", "html", "sql", "entities", "entities-csv"} {
		lines = append(lines, []string{"report", "export", "orders-d1", "--format", format, "--out", file + format},
			[]string{"report", "export", "orders-d1", "--format", format, "--out", "-"},
			[]string{"report", "export", "orders-d1", "--format", format, "--out", "-", "--reveal"})
	}
	shown := 0
	for _, token := range []string{apitest.Viewer, apitest.Operator, apitest.Admin, apitest.Everyone} {
		s.token = token
		for _, line := range lines {
			r := s.run(line...)
			asked := strings.Contains(strings.Join(line, " "), "--reveal") || strings.Contains(strings.Join(line, " "), " sql ")
			switch has := holds(r.out + r.errs); {
			case has && (!asked || token != apitest.Everyone):
				t.Errorf("%s as %s shows it: %s", line, token, r.out+r.errs)
			case has:
				shown++
			}
		}
		if token == apitest.Everyone {
			break // The SQL that it exports holds values.
		}
		exports, err := filepath.Glob(file + "*")
		if err != nil || len(exports) != 4 { // SQL is refused.
			t.Errorf("%d files, %v", len(exports), err)
		}
		for _, export := range exports {
			if text, err := os.ReadFile(export); err != nil || len(text) == 0 || holds(string(text)) {
				t.Errorf("%s: %d bytes, %v, or it shows the value", export, len(text), err)
			}
		}
	}
	// Revealed: the transactions twice, the page, both lists of rows, what is left to a person twice; and the SQL, twice.
	if shown != 9 {
		t.Errorf("who may see it saw it %d times", shown)
	}
	breakLine(t, files.dir)
	if r := s.run("report", "show", "orders-d1", "--transactions"); r.code == codeDone || holds(r.out+r.errs) {
		t.Errorf("a damaged report: %d %s %s", r.code, r.out, r.errs)
	}
	if holds(log.String()) || !strings.Contains(log.String(), "cut off") && !strings.Contains(log.String(), "orders-d1") {
		t.Errorf("log:\n%s", log.String())
	}
}

// breakLine ends the file of the transactions within a value.
func breakLine(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, report.TransactionsName)
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, text[:bytes.LastIndex(text, []byte(canary))+4], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
