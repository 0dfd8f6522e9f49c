package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

const failoverPath = "/v1/clusters/orders/failover"

// preview asks for a preview, as an operator, and returns its token.
func preview(t *testing.T, h http.Handler, path, body string) string {
	t.Helper()
	offer := into[api.Offer](t, call(t, h, apitest.Operator, "POST", path, body), http.StatusOK)
	if offer.Confirm == "" || offer.ExpiresAt == nil || len(offer.Preview) == 0 {
		t.Fatalf("offer %+v", offer)
	}
	return offer.Confirm
}

// confirming adds the token to a body.
func confirming(t *testing.T, body, token string) string {
	t.Helper()
	fields := map[string]any{}
	if body != "" {
		if err := json.Unmarshal([]byte(body), &fields); err != nil {
			t.Fatal(err)
		}
	}
	fields["confirm"] = token
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPreviewChangesNothing(t *testing.T) {
	w := apitest.New()
	h := newServer(t, w).Handler()
	before := w.State()
	answer := call(t, h, apitest.Operator, "POST", failoverPath, `{"to":"east-db2","reason":"drill"}`)
	conforms(t, describe(t), "Offer", answer.Body.Bytes())
	offer := into[api.Offer](t, answer, http.StatusOK)
	var p failover.Preview
	if err := json.Unmarshal(offer.Preview, &p); err != nil || !strings.Contains(p.Summary, "replace east-db1 by east-db2") {
		t.Errorf("preview %+v, %v", p, err)
	}
	if got := offer.ExpiresAt.Sub(apitest.Epoch()); got != 5*time.Minute {
		t.Errorf("expires after %s", got)
	}
	if after := w.State(); after.Clusters[apitest.Cluster].Version != before.Clusters[apitest.Cluster].Version || len(after.Audit) != len(before.Audit) {
		t.Error("the preview changed the state")
	}
}

func TestConfirmedFailover(t *testing.T) {
	w := apitest.New()
	h := newServer(t, w).Handler()
	body := `{"to":"east-db2"}`
	token := preview(t, h, failoverPath, body)
	w.Follows(promoted("east-db2"))
	answer := call(t, h, apitest.Operator, "POST", failoverPath, confirming(t, body, token))
	conforms(t, describe(t), "Outcome", answer.Body.Bytes())
	out := into[api.Outcome](t, answer, http.StatusOK)
	if out.Outcome != "done" || out.Cluster.Primary != "east-db2" || out.Cluster.Epoch != 4 || out.Reason != "east-db2 replaced east-db1" || len(out.Events) != 1 {
		t.Errorf("outcome %+v", out)
	}
	// The same token again: what it confirmed is done, and would be refused now.
	fails(t, call(t, h, apitest.Operator, "POST", failoverPath, confirming(t, body, token)), http.StatusConflict, api.CodeStale)
}

// TestConfirmation presents one token in other circumstances.
func TestConfirmation(t *testing.T) {
	body := `{"to":"east-db2","reason":"drill"}`
	tests := []struct {
		name   string
		change func(*apitest.World)
		caller string
		path   string
		body   string
		twist  func(token string) string
		want   int
	}{
		{name: "unchanged", want: http.StatusOK},
		{name: "other words for the reason", body: `{"to":"east-db2","reason":"a drill"}`, want: http.StatusOK},
		{name: "positions moved on", change: func(w *apitest.World) {
			w.Look("east-db1", func(s *topology.ServerView) {
				s.Facts.Executed = s.Facts.Executed.Union(gtid.MustParse("00000001-0000-0000-0000-000000000000:101-200"))
			})
		}, want: http.StatusOK},
		{name: "another target", body: `{"to":"east-db3"}`, want: http.StatusConflict},
		{name: "another caller", caller: apitest.Admin, want: http.StatusConflict},
		{name: "another order", path: "/v1/clusters/orders/ack", body: `{}`, want: http.StatusConflict},
		{name: "another epoch", change: func(w *apitest.World) {
			w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Epoch++ })
		}, want: http.StatusConflict},
		{name: "a server was lost", change: func(w *apitest.World) { w.Lose("west-db2") }, want: http.StatusConflict},
		{name: "expired", change: func(w *apitest.World) { w.Pass(5*time.Minute + time.Second) }, want: http.StatusConflict},
		{name: "cut short", twist: func(s string) string { return s[:len(s)-4] }, want: http.StatusConflict},
		{name: "a later expiry written in", twist: func(s string) string { return "B" + s[1:] }, want: http.StatusConflict},
		{name: "not a token", twist: func(string) string { return "yes" }, want: http.StatusConflict},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := apitest.New()
			h := newServer(t, w).Handler()
			token := preview(t, h, failoverPath, body)
			if tt.change != nil {
				tt.change(w)
			}
			if tt.twist != nil {
				token = tt.twist(token)
			}
			caller, path, request := apitest.Operator, failoverPath, body
			if tt.caller != "" {
				caller = tt.caller
			}
			if tt.path != "" {
				path = tt.path
			}
			if tt.body != "" {
				request = tt.body
			}
			w.Follows(promoted("east-db2"))
			answer := call(t, h, caller, "POST", path, confirming(t, request, token))
			if answer.Code != tt.want {
				t.Fatalf("status %d, want %d: %s", answer.Code, tt.want, answer.Body)
			}
			if tt.want == http.StatusConflict {
				e := fails(t, answer, http.StatusConflict, api.CodeStale)
				if !strings.Contains(e.Message, "preview") {
					t.Errorf("the message does not say the next step: %s", e.Message)
				}
				if w.State().Clusters[apitest.Cluster].State.Recovery != nil {
					t.Error("a stale confirmation began a recovery")
				}
			}
		})
	}
}

