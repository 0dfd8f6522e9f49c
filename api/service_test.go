package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

func TestHeadersSayWhoAnswersAndHowOldThatIs(t *testing.T) {
	w := apitest.New()
	w.Regroup(func(g *api.GroupStatus) { g.Node, g.Age = "east-1", 1234567*time.Microsecond })
	h := newServer(t, w).Handler()
	answer := call(t, h, "", "GET", "/healthz", "").Header()
	if answer.Get(api.HeaderNode) != "east-1" || answer.Get(api.HeaderLeader) != "cloud-1" || answer.Get(api.HeaderAge) != "1.235s" {
		t.Errorf("headers %v", answer)
	}
	w.Regroup(func(g *api.GroupStatus) { g.Age, g.Leader = topology.Never, "" })
	if age := call(t, h, "", "GET", "/healthz", "").Header().Get(api.HeaderAge); age != "unknown" {
		t.Errorf("age %q", age)
	}
}

func TestReady(t *testing.T) {
	tests := []struct {
		name   string
		change func(*api.GroupStatus)
		want   int
	}{
		{"the leader", func(*api.GroupStatus) {}, http.StatusOK},
		{"a follower in touch", func(g *api.GroupStatus) { g.Node, g.Age = "east-1", time.Second }, http.StatusOK},
		{"no leader", func(g *api.GroupStatus) { g.Leader = "" }, http.StatusServiceUnavailable},
		{"a follower out of touch", func(g *api.GroupStatus) { g.Node, g.Age = "east-1", time.Minute }, http.StatusServiceUnavailable},
		{"a follower that just started", func(g *api.GroupStatus) { g.Node, g.Age = "east-1", topology.Never }, http.StatusServiceUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := apitest.New()
			w.Regroup(tt.change)
			h := newServer(t, w).Handler()
			if got := call(t, h, "", "GET", "/readyz", "").Code; got != tt.want {
				t.Errorf("ready %d, want %d", got, tt.want)
			}
			if got := call(t, h, "", "GET", "/healthz", "").Code; got != http.StatusOK {
				t.Errorf("healthy %d", got)
			}
		})
	}
}

func TestLoadBalancerChecks(t *testing.T) {
	lag := 7.5
	quarantined := func(w *apitest.World, server string) {
		w.Change(apitest.Cluster, func(c *fsm.Cluster) {
			c.State.Servers[server] = failover.Member{Quarantine: &failover.Quarantine{Reason: "holds extras"}}
		})
	}
	tests := []struct {
		name, path string
		change     func(*apitest.World)
		want       int
	}{
		{"the primary takes writes", "/lb/east-db1/primary", nil, 200},
		{"a replica takes no writes", "/lb/east-db2/primary", nil, 503},
		{"a primary that was made read-only", "/lb/east-db1/primary", func(w *apitest.World) {
			w.Look("east-db1", func(s *topology.ServerView) { s.Facts.Variables["super_read_only"] = "ON" })
		}, 503},
		{"a primary that cannot be seen", "/lb/east-db1/primary", func(w *apitest.World) { w.Lose("east-db1") }, 503},
		{"a replica takes reads", "/lb/east-db2/replica", nil, 200},
		{"the primary is no replica", "/lb/east-db1/replica", nil, 503},
		{"late within the limit", "/lb/east-db2/replica?max_lag=1s", nil, 200},
		{"late beyond the limit", "/lb/east-db2/replica?max_lag=5s", func(w *apitest.World) {
			w.Look("east-db2", func(s *topology.ServerView) { up := *s.Facts.Source; up.LagSeconds = &lag; s.Facts.Source = &up })
		}, 503},
		{"late, and nobody minds", "/lb/east-db2/replica", func(w *apitest.World) {
			w.Look("east-db2", func(s *topology.ServerView) { up := *s.Facts.Source; up.LagSeconds = &lag; s.Facts.Source = &up })
		}, 200},
		{"of unknown lag", "/lb/east-db2/replica?max_lag=5s", func(w *apitest.World) {
			w.Look("east-db2", func(s *topology.ServerView) { up := *s.Facts.Source; up.LagSeconds = nil; s.Facts.Source = &up })
		}, 503},
		{"that receives nothing", "/lb/east-db2/replica", func(w *apitest.World) {
			w.Look("east-db2", func(s *topology.ServerView) {
				up := *s.Facts.Source
				up.Receiver = topology.ThreadOff
				s.Facts.Source = &up
			})
		}, 503},
		{"quarantined", "/lb/east-db2/replica", func(w *apitest.World) { quarantined(w, "east-db2") }, 503},
		{"that is not declared", "/lb/east-db9/replica", nil, 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := apitest.New()
			if tt.change != nil {
				tt.change(w)
			}
			if answer := call(t, newServer(t, w).Handler(), "", "GET", tt.path, ""); answer.Code != tt.want {
				t.Errorf("status %d, want %d: %s", answer.Code, tt.want, answer.Body)
			}
		})
	}
}

