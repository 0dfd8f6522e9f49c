package raftnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// wire is a one-way TCP path between two members that can go silent: it then forwards nothing, takes connections and closes none.
type wire struct {
	listener net.Listener
	mu       sync.Mutex
	healed   chan struct{} // nil while the wire works
}

// newWire listens for one member and forwards to another.
func newWire(t *testing.T, to string) *wire {
	t.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.carry(ctx, c, to) })
		}
	})
	t.Cleanup(func() { cancel(); _ = listener.Close(); running.Wait() })
	return w
}

// carry forwards one connection in both directions.
func (w *wire) carry(ctx context.Context, from net.Conn, to string) {
	defer func() { _ = from.Close() }()
	if !w.pass(ctx) {
		return
	}
	var d net.Dialer
	onward, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = onward.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = from.Close(); _ = onward.Close() })
	defer stop()
	var pumps sync.WaitGroup
	pumps.Go(func() { w.pump(ctx, onward, from) })
	pumps.Go(func() { w.pump(ctx, from, onward) })
	pumps.Wait()
}

// pump copies in one direction while the wire works.
func (w *wire) pump(ctx context.Context, to io.WriteCloser, from io.Reader) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !w.pass(ctx) {
			return
		}
		if _, e := to.Write(buffer[:n]); e != nil || err != nil {
			return
		}
	}
}

// pass waits until the wire works.
func (w *wire) pass(ctx context.Context) bool {
	w.mu.Lock()
	healed := w.healed
	w.mu.Unlock()
	if healed == nil {
		return ctx.Err() == nil
	}
	select {
	case <-healed:
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.healed = make(chan struct{})
}

func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.healed)
	w.healed = nil
}

// wired starts a group in which every member reaches every other over a wire of its own.
func wired(t *testing.T, g *group) map[string]map[string]*wire {
	t.Helper()
	wires := map[string]map[string]*wire{}
	g.open()
	for from, m := range g.members {
		wires[from] = map[string]*wire{}
		var routes []Peer
		for _, p := range m.cfg.Peers {
			if p.ID != from {
				wires[from][p.ID] = newWire(t, p.Address)
				p.Address = wires[from][p.ID].listener.Addr().String()
			}
			routes = append(routes, p)
		}
		m.dialer.peers = routes
		m.run(t)
	}
	return wires
}

// around applies an operation to every wire from and to a member.
func around(wires map[string]map[string]*wire, id string, op func(*wire)) {
	for from, targets := range wires {
		for to, w := range targets {
			if from == id || to == id {
				op(w)
			}
		}
	}
}

func TestLeaderCutOffAndHealed(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	wires := wired(t, g)
	g.set("before", "1")
	// A starved machine loses leaders by itself now and then; a node that disturbs when it returns does so each time.
	for range 3 {
		if cutOffAndHealed(t, g, wires) {
			return
		}
	}
	t.Error("the return of a node disturbed the leadership three times in a row")
}

// cutOffAndHealed cuts the leader off until the library has backed off for seconds, and tells whether its return
// left the leadership and the term as they were.
func cutOffAndHealed(t *testing.T, g *group, wires map[string]map[string]*wire) (undisturbed bool) {
	t.Helper()
	old := g.leader()
	around(wires, old.cfg.ID, (*wire).cut)
	err := old.VerifyLeader(t.Context())
	if !errors.Is(err, ErrNoQuorum) && !errors.Is(err, ErrNotLeader) {
		t.Errorf("VerifyLeader on the side of the minority: %v", err)
	}
	delete(g.members, old.cfg.ID)
	next := g.leader()
	eventually(t, "the old leader knows that it is none", func() bool { return !old.IsLeader() })
	for i := range 40 {
		g.set(fmt.Sprintf("during-%d", i), next.cfg.ID)
		if !pause(t.Context(), 150*time.Millisecond) {
			t.Fatal("the test ended")
		}
	}
	next = g.leader()
	term := next.Term()
	around(wires, old.cfg.ID, (*wire).heal)
	eventually(t, "the old leader catches up", func() bool { return old.machine.copy()["during-39"] == next.cfg.ID })
	undisturbed = next.Term() == term && next.IsLeader()
	g.members[old.cfg.ID] = old
	for id := range g.configs {
		eventually(t, id+" is reachable from the old leader", func() bool {
			c, ok := old.contacts.of(id)
			return id == old.cfg.ID || ok && c.err == nil
		})
	}
	return undisturbed
}

func TestSilentPeerDoesNotHangACaller(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	wires := wired(t, g)
	g.leader()
	a := g.members["a"].Node
	if _, err := a.askHello(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	wires["a"]["b"].cut()
	if _, err := a.askHello(t.Context(), "b"); err == nil {
		t.Error("a silent peer answered")
	}
	wires["a"]["b"].heal()
	eventually(t, "the peer answers again", func() bool { _, err := a.askHello(t.Context(), "b"); return err == nil })
}

// A leader that can still hear the others, and is heard by none, is deposed without a word from them.
func TestDeposedLeaderIsNotVerified(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	wires := wired(t, g)
	old := g.leader()
	id := old.cfg.ID
	// Only what the leader sends is cut, so that it cannot learn of the new term from a request.
	for _, w := range wires[id] {
		w.cut()
	}
	delete(g.members, id)
	g.leader()
	if err := old.VerifyLeader(t.Context()); err == nil {
		t.Error("a deposed leader was verified")
	}
	for _, w := range wires[id] {
		w.heal()
	}
	eventually(t, "it follows", func() bool { return !old.IsLeader() })
}
