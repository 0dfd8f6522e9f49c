package notify

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/failover"
)

// journal is a log that a test can wait on.
type journal struct{ lines chan string }

func newJournal() *journal { return &journal{lines: make(chan string, 1000)} }

func (j *journal) Write(p []byte) (int, error) {
	j.lines <- string(p)
	return len(p), nil
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// await returns the next line that holds the text.
func (j *journal) await(t *testing.T, text string) string {
	t.Helper()
	for {
		select {
		case line := <-j.lines:
			if strings.Contains(line, text) {
				return line
			}
		case <-t.Context().Done():
			t.Fatalf("no line with %q", text)
		}
	}
}

// hookTo writes an executable.
func hookTo(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs a hook until the test ends.
func start(t *testing.T, h *Hook) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var g errgroup.Group
	g.Go(func() error { return h.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestEventArrivesOnStandardInput(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	j := newJournal()
	h := New([]string{hookTo(t, `cat > "$1"`), out}, time.Minute, j.logger())
	start(t, h)
	h.Notify(failover.Event{ID: "orders-1", Kind: "adopt", Cluster: "orders"})
	h.Notify(failover.Event{ID: "orders-2", Kind: "hold", Cluster: "orders", Reason: "no evidence"})
	j.await(t, "notified")
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var got failover.Event
	if err := json.Unmarshal(written, &got); err != nil || got.ID != "orders-2" || got.Reason != "no evidence" {
		t.Errorf("the executable read %s (%v)", written, err)
	}
}

// TestExecutableIsGivenNothingElse: whoever searches the event for what must not be told has searched everything.
func TestExecutableIsGivenNothingElse(t *testing.T) {
	t.Setenv("HOOK_TEST", "as the daemon has it")
	dir := t.TempDir()
	j := newJournal()
	h := New([]string{hookTo(t, `tr '\0' '\n' </proc/$$/environ >"$1/environment"; echo "$#" "$2" >"$1/arguments"; cat >"$1/input"`), dir, "page"}, time.Minute, j.logger())
	start(t, h)
	e := failover.Event{ID: "orders-2", Kind: "report", Cluster: "orders", Decision: "report orders-d1", Reason: "2 transactions"}
	h.Notify(e)
	j.await(t, "notified")
	given := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(string(text), "\n")
	}
	want, err := json.Marshal(e)
	if err != nil || given("input") != string(want) {
		t.Errorf("read %s, want %s (%v)", given("input"), want, err)
	}
	environment := strings.Split(given("environment"), "\n")
	if diff := cmp.Diff(slices.Sorted(slices.Values(os.Environ())), slices.Sorted(slices.Values(environment))); diff != "" {
		t.Errorf("environment (-daemon +given)\n%s", diff)
	}
	if got := given("arguments"); got != "2 page" {
		t.Errorf("arguments: %s", got)
	}
}

func TestFailureIsLoggedWithStatusAndOutput(t *testing.T) {
	j := newJournal()
	h := New([]string{hookTo(t, "echo no such pager >&2; exit 7")}, time.Minute, j.logger())
	start(t, h)
	h.Notify(failover.Event{ID: "orders-1", Kind: "failover"})
	line := j.await(t, "notify failed")
	if !strings.Contains(line, "exit status 7") || !strings.Contains(line, "no such pager") {
		t.Errorf("logged: %s", line)
	}
}

func TestHangingExecutableIsEndedWithItsChildren(t *testing.T) {
	j := newJournal()
	h := New([]string{hookTo(t, "sleep 600 & sleep 600")}, 100*time.Millisecond, j.logger())
	start(t, h)
	h.Notify(failover.Event{ID: "orders-1", Kind: "report"})
	h.Notify(failover.Event{ID: "orders-2", Kind: "report"})
	for _, id := range []string{"orders-1", "orders-2"} {
		if line := j.await(t, "notify failed"); !strings.Contains(line, id) || !strings.Contains(line, "was ended after 100ms") {
			t.Errorf("logged: %s", line)
		}
	}
}

func TestFullQueueNeverBlocks(t *testing.T) {
	j := newJournal()
	h := New([]string{"/bin/true"}, time.Minute, j.logger())
	for range queued + 1 { // Nobody takes events: Run was not called.
		h.Notify(failover.Event{ID: "orders-1", Kind: "hold"})
	}
	j.await(t, "was not told")
}

func TestWithoutACommandNothingIsQueued(t *testing.T) {
	h := New(nil, time.Minute, slog.New(slog.DiscardHandler))
	h.Notify(failover.Event{Kind: "hold"})
	if len(h.queue) != 0 {
		t.Error("an event is queued for nobody")
	}
}
