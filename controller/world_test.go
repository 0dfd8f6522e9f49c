package controller

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// fakeLog is a group of one whose commits take a while and whose leadership is given and taken.
type fakeLog struct {
	machine *fsm.Machine
	changed chan struct{}
	commit  time.Duration // how long a commit takes

	mu     sync.Mutex
	index  uint64
	lead   Leadership
	verify error
	before func() // runs before a command is applied
	trace  *trace
}

func (f *fakeLog) State() fsm.State         { return f.machine.State() }
func (f *fakeLog) Changed() <-chan struct{} { return f.changed }

func (f *fakeLog) Leadership() Leadership {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lead
}

func (f *fakeLog) setLead(l Leadership) {
	f.set(func(f *fakeLog) { f.lead = l })
	notify(f.changed)
}

func (f *fakeLog) VerifyLeader(context.Context) error {
	f.trace.add("verify")
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.verify
}

// set changes the log under its lock.
func (f *fakeLog) set(change func(*fakeLog)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeLog) Propose(ctx context.Context, c fsm.Command) error {
	f.mu.Lock()
	commit := f.commit
	f.mu.Unlock()
	pause(ctx, commit)
	f.mu.Lock()
	before := f.before
	f.before = nil
	f.mu.Unlock()
	if before != nil {
		before()
	}
	if err := f.apply(c); err != nil {
		f.trace.add("stale")
		return err
	}
	f.trace.add("commit")
	notify(f.changed)
	return nil
}

func (f *fakeLog) apply(c fsm.Command) error {
	encoded, err := c.Encode()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.index++
	if failed, is := f.machine.Apply(f.index, encoded).(error); is {
		return failed
	}
	return nil
}

// trace is what happened, in order.
type trace struct {
	mu    sync.Mutex
	lines []string
}

func (t *trace) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
}

// take returns what happened since the last call.
func (t *trace) take() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := t.lines
	t.lines = nil
	return lines
}

type fakeObserver struct{ changed chan struct{} }

func (*fakeObserver) View([]topology.Server) topology.View { return topology.View{} }
func (*fakeObserver) Alert(string)                         {}
func (f *fakeObserver) Changed() <-chan struct{}           { return f.changed }

// fakeActor takes a while for each action and then says what it was told to.
type fakeActor struct {
	name  string
	trace *trace

	mu    sync.Mutex
	takes time.Duration
	err   string
}

// set changes how the next actions go.
func (f *fakeActor) set(takes time.Duration, err string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takes, f.err = takes, err
}

func (f *fakeActor) Do(ctx context.Context, a failover.Action) failover.Result {
	f.trace.add(f.name + " " + a.ID)
	f.mu.Lock()
	takes, failed := f.takes, f.err
	f.mu.Unlock()
	if !pause(ctx, takes) {
		f.trace.add("cancelled " + a.ID)
		return failover.Result{Err: ctx.Err().Error()}
	}
	f.trace.add("done " + a.ID)
	return failover.Result{Err: failed}
}

func (f *fakeActor) Hold(_ context.Context, _, server string) (*topology.Facts, error) {
	f.trace.add("hold " + server)
	return &topology.Facts{}, nil
}

func (*fakeActor) Release() {}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

type fakeNotifier struct{ trace *trace }

func (f *fakeNotifier) Notify(e failover.Event) { f.trace.add("notify " + e.Kind) }

// world is a controller with everything around it.
type world struct {
	*Controller
	log     *fakeLog
	servers *fakeActor
	trace   *trace
	// decide is asked under a lock, so that stories may replace it.
	mu     sync.Mutex
	decide func(failover.State, failover.Input) failover.Decision
	sights chan struct{}
}

func newWorld(t *testing.T, clusters ...string) *world {
	t.Helper()
	tr := &trace{}
	w := &world{
		trace:   tr,
		log:     &fakeLog{machine: fsm.New(), changed: make(chan struct{}, 1), commit: 30 * time.Millisecond, trace: tr},
		servers: &fakeActor{name: "act", takes: 10 * time.Millisecond, trace: tr},
		sights:  make(chan struct{}, 1),
		decide:  func(s failover.State, _ failover.Input) failover.Decision { return failover.Decision{Next: s} },
	}
	for _, name := range clusters {
		w.declare(t, name, policy.ModeAutomatic)
	}
	w.Controller = New(Config{
		Node: "n1", Log: w.log, Observer: &fakeObserver{w.sights}, Servers: w.servers,
		Reports: &fakeActor{name: "report", trace: tr}, Notifier: &fakeNotifier{tr},
		Rules: Rules{Decide: w.decideNow, Accept: accept, Preview: preview},
	})
	return w
}

func (w *world) declare(t *testing.T, name string, mode policy.Mode) {
	t.Helper()
	spec := policy.ClusterSpec{Name: name, HomeRegion: "east", Mode: mode}
	version := w.log.State().Clusters[name].Version
	err := w.log.apply(fsm.Command{PutSpecs: &fsm.PutSpecs{
		Specs: policy.Specs{Clusters: []policy.ClusterSpec{spec}, Fleet: policy.DefaultFleet()}, Expect: map[string]uint64{name: version},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) decideNow(s failover.State, in failover.Input) failover.Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.decide(s, in)
}

func (w *world) setDecide(decide func(failover.State, failover.Input) failover.Decision) {
	w.mu.Lock()
	w.decide = decide
	w.mu.Unlock()
	notify(w.sights)
}

func (w *world) state(cluster string) failover.State { return w.log.State().Clusters[cluster].State }

var errNoWay = errors.Join(failover.ErrRefused, errors.New("no way"))

// accept takes every order but one without a reason, and raises the counter.
func accept(s failover.State, _ failover.Input, o failover.Order) (failover.Decision, error) {
	if o.Reason == "" {
		return failover.Decision{Next: s, Events: []failover.Event{{Kind: "refusal", Cluster: o.Cluster}}}, errNoWay
	}
	s.Counter++
	return failover.Decision{Next: s, Events: []failover.Event{{Kind: "override", Cluster: o.Cluster, ID: o.ID}}}, nil
}

func preview(_ failover.State, _ failover.Input, o failover.Order) (failover.Preview, error) {
	return failover.Preview{Order: o}, nil
}

func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// run runs a story in virtual time, with this node leading from the start.
func run(t *testing.T, story func(t *testing.T, w *world), clusters ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clusters...)
		w.log.lead = Leadership{Leads: true, Term: 1}
		ctx, cancel := context.WithCancel(t.Context())
		var g errgroup.Group
		g.Go(func() error { return w.Run(ctx) })
		advance(time.Second)
		w.trace.take()
		story(t, w)
		cancel()
		if err := g.Wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