// event is one server-sent event.
type event struct{ kind, id, data string }

// readEvents passes events on until the stream ends.
func readEvents(body io.Reader, out chan<- event) {
	defer close(out)
	var e event
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "event":
			e.kind = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "":
			if e.kind != "" {
				out <- e
			}
			e = event{}
		}
	}
}

func subscribe(t *testing.T, base, resume string) <-chan event {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+apitest.Viewer)
	r.Header.Set("Last-Event-ID", resume)
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reply.Body.Close() })
	if reply.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("content type %q", reply.Header.Get("Content-Type"))
	}
	events := make(chan event, 16)
	go readEvents(reply.Body, events)
	return events
}

func TestEvents(t *testing.T) {
	w := apitest.New()
	front := httptest.NewServer(newServer(t, w).Handler())
	t.Cleanup(front.Close) // After the streams, whose requests end with the test.
	events := subscribe(t, front.URL, "")
	if e := <-events; e.kind != "status" || !strings.Contains(e.data, `"state":"ok"`) {
		t.Fatalf("first %+v", e)
	}
	w.Change(apitest.Cluster, func(c *fsm.Cluster) {
		c.State.Hold = &failover.Hold{Reason: "because"}
		c.History = append(c.History, failover.Event{ID: "orders-5", Kind: "hold", Cluster: apitest.Cluster})
	})
	if e := <-events; e.kind != "history" || e.id != "orders-5" {
		t.Errorf("then %+v", e)
	}
	if e := <-events; e.kind != "status" || !strings.Contains(e.data, `"state":"hold"`) {
		t.Errorf("then %+v", e)
	}
	resumed := subscribe(t, front.URL, "orders-4")
	if e := <-resumed; e.id != "orders-5" {
		t.Errorf("resumed with %+v", e)
	}
}

// TestServe: it ends in order, streams included, and speaks TLS.
func TestServe(t *testing.T) {
	lend := httptest.NewTLSServer(http.NotFoundHandler())
	defer lend.Close()
	cfg := apitest.New().Config()
	cfg.Logger, cfg.TLS = quiet(), lend.TLS
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- api.New(cfg).Serve(ctx, listener) }()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+listener.Addr().String()+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+apitest.Viewer)
	reply, err := lend.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	cancel()
	if _, err := io.Copy(io.Discard, reply.Body); err != nil {
		t.Errorf("the stream was cut off: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("serve ended with %v", err)
	}
}

// broken is a node whose copy of the state cannot be read.
type broken struct{ *apitest.World }

func (broken) View(policy.ClusterSpec) topology.View { panic("the secret of the inside") }

func TestPanicsStayInside(t *testing.T) {
	w := apitest.New()
	cfg := w.Config()
	cfg.Source, cfg.Logger = broken{w}, quiet()
	answer := call(t, api.New(cfg).Handler(), apitest.Viewer, "GET", "/v1/status", "")
	fails(t, answer, http.StatusInternalServerError, api.CodeInternal)
	if strings.Contains(answer.Body.String(), "secret") {
		t.Errorf("the answer tells: %s", answer.Body)
	}
}

// cutOff is a report whose disk fails half-way.
type cutOff struct{}

func (cutOff) Copy(_ context.Context, w io.Writer, _ string, part api.ReportPart, _ bool) error {
	if part == api.PartSummary {
		return api.ErrNoReport
	}
	if _, err := io.WriteString(w, strings.Repeat("x", 1<<20)); err != nil {
		return err
	}
	return errors.New("input/output error")
}

// TestHalfAReportIsNotAReport: the caller notices that something is missing, also through another node.
func TestHalfAReportIsNotAReport(t *testing.T) {
	w := apitest.New()
	withReport(w)
	cfg := w.Config()
	cfg.Reports, cfg.Logger = cutOff{}, quiet()
	holder := api.New(cfg)
	front := httptest.NewServer(holder.Handler())
	defer front.Close()
	back := httptest.NewServer(holder.ForwardHandler())
	defer back.Close()
	other := apitest.New()
	withReport(other)
	other.Regroup(func(g *api.GroupStatus) { g.Node = "east-1" })
	cfg = other.Config()
	cfg.Logger, cfg.Peers = quiet(), dialed{t, map[string]string{"cloud-1": back.URL}}
	through := httptest.NewServer(api.New(cfg).Handler())
	defer through.Close()
	for name, base := range map[string]string{"directly": front.URL, "through another node": through.URL} {
		client, err := api.NewClient(api.ClientConfig{URLs: []string{base}, Token: apitest.Viewer})
		if err != nil {
			t.Fatal(err)
		}
		content, err := client.ReportPart(t.Context(), apitest.Report, api.PartTransactions, false)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, content); err == nil {
			t.Errorf("%s: %d bytes were taken for the whole report", name, n)
		}
		_ = content.Close()
	}
}
