package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
)

// FuzzRequests sends anything anywhere: nothing panics, nothing is internal, every error has the shape
// of errors, and without a valid confirmation nothing is changed.
func FuzzRequests(f *testing.F) {
	for _, body := range []string{"", "{}", `{"to":"east-db2"}`, `{"confirm":"AAAA"}`, `{"ttl":"15m","override_region":true}`, `{"specs":{"clusters":[{"name":"a"}]}}`, `{"from":"x"}`, `{"specs":{"clusters":null,"fleet":null}}`} {
		for _, path := range []string{failoverPath, "/v1/specs", "/v1/servers/east-db2/clone", "/v1/reports/orders-d1/ack", "/v1/leader"} {
			f.Add("POST", path, body)
		}
	}
	f.Add("GET", "/v1/clusters/%6frders?limit=9999999999999999999", "")
	f.Add("GET", "/lb//replica?max_lag=-1s", "")
	f.Add("CONNECT", "/lb/../v1/status", "")
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		if err != nil || strings.HasPrefix(r.URL.Path, "/v1/events") || r.URL.Path == "" {
			return
		}
		r.Header.Set("Authorization", "Bearer "+apitest.Everyone)
		w := apitest.New()
		withReport(w)
		cfg := w.Config()
		cfg.Logger = quiet()
		before := w.State().Clusters[apitest.Cluster].Version
		answer := httptest.NewRecorder()
		api.New(cfg).Handler().ServeHTTP(answer, r)
		if answer.Code == http.StatusInternalServerError {
			t.Errorf("%s %q %q: %s", method, path, body, answer.Body)
		}
		var e failed
		if answer.Code >= http.StatusBadRequest && (json.Unmarshal(answer.Body.Bytes(), &e) != nil || e.Error.Message == "") {
			t.Errorf("%s %q %q: status %d: %s", method, path, body, answer.Code, answer.Body)
		}
		if w.State().Clusters[apitest.Cluster].Version != before {
			t.Errorf("%s %q %q changed the state", method, path, body)
		}
	})
}

// FuzzIdentity reads what a peer may send as an identity.
func FuzzIdentity(f *testing.F) {
	good, err := api.EncodeIdentity(api.Identity{Name: "ops", Roles: []api.Role{api.RoleAdmin}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := api.DecodeIdentity(text)
		if err != nil {
			return
		}
		again, err := api.EncodeIdentity(id)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := api.DecodeIdentity(again); err != nil || back.Name != id.Name || len(back.Roles) != len(id.Roles) {
			t.Errorf("%+v became %+v, %v", id, back, err)
		}
	})
}
