package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/config"
	"github.com/regentdb/regent/guard"
	"github.com/regentdb/regent/topology"
)

const testToken = "a-token-that-has-every-role"

// group is three nodes in this process, each on a loopback address of its own. No server is declared
// that exists.
type group struct {
	apps []*App
	stop []func() error
}

// write writes a file below the test's directory and returns its path.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func startGroup(t *testing.T) *group {
	t.Helper()
	a, b := 1+rand.N(250), rand.N(250) //nolint:gosec // an address that no other test is likely to use.
	var peers []config.Peer
	for i := range 3 {
		host := fmt.Sprintf("127.%d.%d.%d", a, b, i+1)
		peers = append(peers, config.Peer{ID: fmt.Sprint("n", i+1), Address: host + ":7400", API: host + ":7480"})
	}
	g := &group{}
	for i, p := range peers {
		dir := t.TempDir()
		password := write(t, dir, "password", "secret\n")
		tokens := write(t, dir, "tokens.yaml", "tokens:\n  - {name: ops, token: "+testToken+", roles: [viewer, operator, admin, revealer]}\n")
		cfg := config.NodeFile{
			Node:  config.Node{ID: p.ID, Site: fmt.Sprint("site-", i+1), Region: "east", DataDir: filepath.Join(dir, "data")},
			Raft:  config.Raft{Listen: p.Address, Peers: peers},
			API:   config.API{Listen: p.API, TokensFile: tokens},
			MySQL: config.MySQL{User: "regent", PasswordFile: password, ReplicationUser: "repl", ReplicationPasswordFile: password},
			Probe: config.Probe{Interval: 100 * time.Millisecond, Timeout: 100 * time.Millisecond},
		}
		node, err := New(t.Context(), cfg, Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		var running errgroup.Group
		running.Go(func() error { return node.Run(ctx) })
		g.apps = append(g.apps, node)
		g.stop = append(g.stop, func() error {
			cancel()
			return running.Wait()
		})
	}
	t.Cleanup(func() {
		for i, stop := range g.stop {
			if err := stop(); err != nil {
				t.Errorf("node n%d: %v", i+1, err)
			}
		}
	})
	return g
}

// call asks a node's API.
func (g *group) call(t *testing.T, node int, method, path string, body any) (int, string) {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.apps[node].cfg.API.Listen+path, bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// eventually asks until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("it never happened: %s", what)
		}
	}
}

func (g *group) leader(t *testing.T) int {
	t.Helper()
	found := -1
	eventually(t, "a leader that knows everything", func() bool {
		for i, a := range g.apps {
			if a.log.Leadership().Leads {
				found = i
			}
		}
		return found >= 0
	})
	return found
}

func declaration(name string) map[string]any {
	server := func(s string) map[string]any {
		return map[string]any{"name": s, "address": "127.0.0.1:1", "region": "east", "site": "site-1"}
	}
	first, second := server(name+"-db1"), server(name+"-db2")
	second["address"] = "127.0.0.2:1"
	return map[string]any{"specs": map[string]any{"clusters": []any{
		map[string]any{"name": name, "home_region": "east", "servers": []any{first, second}},
	}}}
}

