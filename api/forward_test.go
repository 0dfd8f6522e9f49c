package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
)

// pair is a follower whose peer transport reaches the leader over a real connection.
type pair struct {
	follower, leader             *apitest.World
	followerHandler, leadHandler http.Handler
}

// dialed reaches other nodes over HTTP, as the peer transport does.
type dialed struct {
	t     *testing.T
	nodes map[string]string
}

func (d dialed) Forward(_ context.Context, node string, r *http.Request) (*http.Response, error) {
	base, ok := d.nodes[node]
	if !ok {
		return nil, errors.New("no route to " + node)
	}
	target, err := url.Parse(base + r.URL.EscapedPath())
	if err != nil {
		return nil, err
	}
	target.RawQuery = r.URL.RawQuery
	r.URL = target
	return http.DefaultClient.Do(r)
}

func newPair(t *testing.T) pair {
	t.Helper()
	p := pair{follower: apitest.New(), leader: apitest.New()}
	lead := newServer(t, p.leader)
	back := httptest.NewServer(lead.ForwardHandler())
	t.Cleanup(back.Close)
	p.follower.Regroup(func(g *api.GroupStatus) { g.Node = "east-1" })
	cfg := p.follower.Config()
	cfg.Peers = dialed{t, map[string]string{"cloud-1": back.URL}}
	cfg.Logger = quiet()
	p.followerHandler, p.leadHandler = api.New(cfg).Handler(), lead.Handler()
	return p
}

// TestWritesAreForwarded: the leader does it, for the caller that the follower knows.
func TestWritesAreForwarded(t *testing.T) {
	p := newPair(t)
	body := `{"reason":"freeze"}`
	token := preview(t, p.followerHandler, "/v1/clusters/orders/pause", body)
	answer := call(t, p.followerHandler, apitest.Operator, "POST", "/v1/clusters/orders/pause", confirming(t, body, token))
	out := into[api.Outcome](t, answer, http.StatusOK)
	if out.Cluster.State != "maintenance" || answer.Header().Get(api.HeaderNode) != "east-1" {
		t.Errorf("outcome %+v by %s", out, answer.Header().Get(api.HeaderNode))
	}
	if paused := p.leader.State().Clusters[apitest.Cluster].State.Paused; paused == nil || paused.By != apitest.Operator {
		t.Errorf("on the leader: %+v", paused)
	}
	if p.follower.State().Clusters[apitest.Cluster].State.Paused != nil {
		t.Error("the follower changed its own state")
	}
}

// TestErrorsAreForwarded: status, code and message are the leader's.
func TestErrorsAreForwarded(t *testing.T) {
	p := newPair(t)
	fails(t, call(t, p.followerHandler, apitest.Operator, "POST", failoverPath, `{"to":"west-db1"}`), http.StatusUnprocessableEntity, api.CodeRefused)
	fails(t, call(t, p.followerHandler, apitest.Operator, "POST", failoverPath, `{"to":"west-db1","override_region":true}`), http.StatusForbidden, api.CodeForbidden)
	fails(t, call(t, p.followerHandler, apitest.Viewer, "POST", failoverPath, `{}`), http.StatusForbidden, api.CodeForbidden)
	fails(t, call(t, p.followerHandler, "", "POST", failoverPath, `{}`), http.StatusUnauthorized, api.CodeUnauthorized)
}

func TestNoLeader(t *testing.T) {
	for name, change := range map[string]func(*api.GroupStatus){
		"none is known":             func(g *api.GroupStatus) { g.Leader = "" },
		"the leader is out of hand": func(g *api.GroupStatus) { g.Node, g.Leader = "east-1", "west-1" },
	} {
		t.Run(name, func(t *testing.T) {
			w := apitest.New()
			w.Regroup(change)
			h := newServer(t, w).Handler()
			answer := call(t, h, apitest.Operator, "POST", failoverPath, `{}`)
			e := into[failed](t, answer, http.StatusServiceUnavailable).Error
			if e.Code != api.CodeNoLeader && e.Code != api.CodeUnavailable {
				t.Errorf("error %+v", e)
			}
			if read := call(t, h, apitest.Viewer, "GET", "/v1/status", ""); read.Code != http.StatusOK {
				t.Errorf("a read needs no leader: %d", read.Code)
			}
		})
	}
}

