package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

const replayPath = "/v1/reports/orders-d1/replay"

// settled is a job that came to its end.
func settled(c *fsm.Cluster) {
	div := &c.State.Divergences[0]
	div.Job, div.Tally = nil, &failover.Tally{Replayed: 1, Left: 1}
	c.History = append(c.History, failover.Event{ID: "orders-77", Kind: "replay", Cluster: c.Spec.Name, Decision: "report orders-d1 was replayed on east-db1"})
}

func reported() *apitest.World {
	w := apitest.New()
	withReport(w)
	w.Means(1, 2)
	return w
}

func TestReplayIsPreviewedAndCarriedOut(t *testing.T) {
	w := reported()
	h := newServer(t, w).Handler()
	body := `{"reason":"incident","tables":["shop.orders"]}`
	token := preview(t, h, replayPath, body)
	if job := w.State().Clusters[apitest.Cluster].State.Divergences[0].Job; job != nil {
		t.Errorf("the preview began %+v", job)
	}
	w.Follows(settled)
	out := into[api.Outcome](t, call(t, h, apitest.Operator, "POST", replayPath, confirming(t, body, token)), http.StatusOK)
	if !strings.Contains(out.Reason, "was replayed") {
		t.Errorf("%+v", out)
	}
	audit := w.State().Audit
	if last := audit[len(audit)-1]; last.Action != "replay" || last.Reason != "incident" || last.By == "" {
		t.Errorf("audit %+v", last)
	}
	// What was left alone keeps the report from being acknowledged, unless the note speaks for it.
	const ack = "/v1/reports/orders-d1/ack"
	fails(t, call(t, h, apitest.Operator, "POST", ack, `{"note":"done"}`), http.StatusUnprocessableEntity, api.CodeRefused)
	rest := `{"note":"done","rest":true}`
	into[api.Outcome](t, call(t, h, apitest.Operator, "POST", ack, confirming(t, rest, preview(t, h, ack, rest))), http.StatusOK)
}

func TestAnotherSelectionIsAnotherChange(t *testing.T) {
	w := reported()
	h := newServer(t, w).Handler()
	token := preview(t, h, replayPath, `{"reason":"incident"}`)
	for _, body := range []string{`{"reason":"incident","classes":["CONFLICT"]}`, `{"reason":"incident","transactions":["a:1"]}`} {
		fails(t, call(t, h, apitest.Operator, "POST", replayPath, confirming(t, body, token)), http.StatusConflict, api.CodeStale)
	}
	w.Means(2, 2)
	fails(t, call(t, h, apitest.Operator, "POST", replayPath, confirming(t, `{"reason":"incident"}`, token)), http.StatusConflict, api.CodeStale)
}

func TestADryRunHasNoToken(t *testing.T) {
	h := newServer(t, reported()).Handler()
	offer := into[api.Offer](t, call(t, h, apitest.Operator, "POST", replayPath, `{"reason":"incident","dry_run":true}`), http.StatusOK)
	var p failover.Preview
	if err := json.Unmarshal(offer.Preview, &p); err != nil || offer.Confirm != "" || !strings.Contains(p.Summary, "replay 1 transactions (2 rows)") {
		t.Errorf("%+v, %+v, %v", offer, p, err)
	}
}

func TestALargeReplayWaitsForAnotherPerson(t *testing.T) {
	w := reported()
	w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.Spec.Policy.Settle.ApproveAboveRows = 1 })
	h := newServer(t, w).Handler()
	body := `{"reason":"incident"}`
	out := into[api.Outcome](t, call(t, h, apitest.Operator, "POST", replayPath, confirming(t, body, preview(t, h, replayPath, body))), http.StatusOK)
	if !strings.Contains(out.Reason, "waits for the approval") {
		t.Errorf("%+v", out)
	}
	const approve = "/v1/reports/orders-d1/approve"
	fails(t, call(t, h, apitest.Operator, "POST", approve, `{"reason":"mine"}`), http.StatusUnprocessableEntity, api.CodeRefused)
	old := into[api.Offer](t, call(t, h, apitest.Admin, "POST", approve, `{"reason":"seen"}`), http.StatusOK)
	w.Means(1, 900)
	into[api.Outcome](t, call(t, h, apitest.Operator, "POST", replayPath, confirming(t, body, preview(t, h, replayPath, body))), http.StatusOK)
	fails(t, call(t, h, apitest.Admin, "POST", approve, confirming(t, `{"reason":"seen"}`, old.Confirm)), http.StatusConflict, api.CodeStale)
	offer := into[api.Offer](t, call(t, h, apitest.Admin, "POST", approve, `{"reason":"seen"}`), http.StatusOK)
	w.Follows(settled)
	into[api.Outcome](t, call(t, h, apitest.Admin, "POST", approve, confirming(t, `{"reason":"seen"}`, offer.Confirm)), http.StatusOK)
}

