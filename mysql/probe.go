package mysql

import (
	"context"
	"fmt"
	"sync"

	"github.com/regentdb/regent/topology"
)

// Prober reads a server's facts on one persistent connection.
type Prober struct {
	server *Server

	mu   sync.Mutex
	link *link
}

// Prober answers a prober for the server. It connects at the first Observe.
func (s *Server) Prober() *Prober { return &Prober{server: s} }

// Observe reads the server's facts in one round trip; a guard that was not there before takes a second one. When
// the connection turns out to be broken the error says so, see ClosedByPeer, and the next call opens a new one: an
// existing connection that ended and a new one that is refused are two findings. Observe calls must not overlap.
func (p *Prober) Observe(ctx context.Context) (*topology.Facts, error) {
	l, err := p.connected(ctx)
	if err != nil {
		return nil, err
	}
	for {
		facts, again, err := l.look(ctx)
		if l.broken {
			p.drop(l)
		}
		if err != nil || !again {
			return facts, err
		}
	}
}

// look reads the state, and tells whether it has to be read again, in another way.
func (l *link) look(ctx context.Context) (facts *topology.Facts, again bool, err error) {
	b := &batch{}
	if l.start == "" {
		b.query("start", startBatch())
	}
	got, err := l.run(ctx, b.add(l.glance.batch(l.server.options)))
	if code(err) == codeUnknownVariable && l.glance.agreed {
		l.glance = glance{} // a plugin is gone, and its variables with it
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	l.glance.complete(got)
	s, err := readState(got)
	if err != nil {
		return nil, false, fmt.Errorf("mysql: %s: %w", l.server.name, err)
	}
	if t, asked := got["start"]; asked {
		l.start = startOf(t)
	}
	s.facts.Start = l.start
	return s.facts, l.glance.learn(got, s.facts.Boot), nil
}

// Close ends the connection.
func (p *Prober) Close() {
	p.mu.Lock()
	l := p.link
	p.link = nil
	p.mu.Unlock()
	if l != nil {
		l.close()
	}
}

func (p *Prober) connected(ctx context.Context) (*link, error) {
	p.mu.Lock()
	l := p.link
	p.mu.Unlock()
	if l != nil {
		return l, nil
	}
	l, err := p.server.open(ctx, p.server.attributes("probe", 0))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.link = l
	p.mu.Unlock()
	return l, nil
}

func (p *Prober) drop(l *link) {
	p.mu.Lock()
	if p.link == l {
		p.link = nil
	}
	p.mu.Unlock()
	l.close()
}
