package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// Errors of the executor.
var (
	// ErrNotLeader means that this node does not lead, or no longer does: nothing was touched.
	ErrNotLeader = errors.New("executor: this node is not the leader")
	// ErrUndeclared means that an action names a server that the cluster does not declare.
	ErrUndeclared = errors.New("executor: no such server is declared")
	// ErrKind means that the action is not one that is done on a server.
	ErrKind = errors.New("executor: not an action on a server")
	// ErrSession means that the connection that an action must run on is gone: what was read on it
	// may not be true any more, and nothing was touched.
	ErrSession = errors.New("executor: the pinned connection is gone")
	// ErrUnmet means that the server is not, or not yet, in the state that the action needs.
	ErrUnmet = errors.New("not reached")
)

// Leadership is what the executor asks of its own node.
type Leadership interface {
	// Term is the term in which this node leads, ok is false when it does not.
	Term() (term uint64, ok bool)
	// Verify proves that this node led at some moment after since, by the quorum: asked now, or by
	// a commit of this term that began after since and is fresh.
	Verify(ctx context.Context, since time.Time) error
}

// Config is what an executor works with. All fields but Log are required.
type Config struct {
	Node       string
	Leadership Leadership
	Open       Opener
	// Resolve finds a declared server of a cluster.
	Resolve func(cluster, server string) (topology.Server, bool)
	// Now is the node's clock, for the record only.
	Now func() time.Time
	Log *slog.Logger
}

// Executor runs actions. Its methods may be called concurrently; actions on one server queue.
type Executor struct {
	config Config

	mu     sync.Mutex
	lanes  map[lane]*seat
	opened uint64 // counts sessions
}

// lane is one server of one cluster.
type lane struct{ cluster, server string }

// seat is the place of the session of a lane. Who holds its token may use the session.
type seat struct {
	token   chan struct{}
	session Session
	name    string // of the session, see failover.Result.Session
	term    uint64
	locked  time.Time // when the session was given its lock
}

// New answers an executor without any connection.
func New(config Config) *Executor {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Executor{config: config, lanes: map[lane]*seat{}}
}

// slack is how much longer than its deadline an action may take before its connection is given up:
// waits end at the deadline, and the state is read once more.
const slack = time.Second

// Do runs one action within its deadline. It never panics or blocks beyond that, and says in the
// result what went wrong.
func (e *Executor) Do(ctx context.Context, a failover.Action) failover.Result {
	ctx, cancel := context.WithTimeout(ctx, a.Deadline+slack)
	defer cancel()
	res := failover.Result{Action: a, By: e.config.Node}
	err := e.do(ctx, a, &res)
	if err != nil {
		err = fmt.Errorf("%s %s: %w", a.Kind, a.Server, err)
		res.Err = err.Error()
	}
	res.At = e.config.Now()
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelWarn
	}
	e.config.Log.LogAttrs(ctx, level, "action ended", slog.String("action", a.ID), slog.String("kind", string(a.Kind)),
		slog.String("server", a.Server), slog.Bool("offline", res.Offline), slog.String("error", res.Err))
	return res
}

func (e *Executor) do(ctx context.Context, a failover.Action, res *failover.Result) error {
	act, err := e.stepFor(a)
	if err != nil {
		return err
	}
	return e.locked(ctx, lane{a.Cluster, a.Server}, a.Session, func(s Session, name string) error {
		res.Session = name
		facts, err := act(ctx, s)
		res.Facts = facts
		var offline *offlineError
		res.Offline = errors.As(err, &offline)
		return err
	})
}

// Hold takes the lock of a server and verifies leadership, without any effect, and returns the
// server's state. A new leader holds every server that an open record names before it decides.
func (e *Executor) Hold(ctx context.Context, cluster, server string) (*topology.Facts, error) {
	var facts *topology.Facts
	err := e.locked(ctx, lane{cluster, server}, "", func(s Session, _ string) error {
		var err error
		facts, err = s.Observe(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("hold %s: %w", server, err)
	}
	return facts, nil
}

// locked runs f on the locked session of a lane, after leadership was verified with the lock held. With
// a name it is that session or none.
func (e *Executor) locked(ctx context.Context, l lane, want string, f func(s Session, name string) error) error {
	s := e.seat(l)
	select {
	case s.token <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("an earlier action on the server has not ended: %w", context.Cause(ctx))
	}
	defer func() { <-s.token }()
	if err := s.pinned(want); err != nil {
		return err
	}
	if err := e.occupy(ctx, l, s, want); err != nil {
		return err
	}
	if err := e.verify(ctx, s.term, s.locked); err != nil {
		s.leave()
		return err
	}
	err := f(s.session, s.name)
	if !s.session.Alive() {
		s.leave()
	}
	return err
}

// occupy makes sure that the seat has a living session of the current term, and opens one unless a
// certain one is wanted.
func (e *Executor) occupy(ctx context.Context, l lane, s *seat, want string) error {
	term, leading := e.config.Leadership.Term()
	if !leading {
		s.leave()
		return ErrNotLeader
	}
	if s.session != nil && s.term == term && s.session.Alive() {
		return nil
	}
	s.leave()
	if want != "" {
		return fmt.Errorf("%w: %s", ErrSession, want)
	}
	server, ok := e.config.Resolve(l.cluster, l.server)
	if !ok {
		return fmt.Errorf("%w: %s in cluster %s", ErrUndeclared, l.server, l.cluster)
	}
	session, err := e.config.Open(ctx, l.cluster, server, term)
	if err != nil {
		return fmt.Errorf("take the lock: %w", err)
	}
	s.session, s.term, s.locked = session, term, time.Now()
	e.mu.Lock()
	e.opened++
	s.name = fmt.Sprintf("%s/%d/%d", e.config.Node, term, e.opened)
	e.mu.Unlock()
	return nil
}

// pinned makes sure that the seat has the session of that name, if one is wanted.
func (s *seat) pinned(want string) error {
	switch {
	case want == "" || (s.session != nil && s.name == want):
		return nil
	case s.session == nil:
		return fmt.Errorf("%w: %s; there is no other", ErrSession, want)
	}
	return fmt.Errorf("%w: %s; this is %s", ErrSession, want, s.name)
}

// verify has leadership proven with the lock held, and makes sure that the proof is about the term
// the lock was taken in.
func (e *Executor) verify(ctx context.Context, term uint64, locked time.Time) error {
	if err := e.config.Leadership.Verify(ctx, locked); err != nil {
		return fmt.Errorf("%w: %w", ErrNotLeader, err)
	}
	if now, leading := e.config.Leadership.Term(); !leading || now != term {
		return fmt.Errorf("%w in term %d any more", ErrNotLeader, term)
	}
	return nil
}

func (e *Executor) seat(l lane) *seat {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.lanes[l]
	if s == nil {
		s = &seat{token: make(chan struct{}, 1)}
		e.lanes[l] = s
	}
	return s
}

// leave closes the session of a seat, if it has one. The caller holds the token.
func (s *seat) leave() {
	if s.session != nil {
		s.session.Close()
		s.session = nil
	}
}

// Release closes every session that is not in use, and with it gives the locks back. It is called
// when this node stops leading and when it stops; sessions in use end with their action.
func (e *Executor) Release() {
	e.mu.Lock()
	seats := make([]*seat, 0, len(e.lanes))
	for _, s := range e.lanes {
		seats = append(seats, s)
	}
	e.mu.Unlock()
	for _, s := range seats {
		select {
		case s.token <- struct{}{}:
			s.leave()
			<-s.token
		default:
		}
	}
}
