package api_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
)

// needed is the role of every operation; empty ones are open.
func needed() map[string]api.Role {
	return map[string]api.Role{
		"GET /healthz": "", "GET /readyz": "", "GET /openapi.json": "", "GET /lb/{server}/primary": "", "GET /lb/{server}/replica": "",
		"GET /metrics": api.RoleViewer, "GET /v1/status": api.RoleViewer, "GET /v1/clusters": api.RoleViewer,
		"GET /v1/clusters/{cluster}": api.RoleViewer, "GET /v1/clusters/{cluster}/history": api.RoleViewer,
		"GET /v1/specs": api.RoleViewer, "GET /v1/audit": api.RoleViewer, "GET /v1/events": api.RoleViewer,
		"GET /v1/reports": api.RoleViewer, "GET /v1/reports/{id}": api.RoleViewer, "GET /v1/reports/{id}/transactions": api.RoleViewer,
		"GET /v1/reports/{id}/html": api.RoleViewer, "GET /v1/reports/{id}/sql": api.RoleViewer,
		"GET /v1/reports/{id}/entities": api.RoleViewer, "GET /v1/reports/{id}/entities.csv": api.RoleViewer,
		"GET /v1/reports/{id}/handover": api.RoleViewer, "GET /v1/reports/{id}/handover.csv": api.RoleViewer,
		"POST /v1/specs":                       api.RoleAdmin,
		"POST /v1/leader":                      api.RoleOperator,
		"POST /v1/clusters/{cluster}/failover": api.RoleOperator, "POST /v1/clusters/{cluster}/ack": api.RoleOperator,
		"POST /v1/clusters/{cluster}/release": api.RoleOperator, "POST /v1/clusters/{cluster}/pause": api.RoleOperator,
		"POST /v1/clusters/{cluster}/maintenance": api.RoleOperator,
		"POST /v1/clusters/{cluster}/resume":      api.RoleOperator, "POST /v1/servers/{server}/clone": api.RoleOperator,
		"POST /v1/reports/{id}/ack": api.RoleOperator, "POST /v1/reports/{id}/replay": api.RoleOperator,
		"POST /v1/reports/{id}/rewind": api.RoleOperator, "POST /v1/reports/{id}/approve": api.RoleOperator,
	}
}

func concrete(path string) string {
	return strings.NewReplacer("{cluster}", apitest.Cluster, "{server}", "east-db1", "{id}", apitest.Report).Replace(path)
}

