package raftnode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestElectProposeKillReelect(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "east-1", "west-1", "mid-1")
	g.startAll()
	want := map[string]string{}
	for i := range 20 {
		key := fmt.Sprintf("before-%d", i)
		g.set(key, "1")
		want[key] = "1"
	}
	g.converge(want)

	old := g.leader()
	term := old.Term()
	start := time.Now()
	g.kill(old.cfg.ID)
	next := g.leader()
	t.Logf("a new leader after %s", time.Since(start).Round(time.Millisecond))
	if next.Term() <= term {
		t.Errorf("term %d of the new leader is not above %d", next.Term(), term)
	}
	g.set("after", "2")
	want["after"] = "2"
	g.converge(want)

	g.start(old.cfg.ID)
	g.converge(want)
	for id, m := range g.members {
		eventually(t, id+" is a member", func() bool { return m.Status().Phase == PhaseMember })
	}
}

func TestFollowerRefusesAndNamesTheLeader(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.startAll()
	leader := g.leader()
	for id, m := range g.members {
		if id == leader.cfg.ID {
			continue
		}
		eventually(t, id+" knows the leader", func() bool { l, ok := m.Leader(); return ok && l == leader.cfg.ID })
		_, _, err := m.Propose(t.Context(), []byte(`{}`))
		var notLeader *NotLeaderError
		if !errors.As(err, &notLeader) || !errors.Is(err, ErrNotLeader) || notLeader.Leader != leader.cfg.ID {
			t.Errorf("%s: Propose: %v, want the leader %s named", id, err, leader.cfg.ID)
		}
		if err := m.VerifyLeader(t.Context()); !errors.Is(err, ErrNotLeader) {
			t.Errorf("%s: VerifyLeader: %v", id, err)
		}
		if err := m.Barrier(t.Context()); !errors.Is(err, ErrNotLeader) {
			t.Errorf("%s: Barrier: %v", id, err)
		}
	}
	if err := leader.Barrier(t.Context()); err != nil {
		t.Errorf("Barrier on the leader: %v", err)
	}
}

func TestLeaderWithoutMajority(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.startAll()
	leader := g.leader()
	for id := range g.configs {
		if id != leader.cfg.ID {
			g.kill(id)
		}
	}
	err := leader.VerifyLeader(t.Context())
	if !errors.Is(err, ErrNoQuorum) && !errors.Is(err, ErrNotLeader) {
		t.Errorf("VerifyLeader alone: %v", err)
	}
	eventually(t, "the leader steps down", func() bool { return !leader.IsLeader() })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := leader.Propose(ctx, []byte(`{"Key":"k"}`)); err == nil {
		t.Error("a proposal without a majority was accepted")
	}
}

func TestRestartFromDisk(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.startAll()
	want := map[string]string{}
	for i := range 10 {
		key := fmt.Sprintf("k%d", i)
		g.set(key, "v")
		want[key] = "v"
	}
	g.converge(want)
	for id, m := range g.members {
		if err := m.stop(t); err != nil {
			t.Errorf("stop %s: %v", id, err)
		}
	}
	clear(g.members)
	g.startAll()
	g.set("again", "w")
	want["again"] = "w"
	g.converge(want)
}

func TestSnapshotAndRestore(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.startAll()
	want := map[string]string{}
	for i := range 10 {
		key := fmt.Sprintf("k%d", i)
		g.set(key, strings.Repeat("v", i))
		want[key] = strings.Repeat("v", i)
	}
	g.converge(want)
	for id, m := range g.members {
		if err := m.raft.Load().Snapshot().Error(); err != nil {
			t.Fatalf("snapshot %s: %v", id, err)
		}
	}
	for _, m := range g.members {
		if err := m.stop(t); err != nil {
			t.Error(err)
		}
	}
	clear(g.members)
	g.startAll()
	g.leader()
	g.converge(want)
	for id, m := range g.members {
		if stats := m.raft.Load().Stats(); stats["last_snapshot_index"] == "0" {
			t.Errorf("%s did not start from its snapshot: %v", id, stats)
		}
	}
}

func TestOrderlyStopHandsOver(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.startAll()
	leader := g.leader()
	for id, m := range g.members {
		if id != leader.cfg.ID {
			eventually(t, "the leader sees "+id, func() bool { c, ok := leader.contacts.of(id); return ok && c.err == nil && c.hello.Member && m != nil })
		}
	}
	if err := leader.stop(t); err != nil {
		t.Errorf("orderly stop: %v", err)
	}
	delete(g.members, leader.cfg.ID)
	g.leader()
	if _, _, err := leader.Propose(t.Context(), nil); err == nil {
		t.Error("a stopped node accepted a proposal")
	}
}

func TestTransferLeadershipAndChanges(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.startAll()
	leader := g.leader()
	target := "a"
	if leader.cfg.ID == "a" {
		target = "b"
	}
	changes := g.members[target].LeaderChanges()
	g.set("caught", "up")
	if err := g.leader().TransferLeadership(t.Context(), "nobody"); !errors.Is(err, ErrUnknownPeer) {
		t.Errorf("transfer to an unknown peer: %v", err)
	}
	if err := leader.TransferLeadership(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case change := <-changes:
			if change.Self && change.Leader == target {
				return
			}
		case <-time.After(patience):
			t.Fatal("no change was announced")
		}
	}
}

func TestPeerRequests(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.open()
	for id, m := range g.members {
		m.PeerHandle("POST /echo", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			_, _ = fmt.Fprintf(w, "%s heard %d bytes", id, len(body))
		}))
		m.run(t)
	}
	for _, to := range []string{"a", "b", "c"} {
		got, err := post(t.Context(), g.members["a"].Node, to, strings.Repeat("x", 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		if want := to + " heard 1048576 bytes"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if _, err := post(t.Context(), g.members["a"].Node, "nobody", ""); !errors.Is(err, ErrUnknownPeer) {
		t.Errorf("asking an unknown peer: %v", err)
	}
	g.kill("b")
	if _, err := post(t.Context(), g.members["a"].Node, "b", ""); err == nil {
		t.Error("asking a dead peer succeeded")
	}
}

// post sends a body to the echo handler of a peer.
func post(ctx context.Context, n *Node, to, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.PeerURL(to)+"echo", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := n.PeerClient(to).Do(request)
	if err != nil {
		return "", err
	}
	answer, err := io.ReadAll(response.Body)
	return string(answer), errors.Join(err, response.Body.Close())
}

func TestStatusShowsPeers(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.startAll()
	leader := g.leader()
	var status Status
	eventually(t, "every peer is seen", func() bool {
		status = leader.Status()
		for _, p := range status.Peers {
			if !p.Reachable || p.LastIndex == 0 {
				return false
			}
		}
		return true
	})
	if status.State != "leader" || status.Leader != leader.cfg.ID || status.Term == 0 || len(status.Peers) != 2 {
		t.Errorf("status: %+v", status)
	}
	data, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	var back Status
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(status.Peers[0].ID, back.Peers[0].ID); diff != "" {
		t.Error(diff)
	}
}

// An empty node must see that a group runs also while a member of it still starts.
func TestHelloBeforeRaftRuns(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a")
	g.start("a")
	g.set("k", "v")
	g.kill("a")
	m, err := openMember(t, g.configs["a"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	if h := m.selfHello(); !h.HasState || h.LastIndex <= freshIndex || h.Member {
		t.Errorf("hello before the start: %+v", h)
	}
}
