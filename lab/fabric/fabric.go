package fabric

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
)

var (
	// ErrClosed is returned by every call on a fabric that was closed.
	ErrClosed = errors.New("the fabric is closed")
	// ErrUnknownHost is returned when no host has the given name.
	ErrUnknownHost = errors.New("no such host in the fabric")
	// ErrUnknownSite is returned when no host lies in the given site.
	ErrUnknownSite = errors.New("no such site in the fabric")
	// ErrUnknownRegion is returned when no host lies in the given region.
	ErrUnknownRegion = errors.New("no such region in the fabric")
	// ErrDuplicateHost is returned by AddHost when the name or the address is taken.
	ErrDuplicateHost = errors.New("the host's name or address is taken")
	// ErrBadHost is returned by AddHost for a host without a name, a region or an IPv4 address.
	ErrBadHost = errors.New("a host needs a name, a region and an IPv4 address")
)

// Fabric is a set of hosts and the switch that joins them. Its methods may be
// called from several goroutines.
type Fabric struct {
	log    *slog.Logger
	seed   uint64
	medium medium

	ctx    context.Context // ends with Close.
	cancel context.CancelFunc
	work   sync.WaitGroup

	pool    *bufferPool
	table   atomic.Pointer[table]
	counter counters

	mu     sync.Mutex // guards what follows; table is its published form.
	hosts  []*host
	cuts   []Cut
	links  map[linkKey]Link
	ends   map[string]end // by host.
	lines  map[linePair]*line
	faults []error
	closed bool
}

// Option changes how a fabric is made.
type Option func(*Fabric)

// WithSeed fixes the seed of the random loss; the default is 1, so that a
// fabric loses the same packets of the same traffic in every run.
func WithSeed(seed uint64) Option {
	return func(f *Fabric) { f.seed = seed }
}

// New makes a fabric without hosts. The caller closes it. It fails where this
// process cannot make network namespaces, with the error of [Check].
func New(log *slog.Logger, opts ...Option) (*Fabric, error) {
	medium, err := choose()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &Fabric{
		log: log, seed: 1, medium: medium, ctx: ctx, cancel: cancel,
		pool:  newBufferPool(),
		links: map[linkKey]Link{},
		ends:  map[string]end{},
		lines: map[linePair]*line{},
	}
	for _, opt := range opts {
		opt(f)
	}
	f.publish()
	return f, nil
}

// Hosts lists the hosts in the order in which they were added.
func (f *Fabric) Hosts() []Host {
	hosts := f.table.Load().hosts
	out := make([]Host, len(hosts))
	for i, h := range hosts {
		out[i] = h.Host
	}
	return out
}

// Close ends every forward, the processes started in the fabric (with SIGKILL)
// and the switch, and waits for its goroutines. Connections and listeners that
// were handed out stay with their owners and lead nowhere. It returns what went
// wrong in the switch while it ran. Closing twice does nothing more.
func (f *Fabric) Close() error {
	hosts, lines, already := f.shut()
	if already {
		return nil
	}
	f.cancel()
	for _, h := range hosts {
		h.close()
	}
	for _, l := range lines {
		l.close()
	}
	f.work.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.faults...)
}

func (f *Fabric) shut() (hosts []*host, lines []*line, already bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	already, f.closed = f.closed, true
	for _, l := range f.lines {
		lines = append(lines, l)
	}
	return slices.Clone(f.hosts), lines, already
}

// host finds a host by name.
func (f *Fabric) host(name string) (*host, error) {
	if f.ctx.Err() != nil {
		return nil, fmt.Errorf("fabric: host %q: %w", name, ErrClosed)
	}
	for _, h := range f.table.Load().hosts {
		if h.Name == name {
			return h, nil
		}
	}
	return nil, fmt.Errorf("fabric: host %q: %w", name, ErrUnknownHost)
}

// fault records an error of the switch that no caller waits for.
func (f *Fabric) fault(err error) {
	f.log.Error("fabric: the switch failed", slog.Any("error", err))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, err)
}