// TestConfirmationOfAnotherProcess: a key lives as long as its process.
func TestConfirmationOfAnotherProcess(t *testing.T) {
	w := apitest.New()
	token := preview(t, newServer(t, w).Handler(), failoverPath, "")
	fails(t, call(t, newServer(t, w).Handler(), apitest.Operator, "POST", failoverPath, confirming(t, "", token)), http.StatusConflict, api.CodeStale)
}

func TestOrdersAreRefusedAndHeld(t *testing.T) {
	hold := &failover.Hold{Since: apitest.Epoch(), Reason: "acknowledged writes could be lost without east-db3"}
	tests := []struct {
		name, body string
		follows    func(*fsm.Cluster)
		preview    int // status of the preview
		code       api.Code
		says       string
	}{
		{name: "outside the home region", body: `{"to":"west-db1"}`, preview: http.StatusUnprocessableEntity, code: api.CodeRefused, says: "--override-region"},
		{name: "the primary itself", body: `{"to":"east-db1"}`, preview: http.StatusUnprocessableEntity, code: api.CodeRefused, says: "primary"},
		{name: "an unknown server", body: `{"to":"east-db9"}`, preview: http.StatusNotFound, code: api.CodeNotFound, says: "east-db9"},
		{name: "an override without a reason", body: `{"to":"west-db1","override_region":true,"ttl":"15m"}`, preview: http.StatusBadRequest, code: api.CodeBadRequest, says: "--reason"},
		{name: "held", body: `{}`, preview: http.StatusOK, code: api.CodeHeld, says: "without east-db3", follows: func(c *fsm.Cluster) {
			c.State.Recovery, c.State.Hold = nil, hold
		}},
		{name: "aborted", body: `{}`, preview: http.StatusOK, code: api.CodeRefused, says: "started again", follows: func(c *fsm.Cluster) {
			c.State.Recovery = nil
			c.History = append(c.History, failover.Event{ID: "orders-9", Kind: "failover", Decision: "aborted, receivers started again", Reason: "east-db1 answers", Failed: true})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := apitest.New()
			h := newServer(t, w).Handler()
			answer := call(t, h, apitest.Admin, "POST", failoverPath, tt.body)
			if tt.preview == http.StatusOK {
				token := into[api.Offer](t, answer, http.StatusOK).Confirm
				w.Follows(tt.follows)
				answer = call(t, h, apitest.Admin, "POST", failoverPath, confirming(t, tt.body, token))
				tt.preview = http.StatusUnprocessableEntity
			}
			if e := fails(t, answer, tt.preview, tt.code); !strings.Contains(e.Message, tt.says) {
				t.Errorf("message %q does not say %q", e.Message, tt.says)
			}
		})
	}
}

// TestHoldThatLasts: a recovery that says for a while what is missing is answered as held, and goes on.
func TestHoldThatLasts(t *testing.T) {
	w := apitest.New()
	h := newServer(t, w).Handler()
	token := preview(t, h, failoverPath, "")
	w.Follows(func(c *fsm.Cluster) {
		c.State.Hold = &failover.Hold{Since: apitest.Epoch().Add(time.Second), Reason: "east-db2 is the primary of epoch 4 and not open yet"}
	})
	answers := make(chan *httptest.ResponseRecorder)
	go func() { answers <- call(t, h, apitest.Operator, "POST", failoverPath, confirming(t, "", token)) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case answer := <-answers:
			e := fails(t, answer, http.StatusUnprocessableEntity, api.CodeHeld)
			if w.State().Clusters[apitest.Cluster].State.Recovery == nil || !strings.Contains(e.Message, "not open yet") {
				t.Errorf("message %q", e.Message)
			}
			return
		case <-tick.C:
			if w.State().Clusters[apitest.Cluster].State.Hold != nil {
				w.Pass(time.Second)
			}
		}
	}
}

