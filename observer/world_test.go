package observer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/topology"
)

var (
	errRefused = errors.New("connection refused")
	errClosed  = errors.New("connection closed by the server")
	errDenied  = errors.New("access denied")
)

// fakeServer answers probes the way its state says.
type fakeServer struct {
	mu       sync.Mutex
	facts    topology.Facts
	dead     bool
	hung     bool
	denied   bool
	broken   chan struct{} // closed when the connections that exist now break
	observed int
}

func (s *fakeServer) set(change func(*fakeServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// cut breaks every connection that exists now.
func (s *fakeServer) cut() {
	s.set(func(s *fakeServer) { close(s.broken); s.broken = make(chan struct{}) })
}

func (s *fakeServer) kill() {
	s.set(func(s *fakeServer) { s.dead = true })
	s.cut()
}

func (s *fakeServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.observed
}

// answer is what a request on a connection gets; hung servers let it wait for ctx.
func (s *fakeServer) answer(ctx context.Context, broken chan struct{}) (*topology.Facts, error) {
	s.mu.Lock()
	s.observed++
	hung, dead, denied, facts := s.hung, s.dead, s.denied, s.facts
	s.mu.Unlock()
	select {
	case <-broken:
		return nil, errClosed
	default:
	}
	switch {
	case hung:
		<-ctx.Done()
		return nil, ctx.Err()
	case dead:
		return nil, errRefused
	case denied:
		return nil, errDenied
	}
	if facts.Source != nil {
		up := *facts.Source
		facts.Source = &up
	}
	return &facts, nil
}

// fakeLink is the observer's access to a server.
type fakeLink struct {
	server *fakeServer
	broken chan struct{} // of the persistent connection, nil when there is none
}

// connect waits or fails as the server's state says, and returns what breaks the connection.
func (f *fakeLink) connect(ctx context.Context) (chan struct{}, error) {
	f.server.mu.Lock()
	hung, dead, broken := f.server.hung, f.server.dead, f.server.broken
	f.server.mu.Unlock()
	switch {
	case hung:
		<-ctx.Done()
		return nil, ctx.Err()
	case dead:
		return nil, errRefused
	}
	return broken, nil
}

func (f *fakeLink) Observe(ctx context.Context) (*topology.Facts, error) {
	if f.broken == nil {
		broken, err := f.connect(ctx)
		if err != nil {
			return nil, err
		}
		f.broken = broken
	}
	return f.server.answer(ctx, f.broken)
}

func (f *fakeLink) Watch(ctx context.Context) error {
	broken, err := f.connect(ctx)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-broken:
		return errClosed
	}
}

func (f *fakeLink) Close() { f.broken = nil }

// world is a set of servers and the observer under test.
type world struct {
	*Observer
	servers map[string]*fakeServer
	sent    chan topology.Report
	unheard atomic.Int64 // reports that n3 was sent
}

func classify(err error) topology.Reach {
	if errors.Is(err, errDenied) {
		return topology.ReachDenied
	}
	return topology.ReachRefused
}

func newWorld(names ...string) *world {
	w := &world{servers: map[string]*fakeServer{}, sent: make(chan topology.Report, 1000)}
	targets := map[string]Target{}
	for _, name := range names {
		w.servers[name] = &fakeServer{broken: make(chan struct{}), facts: topology.Facts{UUID: "uuid-" + name, Boot: topology.Boot{Started: 1000, Process: 1}}}
		targets[name] = Target{Server: topology.Server{Name: name, Region: "east", Site: "east-a"}, Cluster: "orders"}
	}
	w.Observer = New(Config{
		Self:  Node{ID: "n1", Site: "east-a", Region: "east"},
		Peers: []Node{{ID: "n1"}, {ID: "n2", Site: "west-a", Region: "west"}, {ID: "n3"}},
		Boot:  "boot-1", Classify: classify, Publish: w.publish,
		Connect: func(s topology.Server) Server { return &fakeLink{server: w.servers[s.Name]} },
		Lost:    func(err error) bool { return errors.Is(err, errClosed) },
	})
	w.SetServers(targets)
	return w
}

// publish delivers to n2; n3 is dead and never answers.
func (w *world) publish(ctx context.Context, node string, r topology.Report) error {
	if node != "n2" {
		w.unheard.Add(1)
		<-ctx.Done()
		return ctx.Err()
	}
	w.sent <- r
	return nil
}

// sight is the node's own sight of a server.
func (w *world) sight(t *testing.T, name string) topology.Sight {
	t.Helper()
	for _, s := range w.Report().Sights {
		if s.Server == name {
			return s
		}
	}
	t.Fatalf("no sight of %s", name)
	return topology.Sight{}
}

// probes counts the probes of a server during d.
func (w *world) probesDuring(d time.Duration, name string) int {
	before := w.servers[name].count()
	advance(d)
	return w.servers[name].count() - before
}

// lastSent empties the queue of pushed reports and returns the newest.
func (w *world) lastSent() (last topology.Report, n int) {
	for {
		select {
		case last = <-w.sent:
			n++
		default:
			return last, n
		}
	}
}

// advance lets virtual time pass and waits until everything due has happened.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// run runs the observer in virtual time until the story ends.
func run(t *testing.T, story func(t *testing.T, w *world), names ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(names...)
		ctx, cancel := context.WithCancel(t.Context())
		var g errgroup.Group
		g.Go(func() error { return w.Run(ctx) })
		advance(100 * time.Millisecond)
		story(t, w)
		cancel()
		if err := g.Wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
