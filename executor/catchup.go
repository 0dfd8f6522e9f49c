package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// minDonorTime is the least that a donor is given to deliver, so that a short budget is not spread
// so thin that no donor could.
const minDonorTime = 250 * time.Millisecond

// catchUp makes a server execute all of the action's target and leaves its receiver stopped.
func catchUp(a failover.Action, donors []string, left func() time.Duration) step {
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		facts, err := s.AwaitExecuted(ctx, a.Target, max(left(), 0))
		if err != nil {
			return facts, err
		}
		facts, fetching := collect(ctx, s, a.Target, donors, left)
		if !s.Alive() {
			return facts, fetching
		}
		if facts.Source != nil && facts.Source.Receiver != topology.ThreadOff {
			if facts, err = s.StopReceiver(ctx); err != nil {
				return facts, err
			}
		}
		if facts.Received().Contains(a.Target) {
			fetching = nil
			for !facts.Executed.Contains(a.Target) && left() > 0 && applierTrouble(facts) == "" {
				if facts, err = s.AwaitExecuted(ctx, a.Target, left()); err != nil {
					return facts, err
				}
			}
		}
		return facts, shortOf(facts, a.Target, fetching)
	}
}

// collect fetches what was not received from one donor after the other.
func collect(ctx context.Context, s Session, target gtid.Set, donors []string, left func() time.Duration) (*topology.Facts, error) {
	var failures []error
	facts := s.Facts()
	for i, donor := range donors {
		if facts.Received().Contains(target) || left() <= 0 || !s.Alive() {
			break
		}
		limit := max(left()/time.Duration(len(donors)-i), min(left(), minDonorTime))
		next, err := fetch(ctx, s, target, donor, limit)
		if next != nil {
			facts = next
		}
		if err != nil {
			failures = append(failures, err)
		}
	}
	return facts, errors.Join(failures...)
}

// fetch receives from a donor until all of target is there, the donor fails, or limit has passed.
func fetch(ctx context.Context, s Session, target gtid.Set, donor string, limit time.Duration) (*topology.Facts, error) {
	facts, err := s.Fetch(ctx, donor)
	if err != nil {
		return facts, fmt.Errorf("fetch from %s: %w", donor, err)
	}
	err = poll(ctx, limit, func() (bool, error) {
		switch {
		case facts.Received().Contains(target):
			return true, nil
		case facts.Source != nil && facts.Source.Receiver == topology.ThreadOff:
			return true, fmt.Errorf("fetch from %s: the receiver stopped: %s", donor, facts.Source.ReceiverError)
		}
		next, err := s.Observe(ctx)
		if err != nil {
			return true, err
		}
		facts = next
		if unreachable(facts) && !facts.Received().Contains(target) {
			return true, fmt.Errorf("fetch from %s: %s", donor, facts.Source.ReceiverError)
		}
		return facts.Received().Contains(target), fmt.Errorf("fetch from %s: nothing came within %s%s", donor, limit, receiverTrouble(facts))
	})
	if facts.Received().Contains(target) {
		err = nil
	}
	return facts, err
}

// unreachable tells that the receiver has tried to connect since it was started, and could not:
// starting it clears the error of before. The next donor may be nearer.
func unreachable(f *topology.Facts) bool {
	return f.Source != nil && f.Source.Receiver == topology.ThreadConnecting && f.Source.ReceiverError != ""
}

func receiverTrouble(f *topology.Facts) string {
	if f.Source == nil || f.Source.ReceiverError == "" {
		return ""
	}
	return ": " + f.Source.ReceiverError
}

// shortOf says what of target a server has not executed, nil when it has executed all.
func shortOf(f *topology.Facts, target gtid.Set, cause error) error {
	missing := target.Subtract(f.Executed)
	if missing.IsEmpty() {
		return nil
	}
	what := "received and not applied"
	if !f.Received().Contains(target) {
		what = "not received"
		missing = target.Subtract(f.Received())
	}
	err := fmt.Errorf("%w: %s: %s%s", ErrUnmet, what, missing, applierTrouble(f))
	if cause != nil {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}
