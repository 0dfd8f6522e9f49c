package raftnode

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
)

// listening starts one member of a group.
func listening(t *testing.T, cfg Config) {
	t.Helper()
	if _, err := startMember(t, cfg); err != nil {
		t.Fatal(err)
	}
}

// dialerOf returns a dialer with the credentials of given files.
func dialerOf(t *testing.T, files *TLSFiles, peers []Peer) *dialer {
	t.Helper()
	creds, err := loadCredentials(files, peers)
	if err != nil {
		t.Fatal(err)
	}
	set := &conns{open: map[*conn]struct{}{}}
	t.Cleanup(set.close)
	return &dialer{peers: peers, credentials: creds, timeouts: Timeouts{}.withDefaults(), conns: set}
}

// served reports whether the other side keeps a connection open and answers on it.
func served(t *testing.T, d *dialer, peer Peer) bool {
	t.Helper()
	c, err := d.dial(t.Context(), peer, peerStream)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("GET /" + helloPath + " HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		return false
	}
	answer := make([]byte, len("HTTP/1.1 200"))
	_, err = c.Read(answer)
	return err == nil && string(answer) == "HTTP/1.1 200"
}

func TestOnlyMembersAreServed(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b")
	listening(t, g.configs["a"])
	peers := g.configs["a"].Peers
	member := dialerOf(t, g.configs["b"].TLS, peers)
	if !served(t, member, peers[0]) {
		t.Error("a member was refused")
	}
	stranger := newAuthority(t).issue(t, "b")
	stranger.CA = g.configs["b"].TLS.CA
	if served(t, dialerOf(t, stranger, peers), peers[0]) {
		t.Error("a certificate of another authority was accepted")
	}
	if served(t, dialerOf(t, nil, peers), peers[0]) {
		t.Error("a connection without TLS was accepted")
	}
}

func TestCertificateForNoMember(t *testing.T) {
	authority := newAuthority(t)
	g := newGroup(t, "a", "b")
	for id, cfg := range g.configs {
		cfg.TLS = authority.issue(t, id)
		g.configs[id] = cfg
	}
	listening(t, g.configs["a"])
	peers := g.configs["a"].Peers
	if served(t, dialerOf(t, authority.issue(t, "database"), peers), peers[0]) {
		t.Error("the common authority's certificate for something else was accepted")
	}
	wrong := []Peer{{ID: "b", Address: peers[0].Address}}
	_, err := dialerOf(t, g.configs["b"].TLS, wrong).dial(t.Context(), Peer{ID: "b", Address: strings.Replace(peers[0].Address, "127.0.0.1", "localhost", 1)}, peerStream)
	if !errors.Is(err, errForeignCertificate) {
		t.Errorf("dialing b and finding a: %v", err)
	}
}

func TestCredentialErrors(t *testing.T) {
	files := newAuthority(t).issue(t, "a")
	cases := map[string]TLSFiles{
		"no certificate": {Cert: "/nonexistent", Key: files.Key, CA: files.CA},
		"no authority":   {Cert: files.Cert, Key: files.Key, CA: "/nonexistent"},
		"key as CA":      {Cert: files.Cert, Key: files.Key, CA: files.Key},
	}
	for name, c := range cases {
		if _, err := loadCredentials(&c, nil); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "raft.tls") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlainGroup(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	for id, cfg := range g.configs {
		cfg.TLS = nil
		g.configs[id] = cfg
	}
	g.startAll()
	g.set("k", "v")
	g.converge(map[string]string{"k": "v"})
}

func TestGarbageIsDropped(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a")
	cfg := g.configs["a"]
	cfg.TLS = nil
	listening(t, cfg)
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("SSH-2.0-x\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("an unknown stream was kept open: %v", err)
	}
}
