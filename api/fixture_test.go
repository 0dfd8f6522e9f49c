package api_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// newServer is a server over the world that logs into the test.
func newServer(t *testing.T, w *apitest.World) *api.Server {
	t.Helper()
	cfg := w.Config()
	cfg.ProbeInterval = time.Second
	cfg.Logger = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return api.New(cfg)
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// call sends one request and returns the answer.
func call(t *testing.T, h http.Handler, token, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer
}

// into decodes an answer that must have the status.
func into[T any](t *testing.T, answer *httptest.ResponseRecorder, status int) T {
	t.Helper()
	if answer.Code != status {
		t.Fatalf("status %d, want %d: %s", answer.Code, status, answer.Body)
	}
	var v T
	if err := json.Unmarshal(answer.Body.Bytes(), &v); err != nil {
		t.Fatalf("answer %q: %v", answer.Body, err)
	}
	return v
}

type failed struct {
	Error api.Error `json:"error"`
}

// fails wants an error with that code, and with a message that says the next step.
func fails(t *testing.T, answer *httptest.ResponseRecorder, status int, code api.Code) api.Error {
	t.Helper()
	e := into[failed](t, answer, status).Error
	if e.Code != code || e.Message == "" {
		t.Fatalf("error %+v, want code %s", e, code)
	}
	return e
}

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update accepts it):\n%s", path, diff)
	}
}

// withReport adds the sample's report and its files.
func withReport(w *apitest.World) {
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.State.Divergences = []failover.Divergence{apitest.SampleReport()}
	})
	w.Write(apitest.Report, api.PartSummary, `{"summary":"2 transactions"}`)
	w.Write(apitest.Report, api.PartTransactions, "{\"gtid\":\"a:8\"}\n{\"gtid\":\"a:9\"}\n")
	w.Write(apitest.Report, api.PartHTML, "<!doctype html>")
	w.Write(apitest.Report, api.PartSQL, "START TRANSACTION;")
	w.Write(apitest.Report, api.PartEntities, entity)
	w.Write(apitest.Report, api.PartEntitiesCSV, "class,schema,table,key\n")
}

// promoted is what follows a failover that works: epoch and primary change, and the history says so.
func promoted(to string) func(*fsm.Cluster) {
	return func(c *fsm.Cluster) {
		old := c.State.Primary
		c.State.Recovery, c.State.Override = nil, nil
		c.State.Epoch++
		c.State.Primary = to
		c.History = append(c.History, failover.Event{
			ID: "orders-9", Kind: "failover", Cluster: c.Spec.Name, Epoch: c.State.Epoch, Decision: to + " replaced " + old,
		})
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// unwrap opens the envelope of a forwarded answer.
func unwrap(t *testing.T, answer *httptest.ResponseRecorder, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "message/http" {
		t.Fatalf("no envelope: %d %s", answer.Code, answer.Body)
	}
	inner, err := http.ReadResponse(bufio.NewReader(answer.Body), r)
	if err != nil {
		t.Fatal(err)
	}
	out := httptest.NewRecorder()
	out.Code = inner.StatusCode
	if _, err := out.Body.ReadFrom(inner.Body); err != nil {
		t.Fatal(err)
	}
	if err := inner.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// entity is one line of the export of affected rows.
const entity = `{"class":"SAFE","transaction_class":"SAFE","schema":"shop","table":"orders","key":{"id":"#1"},"acknowledged":"yes","changes":1,` +
	`"first_committed_at":"2026-11-02T09:00:00Z","last_committed_at":"2026-11-02T09:00:00Z","last_gtid":"a:8"}` + "\n"