func TestGroupOfNodesWithoutServers(t *testing.T) {
	g := startGroup(t)
	leader := g.leader(t)
	follower := (leader + 1) % 3

	t.Run("every node is announced", func(t *testing.T) {
		eventually(t, "three announced nodes", func() bool {
			s := g.apps[follower].log.State()
			return len(s.Nodes) == 3 && s.Nodes["n2"].API == g.apps[1].cfg.API.Listen && s.Nodes["n3"].Site == "site-3"
		})
	})

	t.Run("a follower forwards a declaration", func(t *testing.T) {
		body := declaration("orders")
		status, text := g.call(t, follower, http.MethodPost, "/v1/specs", body)
		var offer struct {
			Confirm string `json:"confirm"`
		}
		if err := json.Unmarshal([]byte(text), &offer); err != nil || offer.Confirm == "" {
			t.Fatalf("preview: %d %s", status, text)
		}
		body["confirm"] = offer.Confirm
		if status, text = g.call(t, follower, http.MethodPost, "/v1/specs", body); status != http.StatusOK {
			t.Fatalf("declaration: %d %s", status, text)
		}
	})

	t.Run("every node sees what every node sees", func(t *testing.T) {
		spec := g.apps[leader].log.State().Clusters["orders"].Spec
		for i, a := range g.apps {
			eventually(t, fmt.Sprintf("three sights of a refusing server on n%d", i+1), func() bool {
				v := a.observer.View(spec.Identities())
				db1 := v.Find("orders-db1")
				return len(db1.Sights) == 3 && strings.Count(db1.Describe(), "refused") == 3
			})
		}
	})

	t.Run("the leader holds and says why", func(t *testing.T) {
		eventually(t, "a hold in the state of a follower", func() bool {
			h := g.apps[follower].log.State().Clusters["orders"].State.Hold
			return h != nil && strings.Contains(h.Reason, "not adopted yet")
		})
		_, text := g.call(t, follower, http.MethodGet, "/v1/status", nil)
		if !strings.Contains(text, `"state":"hold"`) || !strings.Contains(text, `"leader":"n`+fmt.Sprint(leader+1)+`"`) {
			t.Errorf("status on a follower: %s", text)
		}
	})

	t.Run("the leader judges renewals of leases", func(t *testing.T) {
		row := topology.Lease{UUID: uuidA, Epoch: 1, SetVersion: 1}
		for i, a := range g.apps {
			p := newPermits(a.log, a.peers, a.cfg.Node.ID)
			for cluster, want := range map[string]string{"orders": "no guard is agreed", "invoices": "not declared"} {
				if err := p.ask(t.Context(), cluster, row); !errors.Is(err, guard.ErrRefused) || !strings.Contains(err.Error(), want) {
					t.Errorf("n%d, %s: %v", i+1, cluster, err)
				}
			}
			if err := p.grant(t.Context(), permission{Cluster: "orders"}); errors.Is(err, guard.ErrRefused) != (i == leader) {
				t.Errorf("n%d asked itself: %v", i+1, err)
			}
			errDeposed := errors.New("another node leads")
			p.granter = guard.NewGranter(leading{a.log}.Term, func(context.Context) error { return errDeposed })
			if err := p.grant(t.Context(), permission{Cluster: "orders"}); errors.Is(err, guard.ErrRefused) || errors.Is(err, errDeposed) != (i == leader) {
				t.Errorf("n%d without a quorum: %v", i+1, err)
			}
		}
	})

	t.Run("metrics", func(t *testing.T) {
		status, text := g.call(t, follower, http.MethodGet, "/metrics", nil)
		if status != http.StatusOK || !strings.Contains(text, "regent_probe_duration_seconds_count{") {
			t.Errorf("metrics: %d", status)
		}
	})

	t.Run("another node takes over from a leader that stops", func(t *testing.T) {
		if err := g.stop[leader](); err != nil {
			t.Fatal(err)
		}
		g.stop[leader] = func() error { return nil }
		eventually(t, "a new leader", func() bool {
			for i, a := range g.apps {
				if i != leader && a.log.Leadership().Leads {
					return true
				}
			}
			return false
		})
		status, text := g.call(t, follower, http.MethodPost, "/v1/clusters/orders/pause", map[string]any{"reason": "change freeze"})
		if status != http.StatusOK || !strings.Contains(text, "confirm") {
			t.Errorf("preview of a pause with the new leader: %d %s", status, text)
		}
	})
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	password := write(t, dir, "password", "secret\n")
	tokens := write(t, dir, "tokens.yaml", "tokens:\n  - {name: ops, token: "+testToken+", roles: [viewer]}\n")
	good := func() config.NodeFile {
		return config.NodeFile{
			Node:  config.Node{ID: "n1", Site: "s", Region: "r", DataDir: filepath.Join(dir, "data")},
			Raft:  config.Raft{Listen: "127.0.0.1:7400", Peers: []config.Peer{{ID: "n1", Address: "127.0.0.1:7400"}}},
			API:   config.API{Listen: "127.0.0.1:0", TokensFile: tokens},
			MySQL: config.MySQL{User: "regent", PasswordFile: password, ReplicationUser: "repl", ReplicationPasswordFile: password},
		}
	}
	for name, c := range map[string]struct {
		change func(*config.NodeFile)
		want   string
	}{
		"no tokens":      {func(c *config.NodeFile) { c.API.TokensFile = filepath.Join(dir, "none") }, "tokens file"},
		"empty password": {func(c *config.NodeFile) { c.MySQL.PasswordFile = write(t, dir, "empty", "") }, "mysql.password_file"},
		"no certificate": {func(c *config.NodeFile) { c.API.TLS = &config.TLS{Cert: password, Key: password} }, "api.tls"},
		"no authority":   {func(c *config.NodeFile) { c.MySQL.TLS = &config.TLS{CA: password} }, "mysql.tls.ca"},
		"not a peer":     {func(c *config.NodeFile) { c.Node.ID = "n9" }, "raft.peers"},
	} {
		cfg := good()
		c.change(&cfg)
		if _, err := New(t.Context(), cfg, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
