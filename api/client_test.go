package api_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
)

// counted counts the requests for anything but the health of a node.
type counted struct {
	http.Handler
	n atomic.Int32
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/healthz" {
		c.n.Add(1)
	}
	c.Handler.ServeHTTP(w, r)
}

func listen(t *testing.T, w *apitest.World) (url string, calls *counted) {
	t.Helper()
	calls = &counted{Handler: newServer(t, w).Handler()}
	front := httptest.NewServer(calls)
	t.Cleanup(front.Close)
	return front.URL, calls
}

func newClient(t *testing.T, token string, urls ...string) *api.Client {
	t.Helper()
	c, err := api.NewClient(api.ClientConfig{URLs: urls, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return "http://" + l.Addr().String()
}

// TestClientPrefersTheLeader, then the node that heard of it last, whatever the order of the list.
func TestClientPrefersTheLeader(t *testing.T) {
	follower, late, leader := apitest.New(), apitest.New(), apitest.New()
	follower.Regroup(func(g *api.GroupStatus) { g.Node, g.Age = "east-1", time.Second })
	late.Regroup(func(g *api.GroupStatus) { g.Node, g.Age = "west-1", time.Minute })
	followerURL, followerCalls := listen(t, follower)
	lateURL, lateCalls := listen(t, late)
	leaderURL, leaderCalls := listen(t, leader)
	if _, err := newClient(t, apitest.Viewer, lateURL, followerURL, leaderURL).Status(t.Context()); err != nil || leaderCalls.n.Load() != 1 {
		t.Errorf("%v; the leader was asked %d times", err, leaderCalls.n.Load())
	}
	if _, err := newClient(t, apitest.Viewer, lateURL, closedPort(t), followerURL).Status(t.Context()); err != nil || followerCalls.n.Load() != 1 || lateCalls.n.Load() != 0 {
		t.Errorf("%v; the follower was asked %d times, the late one %d", err, followerCalls.n.Load(), lateCalls.n.Load())
	}
}

// TestClientFindsTheNewLeader: the order is found out again once somebody else leads.
func TestClientFindsTheNewLeader(t *testing.T) {
	first, second := apitest.New(), apitest.New()
	second.Regroup(func(g *api.GroupStatus) { g.Node = "east-1" })
	firstURL, firstCalls := listen(t, first)
	secondURL, secondCalls := listen(t, second)
	client := newClient(t, apitest.Viewer, firstURL, secondURL)
	for range 2 {
		if _, err := client.Status(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range []*apitest.World{first, second} {
		w.Regroup(func(g *api.GroupStatus) { g.Leader = "east-1" })
	}
	for range 2 {
		if _, err := client.Status(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if firstCalls.n.Load() != 3 || secondCalls.n.Load() != 1 {
		t.Errorf("asked %d and %d times", firstCalls.n.Load(), secondCalls.n.Load())
	}
}

func TestClientFallsBack(t *testing.T) {
	url, _ := listen(t, apitest.New())
	if _, err := newClient(t, apitest.Viewer, closedPort(t), url).Status(t.Context()); err != nil {
		t.Error(err)
	}
	leaderless := apitest.New()
	leaderless.Regroup(func(g *api.GroupStatus) { g.Leader = "" })
	withoutURL, _ := listen(t, leaderless)
	offer, err := newClient(t, apitest.Operator, withoutURL, url).Preview(t.Context(), api.OrderChange(api.OrderAck, "orders", ""))
	if err != nil || offer.Confirm == "" {
		t.Errorf("%+v, %v", offer, err)
	}
	_, err = newClient(t, apitest.Viewer, closedPort(t), closedPort(t)).Status(t.Context())
	if !errors.Is(err, api.ErrNoNode) || strings.Count(err.Error(), "refused") != 2 || !strings.Contains(err.Error(), "REGENT_API") {
		t.Errorf("error %v", err)
	}
}

// TestClientSendsAChangeOnce: what may have reached a node is not sent to another.
func TestClientSendsAChangeOnce(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			w.Header().Set(api.HeaderNode, "cloud-1")
			w.Header().Set(api.HeaderLeader, "cloud-1")
			return
		}
		panic(http.ErrAbortHandler)
	}))
	defer cut.Close()
	follower := apitest.New()
	follower.Regroup(func(g *api.GroupStatus) { g.Node = "east-1" })
	url, calls := listen(t, follower)
	client := newClient(t, apitest.Operator, url, cut.URL)
	if _, err := client.Confirm(t.Context(), api.OrderChange(api.OrderAck, "orders", ""), "token"); err == nil {
		t.Error("the cut went unnoticed")
	}
	if calls.n.Load() != 0 {
		t.Error("the change was sent to another node")
	}
	if _, err := client.Status(t.Context()); err != nil || calls.n.Load() != 1 {
		t.Errorf("a read goes on to the next node: %v", err)
	}
}

func TestClientErrors(t *testing.T) {
	url, _ := listen(t, apitest.New())
	foreign := httptest.NewServer(http.NotFoundHandler())
	defer foreign.Close()
	var e *api.Error
	_, err := newClient(t, apitest.Viewer, url).Topology(t.Context(), "payments/eu")
	if !errors.As(err, &e) || e.Code != api.CodeNotFound || !strings.Contains(e.Message, "payments/eu") {
		t.Errorf("error %v", err)
	}
	_, err = newClient(t, apitest.Viewer, foreign.URL).Status(t.Context())
	if !errors.As(err, &e) || e.Code != api.CodeInternal || !strings.Contains(e.Message, "404") {
		t.Errorf("error %v", err)
	}
	for _, urls := range [][]string{nil, {""}, {"ftp://10.1.0.1"}, {"http://"}} {
		if _, err := api.NewClient(api.ClientConfig{URLs: urls}); !errors.As(err, &e) || e.Code != api.CodeBadRequest {
			t.Errorf("%q: %v", urls, err)
		}
	}
}

func TestClientReads(t *testing.T) {
	w := apitest.New()
	withReport(w)
	url, _ := listen(t, w)
	client := newClient(t, apitest.Viewer, strings.TrimPrefix(url, "http://")+"/")
	ctx := t.Context()
	if top, err := client.Topology(ctx, "orders"); err != nil || len(top.Servers) != 5 {
		t.Errorf("%+v, %v", top, err)
	}
	if history, err := client.History(ctx, "orders", 1); err != nil || len(history) != 1 {
		t.Errorf("%+v, %v", history, err)
	}
	if specs, err := client.Specs(ctx); err != nil || specs.Clusters[0].Name != "orders" {
		t.Errorf("%+v, %v", specs, err)
	}
	if reports, err := client.Reports(ctx); err != nil || len(reports) != 1 {
		t.Errorf("%+v, %v", reports, err)
	}
}
