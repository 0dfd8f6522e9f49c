package raftnode

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

func TestForm(t *testing.T) {
	peers := []Peer{{"a", "h:1"}, {"b", "h:2"}, {"c", "h:3"}}
	fresh := func(id string) contact {
		return contact{hello: hello{ID: id, Peers: []Peer{peers[2], peers[0], peers[1]}}}
	}
	running := func(id string) contact {
		c := fresh(id)
		c.hello.HasState, c.hello.LastIndex = true, 7
		return c
	}
	founder := func(id string) contact {
		c := fresh(id)
		c.hello.HasState, c.hello.LastIndex = true, freshIndex
		return c
	}
	other := contact{hello: hello{ID: "c", Peers: peers[:2]}}
	down := contact{err: errors.New("refused")}
	cases := []struct {
		name   string
		known  map[string]contact
		rounds int
		phase  Phase
		start  bool
		want   string
	}{
		{"alone", nil, 0, PhaseForming, false, "1 of 3 nodes can be reached and 2 are needed; not reached: b at h:2; c at h:3"},
		{"others down", map[string]contact{"b": down, "c": down}, 99, PhaseForming, false, "(refused)"},
		{"all agree", map[string]contact{"b": fresh("b"), "c": fresh("c")}, 0, PhaseMember, true, ""},
		{"majority waits", map[string]contact{"b": fresh("b"), "c": down}, 0, PhaseForming, false, "waiting a moment for c"},
		{"majority goes ahead", map[string]contact{"b": fresh("b"), "c": down}, formingRounds, PhaseMember, true, ""},
		{"other list", map[string]contact{"b": fresh("b"), "c": other}, 99, PhaseRefused, false, "a has raft.peers [a=h:1, b=h:2, c=h:3], c has [a=h:1, b=h:2]"},
		{"other list and no majority", map[string]contact{"b": down, "c": other}, 99, PhaseRefused, false, "disagree"},
		{"other node", map[string]contact{"b": fresh("x"), "c": fresh("c")}, 0, PhaseRefused, false, "calls itself x"},
		{"group runs", map[string]contact{"b": running("b"), "c": fresh("c")}, 0, PhaseJoining, true, "b has its state"},
		{"group runs, seen by one", map[string]contact{"b": running("b"), "c": down}, 0, PhaseJoining, true, "brought it up to date"},
		{"group runs and another disagrees", map[string]contact{"b": running("b"), "c": other}, 0, PhaseRefused, false, "disagree"},
		{"others just founded it", map[string]contact{"b": founder("b"), "c": founder("c")}, 0, PhaseMember, true, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := form(peers[0], peers, c.known, c.rounds)
			if v.phase != c.phase || v.start != c.start || !strings.Contains(v.reason, c.want) {
				t.Errorf("got %+v, want %s start=%v with %q", v, c.phase, c.start, c.want)
			}
		})
	}
}

func TestSingleNodeFormsAtOnce(t *testing.T) {
	v := form(Peer{"a", "h:1"}, []Peer{{"a", "h:1"}}, nil, 0)
	if !v.start || v.phase != PhaseMember {
		t.Errorf("got %+v", v)
	}
}

func TestDisagreeingPeersAreRefused(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	cfg := g.configs["c"]
	cfg.Peers = []Peer{cfg.Peers[0], cfg.Peers[2]} // c does not know b
	g.configs["c"] = cfg
	g.startAll()
	eventually(t, "a refuses", func() bool { return g.members["a"].Status().Phase == PhaseRefused })
	eventually(t, "c refuses", func() bool { return g.members["c"].Status().Phase == PhaseRefused })
	reason := g.members["a"].Status().Reason
	for _, part := range []string{"a and c disagree", "configuration files of both", cfg.Peers[0].Address} {
		if !strings.Contains(reason, part) {
			t.Errorf("reason %q lacks %q", reason, part)
		}
	}
	if _, _, err := g.members["a"].Propose(t.Context(), nil); !errors.Is(err, ErrNotLeader) || !strings.Contains(err.Error(), "disagree") {
		t.Errorf("Propose: %v", err)
	}

	// The wrong file is corrected and its node restarted: the group forms.
	g.kill("c")
	cfg = g.configs["c"]
	cfg.Peers = g.configs["a"].Peers
	g.configs["c"] = cfg
	g.start("c")
	g.set("formed", "yes")
	g.converge(map[string]string{"formed": "yes"})
}

func TestRunningGroupShowsADifferentList(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.startAll()
	g.set("k", "v")
	g.kill("c")
	cfg := g.configs["c"]
	cfg.Peers = []Peer{cfg.Peers[0], cfg.Peers[2]}
	g.configs["c"] = cfg
	g.start("c")
	eventually(t, "c shows it", func() bool { return g.members["c"].Status().Phase == PhaseMismatch })
	if reason := g.members["c"].Status().Reason; !strings.Contains(reason, "the stored membership counts") {
		t.Errorf("reason %q", reason)
	}
	eventually(t, "a shows it", func() bool { return g.members["a"].Status().Phase == PhaseMismatch })
	g.set("still", "works")
}

func TestLostDirectoryIsOnProbation(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.startAll()
	g.set("k", "v")
	g.converge(map[string]string{"k": "v"})
	leader := g.leader().cfg.ID
	lost := map[string]string{"a": "b", "b": "c", "c": "a"}[leader]

	// Nobody who leads is left, and a node comes back empty: it must not help to elect anyone.
	g.kill(lost)
	g.kill(leader)
	if err := os.RemoveAll(g.configs[lost].DataDir); err != nil {
		t.Fatal(err)
	}
	m := g.start(lost)
	eventually(t, "it is on probation", func() bool { return m.Status().Phase == PhaseJoining && m.raft.Load() != nil })
	request := raft.RequestVoteRequest{Term: 100, LastLogIndex: 100, LastLogTerm: 100}
	var response raft.RequestVoteResponse
	for id, other := range g.members {
		if id == lost {
			continue
		}
		trans := voteTransport(t, other)
		err := trans.RequestVote(raft.ServerID(lost), raft.ServerAddress(g.configs[lost].Listen), &request, &response)
		if err == nil || !strings.Contains(err.Error(), errProbation.Error()) || response.Granted {
			t.Errorf("a node on probation answered a vote request with %v, granted %v", err, response.Granted)
		}
		if other.IsLeader() {
			t.Errorf("%s was elected with the vote of a node that lost its state", id)
		}
	}
	eventually(t, "it asks for no votes", func() bool { return !m.IsLeader() && m.identity.onProbation() })

	// With the state of a majority back, the leader brings it up to date and its probation ends.
	g.start(leader)
	g.converge(map[string]string{"k": "v"})
	g.set("k2", "v2")
	eventually(t, "its probation ends", func() bool { return m.Status().Phase == PhaseMember })
}

// voteTransport returns a transport that dials as a member does.
func voteTransport(t *testing.T, m *member) *raft.NetworkTransport {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	streams := &streamLayer{queue: newQueue(advertised("test")), dialer: m.dialer, self: "test", ctx: ctx}
	trans := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: streams, Timeout: m.cfg.Timeouts.withDefaults().RPC, Logger: newRaftLogger(m.logger.Handler()),
	})
	t.Cleanup(func() { _ = trans.Close() })
	return trans
}
