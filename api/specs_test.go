package api_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// declaration is the body of POST /v1/specs for the sample's cluster, changed.
func declaration(t *testing.T, change func(*policy.ClusterSpec)) string {
	t.Helper()
	spec := apitest.Spec()
	change(&spec)
	b, err := json.Marshal(map[string]any{"specs": policy.Specs{Clusters: []policy.ClusterSpec{spec}, Fleet: policy.DefaultFleet()}, "reason": "tune"})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func specsPreview(t *testing.T, offer api.Offer) api.SpecsPreview {
	t.Helper()
	var p api.SpecsPreview
	if err := json.Unmarshal(offer.Preview, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDeclare(t *testing.T) {
	w := apitest.New()
	h := newServer(t, w).Handler()
	body := declaration(t, func(c *policy.ClusterSpec) { c.Policy.Cooldown = 0 })
	offer := into[api.Offer](t, call(t, h, apitest.Admin, "POST", "/v1/specs", body), http.StatusOK)
	changes := strings.Join(specsPreview(t, offer).Changes, "\n")
	for _, want := range []string{"cluster orders: policy.cooldown: 10m0s -> 0s", "server east-db2: set and persist", "replica_net_timeout=4"} {
		if !strings.Contains(changes, want) {
			t.Errorf("the preview lacks %q:\n%s", want, changes)
		}
	}
	// The state of a cluster moves on with every decision; that alone makes no confirmation stale.
	w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Counter++ })
	out := into[api.Outcome](t, call(t, h, apitest.Admin, "POST", "/v1/specs", confirming(t, body, offer.Confirm)), http.StatusOK)
	c := w.State().Clusters[apitest.Cluster]
	if c.Spec.Policy.Cooldown != 0 || len(out.Events) != 1 || out.Events[0].Kind != "apply" || c.Versions[len(c.Versions)-1].By != apitest.Admin {
		t.Errorf("outcome %+v, versions %+v", out, c.Versions)
	}
	fails(t, call(t, h, apitest.Admin, "POST", "/v1/specs", confirming(t, body, offer.Confirm)), http.StatusConflict, api.CodeStale)
}

func TestDryRunHasNoToken(t *testing.T) {
	h := newServer(t, apitest.New()).Handler()
	body := strings.Replace(declaration(t, func(*policy.ClusterSpec) {}), `{`, `{"dry_run":true,`, 1)
	offer := into[api.Offer](t, call(t, h, apitest.Admin, "POST", "/v1/specs", body), http.StatusOK)
	if offer.Confirm != "" || specsPreview(t, offer).Summary != "0 clusters declared anew, 0 changed, 1 as before" {
		t.Errorf("offer %+v", offer)
	}
}

// TestDefaults: what a declaration leaves out has the documented default, as in the file.
func TestDefaults(t *testing.T) {
	w := apitest.New()
	h := newServer(t, w).Handler()
	body := `{"specs":{"clusters":[{"name":"users","home_region":"west","servers":[
		{"name":"u1","address":"10.2.0.1:3306","region":"west","site":"west-a"},{"name":"u2","address":"10.2.0.2:3306","region":"west","site":"west-a"}]}]}}`
	offer := into[api.Offer](t, call(t, h, apitest.Admin, "POST", "/v1/specs", body), http.StatusOK)
	p := specsPreview(t, offer)
	if !strings.Contains(strings.Join(p.Changes, "\n"), "it is not seen yet") || !strings.Contains(strings.Join(p.Risks, "\n"), "no spare acker") {
		t.Errorf("preview %+v", p)
	}
	into[api.Outcome](t, call(t, h, apitest.Admin, "POST", "/v1/specs", confirming(t, body, offer.Confirm)), http.StatusOK)
	spec := w.State().Clusters["users"].Spec
	if spec.Mode != policy.ModeAutomatic || !reflect.DeepEqual(spec.Policy, policy.DefaultPolicy()) || spec.Servers[0].Promotion != policy.PromotionNeutral {
		t.Errorf("declared %+v", spec)
	}
}

// TestGuardIsAnnounced: the one policy that stops primaries when no controller is alive says so.
func TestGuardIsAnnounced(t *testing.T) {
	w := apitest.New()
	body := declaration(t, func(c *policy.ClusterSpec) {
		c.Policy.Guard.Enabled, c.Policy.OnIsolation = true, policy.IsolationFence
		c.Policy.Durability, c.Policy.AcceptPauseRisk = policy.DurabilityAsync, true
	})
	offer := into[api.Offer](t, call(t, newServer(t, w).Handler(), apitest.Admin, "POST", "/v1/specs", body), http.StatusOK)
	risks := strings.Join(specsPreview(t, offer).Risks, "\n")
	for _, want := range []string{"the one policy that stops a primary when no controller is alive", "read-only within 7.5s", "on_isolation is fence", "accept_pause_risk is true"} {
		if !strings.Contains(risks, want) {
			t.Errorf("the risks do not say %q:\n%s", want, risks)
		}
	}
}

func TestDeclarationsThatAreRefused(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*fsm.Cluster)
		change  func(*policy.ClusterSpec)
		status  int
		says    string
	}{
		{name: "unknown home region", change: func(c *policy.ClusterSpec) { c.HomeRegion = "north" }, status: 400, says: `home_region "north"`},
		{name: "a guard that ends too soon", change: func(c *policy.ClusterSpec) {
			c.Policy.Guard = policy.Guard{Enabled: true, TTL: policy.Duration(time.Second)}
		}, status: 400, says: "at least 3s"},
		{name: "a guard that is looked at too rarely", change: func(c *policy.ClusterSpec) {
			c.Policy.Guard = policy.Guard{Enabled: true, TTL: policy.Duration(3900 * time.Millisecond)}
		}, status: 400, says: "lower probe.interval to 975ms"},
		{name: "fence without a guard", change: func(c *policy.ClusterSpec) { c.Policy.OnIsolation = policy.IsolationFence }, status: 400, says: "guard.enabled: true"},
		{name: "a server of another cluster", change: func(c *policy.ClusterSpec) { c.Name = "copies" }, status: 400, says: "already declared"},
		{name: "the primary dropped", change: func(c *policy.ClusterSpec) { c.Servers = c.Servers[1:] }, status: 422, says: "lose its primary east-db1"},
		{
			name: "in the middle of a recovery", prepare: func(c *fsm.Cluster) {
				c.State.Recovery = &failover.Recovery{ID: "orders-r5", Stage: failover.StageOpen}
			},
			change: func(*policy.ClusterSpec) {}, status: 422, says: "orders-r5",
		},
		{
			name: "a quarantined server dropped", prepare: func(c *fsm.Cluster) {
				c.State.Servers["west-db2"] = failover.Member{Quarantine: &failover.Quarantine{Reason: "holds extras"}}
			},
			change: func(c *policy.ClusterSpec) { c.Servers = c.Servers[:4] }, status: 422, says: "quarantined",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := apitest.New()
			if tt.prepare != nil {
				w.Change(apitest.Cluster, tt.prepare)
			}
			answer := call(t, newServer(t, w).Handler(), apitest.Admin, "POST", "/v1/specs", declaration(t, tt.change))
			code := map[int]api.Code{400: api.CodeBadRequest, 422: api.CodeRefused}[tt.status]
			if e := fails(t, answer, tt.status, code); !strings.Contains(e.Message, tt.says) {
				t.Errorf("message %q does not say %q", e.Message, tt.says)
			}
		})
	}
}
