package mysql

import (
	"context"
	"fmt"
	"time"

	"github.com/regentdb/regent/topology"
)

// Session is one pinned connection that holds the advisory lock of a cluster on one server. Its
// methods must not overlap. After an error that broke the connection every method fails: a
// connection is never opened again, because the lock went with the old one.
type Session struct {
	server  *Server
	link    *link
	id      string // the server's connection id
	last    state
	cluster string
	term    uint64
}

// Lease says for what a session is opened.
type Lease struct {
	Cluster string
	Term    uint64 // of the leader that acts
}

// Facts is what the server answered last on this connection.
func (s *Session) Facts() *topology.Facts { return s.last.facts }

// Alive tells whether the connection, and with it the lock, may still exist. It asks this machine's
// kernel and costs no round trip.
func (s *Session) Alive() bool { return !s.link.broken && !closedNow(s.link.wire.Conn) }

// Close ends the connection, which releases the lock.
func (s *Session) Close() { s.link.close() }

// Observe reads the server's facts again.
func (s *Session) Observe(ctx context.Context) (*topology.Facts, error) { return s.run(ctx, &batch{}) }

// run sends an effect with the reading of the state after it, in one round trip. After an error the
// facts are those of before, unless the connection broke they may be read again.
func (s *Session) run(ctx context.Context, effect *batch) (*topology.Facts, error) {
	got, err := s.link.run(ctx, effect.add(stateBatch(s.server.options)))
	if err != nil {
		return s.last.facts, err
	}
	return s.learn(got)
}

func (s *Session) learn(got answers) (*topology.Facts, error) {
	next, err := readState(got)
	if err != nil {
		return s.last.facts, fmt.Errorf("mysql: %s: %w", s.server.name, err)
	}
	if _, read := got[guardRowName]; !read {
		next.facts.Lease, next.guard = s.last.facts.Lease, s.last.guard
	}
	s.last = next
	return next.facts, nil
}

// say is a statement in the server's own words.
func (s *Session) say(statement string) string { return s.last.dialect.say(statement) }

// seconds rounds a span up to whole seconds, at least one, for variables that know no smaller unit.
func seconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}
