package raftnode

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait of a test; only a hang reaches it.
const patience = time.Minute

// register is a machine: a set of key=value pairs, applied as JSON.
type register struct {
	mu    sync.Mutex
	pairs map[string]string
}

type pair struct{ Key, Value string }

func (r *register) Apply(index uint64, command []byte) any {
	var p pair
	if err := json.Unmarshal(command, &p); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pairs == nil {
		r.pairs = map[string]string{}
	}
	r.pairs[p.Key] = p.Value
	return index
}

func (r *register) Snapshot() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return json.Marshal(r.pairs)
}

func (r *register) Restore(snapshot []byte) error {
	var pairs map[string]string
	if err := json.Unmarshal(snapshot, &pairs); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pairs = pairs
	return nil
}

func (r *register) copy() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.pairs)
}

// member is a node under test.
type member struct {
	*Node
	cfg     Config
	machine *register
	cancel  context.CancelFunc
	result  chan error
}

// group is a few members on loopback.
type group struct {
	t       *testing.T
	members map[string]*member
	configs map[string]Config
}

// newGroup prepares members with addresses, directories and certificates of their own; none runs.
func newGroup(t *testing.T, ids ...string) *group {
	t.Helper()
	authority := newAuthority(t)
	g := &group{t: t, members: map[string]*member{}, configs: map[string]Config{}}
	var peers []Peer
	listeners := map[string]net.Listener{}
	for _, id := range ids {
		var lc net.ListenConfig
		listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		listeners[id] = listener
		peers = append(peers, Peer{ID: id, Address: listener.Addr().String()})
	}
	for _, id := range ids {
		address := listeners[id].Addr().String()
		g.configs[id] = Config{
			ID: id, Site: "site-" + id, Region: "test", Listen: address, Peers: slices.Clone(peers), DataDir: filepath.Join(t.TempDir(), id),
			TLS: authority.issue(t, id), Logger: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
			listener: listeners[id],
		}
	}
	return g
}

// start opens and runs a member. A second start of it uses the same address and directory.
func (g *group) start(id string) *member {
	g.t.Helper()
	cfg := g.configs[id]
	m, err := startMember(g.t, cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	cfg.listener = nil
	g.configs[id] = cfg
	g.members[id] = m
	return m
}

// startMember opens and runs a node until it is stopped, at the latest at the end of the test.
func startMember(t *testing.T, cfg Config) (*member, error) {
	t.Helper()
	m, err := openMember(t, cfg)
	if err != nil {
		return nil, err
	}
	m.run(t)
	return m, nil
}

// openMember opens a node that does not run yet.
func openMember(t *testing.T, cfg Config) (*member, error) {
	t.Helper()
	m := &member{cfg: cfg, machine: &register{}, result: make(chan error, 1)}
	var err error
	m.Node, err = Open(t.Context(), cfg, m.machine)
	return m, err
}

// open opens every member and runs none.
func (g *group) open() {
	g.t.Helper()
	for id, cfg := range g.configs {
		m, err := openMember(g.t, cfg)
		if err != nil {
			g.t.Fatal(err)
		}
		g.members[id] = m
	}
}

// run runs an open member until it is stopped, at the latest at the end of the test.
func (m *member) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	m.cancel = cancel
	go func() { m.result <- m.Run(ctx) }()
	t.Cleanup(func() { _ = m.Close() })
}

// startAll starts every member.
func (g *group) startAll() {
	g.t.Helper()
	for _, id := range slices.Sorted(maps.Keys(g.configs)) {
		g.start(id)
	}
}

// stop ends a member in order and returns what Run returned.
func (m *member) stop(t *testing.T) error {
	t.Helper()
	m.cancel()
	select {
	case err := <-m.result:
		return err
	case <-time.After(patience):
		t.Fatal("Run did not return")
		return nil
	}
}

// kill ends a member without a word to the others.
func (g *group) kill(id string) {
	g.t.Helper()
	if err := g.members[id].Close(); err != nil {
		g.t.Fatal(err)
	}
	delete(g.members, id)
}

// leader waits for one of the running members to lead, proven by a quorum.
func (g *group) leader() *member {
	g.t.Helper()
	var found *member
	eventually(g.t, "a leader", func() bool {
		for _, m := range g.members {
			if m.IsLeader() && m.VerifyLeader(g.t.Context()) == nil {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// set proposes a pair to whoever leads until it is accepted.
func (g *group) set(key, value string) {
	g.t.Helper()
	command, err := json.Marshal(pair{key, value})
	if err != nil {
		g.t.Fatal(err)
	}
	eventually(g.t, "accept "+key, func() bool {
		index, result, err := g.leader().Propose(g.t.Context(), command)
		if err != nil {
			if !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrOutcomeUnknown) {
				g.t.Fatal(err)
			}
			return false
		}
		if result != any(index) {
			g.t.Fatalf("the result %v is not what Apply returned for index %d", result, index)
		}
		return true
	})
}

// converge waits until every running member has the same pairs as want.
func (g *group) converge(want map[string]string) {
	g.t.Helper()
	for id, m := range g.members {
		eventually(g.t, id+" converges", func() bool { return maps.Equal(m.machine.copy(), want) })
	}
}

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	limit := time.After(patience)
	for !cond() {
		select {
		case <-poll.C:
		case <-limit:
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}

// testWriter writes log lines to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	// After the end of a test its log may not be written.
	if w.t.Context().Err() == nil {
		w.t.Logf("%s", p)
	}
	return len(p), nil
}

// authority signs certificates for members.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t), dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file("ca"), "CERTIFICATE", der)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name+".pem") }

// issue signs a certificate that names a member by its id.
func (a *authority) issue(t *testing.T, id string) *TLSFiles {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: id}, DNSNames: []string{id},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file(id), "CERTIFICATE", der)
	writePEM(t, a.file(id+"-key"), "PRIVATE KEY", secret)
	return &TLSFiles{Cert: a.file(id), Key: a.file(id + "-key"), CA: a.file("ca")}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(fmt.Errorf("write %s: %w", path, err))
	}
}
