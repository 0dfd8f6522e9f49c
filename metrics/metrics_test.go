package metrics_test

import (
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/metrics"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// node is a node in memory as metrics see it.
type node struct{ *apitest.World }

func (node) Raft() metrics.Raft {
	return metrics.Raft{Leads: true, Term: 4, AppliedIndex: 812, Peers: map[string]bool{"east-1": true, "west-1": false}}
}

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// own keeps the lines about regent that do not depend on the machine.
func own(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, "regent_") && !strings.Contains(line, "build_info{") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestScrape(t *testing.T) {
	w := apitest.New()
	w.Lose("west-db2")
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.State.Divergences = []failover.Divergence{apitest.SampleReport()}
		m := c.State.Servers["east-db2"]
		m.Kept = &failover.Kept{Variable: "binlog_expire_logs_auto_purge", Was: "ON"}
		c.State.Servers["east-db2"] = m
	})
	w.Look("east-db2", func(s *topology.ServerView) { s.Logs = &topology.BinaryLogs{Files: 3, Bytes: 5 << 20} })
	m := metrics.New(node{w}, "v1.2.3", slog.New(slog.DiscardHandler))
	m.Probed("east-db1", topology.ReachOK, 3*time.Millisecond)
	text := scrape(t, m)
	if !strings.Contains(text, `version="v1.2.3"`) || !strings.Contains(text, "go_goroutines") {
		t.Error("the build or the process is missing")
	}
	if *update {
		if err := os.WriteFile("testdata/scrape.txt", []byte(own(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/scrape.txt")
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), own(text)); diff != "" {
		t.Errorf("scrape (-want +got; -update accepts it):\n%s", diff)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("naming: %v, %v", problems, err)
	}
}

// TestCountersFollowTheHistory: events are counted once, whatever the number of scrapes.
func TestCountersFollowTheHistory(t *testing.T) {
	w := apitest.New()
	m := metrics.New(node{w}, "v1.2.3", slog.New(slog.DiscardHandler))
	value := func(series string) string {
		for line := range strings.Lines(scrape(t, m)) {
			if rest, ok := strings.CutPrefix(line, series+" "); ok {
				return strings.TrimSpace(rest)
			}
		}
		return ""
	}
	done := `regent_recoveries_total{cluster="orders",kind="failover",outcome="done"}`
	aborted := `regent_recoveries_total{cluster="orders",kind="failover",outcome="aborted"}`
	override := `regent_recoveries_total{cluster="orders",kind="override",outcome="done"}`
	refusals := `regent_refusals_total{cluster="orders"}`
	for range 2 {
		if value(done) != "1" || value(refusals) != "0" {
			t.Fatalf("before: %s recoveries, %s refusals", value(done), value(refusals))
		}
	}
	step := []failover.Step{{Name: failover.ActOpen}}
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.History = append(
			c.History,
			failover.Event{ID: "orders-5", Kind: "refusal"},
			failover.Event{ID: "orders-6", Kind: "failover", Steps: step, Failed: true},
			failover.Event{ID: "orders-7", Kind: "override"}, // The permission.
			failover.Event{ID: "orders-8", Kind: "override", Steps: step},
		)
	})
	for range 2 {
		if value(done) != "1" || value(aborted) != "1" || value(override) != "1" || value(refusals) != "1" {
			t.Errorf("done %s, aborted %s, override %s, refusals %s", value(done), value(aborted), value(override), value(refusals))
		}
	}
	// The history is bounded: what was counted is gone from it, and stays counted.
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.History = append(c.History[4:], failover.Event{ID: "orders-9", Kind: "refusal"})
	})
	if value(refusals) != "2" || value(done) != "1" {
		t.Errorf("refusals %s, done %s", value(refusals), value(done))
	}
}

// TestGuard: the guard shows where the policy wants one, and what is not known of it is absent.
func TestGuard(t *testing.T) {
	w := apitest.New()
	m := metrics.New(node{w}, "v1.2.3", slog.New(slog.DiscardHandler))
	armed, lease, tick := `regent_guard_armed{cluster="orders"}`, "regent_guard_lease_remaining_seconds{", "regent_guard_tick_age_seconds{"
	if text := scrape(t, m); strings.Contains(text, armed) {
		t.Error("a cluster without a guard has one in the metrics")
	}
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.Spec.Policy.Guard.Enabled = true
		c.State.Guard = &failover.Guard{Epoch: c.State.Epoch, Armed: true}
	})
	w.Look("east-db1", func(s *topology.ServerView) {
		s.Facts.Lease = &topology.Lease{Remaining: 1500 * time.Millisecond, TickAge: topology.Never}
	})
	text := scrape(t, m)
	if !strings.Contains(text, armed+" 1") || !strings.Contains(text, lease+`cluster="orders",server="east-db1"} 1.5`) || strings.Contains(text, tick) {
		t.Errorf("an armed guard that never ticked:\n%s", own(text))
	}
	w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Epoch++ })
	if text := scrape(t, m); !strings.Contains(text, armed+" 0") {
		t.Error("a guard of an earlier epoch counts")
	}
}

// TestNoStaleSeries: what is not known is absent.
func TestNoStaleSeries(t *testing.T) {
	w := apitest.New()
	m := metrics.New(node{w}, "v1.2.3", slog.New(slog.DiscardHandler))
	writable := `regent_server_writable{cluster="orders",region="east",server="east-db1"}`
	if !strings.Contains(scrape(t, m), writable+" 1") {
		t.Error("the primary is not writable")
	}
	w.Lose("east-db1")
	if strings.Contains(scrape(t, m), writable) {
		t.Error("a server that cannot be asked is still called writable")
	}
}
