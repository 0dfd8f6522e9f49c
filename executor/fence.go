package executor

import (
	"context"
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// offlineError says that a server could not be made read-only and was cut off from applications.
type offlineError struct{ cause error }

func (e *offlineError) Error() string {
	return fmt.Sprintf("not read-only; offline_mode has cut applications off instead, and whoever waits for a commit was told nothing: %v", e.cause)
}

func (e *offlineError) Unwrap() error { return e.cause }

// patienceFor leaves time of an action's deadline for what follows when a fence is blocked.
func patienceFor(deadline time.Duration) time.Duration {
	return max(deadline-time.Second, deadline/2)
}

func fence(a failover.Action) step {
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		facts, err := readOnly(ctx, s)
		if err != nil || facts.ReadOnly() {
			return facts, err
		}
		facts, err = s.Fence(ctx, patienceFor(a.Deadline))
		if err == nil || !s.Alive() {
			return facts, err
		}
		cause := err
		if facts, err = s.GoOffline(ctx); err != nil {
			return facts, fmt.Errorf("%w; and offline_mode: %w", cause, err)
		}
		return facts, &offlineError{cause}
	}
}

// readOnly reads the state again where the last one says that a fence is not needed.
func readOnly(ctx context.Context, s Session) (*topology.Facts, error) {
	if !s.Facts().ReadOnly() {
		return s.Facts(), nil
	}
	return s.Observe(ctx)
}

// revoke stops the receiver. There is nothing to ask before: stopping a stopped one does nothing.
func revoke(ctx context.Context, s Session) (*topology.Facts, error) {
	facts, err := s.StopReceiver(ctx)
	if err != nil {
		return nil, err // sets read before the stop prove nothing
	}
	if facts.Source != nil && facts.Source.Receiver != topology.ThreadOff {
		return facts, fmt.Errorf("%w: the receiver was stopped and reads back as %s", ErrUnmet, facts.Source.Receiver)
	}
	return facts, nil
}

// quarantine makes a server's binary log final: nothing is written, received or left to apply.
func quarantine(a failover.Action, left func() time.Duration) step {
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		facts, err := fenceOrDrain(ctx, s, a.Deadline, left)
		if err != nil {
			return facts, err
		}
		if facts.On("offline_mode") {
			// It is read-only for good now, and whoever captures its extras has to get in.
			if facts, err = s.GoOnline(ctx); err != nil {
				return facts, err
			}
		}
		if facts, err = s.StopReceiver(ctx); err != nil {
			return facts, err
		}
		return applyReceived(ctx, s, facts, left)
	}
}

// fenceOrDrain fences, and drains where commits that nobody will acknowledge are in the way.
func fenceOrDrain(ctx context.Context, s Session, deadline time.Duration, left func() time.Duration) (*topology.Facts, error) {
	facts, err := readOnly(ctx, s)
	if err != nil || facts.ReadOnly() {
		return facts, err
	}
	if !blocked(facts) {
		facts, err = s.Fence(ctx, deadline/4)
		if err == nil || !s.Alive() {
			return facts, err
		}
	}
	return s.Drain(ctx, left()*2/3)
}

// blocked tells that a fence was tried before and found commits in its way.
func blocked(f *topology.Facts) bool {
	waiting := f.Status["rpl_semi_sync_source_wait_sessions"]
	return f.On("offline_mode") && waiting != "" && waiting != "0"
}

// applyReceived waits until everything received is executed.
func applyReceived(ctx context.Context, s Session, facts *topology.Facts, left func() time.Duration) (*topology.Facts, error) {
	for {
		missing := facts.Received().Subtract(facts.Executed)
		if missing.IsEmpty() {
			return facts, nil
		}
		if left() <= 0 {
			return facts, fmt.Errorf("%w: received and not applied: %s%s", ErrUnmet, missing, applierTrouble(facts))
		}
		next, err := s.AwaitExecuted(ctx, facts.Received(), min(left(), time.Second))
		if err != nil {
			return next, err
		}
		if next.Source != nil && next.Source.ApplierError != "" {
			return next, fmt.Errorf("%w: received and not applied: %s%s", ErrUnmet, missing, applierTrouble(next))
		}
		facts = next
	}
}

func applierTrouble(f *topology.Facts) string {
	if f.Source == nil || f.Source.ApplierError == "" {
		return ""
	}
	return "; the applier stopped with error " + f.Source.ApplierError
}
