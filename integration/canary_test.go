//go:build integration

package integration

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/lab/trial"
)

// note is what the writers of a trial put into a column of every row.
var note = regexp.MustCompile(`order [0-9a-f]{8} of |` + hex.EncodeToString([]byte("order ")))

// noValues looks for values of rows in all that the nodes said of a split unasked: their logs, what they told the
// notify command, and every answer of their API to a reader, metrics, history, audit and the parts of the report among
// them. Only who may see values and asks for them gets them.
func noValues(ctx context.Context, t *testing.T, report string) {
	t.Helper()
	if shown := answer(ctx, t, "/v1/reports/"+report+"/transactions?reveal=true"); !note.MatchString(shown) {
		t.Errorf("the report, revealed, has no value of the writers: this proves nothing: %.500s", shown)
	}
	for _, path := range readable(ctx, t, report) {
		free(t, path, answer(ctx, t, path))
	}
	logs, err := filepath.Glob(filepath.Join(world.Lab.Dir(), "logs", "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("%d logs, %v", len(logs), err)
	}
	telling := map[string]int{}
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), report) {
			telling[filepath.Base(log)]++
		}
		free(t, log, string(text))
	}
	if len(telling) < 2 || telling["notified.log"] == 0 {
		t.Errorf("of %d logs only %v tell of report %s", len(logs), telling, report)
	}
}

// readable are the paths of everything that the API lets be read, but for the SQL, which is nothing but values, and for
// what does not end: that carries the same events and statuses as the history and the status.
func readable(ctx context.Context, t *testing.T, report string) []string {
	t.Helper()
	var description struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(answer(ctx, t, "/openapi.json")), &description); err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("{cluster}", world.Cluster, "{id}", report)
	var out []string
	for path, methods := range description.Paths {
		if _, reads := methods["get"]; reads && path != "/v1/events" && !strings.HasSuffix(path, "/sql") && !strings.HasPrefix(path, "/lb/") {
			out = append(out, names.Replace(path))
		}
	}
	if len(out) < 18 {
		t.Errorf("only %d paths: %q", len(out), out)
	}
	return out
}

func free(t *testing.T, where, text string) {
	t.Helper()
	if at := note.FindStringIndex(strings.ToLower(text)); at != nil {
		t.Errorf("%s shows a value: …%s…", where, text[max(0, at[0]-200):min(len(text), at[1]+50)])
	}
}

// answer is what the API says. The parts of a report are on one node, to which the others lead.
func answer(ctx context.Context, t *testing.T, path string) string {
	t.Helper()
	access, err := world.Lab.Access(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	err = trial.Await(ctx, 20*time.Second, "an answer to "+path, func(ctx context.Context) (bool, string) {
		for _, node := range access.APIs {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, node+path, http.NoBody)
			if err != nil {
				return false, err.Error()
			}
			request.Header.Set("Authorization", "Bearer "+access.Token)
			got, err := http.DefaultClient.Do(request)
			if err != nil {
				continue
			}
			text, err = io.ReadAll(got.Body)
			if _ = got.Body.Close(); err == nil && got.StatusCode == http.StatusOK {
				return true, ""
			}
		}
		return false, string(text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
