package apitest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// World implements the interfaces of package api. Its methods may be called by several goroutines.
type World struct {
	mu      sync.Mutex
	state   fsm.State
	view    topology.View
	group   api.GroupStatus
	moved   chan struct{} // closed and replaced at every change
	follows func(*fsm.Cluster)
	parts   map[file]string
	peers   map[string]http.Handler
	now     time.Time
	means   failover.Settling
}

// file names one part of a report.
type file struct {
	id   string
	part api.ReportPart
}

// New returns the sample: a healthy cluster, seen by its leader cloud-1.
func New() *World {
	return &World{
		state: sampleState(), view: sampleView(), group: sampleGroup(), moved: make(chan struct{}), now: Epoch(),
		parts: map[file]string{}, peers: map[string]http.Handler{},
	}
}

// Config is a server's configuration over the world, with one token for each combination of roles
// that Token knows.
func (w *World) Config() api.Config {
	return api.Config{Source: w, Orders: w, Reports: w, Settler: w, Peers: w, Lead: w.lead, Tokens: Tokens(), Now: w.Now}
}

// Now is the world's clock, which only Pass moves.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Pass lets time pass.
func (w *World) Pass(d time.Duration) {
	w.change(func() { w.now = w.now.Add(d) })
}

func (w *World) change(apply func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	apply()
	close(w.moved)
	w.moved = make(chan struct{})
}

// Change changes the agreed state of a cluster.
func (w *World) Change(name string, apply func(*fsm.Cluster)) {
	w.change(func() { w.set(name, apply) })
}

func (w *World) set(name string, apply func(*fsm.Cluster)) {
	c := w.state.Clusters[name]
	c.State.Servers = maps.Clone(c.State.Servers)
	c.History = append([]failover.Event{}, c.History...)
	apply(&c)
	c.Version++
	w.state.Clusters = maps.Clone(w.state.Clusters)
	w.state.Clusters[name] = c
}

// Look changes what is seen of a server; its facts are a copy.
func (w *World) Look(server string, apply func(*topology.ServerView)) {
	w.change(func() {
		w.view.Servers = append([]topology.ServerView{}, w.view.Servers...)
		s := w.view.Find(server)
		if s.Facts != nil {
			f := *s.Facts
			f.Variables = maps.Clone(f.Variables)
			s.Facts = &f
		}
		s.Sights = append([]topology.NodeSight{}, s.Sights...)
		apply(s)
	})
}

// Lose makes a server silent to every node.
func (w *World) Lose(server string) {
	w.Look(server, func(s *topology.ServerView) {
		s.Age = time.Minute
		for i := range s.Sights {
			s.Sights[i].Reach, s.Sights[i].LastAnswer, s.Sights[i].Since = topology.ReachSilent, time.Minute, time.Minute
		}
	})
}

// Regroup changes how the node sees its group.
func (w *World) Regroup(apply func(*api.GroupStatus)) { w.change(func() { apply(&w.group) }) }

// Follows says what the controllers do once an order was accepted.
func (w *World) Follows(apply func(*fsm.Cluster)) { w.change(func() { w.follows = apply }) }

// Write puts a part of a report on this node.
func (w *World) Write(id string, part api.ReportPart, content string) {
	w.change(func() { w.parts[file{id, part}] = content })
}

// Means says how much of a report every selection means.
func (w *World) Means(transactions, rows int) {
	w.change(func() { w.means = failover.Settling{Count: transactions, Rows: rows} })
}

// Plan implements [api.Settler].
func (w *World) Plan(_ context.Context, o *failover.Order) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if o.Settle == nil {
		o.Settle = &failover.Settling{}
	}
	o.Settle.Count, o.Settle.Rows = w.means.Count, w.means.Rows
	return nil
}

// Progress implements [api.Settler]: nothing is under way.
func (w *World) Progress(string) (failover.Tally, bool) { return failover.Tally{}, false }

// Connect makes another node's handler for forwarded requests reachable.
func (w *World) Connect(node string, h http.Handler) { w.change(func() { w.peers[node] = h }) }

