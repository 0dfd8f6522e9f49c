package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// keeper looks after the lease of one cluster. Its rounds do not overlap.
type keeper struct {
	cfg     *Config
	target  Target
	primary Server
	// candidates are the connections for failsafe, by server, opened when they are needed first.
	candidates map[string]Server
	last       reading
	trouble    string // as last logged, so that only changes are
}

func newKeeper(cfg *Config, target Target) *keeper {
	return &keeper{cfg: cfg, target: target, primary: cfg.Connect(target.Primary), candidates: map[string]Server{}}
}

// run makes rounds until ctx ends.
func (k *keeper) run(ctx context.Context) error {
	defer k.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		began := time.Now()
		pace, err := k.round(ctx)
		if ctx.Err() == nil {
			k.tell(ctx, err)
		}
		timer.Reset(max(0, pace-time.Since(began)))
	}
}

func (k *keeper) close() {
	k.primary.Close()
	for _, s := range k.candidates {
		s.Close()
	}
}

// round looks at the row once, renews it if this node should, and answers the time from the beginning
// of this round to that of the next.
func (k *keeper) round(ctx context.Context) (time.Duration, error) {
	row, now, err := k.read(ctx)
	switch {
	case err != nil:
		return restPace, fmt.Errorf("read the guard of %s: %w", k.target.Primary.Name, err)
	case row == nil || row.TTL <= 0:
		k.last = now
		return restPace, nil
	}
	pace := max(policy.RenewEvery(row.TTL), leastPace)
	err = k.judgeClock(ctx, row, now)
	if k.due(row) {
		err = errors.Join(err, k.renew(ctx, row, now.clock.Add(row.TTL)))
	}
	return pace, err
}

// read reads row and clock. The clock is read before anything is permitted.
func (k *keeper) read(ctx context.Context) (*topology.Lease, reading, error) {
	limit, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	now := reading{before: time.Now()}
	row, clock, err := k.primary.Read(limit)
	now.clock, now.after = clock, time.Now()
	if err != nil {
		k.primary.Close()
	}
	return row, now, err
}

// judgeClock marks the row when the server's clock made a step since the last reading.
func (k *keeper) judgeClock(ctx context.Context, row *topology.Lease, now reading) error {
	fault := now.fault(k.last, policy.GuardMargin(row.TTL), 2*row.TTL)
	if fault == "" || row.Fault != "" {
		k.last = now
		return nil
	}
	k.cfg.Logger.WarnContext(ctx, "the guard of a primary does not count any more", "cluster", k.target.Cluster,
		"server", k.target.Primary.Name, "reason", fault)
	limit, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if err := k.primary.Mark(limit, *row, fault); err != nil {
		return fmt.Errorf("mark the guard of %s: %s: %w", k.target.Primary.Name, fault, err)
	}
	k.last = now // Only now: a step that could not be noted is found again.
	return nil
}

// due tells whether this node renews in this round.
func (k *keeper) due(row *topology.Lease) bool { return k.target.Near || row.Remaining < row.TTL/2 }

// renew gets a permission and has the lease last until that time of the server's clock.
func (k *keeper) renew(ctx context.Context, row *topology.Lease, until time.Time) error {
	if err := k.permitted(ctx, row); err != nil {
		return fmt.Errorf("renew the lease of %s: %w", k.target.Primary.Name, err)
	}
	limit, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if err := k.primary.Renew(limit, *row, until); err != nil {
		return fmt.Errorf("renew the lease of %s: %w", k.target.Primary.Name, err)
	}
	return nil
}

// permitted gets a permission from the leader, or by failsafe when no leader answers. Each may take
// one period of renewals.
func (k *keeper) permitted(ctx context.Context, row *topology.Lease) error {
	limit, cancel := context.WithTimeout(ctx, policy.RenewEvery(row.TTL))
	err := k.cfg.Permit(limit, k.target.Cluster, *row)
	cancel()
	switch {
	case err == nil || errors.Is(err, ErrRefused):
		return err
	case !row.Serve:
		return fmt.Errorf("no leader permits it, and its policy has no failsafe: %w", err)
	}
	if claimed := k.failsafe(ctx, row); claimed != nil {
		return fmt.Errorf("no leader permits it (%w), and not by failsafe: %w", err, claimed)
	}
	return nil
}

// failsafe has every server of the candidate set answer that it shows no claim.
func (k *keeper) failsafe(ctx context.Context, row *topology.Lease) error {
	names := slices.Compact(slices.Sorted(slices.Values(row.Candidates)))
	for _, name := range names {
		if _, declared := k.target.Servers[name]; !declared {
			return fmt.Errorf("%s is in the candidate set and is not declared, so that it cannot be asked", name)
		}
	}
	limit, cancel := context.WithTimeout(ctx, policy.RenewEvery(row.TTL))
	defer cancel()
	var g errgroup.Group
	for _, name := range names {
		s := k.candidate(name)
		g.Go(func() error { return unclaimed(limit, s, name, k.target.Cluster, row.UUID) })
	}
	return g.Wait()
}

// unclaimed asks one server of a candidate set.
func unclaimed(ctx context.Context, s Server, name, cluster, source string) error {
	claimed, err := s.Claim(ctx, cluster, source)
	switch {
	case err != nil:
		s.Close()
		return fmt.Errorf("%s cannot be asked whether it is claimed: %w", name, err)
	case claimed != "":
		return fmt.Errorf("%s counts as claimed: %s", name, claimed)
	}
	return nil
}

// candidate is the access to a declared server, kept for the next time.
func (k *keeper) candidate(name string) Server {
	s := k.candidates[name]
	if s == nil {
		s = k.cfg.Connect(k.target.Servers[name])
		k.candidates[name] = s
	}
	return s
}

// tell logs what keeps a lease from being renewed when it is another thing than before.
func (k *keeper) tell(ctx context.Context, err error) {
	trouble := ""
	if err != nil {
		trouble = err.Error()
	}
	if trouble == k.trouble {
		return
	}
	k.trouble = trouble
	if trouble != "" {
		k.cfg.Logger.WarnContext(ctx, "a lease is not renewed", "cluster", k.target.Cluster, "error", trouble)
		return
	}
	k.cfg.Logger.InfoContext(ctx, "leases are renewed again", "cluster", k.target.Cluster)
}
