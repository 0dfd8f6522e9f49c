package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// shell runs command lines against a node in memory.
type shell struct {
	t           *testing.T
	world       *apitest.World
	url, token  string
	interactive bool
	terminal    bool
	in          string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	w := apitest.New()
	cfg := w.Config()
	cfg.Logger = slog.New(slog.DiscardHandler)
	front := httptest.NewServer(api.New(cfg).Handler())
	t.Cleanup(front.Close)
	return &shell{t: t, world: w, url: front.URL, token: apitest.Everyone}
}

// result is what a command line left behind.
type result struct {
	code      int
	out, errs string
}

func (s *shell) run(line ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	code := execute(s.t.Context(), line, &console{
		in: strings.NewReader(s.in), out: &out, errs: &errs, terminal: s.terminal, interactive: s.interactive,
		env: func(key string) string { return map[string]string{"REGENT_API": s.url, "REGENT_TOKEN": s.token}[key] },
	})
	return result{code, out.String(), errs.String()}
}

// json runs a command line that must succeed and decodes what it prints.
func (s *shell) json(into any, line ...string) {
	s.t.Helper()
	r := s.run(line...)
	if r.code != codeDone {
		s.t.Fatalf("%q: exit %d: %s", line, r.code, r.errs)
	}
	if err := json.Unmarshal([]byte(r.out), into); err != nil {
		s.t.Fatalf("%q: %v: %s", line, err, r.out)
	}
}

func (s *shell) withReport() {
	s.world.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.State.Divergences = []failover.Divergence{apitest.SampleReport()}
	})
	s.world.Write(apitest.Report, api.PartSummary, `{"summary":"2 transactions: 1 safe, 1 needs a person","arithmetic":{"equations":["2 captured = 2 listed + 0 undecodable","2 listed = 1 SAFE + 1 CONFLICT"]},"tables":[{"schema":"shop","table":"orders","rows":2,"by_class":{"SAFE":1,"CONFLICT":1}}]}`)
	s.world.Write(apitest.Report, api.PartTransactions, "{\"gtid\":\"a:8\"}\n{\"gtid\":\"a:9\"}\n")
	s.world.Write(apitest.Report, api.PartHTML, "<!doctype html>")
	s.world.Write(apitest.Report, api.PartSQL, "START TRANSACTION;")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update accepts it):\n%s", path, diff)
	}
}

// TestTables compares what people read with golden files.
func TestTables(t *testing.T) {
	s := newShell(t)
	s.withReport()
	s.world.Lose("west-db2")
	s.world.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.State.Servers["east-db2"] = failover.Member{Quarantine: &failover.Quarantine{
			Reason: "holds 2 transactions that east-db1 lacks", Extra: gtid.MustParse("00000002-0000-0000-0000-000000000000:8-9"), Divergence: apitest.Report,
		}}
	})
	tests := map[string][]string{
		"status.txt":      {"status"},
		"topology.txt":    {"topology", "orders"},
		"history.txt":     {"history", "orders"},
		"report_list.txt": {"report", "list"},
		"report_show.txt": {"report", "show", "orders-d1"},
		"preview.txt":     {"failover", "orders", "--to", "west-db1", "--override-region", "--reason", "east is lost", "--ttl", "15m"},
	}
	for name, line := range tests {
		t.Run(name, func(t *testing.T) {
			r := s.run(append(line, "-o", "table")...)
			if r.code != codeDone {
				t.Fatalf("exit %d: %s", r.code, r.errs)
			}
			text := r.out
			if before, token, found := strings.Cut(text, "--confirm "); found {
				text = before + "--confirm TOKEN" + token[strings.Index(token, "\n"):]
			}
			golden(t, name, text)
		})
	}
}

// TestTableOrJSON: people get tables, scripts get JSON, and whoever asks gets what was asked for.
func TestTableOrJSON(t *testing.T) {
	s := newShell(t)
	for _, tt := range []struct {
		terminal bool
		flags    []string
		json     bool
	}{
		{terminal: false, json: true},
		{terminal: true, json: false},
		{terminal: false, flags: []string{"-o", "table"}, json: false},
		{terminal: true, flags: []string{"-ojson"}, json: true},
	} {
		s.terminal = tt.terminal
		if got := s.run(append(tt.flags, "status")...); json.Valid([]byte(got.out)) != tt.json || got.code != codeDone {
			t.Errorf("terminal %t, flags %v: %s%s", tt.terminal, tt.flags, got.out, got.errs)
		}
	}
}

// TestJSONIsTheAPIs: scripts read the same shapes from the CLI as from the API.
func TestJSONIsTheAPIs(t *testing.T) {
	s := newShell(t)
	s.withReport()
	var status api.Status
	s.json(&status, "status")
	if status.Leader != "cloud-1" || status.Clusters[0].Primary != "east-db1" {
		t.Errorf("status %+v", status)
	}
	var one api.Topology
	s.json(&one, "topology", "cluster/orders")
	var all []api.Topology
	s.json(&all, "topology")
	if diff := cmp.Diff([]api.Topology{one}, all); diff != "" {
		t.Errorf("topology of one and of all: %s", diff)
	}
	var history, merged []api.HistoryEntry
	s.json(&history, "history", "orders", "--limit", "1")
	s.json(&merged, "history")
	if diff := cmp.Diff(history, merged); diff != "" {
		t.Errorf("history of one and of all: %s", diff)
	}
	var reports []api.ReportEntry
	s.json(&reports, "report", "list")
	var report api.Report
	s.json(&report, "report", "show", "report/orders-d1")
	if diff := cmp.Diff(reports[0], report.ReportEntry); diff != "" {
		t.Errorf("report in the list and by itself: %s", diff)
	}
	var v release
	s.json(&v, "version")
	if v.Version == "" || v.Go == "" {
		t.Errorf("version %+v", v)
	}
}

func TestEmptyGroupIsExplained(t *testing.T) {
	s := newShell(t)
	s.world.Regroup(func(g *api.GroupStatus) { g.Leader = "" })
	if r := s.run("status", "-o", "table"); !strings.Contains(r.out, "no leader is known") {
		t.Errorf("status:\n%s", r.out)
	}
	if r := s.run("report", "list", "-o", "table"); !strings.Contains(r.out, "there is no report") {
		t.Errorf("report list:\n%s", r.out)
	}
}

func TestTopologyShowsBothSidesOfASplit(t *testing.T) {
	s := newShell(t)
	s.world.Look("west-db1", func(v *topology.ServerView) {
		v.Facts.Variables["read_only"], v.Facts.Variables["super_read_only"] = "OFF", "OFF"
		v.Facts.Source = nil
	})
	s.world.Look("west-db1", func(v *topology.ServerView) { v.Logs = &topology.BinaryLogs{Files: 12, Bytes: 3 << 30} })
	s.world.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.State.Epoch, c.State.Primary = 4, "west-db1"
		for name, failure := range map[string]string{"west-db1": "", "west-db2": "access denied"} {
			m := c.State.Servers[name]
			m.Kept = &failover.Kept{Since: apitest.Epoch(), Variable: "binlog_expire_logs_auto_purge", Was: "ON", Error: failure}
			c.State.Servers[name] = m
		}
	})
	golden(t, "topology_split.txt", s.run("topology", "orders", "-o", "table").out)
}