func TestOtherOrders(t *testing.T) {
	tests := []struct {
		name, path, body string
		prepare          func(*apitest.World)
		follows          func(*fsm.Cluster)
		check            func(fsm.Cluster) bool
	}{
		{name: "pause", path: "/v1/clusters/orders/pause", body: `{"reason":"freeze"}`, check: func(c fsm.Cluster) bool {
			return c.State.Paused != nil && c.State.Paused.By == apitest.Operator && c.State.Paused.Reason == "freeze"
		}},
		{
			name: "resume", path: "/v1/clusters/orders/resume", body: `{"reason":"over"}`,
			prepare: func(w *apitest.World) {
				w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Paused = &failover.Pause{By: "ops", Reason: "freeze"} })
			},
			check: func(c fsm.Cluster) bool { return c.State.Paused == nil },
		},
		{
			name: "maintenance", path: "/v1/clusters/orders/maintenance", body: `{"action":"begin","reason":"kernel","ttl":"30m"}`,
			check: func(c fsm.Cluster) bool {
				p := c.State.Paused
				return p != nil && p.By == apitest.Operator && p.TTL == 30*time.Minute && p.Until.Equal(apitest.Epoch().Add(30*time.Minute))
			},
		},
		{
			name: "end of a maintenance", path: "/v1/clusters/orders/maintenance", body: `{"action":"end"}`,
			prepare: func(w *apitest.World) {
				w.Change(apitest.Cluster, func(c *fsm.Cluster) {
					c.State.Paused = &failover.Pause{By: "ops", Reason: "kernel", Until: apitest.Epoch().Add(time.Hour)}
				})
			},
			check: func(c fsm.Cluster) bool { return c.State.Paused == nil },
		},
		{
			name: "release", path: "/v1/clusters/orders/release",
			prepare: func(w *apitest.World) {
				w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Hold = &failover.Hold{Reason: "because"} })
			},
			check: func(c fsm.Cluster) bool { return c.State.Hold == nil },
		},
		{
			name: "ack", path: "/v1/clusters/orders/ack",
			prepare: func(w *apitest.World) {
				w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.CooldownUntil = apitest.Epoch().Add(time.Hour) })
			},
			check: func(c fsm.Cluster) bool { return !c.State.CooldownUntil.After(apitest.Epoch()) },
		},
		{
			name: "settle a report", path: "/v1/reports/orders-d1/ack", body: `{"note":"entered by hand"}`, prepare: withReport,
			check: func(c fsm.Cluster) bool {
				return c.State.Divergences[0].State == failover.DivergenceSettled && c.State.Divergences[0].Note == "entered by hand"
			},
		},
		{
			name: "clone", path: "/v1/servers/east-db2/clone", body: `{"from":"east-db3"}`,
			follows: func(c *fsm.Cluster) {
				m := c.State.Servers["east-db2"]
				m.Clone = nil
				c.State.Servers["east-db2"] = m
			},
			check: func(c fsm.Cluster) bool { return c.State.Servers["east-db2"].Clone == nil },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := apitest.New()
			if tt.prepare != nil {
				tt.prepare(w)
			}
			h := newServer(t, w).Handler()
			token := preview(t, h, tt.path, tt.body)
			if tt.follows != nil {
				w.Follows(tt.follows)
			}
			into[api.Outcome](t, call(t, h, apitest.Operator, "POST", tt.path, confirming(t, tt.body, token)), http.StatusOK)
			if c := w.State().Clusters[apitest.Cluster]; !tt.check(c) {
				t.Errorf("state %+v", c.State)
			}
		})
	}
}

// TestCloneThatFails: the reason is that of the history, and the server is still quarantined.
func TestCloneThatFails(t *testing.T) {
	w := apitest.New()
	h := newServer(t, w).Handler()
	token := preview(t, h, "/v1/servers/east-db2/clone", `{"from":"east-db3"}`)
	w.Follows(func(c *fsm.Cluster) {
		m := c.State.Servers["east-db2"]
		m.Clone, m.Away = nil, true
		c.State.Servers["east-db2"] = m
		c.History = append(c.History, failover.Event{ID: "orders-9", Kind: "clone", Decision: "clone of east-db2 failed", Reason: "disk full", Failed: true})
	})
	answer := call(t, h, apitest.Operator, "POST", "/v1/servers/east-db2/clone", confirming(t, `{"from":"east-db3"}`, token))
	if e := fails(t, answer, http.StatusUnprocessableEntity, api.CodeRefused); !strings.Contains(e.Message, "disk full") {
		t.Errorf("message %q", e.Message)
	}
}

