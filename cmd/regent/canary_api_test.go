package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/metrics"
	"github.com/regentdb/regent/raftnode/fsm"
)

// answers asks the API of a node that has a report with the canary.
type answers struct {
	t   *testing.T
	url string
}

// measured is what the metrics are taken from.
type measured struct{ *apitest.World }

func (measured) Raft() metrics.Raft { return metrics.Raft{Leads: true} }

// newAnswers is a node of its own, since orders change it.
func newAnswers(t *testing.T, files reportFiles) answers {
	t.Helper()
	w := apitest.New()
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		sample := apitest.SampleReport()
		c.State.Divergences = []failover.Divergence{sample}
		c.State.Servers["east-db2"] = failover.Member{Quarantine: &failover.Quarantine{Fenced: true, Reason: "a split", Extra: sample.Captured, Divergence: sample.ID}}
	})
	w.Means(2, 2)
	cfg := w.Config()
	cfg.Reports, cfg.Logger = files, slog.New(slog.DiscardHandler)
	cfg.Metrics = metrics.New(measured{w}, "test", cfg.Logger).Handler()
	front := httptest.NewServer(api.New(cfg).Handler())
	t.Cleanup(front.Close)
	return answers{t, front.URL}
}

// ask returns the status of an answer and all of it, headers included. Of a stream that does not end it is the first
// event.
func (a answers) ask(token, method, path, body string) (int, string) {
	a.t.Helper()
	ctx, cancel := context.WithCancel(a.t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	text := fmt.Sprint(got.Header)
	if got.Header.Get("Content-Type") == "text/event-stream" {
		lines := bufio.NewScanner(got.Body)
		for lines.Scan() && lines.Text() != "" {
			text += lines.Text()
		}
		return got.StatusCode, text
	}
	content, err := io.ReadAll(got.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return got.StatusCode, text + string(content)
}

// operation is one of those that the API describes.
type operation struct{ method, path string }

// operations lists all that the API describes, which package api holds against what it serves.
func (a answers) operations() []operation {
	a.t.Helper()
	_, text := a.ask("", http.MethodGet, "/openapi.json", "")
	var description struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &description); err != nil {
		a.t.Fatal(err)
	}
	var out []operation
	for path, methods := range description.Paths {
		for method := range methods {
			if method != "parameters" {
				out = append(out, operation{strings.ToUpper(method), path})
			}
		}
	}
	return out
}

// order is the body of an operation, such that what there is to tell beforehand is told.
func (o operation) order() string {
	switch {
	case o.method == http.MethodGet:
		return ""
	case strings.HasSuffix(o.path, "{id}/ack"):
		return `{"note":"test","classes":["SAFE"]}`
	case strings.HasSuffix(o.path, "/replay"):
		return `{"reason":"test","dry_run":true}`
	case strings.HasSuffix(o.path, "/rewind"):
		return `{"reason":"test","dry_run":true,"server":"east-db2"}`
	}
	return `{"reason":"test"}`
}

// refuses says whether it is right that nobody here is answered: nothing waits for an approval, and one server is not
// both the primary and a replica.
func (o operation) refuses() bool {
	return strings.HasSuffix(o.path, "/approve") || strings.HasPrefix(o.path, "/lb/")
}

// everybody asks for an operation with every token, with and without wanting values, and counts how often they were
// shown to who wanted and may see them.
func (a answers) everybody(o operation) (shown int) {
	a.t.Helper()
	path := strings.NewReplacer("{cluster}", apitest.Cluster, "{server}", "east-db1", "{id}", apitest.Report).Replace(o.path)
	values, answered, last := strings.HasSuffix(o.path, "/sql"), false, ""
	for _, token := range []string{"", apitest.Unknown, apitest.Nobody, apitest.Revealer, apitest.Viewer, apitest.Operator, apitest.Admin, apitest.Everyone} {
		for _, query := range []string{"", "?reveal=true"} {
			status, text := a.ask(token, o.method, path+query, o.order())
			last, answered = text, answered || status < http.StatusBadRequest && (token != apitest.Everyone || values)
			switch asked := token == apitest.Everyone && (values || query != ""); {
			case holds(text) && !asked:
				a.t.Errorf("%s%s as %q shows it: %s", o, query, token, text)
			case holds(text) && query != "":
				shown++
			}
		}
	}
	if about := o.method == http.MethodGet || strings.Contains(o.path, "/reports/"); about && !answered && !o.refuses() {
		a.t.Errorf("%s was never answered: this proves nothing about it: %s", o, last)
	}
	return shown
}

// TestNoAnswerShowsAValueUnasked: of all that the API can do, nothing answers with a value to who may not see them,
// whatever is asked for; and to who may, only where values are asked for.
func TestNoAnswerShowsAValueUnasked(t *testing.T) {
	files := reportFiles{dir: canaryReport(t)}
	operations := newAnswers(t, files).operations()
	if len(operations) < 34 {
		t.Errorf("only %d operations", len(operations))
	}
	shown := 0
	for _, o := range operations {
		shown += newAnswers(t, files).everybody(o)
	}
	// Revealed: the transactions, the page, the SQL, and two lists of rows, each in two formats.
	if shown != 7 {
		t.Errorf("who may see it saw it %d times", shown)
	}
}
