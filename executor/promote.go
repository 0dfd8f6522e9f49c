package executor

import (
	"context"
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// prepare turns a server into a source that is still read-only, once it has applied what it received. The proof that it has
// executed the target is made by the server, right before the channel is removed.
func prepare(a failover.Action, left func() time.Duration) step {
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		facts := s.Facts()
		if prepared(facts, a) {
			fresh, err := s.Observe(ctx)
			if err != nil || prepared(fresh, a) {
				return fresh, err
			}
			facts = fresh
		}
		persist, persistOnly, transient := scopes(failover.Differences(facts, a.Settings))
		facts, err := s.BecomeSource(ctx, a.Target, max(left(), 0), persist, persistOnly, transient)
		if err != nil {
			return facts, err
		}
		if facts.Source != nil {
			return facts, fmt.Errorf("%w: the channel from %s is still there", ErrUnmet, facts.Source.Address())
		}
		return facts, inEffect(facts, a.Settings)
	}
}

func prepared(f *topology.Facts, a failover.Action) bool {
	return f.Source == nil && f.ReadOnly() && f.Executed.Contains(a.Target) && len(failover.Differences(f, a.Settings)) == 0
}

// open makes a server writable as soon as the server itself finds every condition true.
func open(a failover.Action, left func() time.Duration) step {
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		var facts *topology.Facts
		err := poll(ctx, left(), func() (bool, error) {
			var err error
			facts, err = s.Open(ctx, a.Target, a.WaitCount)
			if err == nil && !facts.Writable() {
				err = fmt.Errorf("%w: read_only reads back as %s and super_read_only as %s", ErrUnmet,
					facts.Variables["read_only"], facts.Variables["super_read_only"])
			}
			if err != nil && facts != nil && facts.Writable() && facts.Executed.Contains(a.Target) {
				err = nil // an earlier attempt opened it; acknowledgements that went missing since are another matter
			}
			return err == nil || !s.Alive(), err
		})
		return facts, err
	}
}

// follow points a server at its source. Only what was read just now can say that it is done.
func follow(a failover.Action, source string, left func() time.Duration) step {
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		facts := s.Facts()
		if !facts.ReadOnly() {
			var err error
			if facts, err = s.Fence(ctx, patienceFor(a.Deadline)); err != nil {
				return facts, fmt.Errorf("it is writable and is not re-pointed before it is fenced: %w", err)
			}
		}
		facts, err := point(ctx, s, a, source)
		if err != nil {
			return facts, err
		}
		return awaitReceived(ctx, s, facts, a.Target, left)
	}
}

// point re-points a read-only server, unless a fresh look shows that this is done.
func point(ctx context.Context, s Session, a failover.Action, source string) (*topology.Facts, error) {
	facts := s.Facts()
	if follows(facts, source, a.Acker) {
		fresh, err := s.Observe(ctx)
		if err != nil || follows(fresh, source, a.Acker) {
			return fresh, err
		}
		facts = fresh
	}
	if lacksAcker(facts, a.Acker) {
		if facts, err := s.InstallPlugins(ctx); err != nil {
			return facts, err
		}
	}
	return s.Follow(ctx, source, a.SourceUUID, a.Acker, a.Target)
}

func lacksAcker(f *topology.Facts, acker bool) bool {
	_, known := f.Variables["rpl_semi_sync_replica_enabled"]
	return acker && !known
}

// follows tells whether a server replicates from source with the settings that it should have.
func follows(f *topology.Facts, source string, acker bool) bool {
	up := f.Source
	if up == nil || up.Address() != source || up.Receiver == topology.ThreadOff || up.Applier != topology.ThreadOn {
		return false
	}
	steady := up.AutoPosition && up.ConnectRetry == 1 && up.RetryCount > 1_000_000 && up.HeartbeatPeriod <= 2*time.Second
	flag := f.On("rpl_semi_sync_replica_enabled") == acker && !f.On("rpl_semi_sync_source_enabled")
	if up.Receiver == topology.ThreadOn {
		// The flag counts from the start of the receiver.
		flag = flag && f.StatusOn("rpl_semi_sync_replica_status") == acker
	}
	return f.ReadOnly() && steady && flag
}

// awaitReceived gives a new replica a moment to receive the target, which makes it a holder of it:
// the decision that asked may be waiting for just that.
func awaitReceived(ctx context.Context, s Session, facts *topology.Facts, target gtid.Set, left func() time.Duration) (*topology.Facts, error) {
	if facts.Received().Contains(target) {
		return facts, nil
	}
	err := poll(ctx, min(left(), receiveWait), func() (bool, error) {
		next, err := s.Observe(ctx)
		if err != nil {
			return true, err
		}
		facts = next
		missing := target.Subtract(facts.Received())
		if missing.IsEmpty() {
			return true, nil
		}
		return false, fmt.Errorf("%w: it replicates and has not received yet: %s%s", ErrUnmet, missing, receiverTrouble(facts))
	})
	return facts, err
}

// receiveWait bounds the wait for a new replica to receive what its source has.
const receiveWait = time.Second
