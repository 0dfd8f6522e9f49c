package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// split is the sample after a forced split: both primaries write, the old one is out of the leader's
// sight but not of its own node's.
func split() *apitest.World {
	w := apitest.New()
	w.Look("west-db1", func(s *topology.ServerView) {
		s.Facts.Variables["read_only"], s.Facts.Variables["super_read_only"] = "OFF", "OFF"
		s.Facts.Source = nil
	})
	w.Look("east-db1", func(s *topology.ServerView) { s.Sights = s.Sights[1:] })
	w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Epoch, c.State.Primary = 4, "west-db1" })
	return w
}

// returned is the sample with a diverged server that came back.
func returned() *apitest.World {
	w := apitest.New()
	withReport(w)
	extra := gtid.MustParse("00000002-0000-0000-0000-000000000000:8-9")
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		m := c.State.Servers["east-db2"]
		m.Quarantine = &failover.Quarantine{Since: apitest.Epoch(), Reason: "holds 2 transactions that east-db1 lacks", Extra: extra, Fenced: true, Divergence: apitest.Report}
		m.Kept = &failover.Kept{Since: apitest.Epoch(), Variable: "binlog_expire_logs_auto_purge", Was: "ON"}
		c.State.Servers["east-db2"] = m
	})
	w.Look("east-db2", func(s *topology.ServerView) {
		s.Facts.Executed = s.Facts.Executed.Union(extra)
		s.Facts.Source = nil
		s.Logs = &topology.BinaryLogs{Files: 3, Bytes: 5 << 20}
	})
	return w
}

// held is the sample on hold: the primary is gone and nobody can prove it.
func held() *apitest.World {
	w := apitest.New()
	w.Lose("east-db1")
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.State.Hold = &failover.Hold{Since: apitest.Epoch(), Reason: "no evidence against east-db1", Missing: []string{"evidence that east-db1 is gone"}}
		c.State.CooldownUntil = apitest.Epoch().Add(10 * time.Minute)
	})
	return w
}

// guarded is the sample with a guard that was just found disarmed, and a row that is left on a former primary.
func guarded() *apitest.World {
	w := apitest.New()
	order := failover.LeaseOrder{Epoch: 3, SetVersion: 2, Candidates: []string{"east-db2", "east-db3"}, Serve: true, TTL: 5 * time.Second}
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.Spec.Policy.Guard.Enabled = true
		c.State.Guard = &failover.Guard{
			Epoch: 3, Order: order, Written: true, Candidates: order.Candidates, Serve: true, MaxTTL: 8 * time.Second,
			Disarmed: "event_scheduler is off", Since: apitest.Epoch(),
		}
	})
	w.Look("east-db1", func(s *topology.ServerView) {
		s.Facts.Lease = &topology.Lease{
			UUID: s.Facts.UUID, Epoch: 3, SetVersion: 2, Candidates: order.Candidates, Serve: true, TTL: order.TTL,
			Remaining: 4200 * time.Millisecond, TickAge: 3100 * time.Millisecond, Enabled: true,
		}
	})
	w.Look("east-db2", func(s *topology.ServerView) {
		s.Facts.Lease = &topology.Lease{UUID: s.Facts.UUID, Epoch: 2, SetVersion: 1, Remaining: -time.Minute, TickAge: topology.Never, Scheduler: true}
	})
	return w
}

// isolated is the guarded sample after its region was cut off, where that ends its lease.
func isolated() *apitest.World {
	w := guarded()
	w.Lose("east-db1")
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.State.Isolated = "all 3 servers of region east are silent"
		g := *c.State.Guard
		g.Armed, g.Disarmed, g.Serve, g.Cut = true, "", false, &failover.CutOff{Since: apitest.Epoch(), Term: 2}
		c.State.Guard = &g
	})
	return w
}

// TestShapes compares every read with its golden file, and with the schema that describes it.
func TestShapes(t *testing.T) {
	doc := describe(t)
	worlds := map[string]func() *apitest.World{"ok": apitest.New, "split": split, "returned": returned, "held": held, "guarded": guarded, "isolated": isolated}
	tests := []struct{ world, path, schema string }{
		{"ok", "/v1/status", "Status"},
		{"held", "/v1/status", "Status"},
		{"ok", "/v1/clusters", "[]ClusterStatus"},
		{"ok", "/v1/clusters/orders", "Topology"},
		{"split", "/v1/clusters/orders", "Topology"},
		{"guarded", "/v1/clusters/orders", "Topology"},
		{"isolated", "/v1/clusters", "[]ClusterStatus"},
		{"returned", "/v1/clusters/orders", "Topology"},
		{"ok", "/v1/clusters/orders/history", "[]HistoryEntry"},
		{"ok", "/v1/reports", "[]ReportEntry"},
		{"returned", "/v1/reports", "[]ReportEntry"},
		{"returned", "/v1/reports/orders-d1", "Report"},
		{"ok", "/v1/audit", "[]AuditEntry"},
		{"ok", "/v1/specs", "Specs"},
	}
	for _, tt := range tests {
		t.Run(tt.world+strings.ReplaceAll(tt.path, "/", "_"), func(t *testing.T) {
			answer := call(t, newServer(t, worlds[tt.world]()).Handler(), apitest.Viewer, "GET", tt.path, "")
			if answer.Code != http.StatusOK {
				t.Fatalf("status %d: %s", answer.Code, answer.Body)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, answer.Body.Bytes(), "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.world+strings.ReplaceAll(tt.path, "/", "_")+".json", pretty.Bytes())
			conforms(t, doc, tt.schema, answer.Body.Bytes())
		})
	}
}

func describe(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Description())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.WithoutCancel(t.Context())); err != nil {
		t.Fatalf("the description is not valid OpenAPI: %v", err)
	}
	return doc
}

// conforms checks a JSON text against a schema of the description; "[]" means a list of it.
func conforms(t *testing.T, doc *openapi3.T, name string, text []byte) {
	t.Helper()
	var values []any
	single, list := strings.CutPrefix(name, "[]")
	if list {
		if err := json.Unmarshal(text, &values); err != nil {
			t.Fatal(err)
		}
	} else {
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		values = []any{v}
	}
	for _, v := range values {
		if err := doc.Components.Schemas[single].Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s: %v", single, err)
		}
	}
}

// TestDescription keeps the description in step with the routes and their roles.
func TestDescription(t *testing.T) {
	doc := describe(t)
	want := map[string]bool{}
	for _, op := range newServer(t, apitest.New()).Operations() {
		want[op.Method+" "+op.Path] = true
		item := doc.Paths.Value(op.Path)
		if item == nil || item.GetOperation(op.Method) == nil {
			t.Errorf("%s %s is not described", op.Method, op.Path)
			continue
		}
		if role := item.GetOperation(op.Method).Extensions["x-regent-role"]; fmt.Sprint(role) != string(op.Role) && op.Role != "" {
			t.Errorf("%s %s needs %q, described is %v", op.Method, op.Path, op.Role, role)
		}
		if open := item.GetOperation(op.Method).Security; (open != nil && len(*open) == 0) != (op.Role == "") {
			t.Errorf("%s %s: described security does not fit the role %q", op.Method, op.Path, op.Role)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if !want[method+" "+path] {
				t.Errorf("%s %s is described and does not exist", method, path)
			}
		}
	}
}