// State implements [api.Source].
func (w *World) State() fsm.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// View implements [api.Source]. Servers that the sample does not know are not seen.
func (w *World) View(cluster policy.ClusterSpec) topology.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := topology.View{Nodes: w.view.Nodes, Fresh: w.view.Fresh}
	for _, s := range cluster.Servers {
		seen := topology.ServerView{Server: s.Identity(), Age: topology.Never}
		if known := w.view.Find(s.Name); known != nil {
			seen = *known
		}
		v.Servers = append(v.Servers, seen)
	}
	return v
}

// Group implements [api.Source].
func (w *World) Group() api.GroupStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.group
}

func (w *World) input(o failover.Order) (fsm.Cluster, failover.Input, error) {
	state, group := w.State(), w.Group()
	if !group.Leads() {
		return fsm.Cluster{}, failover.Input{}, api.ErrNotLeader
	}
	c, ok := state.Clusters[o.Cluster]
	if !ok {
		return fsm.Cluster{}, failover.Input{}, fmt.Errorf("%w: %s", fsm.ErrNotFound, o.Cluster)
	}
	return c, failover.Input{Now: w.Now(), Term: 1, Node: group.Node, Spec: &c.Spec, View: w.View(c.Spec)}, nil
}

// Preview implements [api.Orders].
func (w *World) Preview(_ context.Context, o failover.Order) (failover.Preview, error) {
	c, in, err := w.input(o)
	if err != nil {
		return failover.Preview{}, err
	}
	return failover.PreviewOrder(c.State, in, o)
}

// Submit implements [api.Orders].
func (w *World) Submit(_ context.Context, o failover.Order) (fsm.Cluster, error) {
	c, in, err := w.input(o)
	if err != nil {
		return fsm.Cluster{}, err
	}
	d, err := failover.Accept(c.State, in, o)
	if err != nil {
		return fsm.Cluster{}, err
	}
	w.Change(o.Cluster, func(c *fsm.Cluster) {
		c.State, c.History = d.Next, append(c.History, d.Events...)
		w.state.Audit = append(w.state.Audit, fsm.AuditEntry{At: o.At, By: o.By, Action: string(o.Kind), Object: "cluster/" + o.Cluster, Outcome: "accepted", Reason: o.Reason})
	})
	return w.State().Clusters[o.Cluster], nil
}

// Await implements [api.Orders]: what follows the order happens when it is first awaited.
func (w *World) Await(ctx context.Context, cluster string, done func(fsm.Cluster) bool) (fsm.Cluster, error) {
	for {
		w.mu.Lock()
		moved, follows := w.moved, w.follows
		w.follows = nil
		w.mu.Unlock()
		if follows != nil {
			w.Change(cluster, follows)
			continue
		}
		if c := w.State().Clusters[cluster]; done(c) {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return fsm.Cluster{}, ctx.Err()
		case <-moved:
		}
	}
}

// Declare implements [api.Orders] with the real state machine.
func (w *World) Declare(_ context.Context, specs fsm.PutSpecs) error {
	machine := fsm.New()
	before, err := json.Marshal(w.State())
	if err != nil {
		return err
	}
	if err := machine.Restore(before); err != nil {
		return err
	}
	command, err := fsm.Command{PutSpecs: &specs}.Encode()
	if err != nil {
		return err
	}
	if failed, ok := machine.Apply(1, command).(error); ok {
		return failed
	}
	w.change(func() { w.state = machine.State() })
	return nil
}

// lead has another node lead.
func (w *World) lead(_ context.Context, node string) error {
	w.Regroup(func(g *api.GroupStatus) { g.Leader = node })
	return nil
}

// Copy implements [api.Reports].
func (w *World) Copy(_ context.Context, to io.Writer, id string, part api.ReportPart, reveal bool) error {
	w.mu.Lock()
	content, ok := w.parts[file{id, part}]
	w.mu.Unlock()
	if !ok {
		return fmt.Errorf("%w: report %s is not compared yet", api.ErrNoReport, id)
	}
	if reveal {
		content = "revealed: " + content
	}
	_, err := io.WriteString(to, content)
	return err
}

// Forward implements [api.Peers] over the handlers that were connected.
func (w *World) Forward(_ context.Context, node string, r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	h := w.peers[node]
	w.mu.Unlock()
	if h == nil {
		return nil, fmt.Errorf("node %s: no route", node)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer.Result(), nil
}
