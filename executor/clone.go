package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// restartPoll is the pause between two attempts to reach a server that restarts.
const restartPoll = 100 * time.Millisecond

// clone rebuilds a read-only server from another one. The server restarts in it, so the lock has to
// be taken and leadership verified once more before the result counts.
func (e *Executor) clone(a failover.Action, donor string, left func() time.Duration) step {
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		facts, err := s.Observe(ctx)
		if err != nil {
			return nil, err
		}
		if !facts.ReadOnly() && facts.On("read_only") && facts.On("offline_mode") {
			// A rebuild that ended in the middle has left it so.
			if facts, err = s.Fence(ctx, time.Second); err != nil {
				return facts, err
			}
		}
		if !facts.ReadOnly() || !facts.BootsReadOnly() {
			return facts, fmt.Errorf("%w: a server is rebuilt only while it is fenced and its configuration boots it read-only", ErrUnmet)
		}
		if _, loaded := facts.Variables["clone_valid_donor_list"]; !loaded {
			if _, err := s.InstallPlugins(ctx); err != nil {
				return facts, err
			}
		}
		if err := s.Clone(ctx, donor); err != nil {
			return remains(ctx, s, err)
		}
		return e.cloned(ctx, a, left)
	}
}

// remains reads what a server holds after a rebuild that failed: it may have lost its data. Without an answer
// there are no facts.
func remains(ctx context.Context, s Session, cause error) (*topology.Facts, error) {
	if !s.Alive() {
		return nil, cause
	}
	facts, err := s.Observe(ctx)
	if err != nil {
		return nil, errors.Join(cause, err)
	}
	return facts, cause
}

// cloned waits for the restarted server and checks what it holds.
func (e *Executor) cloned(ctx context.Context, a failover.Action, left func() time.Duration) (*topology.Facts, error) {
	fresh, err := e.reopen(ctx, lane{a.Cluster, a.Server}, left)
	if err != nil {
		return nil, fmt.Errorf("the data were copied, and the server has not answered since: %w", err)
	}
	defer fresh.Close()
	term, _ := e.config.Leadership.Term()
	if err := e.verify(ctx, term, time.Now()); err != nil {
		return nil, err
	}
	facts, err := fresh.Observe(ctx)
	if err != nil {
		return nil, err
	}
	if !facts.ReadOnly() {
		// It is proven to boot read-only, so somebody opened it meanwhile.
		if facts, err = fresh.Fence(ctx, time.Second); err != nil {
			return facts, err
		}
	}
	if missing := a.Target.Subtract(facts.Executed); !missing.IsEmpty() {
		return facts, fmt.Errorf("%w: the copy lacks %s", ErrUnmet, missing)
	}
	return facts, nil
}

// reopen tries to take the lock until the server answers. A later leader's lock ends it.
func (e *Executor) reopen(ctx context.Context, l lane, left func() time.Duration) (Session, error) {
	server, ok := e.config.Resolve(l.cluster, l.server)
	if !ok {
		return nil, fmt.Errorf("%w: %s in cluster %s", ErrUndeclared, l.server, l.cluster)
	}
	end := time.NewTimer(max(left(), 0))
	defer end.Stop()
	tick := time.NewTicker(restartPoll)
	defer tick.Stop()
	for {
		term, leading := e.config.Leadership.Term()
		if !leading {
			return nil, ErrNotLeader
		}
		s, err := e.config.Open(ctx, l.cluster, server, term)
		if err == nil {
			return s, nil
		}
		if ctx.Err() != nil { // before the wait, as in poll
			return nil, errors.Join(context.Cause(ctx), err)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), err)
		case <-end.C:
			return nil, err
		case <-tick.C:
		}
	}
}
