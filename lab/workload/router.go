package workload

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"time"
)

// searchPeriod is how often each server is asked while a writer needs one.
const searchPeriod = 10 * time.Millisecond

// Endpoint is a server that writers may use.
type Endpoint struct {
	Name    string `json:"name"`
	Region  string `json:"region"`
	Address string `json:"address"` // host:port.
}

// router knows which servers accept writes. It asks them only while a writer
// waits, every server on a connection of its own, so that a silent one does not
// delay the others.
type router struct {
	servers []Endpoint // those of the writers' region first.
	open    func(Endpoint) (*sql.DB, error)
	timeout time.Duration // of one question.

	mu       sync.Mutex
	waiting  int
	demand   chan struct{} // closed when a writer begins to wait.
	seen     []time.Time   // when each server was last asked and found writable.
	sighting chan struct{} // closed when a server is found writable.
}

func newRouter(config Config, open func(Endpoint) (*sql.DB, error)) *router {
	servers := slices.Clone(config.Servers)
	slices.SortStableFunc(servers, func(a, b Endpoint) int {
		switch {
		case (a.Region == config.Region) == (b.Region == config.Region):
			return 0
		case a.Region == config.Region:
			return -1
		default:
			return 1
		}
	})
	return &router{
		servers: servers, open: open, timeout: config.ConnectTimeout,
		demand: make(chan struct{}), sighting: make(chan struct{}), seen: make([]time.Time, len(servers)),
	}
}

// run asks the servers until ctx ends.
func (r *router) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range r.servers {
		db, err := r.open(r.servers[i])
		if err != nil {
			return err
		}
		wg.Go(func() {
			defer func() { _ = db.Close() }()
			r.watch(ctx, i, db)
		})
	}
	<-ctx.Done()
	return nil
}

// watch asks one server for as long as somebody waits.
func (r *router) watch(ctx context.Context, i int, db *sql.DB) {
	ticker := time.NewTicker(searchPeriod)
	defer ticker.Stop()
	for r.demanded(ctx) {
		asked := time.Now()
		if r.accepts(ctx, db) {
			r.report(i, asked)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// accepts reports whether a server says that it takes writes from anybody.
func (r *router) accepts(ctx context.Context, db *sql.DB) bool {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var readOnly int
	err := db.QueryRowContext(ctx, "SELECT @@global.read_only + @@global.super_read_only").Scan(&readOnly)
	return err == nil && readOnly == 0
}

// demanded waits until a writer needs a server; false means that ctx ended.
func (r *router) demanded(ctx context.Context) bool {
	r.mu.Lock()
	waiting, demand := r.waiting, r.demand
	r.mu.Unlock()
	if waiting > 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-demand:
		return true
	}
}

func (r *router) report(i int, asked time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[i] = asked
	close(r.sighting)
	r.sighting = make(chan struct{})
}

// writable waits for a server that was asked after the given time and accepted
// writes. The error is that of ctx.
func (r *router) writable(ctx context.Context, after time.Time) (Endpoint, error) {
	r.enter()
	defer r.leave()
	for {
		found, sighting := r.find(after)
		if found != nil {
			return *found, nil
		}
		select {
		case <-ctx.Done():
			return Endpoint{}, context.Cause(ctx)
		case <-sighting:
		}
	}
}

func (r *router) enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting++
	if r.waiting == 1 {
		close(r.demand)
	}
}

func (r *router) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting--
	if r.waiting == 0 {
		r.demand = make(chan struct{})
	}
}

func (r *router) find(after time.Time) (*Endpoint, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, seen := range r.seen {
		if seen.After(after) {
			return &r.servers[i], r.sighting
		}
	}
	return nil, r.sighting
}