func TestOnlyTheNodeWithTheFilesSettles(t *testing.T) {
	w := reported()
	w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Divergences[0].Node = "east-1" })
	e := fails(t, call(t, newServer(t, w).Handler(), apitest.Operator, "POST", replayPath, `{"reason":"x"}`), http.StatusUnprocessableEntity, api.CodeRefused)
	if !strings.Contains(e.Message, "regent leader east-1") {
		t.Error(e.Message)
	}
}

func TestRewindNeedsAServerOfTheReport(t *testing.T) {
	h := newServer(t, reported()).Handler()
	const path = "/v1/reports/orders-d1/rewind"
	fails(t, call(t, h, apitest.Operator, "POST", path, `{"reason":"x"}`), http.StatusBadRequest, api.CodeBadRequest)
	fails(t, call(t, h, apitest.Operator, "POST", path, `{"reason":"x","server":"east-db9"}`), http.StatusNotFound, api.CodeNotFound)
	fails(t, call(t, h, apitest.Operator, "POST", path, `{"reason":"x","server":"east-db3"}`), http.StatusUnprocessableEntity, api.CodeRefused)
}

func TestHandoverNeedsARevealerForValues(t *testing.T) {
	w := reported()
	w.Write(apitest.Report, api.PartHandover, "{}\n")
	w.Write(apitest.Report, api.PartHandoverCSV, "schema\n")
	h := newServer(t, w).Handler()
	for path, kind := range map[string]string{"/v1/reports/orders-d1/handover": "application/x-ndjson", "/v1/reports/orders-d1/handover.csv": "text/csv; charset=utf-8"} {
		answer := call(t, h, apitest.Viewer, "GET", path, "")
		if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != kind {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Header())
		}
		fails(t, call(t, h, apitest.Viewer, "GET", path+"?reveal=true", ""), http.StatusForbidden, api.CodeForbidden)
	}
}

// TestACopyAnswersForANodeThatIsGone reads a report from a node that holds a copy: this one, or another one.
func TestACopyAnswersForANodeThatIsGone(t *testing.T) {
	for name, here := range map[string]bool{"on another node": false, "on this node": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			for _, w := range []*apitest.World{p.follower, p.leader} {
				withReport(w)
				w.Change(apitest.Cluster, func(c *fsm.Cluster) {
					div := &c.State.Divergences[0]
					div.Node, div.Files = "west-1", 2
					div.Copies = []failover.Copy{{Node: "cloud-1", Files: 2}}
					if here {
						div.Copies = []failover.Copy{{Node: "cloud-1", Files: 1}, {Node: "east-1", Files: 2}}
					}
				})
				w.Regroup(func(g *api.GroupStatus) {
					for i := range g.Nodes {
						g.Nodes[i].Reachable = g.Nodes[i].ID != "west-1"
					}
				})
			}
			p.leader.Write(apitest.Report, api.PartTransactions, "from the copy of cloud-1")
			want := "from the copy of cloud-1"
			if here {
				want = "from the copy here"
				p.follower.Write(apitest.Report, api.PartTransactions, want)
			}
			answer := call(t, p.followerHandler, apitest.Viewer, "GET", "/v1/reports/orders-d1/transactions", "")
			if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), want) {
				t.Errorf("%d: %s", answer.Code, answer.Body)
			}
			entry := into[api.Report](t, call(t, p.followerHandler, apitest.Viewer, "GET", "/v1/reports/orders-d1", ""), http.StatusOK)
			if entry.Node != "west-1" || len(entry.Copies) == 0 || entry.Copies[len(entry.Copies)-1].Current != true {
				t.Errorf("%+v", entry.Copies)
			}
			// The leader works on it where it holds a copy, and says who does elsewhere.
			const path = "/v1/reports/orders-d1/replay"
			if order := call(t, p.leadHandler, apitest.Operator, "POST", path, `{"reason":"incident"}`); here {
				if fails(t, order, http.StatusUnprocessableEntity, api.CodeRefused); !strings.Contains(order.Body.String(), "regent leader east-1") {
					t.Error(order.Body)
				}
			}
		})
	}
}

// TestFilesOnOneNodeAloneAreAWarning is said once there was time for a copy, and not before.
func TestFilesOnOneNodeAloneAreAWarning(t *testing.T) {
	w := reported()
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		div := &c.State.Divergences[0]
		div.Files, div.FilesAt, div.Node = 1, apitest.Epoch(), "cloud-1"
	})
	h := newServer(t, w).Handler()
	warnings := func() []string {
		return into[api.Status](t, call(t, h, apitest.Viewer, "GET", "/v1/status", ""), http.StatusOK).Clusters[0].Warnings
	}
	if got := warnings(); len(got) > 0 {
		t.Errorf("at once: %v", got)
	}
	w.Pass(6 * time.Minute)
	if got := warnings(); len(got) != 1 || !strings.Contains(got[0], "on node cloud-1 alone") {
		t.Errorf("after 6 minutes: %v", got)
	}
	w.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Divergences[0].Copies = []failover.Copy{{Node: "west-1", Files: 1}} })
	if got := warnings(); len(got) > 0 {
		t.Errorf("with a copy: %v", got)
	}
}
