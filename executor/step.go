package executor

import (
	"context"
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// step is what an action does on a locked session of a verified leader.
type step func(ctx context.Context, s Session) (*topology.Facts, error)

// stepFor finds the step of an action and the addresses it needs, before anything is opened.
func (e *Executor) stepFor(a failover.Action) (step, error) {
	source, donors, err := e.addresses(a)
	if err != nil {
		return nil, err
	}
	started := e.config.Now()
	left := func() time.Duration { return a.Deadline - e.config.Now().Sub(started) }
	switch a.Kind {
	case failover.ActConfigure, failover.ActRetain:
		return configure(a), nil
	case failover.ActFence:
		return fence(a), nil
	case failover.ActRevoke:
		return revoke, nil
	case failover.ActCatchUp:
		return catchUp(a, donors, left), nil
	case failover.ActPrepare:
		return prepare(a, left), nil
	case failover.ActFollow:
		return follow(a, source, left), nil
	case failover.ActOpen:
		if a.Lease != nil {
			return e.openGuarded(a, left), nil
		}
		return open(a, left), nil
	case failover.ActArm:
		return e.arm(a, left)
	case failover.ActDisarm:
		return disarm, nil
	case failover.ActNudge:
		return nudge(left), nil
	case failover.ActClaim:
		return claim, nil
	case failover.ActQuarantine:
		return quarantine(a, left), nil
	case failover.ActClone:
		return e.clone(a, source, left), nil
	case failover.ActCapture, failover.ActCompare, failover.ActReplay, failover.ActRewind:
	}
	return nil, fmt.Errorf("%w: %s", ErrKind, a.Kind)
}

func (e *Executor) addresses(a failover.Action) (source string, donors []string, err error) {
	if a.Source != "" {
		s, ok := e.config.Resolve(a.Cluster, a.Source)
		if !ok {
			return "", nil, fmt.Errorf("%w: %s in cluster %s", ErrUndeclared, a.Source, a.Cluster)
		}
		source = s.Address
	}
	for _, name := range a.Donors {
		s, ok := e.config.Resolve(a.Cluster, name)
		if !ok {
			return "", nil, fmt.Errorf("%w: %s in cluster %s", ErrUndeclared, name, a.Cluster)
		}
		donors = append(donors, s.Address)
	}
	return source, donors, nil
}

// poll asks again and again until done, pausing between two questions, for at most limit. The
// error of the last question is returned when time is over.
func poll(ctx context.Context, limit time.Duration, ask func() (done bool, err error)) error {
	return pollEach(ctx, limit, pollEvery, ask)
}

// pollEach is poll with a pause of that length.
func pollEach(ctx context.Context, limit, pause time.Duration, ask func() (done bool, err error)) error {
	began := time.Now()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		done, err := ask()
		// What is over is looked at before the wait: of a tick and an end that are both due a select
		// would draw one, and no simulated world could be played again.
		if done || time.Since(began) >= limit {
			return err
		}
		if ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
				continue
			}
		}
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
}

// pollEvery is the pause between two questions to a server; a round trip usually takes longer.
const pollEvery = 4 * time.Millisecond