// TestForwardedOnce: a node that is no longer the leader does not pass the request on.
func TestForwardedOnce(t *testing.T) {
	w := apitest.New()
	w.Regroup(func(g *api.GroupStatus) { g.Leader = "west-1" })
	h := newServer(t, w).ForwardHandler()
	answer := vouched(t, h, api.Identity{Name: "ops", Roles: []api.Role{api.RoleOperator}}, "POST", failoverPath)
	fails(t, answer, http.StatusServiceUnavailable, api.CodeNoLeader)
}

// TestOnlyPeersVouch: the header that names a caller is believed on the peer handler alone.
func TestOnlyPeersVouch(t *testing.T) {
	w := apitest.New()
	s := newServer(t, w)
	admin := api.Identity{Name: "mallory", Roles: []api.Role{api.RoleAdmin}}
	identity, err := api.EncodeIdentity(admin)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/status", nil)
	r.Header.Set(api.IdentityHeader, identity)
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, r)
	fails(t, answer, http.StatusUnauthorized, api.CodeUnauthorized)

	fails(t, vouched(t, s.ForwardHandler(), api.Identity{}, "GET", "/v1/status"), http.StatusUnauthorized, api.CodeUnauthorized)
	fails(t, vouched(t, s.ForwardHandler(), api.Identity{Name: "ops", Roles: []api.Role{api.RoleViewer}}, "POST", failoverPath), http.StatusForbidden, api.CodeForbidden)
	into[api.Status](t, vouched(t, s.ForwardHandler(), admin, "GET", "/v1/status"), http.StatusOK)
}

// vouched sends a request as another node would, and opens the envelope.
func vouched(t *testing.T, h http.Handler, id api.Identity, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	identity, err := api.EncodeIdentity(id)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	r.Header.Set(api.IdentityHeader, identity)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return unwrap(t, answer, r)
}

// TestReportsAreFetchedFromTheirNode: the files are on one node, and every node answers.
func TestReportsAreFetchedFromTheirNode(t *testing.T) {
	p := newPair(t)
	withReport(p.leader)
	withReport(p.follower)
	p.follower.Write(apitest.Report, api.PartTransactions, "not here\n")
	got := call(t, p.followerHandler, apitest.Viewer, "GET", "/v1/reports/orders-d1/transactions", "")
	want := call(t, p.leadHandler, apitest.Viewer, "GET", "/v1/reports/orders-d1/transactions", "")
	if got.Code != http.StatusOK || got.Body.String() != want.Body.String() || got.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("got %d %q", got.Code, got.Body)
	}
	fails(t, call(t, p.followerHandler, apitest.Viewer, "GET", "/v1/reports/orders-d1/transactions?reveal=true", ""), http.StatusForbidden, api.CodeForbidden)
	report := into[api.Report](t, call(t, p.followerHandler, apitest.Viewer, "GET", "/v1/reports/orders-d1", ""), http.StatusOK)
	if string(report.Summary) != `{"summary":"2 transactions"}` {
		t.Errorf("summary %s", report.Summary)
	}
}

// TestReportWhoseNodeIsAway: what every node knows is shown, without the summary.
func TestReportWhoseNodeIsAway(t *testing.T) {
	w := apitest.New()
	withReport(w)
	w.Regroup(func(g *api.GroupStatus) { g.Node = "east-1" })
	h := newServer(t, w).Handler()
	report := into[api.Report](t, call(t, h, apitest.Viewer, "GET", "/v1/reports/orders-d1", ""), http.StatusOK)
	if report.ID != apitest.Report || string(report.Summary) != "null" {
		t.Errorf("report %+v", report)
	}
	fails(t, call(t, h, apitest.Viewer, "GET", "/v1/reports/orders-d1/html", ""), http.StatusServiceUnavailable, api.CodeUnavailable)
}
