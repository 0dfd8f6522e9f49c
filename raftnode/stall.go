package raftnode

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// errStalled is what a leader that cannot write its log answers instead of sending anything to followers.
var errStalled = errors.New("raftnode: the log cannot be written at present")

// stall tells, by the monotonic clock, that one write of the log has been taking too long.
//
// The library's leader goes on with its heartbeats while its disk hangs, and no other is elected (its issue 503).
// While the stall lasts this node says that it does not lead and sends nothing to followers: they elect another
// one after their timeout. When the write ends the node follows that one.
type stall struct {
	limit time.Duration
	moved chan struct{} // capacity one: it began or ended

	mu     sync.Mutex
	writes int           // under way beyond the limit
	begun  chan struct{} // closed while there are any
}

func newStall(limit time.Duration) *stall {
	return &stall{limit: limit, moved: make(chan struct{}, 1), begun: make(chan struct{})}
}

// watch runs one write of the log.
func (s *stall) watch(op func() error) error {
	var late, ended bool
	timer := time.AfterFunc(s.limit, func() {
		s.change(func() {
			if !ended {
				late = true
				s.writes++
			}
		})
	})
	err := op()
	timer.Stop()
	s.change(func() {
		ended = true
		if late {
			s.writes--
		}
	})
	return err
}

// change changes the count and tells whoever must know.
func (s *stall) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.writes
	f()
	switch {
	case before == s.writes:
		return
	case before == 0:
		close(s.begun)
	case s.writes == 0:
		s.begun = make(chan struct{})
	}
	select {
	case s.moved <- struct{}{}:
	default:
	}
}

// begins returns a channel that is closed while a write is under way beyond the limit.
func (s *stall) begins() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// lasts tells whether a write is under way beyond the limit.
func (s *stall) lasts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes > 0
}

// mutePipeline is a stream of entries to a follower on which a stalled leader sends nothing.
type mutePipeline struct {
	raft.AppendPipeline
	stall *stall
}

// AppendEntries sends entries, or a sign of life.
func (p mutePipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	if p.stall.lasts() {
		return nil, errStalled
	}
	return p.AppendPipeline.AppendEntries(args, resp)
}

// AppendEntriesPipeline opens a stream to a follower.
func (t *transport) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	if t.stall.lasts() {
		return nil, errStalled
	}
	p, err := t.NetworkTransport.AppendEntriesPipeline(id, target)
	if err != nil {
		return nil, err
	}
	return mutePipeline{p, t.stall}, nil
}

// StepDown gives the leadership away because of something that hangs in this process: to a peer that is up to date,
// or, where none takes it, by ending the node at once. Run then returns an error that matches [ErrSteppedDown].
func (n *Node) StepDown(ctx context.Context, why string) {
	if n.IsLeader() && !n.handOver(ctx) {
		n.logger.ErrorContext(ctx, "no peer took the leadership; the node ends", "reason", why)
		select {
		case n.hung <- fmt.Errorf("%w: %s; the service manager starts it again", ErrSteppedDown, why):
		default:
		}
	}
}
