package observer

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/topology"
)

// probe looks at one server: a loop of attempts on a persistent connection, and a second connection
// that only waits to be broken.
type probe struct {
	o      *Observer
	rec    *record // guarded by Observer.mu
	target Target
	server Server

	wanted chan struct{}        // a probe is wanted now
	broken chan struct{}        // the watched connection was closed by the server
	eras   chan context.Context // each lasts from a first answer to the next loss
	cancel context.CancelFunc   // ends the probe

	// Owned by the probing loop.
	proven bool // the present connection has answered
	endEra context.CancelFunc
}

func newProbe(o *Observer, t Target, cancel context.CancelFunc) *probe {
	return &probe{
		o: o, rec: newRecord(t, time.Now()), target: t, server: o.cfg.Connect(t.Server), cancel: cancel,
		wanted: make(chan struct{}, 1), broken: make(chan struct{}, 1), eras: make(chan context.Context, 1),
	}
}

// run probes and watches until ctx ends.
func (p *probe) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { p.look(ctx); return nil })
	g.Go(func() error { p.watch(ctx); return nil })
	return g.Wait()
}

// look is the probing loop.
func (p *probe) look(ctx context.Context) {
	defer p.drop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var began time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.wanted:
			if rest := alertGap - time.Since(began); rest > 0 {
				timer.Reset(rest)
				continue
			}
		case <-p.broken:
			p.drop()
			p.o.update(p, (*record).lose)
		}
		began = time.Now()
		p.ask(ctx)
		timer.Reset(max(0, p.o.pace(p.target.Cluster)-time.Since(began)))
	}
}

// ask tries until there is a verdict: an answer, a silence, or a refusal that repeated.
func (p *probe) ask(ctx context.Context) {
	for {
		a := p.try(ctx)
		if ctx.Err() != nil {
			return
		}
		refusals := p.o.take(p, a)
		p.turnEra(ctx, a)
		switch {
		case a.err == nil || a.reach != topology.ReachRefused:
			return
		case a.existing: // Closed by the server: a new connection tells more.
		case refusals == 1:
			if !pause(ctx, refusalPause) {
				return
			}
		default:
			return
		}
	}
}

// try makes one attempt within the probe timeout.
func (p *probe) try(ctx context.Context) attempt {
	limit, cancel := context.WithTimeout(ctx, p.o.cfg.Timeout)
	defer cancel()
	a := attempt{began: time.Now(), existing: p.proven}
	a.facts, a.err = p.observe(limit)
	a.ended = time.Now()
	switch {
	case a.err == nil:
		a.reach = topology.ReachOK
		p.proven = true
		return a
	case limit.Err() != nil || errors.Is(a.err, context.DeadlineExceeded):
		a.reach = topology.ReachSilent
	default:
		a.reach = p.o.cfg.Classify(a.err)
	}
	p.drop()
	return a
}

// errNoFacts guards against a server that breaks its contract.
var errNoFacts = errors.New("observer: the server answered without facts")

func (p *probe) observe(ctx context.Context) (*topology.Facts, error) {
	facts, err := p.server.Observe(ctx)
	if err == nil && facts == nil {
		return nil, errNoFacts
	}
	return facts, err
}

// drop closes the probing connection.
func (p *probe) drop() {
	p.server.Close()
	p.proven = false
}

// turnEra starts the watch with the first answer and ends it with the first failure: after a
// partition the watched connection may be dead without ever breaking.
func (p *probe) turnEra(ctx context.Context, a attempt) {
	switch {
	case a.err != nil && p.endEra != nil:
		p.endEra()
		p.endEra = nil
	case a.err == nil && p.endEra == nil:
		era, end := context.WithCancel(ctx)
		select { // An era that the watch has not taken yet has ended.
		case <-p.eras:
		default:
		}
		p.eras <- era
		p.endEra = end
	}
}

// watch keeps one idle connection open during each era and says at once when the server closes it.
func (p *probe) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case era := <-p.eras:
			for era.Err() == nil {
				p.watchOnce(era)
				pause(era, p.o.cfg.Interval)
			}
		}
	}
}

func (p *probe) watchOnce(era context.Context) {
	// What else ends the watch is for the probing loop to judge; the watch then begins anew.
	if err := p.server.Watch(era); err != nil && era.Err() == nil && p.o.cfg.Lost(err) {
		notify(p.broken)
	}
}

// pause waits and tells whether the whole time passed.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// notify leaves a note in a channel of capacity one.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
