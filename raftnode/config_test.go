package raftnode

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConfigErrors(t *testing.T) {
	good := Config{ID: "a", Listen: "127.0.0.1:7400", DataDir: "x", Peers: []Peer{{"a", "127.0.0.1:7400"}, {"b", "127.0.0.1:7401"}}}
	cases := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no data dir", func(c *Config) { c.DataDir = "" }, "set node.data_dir"},
		{"self missing", func(c *Config) { c.ID = "z" }, `node "z" is not in raft.peers [a=127.0.0.1:7400, b=127.0.0.1:7401]`},
		{"no peers", func(c *Config) { c.Peers = nil }, "is not in raft.peers"},
		{"twice", func(c *Config) { c.Peers = append(c.Peers, Peer{"b", "127.0.0.1:7402"}) }, "lists b twice"},
		{"same address", func(c *Config) { c.Peers = append(c.Peers, Peer{"c", "127.0.0.1:7401"}) }, "b and c have the same address"},
		{"no port", func(c *Config) { c.Peers[1].Address = "10.0.0.1" }, "HOST:PORT"},
		{"port 0", func(c *Config) { c.Peers[1].Address = "10.0.0.1:0" }, "from 1 to 65535"},
		{"unspecified", func(c *Config) { c.Peers[1].Address = "0.0.0.0:7400" }, "cannot be reached"},
		{"no host", func(c *Config) { c.Peers[1].Address = ":7400" }, "cannot be reached"},
		{"bad id", func(c *Config) { c.Peers[1].ID = "b/c" }, "may hold only"},
		{"bad listen", func(c *Config) { c.Listen = "here" }, "raft.listen"},
		{"lease", func(c *Config) { c.Timeouts.Lease = time.Hour }, "lease timeout"},
		{"election", func(c *Config) { c.Timeouts.Election = time.Millisecond }, "election timeout"},
		{"negative", func(c *Config) { c.Timeouts.Dial = -1 }, "negative"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := good
			cfg.Peers = append([]Peer(nil), good.Peers...)
			c.change(&cfg)
			cfg.DataDir = strings.Replace(cfg.DataDir, "x", t.TempDir(), 1)
			_, err := Open(t.Context(), cfg, &register{})
			if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v, want ErrConfig with %q", err, c.want)
			}
		})
	}
}

func TestElectionFollowsHeartbeat(t *testing.T) {
	got := Timeouts{Heartbeat: 2 * time.Second}.withDefaults()
	if err := got.validate(); err != nil || got.Election != 2*time.Second {
		t.Errorf("%+v: %v", got, err)
	}
}

func TestAddressInUse(t *testing.T) {
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	address := listener.Addr().String()
	_, err = Open(t.Context(), Config{ID: "a", Listen: address, DataDir: t.TempDir(), Peers: []Peer{{"a", address}}}, &register{})
	if err == nil || !strings.Contains(err.Error(), "correct raft.listen") {
		t.Errorf("Open: %v", err)
	}
}

func TestDataDirOfAnotherNode(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b")
	cfg := g.configs["a"]
	node, err := Open(t.Context(), cfg, &register{})
	if err != nil {
		t.Fatal(err)
	}
	second := g.configs["b"]
	second.DataDir = cfg.DataDir
	if _, err := Open(t.Context(), second, &register{}); !errors.Is(err, ErrDataDir) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a directory in use: %v", err)
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), second, &register{}); !errors.Is(err, ErrDataDir) || !strings.Contains(err.Error(), "belongs to node a") {
		t.Errorf("a directory of another node: %v", err)
	}
	if err := os.WriteFile(filepath.Join(cfg.DataDir, identityFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), cfg, &register{}); !errors.Is(err, ErrDataDir) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged identity: %v", err)
	}
}

func TestDataDirThatCannotBe(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a")
	cfg := g.configs["a"]
	if err := os.WriteFile(cfg.DataDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), cfg, &register{}); !errors.Is(err, ErrDataDir) {
		t.Errorf("Open: %v", err)
	}
}

func TestClosedNode(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a")
	node, err := Open(t.Context(), g.configs["a"], &register{})
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	if err := node.Close(); err != nil {
		t.Error("closing twice:", err)
	}
	if err := node.Run(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Run after Close: %v", err)
	}
}