func TestBadRequests(t *testing.T) {
	h := newServer(t, apitest.New()).Handler()
	tests := []struct {
		name, method, path, body string
		status                   int
		code                     api.Code
		says                     string
	}{
		{"no JSON", "POST", failoverPath, `to=east-db2`, 400, api.CodeBadRequest, "openapi.json"},
		{"an unknown field", "POST", failoverPath, `{"target":"east-db2"}`, 400, api.CodeBadRequest, "target"},
		{"two objects", "POST", failoverPath, `{}{}`, 400, api.CodeBadRequest, "follows"},
		{"a list", "POST", failoverPath, `[]`, 400, api.CodeBadRequest, "JSON"},
		{"no duration", "POST", failoverPath, `{"ttl":"soon"}`, 400, api.CodeBadRequest, "duration"},
		{"too large", "POST", failoverPath, `{"reason":"` + strings.Repeat("x", 1<<20) + `"}`, 400, api.CodeBadRequest, "1048576"},
		{"an unknown cluster", "POST", "/v1/clusters/payments/failover", `{}`, 404, api.CodeNotFound, "payments"},
		{"an unknown cluster to read", "GET", "/v1/clusters/payments", ``, 404, api.CodeNotFound, "regent status"},
		{"an unknown server", "POST", "/v1/servers/east-db9/clone", `{"from":"east-db1"}`, 404, api.CodeNotFound, "east-db9"},
		{"a clone without a donor", "POST", "/v1/servers/east-db2/clone", `{}`, 400, api.CodeBadRequest, "--from"},
		{"an unknown report", "GET", "/v1/reports/orders-d9", ``, 404, api.CodeNotFound, "regent report list"},
		{"an unknown report to settle", "POST", "/v1/reports/orders-d9/ack", `{"note":"x"}`, 404, api.CodeNotFound, "orders-d9"},
		{"a pause without a reason", "POST", "/v1/clusters/orders/pause", `{}`, 400, api.CodeBadRequest, "--reason"},
		{"a maintenance without a time", "POST", "/v1/clusters/orders/maintenance", `{"action":"begin","reason":"x"}`, 400, api.CodeBadRequest, "--ttl"},
		{"a maintenance of no kind", "POST", "/v1/clusters/orders/maintenance", `{"action":"start"}`, 400, api.CodeBadRequest, "begin or end"},
		{"no number", "GET", "/v1/audit?limit=many", ``, 400, api.CodeBadRequest, "limit"},
		{"a negative number", "GET", "/v1/clusters/orders/history?limit=-1", ``, 400, api.CodeBadRequest, "limit"},
		{"no lag", "GET", "/lb/east-db2/replica?max_lag=fast", ``, 400, api.CodeBadRequest, "5s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e := fails(t, call(t, h, apitest.Operator, tt.method, tt.path, tt.body), tt.status, tt.code); !strings.Contains(e.Message, tt.says) {
				t.Errorf("message %q does not say %q", e.Message, tt.says)
			}
		})
	}
}

func TestHandOver(t *testing.T) {
	const path = "/v1/leader"
	w := apitest.New()
	h := newServer(t, w).Handler()
	fails(t, call(t, h, apitest.Operator, "POST", path, `{"node":"east-9"}`), http.StatusNotFound, api.CodeNotFound)
	fails(t, call(t, h, apitest.Operator, "POST", path, `{"node":"cloud-1"}`), http.StatusUnprocessableEntity, api.CodeRefused)
	fails(t, call(t, h, apitest.Operator, "POST", path, `{"node":"west-1"}`), http.StatusUnprocessableEntity, api.CodeRefused)
	w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Recovery = &failover.Recovery{ID: "orders-r5"} })
	fails(t, call(t, h, apitest.Operator, "POST", path, `{"node":"east-1"}`), http.StatusUnprocessableEntity, api.CodeRefused)
	w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Recovery = nil })
	body := `{"node":"east-1"}`
	token := preview(t, h, path, body)
	into[api.Outcome](t, call(t, h, apitest.Operator, "POST", path, confirming(t, body, token)), http.StatusOK)
	if got := w.Group().Leader; got != "east-1" {
		t.Errorf("%s leads", got)
	}
}