// TestAccess asks every operation with every token.
func TestAccess(t *testing.T) {
	w := apitest.New()
	withReport(w)
	s := newServer(t, w)
	want := needed()
	allowed := map[string][]api.Role{
		apitest.Viewer: {api.RoleViewer}, apitest.Operator: {api.RoleViewer, api.RoleOperator},
		apitest.Admin: {api.RoleViewer, api.RoleOperator, api.RoleAdmin}, apitest.Revealer: {api.RoleRevealer}, apitest.Nobody: nil,
	}
	for _, op := range s.Operations() {
		key := op.Method + " " + op.Path
		role, listed := want[key]
		if !listed {
			t.Errorf("%s: say in this test who may use it", key)
		}
		delete(want, key)
		if op.Path == "/v1/events" {
			continue // It does not end; TestEvents asks it.
		}
		for _, token := range []string{"", apitest.Unknown} {
			if got := call(t, s.Handler(), token, op.Method, concrete(op.Path), "").Code; (got == http.StatusUnauthorized) != (role != "") {
				t.Errorf("%s with token %q: status %d", key, token, got)
			}
		}
		for token, roles := range allowed {
			answer := call(t, s.Handler(), token, op.Method, concrete(op.Path), "")
			may := role == "" || strings.Contains(join(roles), string(role))
			switch {
			case answer.Code == http.StatusUnauthorized:
				t.Errorf("%s with %s: status 401", key, token)
			case !may:
				e := fails(t, answer, http.StatusForbidden, api.CodeForbidden)
				if diff := cmp.Diff(map[string]any{"role": string(role)}, e.Details); diff != "" {
					t.Errorf("%s with %s: details: %s", key, token, diff)
				}
			case answer.Code == http.StatusForbidden && !strings.HasSuffix(op.Path, "/sql"):
				t.Errorf("%s with %s: status 403", key, token)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("these operations are gone: %v", want)
	}
}

func join(roles []api.Role) string {
	var b strings.Builder
	for _, r := range roles {
		b.WriteString(string(r) + " ")
	}
	return b.String()
}

// TestAccessBeyondTheRoute covers the permissions that depend on what is asked.
func TestAccessBeyondTheRoute(t *testing.T) {
	w := apitest.New()
	withReport(w)
	h := newServer(t, w).Handler()
	override := `{"to":"west-db1","override_region":true,"reason":"east is lost","ttl":"15m"}`
	tests := []struct {
		name, token, method, path, body string
		want                            int
	}{
		{"override by an operator", apitest.Operator, "POST", "/v1/clusters/orders/failover", override, http.StatusForbidden},
		{"powered off by an operator", apitest.Operator, "POST", "/v1/clusters/orders/failover", `{"powered_off":true,"reason":"switched off"}`, http.StatusForbidden},
		{"override by an admin", apitest.Admin, "POST", "/v1/clusters/orders/failover", override, http.StatusOK},
		{"values for a viewer", apitest.Viewer, "GET", "/v1/reports/orders-d1/transactions?reveal=true", "", http.StatusForbidden},
		{"values for an admin", apitest.Admin, "GET", "/v1/reports/orders-d1/transactions?reveal=true", "", http.StatusForbidden},
		{"values for a revealer alone", apitest.Revealer, "GET", "/v1/reports/orders-d1/transactions?reveal=true", "", http.StatusForbidden},
		{"values for a viewer who is a revealer", apitest.Everyone, "GET", "/v1/reports/orders-d1/transactions?reveal=true", "", http.StatusOK},
		{"keys for a viewer", apitest.Viewer, "GET", "/v1/reports/orders-d1/entities?reveal=true", "", http.StatusForbidden},
		{"keys as a table for an operator", apitest.Operator, "GET", "/v1/reports/orders-d1/entities.csv?reveal=true", "", http.StatusForbidden},
		{"keys for a viewer who is a revealer", apitest.Everyone, "GET", "/v1/reports/orders-d1/entities?reveal=true", "", http.StatusOK},
		{"a page with values for an operator", apitest.Operator, "GET", "/v1/reports/orders-d1/html?reveal=true", "", http.StatusForbidden},
		{"SQL for a viewer", apitest.Viewer, "GET", "/v1/reports/orders-d1/sql", "", http.StatusForbidden},
		{"SQL for a viewer who is a revealer", apitest.Everyone, "GET", "/v1/reports/orders-d1/sql", "", http.StatusOK},
		{"hidden values for a viewer", apitest.Viewer, "GET", "/v1/reports/orders-d1/transactions", "", http.StatusOK},
		{"no token, no such path", "", "GET", "/nowhere", "", http.StatusUnauthorized},
		{"no token, wrong method", "", "DELETE", "/v1/status", "", http.StatusUnauthorized},
		{"no such path", apitest.Viewer, "GET", "/nowhere", "", http.StatusNotFound},
		{"wrong method", apitest.Viewer, "DELETE", "/v1/status", "", http.StatusNotFound},
		{"a path that only looks open", "", "GET", "/lbx", "", http.StatusUnauthorized},
		{"an open prefix with dots", "", "GET", "/lb/../v1/status", "", http.StatusTemporaryRedirect},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := call(t, h, tt.token, tt.method, tt.path, tt.body)
			if answer.Code != tt.want {
				t.Errorf("status %d, want %d: %s", answer.Code, tt.want, answer.Body)
			}
			if tt.want == http.StatusUnauthorized && answer.Header().Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
}

func TestRevealedValuesPass(t *testing.T) {
	w := apitest.New()
	withReport(w)
	h := newServer(t, w).Handler()
	hidden := call(t, h, apitest.Everyone, "GET", "/v1/reports/orders-d1/transactions", "").Body.String()
	shown := call(t, h, apitest.Everyone, "GET", "/v1/reports/orders-d1/transactions?reveal=1", "").Body.String()
	if strings.HasPrefix(hidden, "revealed") || !strings.HasPrefix(shown, "revealed") {
		t.Errorf("hidden %q, shown %q", hidden, shown)
	}
}

// TestLogNamesTheCallerAndKeepsTheSecret reads the log of a refused and of a permitted request.
func TestLogNamesTheCallerAndKeepsTheSecret(t *testing.T) {
	var log bytes.Buffer
	w := apitest.New()
	cfg := w.Config()
	cfg.Tokens = api.Tokens{{Name: "ops", SHA256: apitest.Tokens()[1].SHA256, Roles: []api.Role{api.RoleOperator}}}
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := api.New(cfg).Handler()
	call(t, h, apitest.Operator, "GET", "/v1/status", "")
	call(t, h, apitest.Operator, "POST", "/v1/specs", "{}")
	call(t, h, apitest.Unknown, "GET", "/v1/status", "")
	text := log.String()
	if strings.Count(text, "caller=ops") != 2 || strings.Contains(text, "token-") {
		t.Errorf("log:\n%s", text)
	}
}
