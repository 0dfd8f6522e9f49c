package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/regentdb/regent/topology"
)

const (
	uuidA = "aaaaaaaa-0000-0000-0000-000000000001"
	ttl   = 4 * time.Second
)

var errSilent = errors.New("no answer")

// world is a primary with a guard row, its candidates, and a leader, in a bubble of time.
type world struct {
	mu      sync.Mutex
	row     *topology.Lease
	expires time.Time         // on the server's clock
	offset  time.Duration     // of the server's clock from the bubble's
	silent  map[string]bool   // servers that do not answer
	claims  map[string]string // by candidate
	way     time.Duration     // of each question, and again of its answer
	thinks  time.Duration     // before the leader answers
	leader  func() error      // answers requests for permission; nil: permits
	asked   []time.Duration   // when the leader was asked, since the beginning
	renewed []time.Duration   // when renewals arrived
	closed  map[string]int    // connections ended, by server
	change  chan struct{}     // of the targets
	targets []Target
	began   time.Time
}

func newWorld(candidates ...string) *world {
	w := &world{
		silent: map[string]bool{}, claims: map[string]string{}, closed: map[string]int{}, change: make(chan struct{}, 1), began: time.Now(),
		row: &topology.Lease{UUID: uuidA, Epoch: 3, SetVersion: 7, Candidates: candidates, Serve: true, TTL: ttl},
	}
	w.expires = w.clock().Add(ttl)
	t := Target{Cluster: "orders", Primary: topology.Server{Name: "db1"}, Servers: map[string]topology.Server{}, Near: true}
	for _, name := range []string{"db1", "db2", "db3"} {
		t.Servers[name] = topology.Server{Name: name}
	}
	w.targets = []Target{t}
	return w
}

func (w *world) clock() time.Time { return time.Now().Add(w.offset) }

// left is what remains of the lease on the server's clock.
func (w *world) left() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.expires.Sub(w.clock())
}

// fault is what the row says.
func (w *world) fault() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.row.Fault
}

// renewals are when renewals arrived.
func (w *world) renewals() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.renewed)
}

// asks is how often the leader was asked, and closes how often a connection was ended.
func (w *world) asks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

func (w *world) closes(server string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed[server]
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) permit(ctx context.Context, cluster string, row topology.Lease) error {
	w.mu.Lock()
	thinks := w.thinks
	w.mu.Unlock()
	<-time.After(thinks)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, time.Since(w.began))
	if cluster != "orders" || row.Epoch != 3 {
		return fmt.Errorf("%w: asked for %s, epoch %d", ErrRefused, cluster, row.Epoch)
	}
	if w.leader == nil {
		return ctx.Err()
	}
	return w.leader()
}

// run lets a renewer work until the test ends, in a bubble.
func (w *world) run(t *testing.T) (stop func()) {
	t.Helper()
	r := New(Config{
		Targets: func() []Target {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Clone(w.targets)
		},
		Changed: w.change, Permit: w.permit,
		Connect: func(s topology.Server) Server { return &fakeServer{w, s.Name} },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// fakeServer is one server of a world.
type fakeServer struct {
	w    *world
	name string
}

// travel is one way of a question or an answer.
func (s *fakeServer) travel(ctx context.Context) error {
	s.w.mu.Lock()
	way, silent := s.w.way, s.w.silent[s.name]
	s.w.mu.Unlock()
	if silent {
		<-ctx.Done()
		return errSilent
	}
	timer := time.NewTimer(way)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (s *fakeServer) Read(ctx context.Context) (row *topology.Lease, clock time.Time, err error) {
	if err := s.travel(ctx); err != nil {
		return nil, time.Time{}, err
	}
	s.w.set(func() {
		clock = s.w.clock()
		if s.w.row != nil {
			copied := *s.w.row
			row = &copied
			row.Remaining = s.w.expires.Sub(clock)
		}
	})
	return row, clock, s.travel(ctx)
}

var errOther = errors.New("another row")

// change is the compare-and-set.
func (s *fakeServer) change(ctx context.Context, row topology.Lease, set func()) error {
	if err := s.travel(ctx); err != nil {
		return err
	}
	var err error
	s.w.set(func() {
		now := s.w.row
		if now == nil || now.UUID != row.UUID || now.Epoch != row.Epoch || now.SetVersion != row.SetVersion {
			err = errOther
			return
		}
		set()
	})
	return errors.Join(err, s.travel(ctx))
}

func (s *fakeServer) Renew(ctx context.Context, row topology.Lease, until time.Time) error {
	return s.change(ctx, row, func() {
		s.w.renewed = append(s.w.renewed, time.Since(s.w.began))
		if until.After(s.w.expires) {
			s.w.expires = until
		}
	})
}

func (s *fakeServer) Mark(ctx context.Context, row topology.Lease, fault string) error {
	return s.change(ctx, row, func() { s.w.row.Fault = fault })
}

func (s *fakeServer) Claim(ctx context.Context, cluster, source string) (claimed string, err error) {
	if err := s.travel(ctx); err != nil {
		return "", err
	}
	s.w.set(func() { claimed = s.w.claims[s.name] })
	if cluster != "orders" || source != uuidA {
		claimed = "it follows another"
	}
	return claimed, s.travel(ctx)
}

func (s *fakeServer) Close() { s.w.set(func() { s.w.closed[s.name]++ }) }
