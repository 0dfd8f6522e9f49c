package raftnode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hashicorp/raft"
	"golang.org/x/sync/errgroup"
)

const (
	// Snapshots bound the log and the time a restart takes; the entries kept behind one spare a peer that was away the whole state.
	snapshotEntries = 4096
	trailingEntries = 4096
	// pooledStreams are the idle connections that Raft keeps to one peer: heartbeats, replication, and one to spare.
	pooledStreams = 3
)

// participate forms or rejoins the group and stays until something ends the node: nil means that ctx ended or a service failed.
func (n *Node) participate(ctx, services context.Context, group *errgroup.Group) error {
	v := verdict{phase: PhaseMember, start: true}
	if !n.hadState {
		var err error
		if v, err = n.await(ctx, services, n.formed); err != nil || !v.start {
			return err
		}
	}
	if err := n.start(services, group, v); err != nil {
		return err
	}
	_, err := n.await(ctx, services, nil)
	return err
}

// await waits for a verdict or for the end of the node.
func (n *Node) await(ctx, services context.Context, formed <-chan verdict) (verdict, error) {
	select {
	case v := <-formed:
		return v, nil
	case <-ctx.Done():
		return verdict{}, nil
	case <-services.Done():
		return verdict{}, nil
	case <-n.closing:
		return verdict{}, ErrClosed
	case err := <-n.hung:
		return verdict{}, err
	case <-n.storage.guard.failed:
		return verdict{}, n.storage.guard.failure()
	}
}

// start brings Raft up: as a founder, on probation, or with the state on disk.
func (n *Node) start(services context.Context, group *errgroup.Group, v verdict) error {
	if v.phase == PhaseJoining {
		if err := n.identity.setProbation(true); err != nil {
			return err
		}
	}
	logger := newRaftLogger(n.logger.Handler())
	address, _ := n.cfg.addressOf(n.cfg.ID)
	streams := &streamLayer{queue: n.mux.raft, dialer: n.dialer, self: advertised(address), ctx: services}
	trans := newTransport(&raft.NetworkTransportConfig{
		ServerAddressProvider: addressBook{n.dialer.peers}, Logger: logger, Stream: streams, MaxPool: pooledStreams, Timeout: n.cfg.Timeouts.RPC,
	}, n.identity, n.storage.stall)
	config := n.raftConfig()
	config.Logger = logger

	r, err := n.newRaft(config, trans, !n.hadState && v.phase == PhaseMember)
	if err != nil {
		return errors.Join(err, trans.Close())
	}
	trans.attach(r)
	events := make(chan raft.Observation, 16)
	r.RegisterObserver(raft.NewObserver(events, false, isLeadership))
	n.raft.Store(r)
	group.Go(func() error { return trans.filter(services) })
	group.Go(func() error { return n.publish(services, events) })
	return nil
}

// raftConfig returns the library's settings.
func (n *Node) raftConfig() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(n.cfg.ID)
	c.HeartbeatTimeout = n.cfg.Timeouts.Heartbeat
	c.ElectionTimeout = n.cfg.Timeouts.Election
	c.LeaderLeaseTimeout = n.cfg.Timeouts.Lease
	c.CommitTimeout = n.cfg.Timeouts.Commit
	c.SnapshotThreshold = snapshotEntries
	c.TrailingLogs = trailingEntries
	c.NoLegacyTelemetry = true
	return c
}

// newRaft writes the first entry if found is set and starts Raft. A guarded store may end the goroutine that
// uses it, so that goroutine is not the caller's.
func (n *Node) newRaft(config *raft.Config, trans *transport, found bool) (*raft.Raft, error) {
	var r *raft.Raft
	err := fmt.Errorf("%w: starting the log under %s", ErrStorage, n.cfg.DataDir)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if found {
			if err = raft.BootstrapCluster(config, n.storage.log, n.storage.stable, n.storage.snapshots, trans, n.founding()); err != nil {
				return
			}
		}
		r, err = raft.NewRaft(config, fsm{n.machine}, n.storage.log, n.storage.stable, n.storage.snapshots, trans)
	}()
	<-done
	if failure := n.storage.guard.failure(); failure != nil {
		return nil, failure
	}
	if err != nil {
		return nil, fmt.Errorf("raftnode: start %s from %s: %w", n.cfg.ID, n.cfg.DataDir, err)
	}
	return r, nil
}

// founding is the first membership. Every founder writes the same bytes as entry 1 of term 1, which is what makes several founders safe.
func (n *Node) founding() raft.Configuration {
	var c raft.Configuration
	for _, p := range sortedPeers(n.cfg.Peers) {
		c.Servers = append(c.Servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(p.ID), Address: raft.ServerAddress(p.Address)})
	}
	return c
}

// addressBook makes the configured addresses count, not those that the group was founded with: a node may move.
type addressBook struct{ peers []Peer }

// ServerAddr implements raft.ServerAddressProvider.
func (b addressBook) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	for _, p := range b.peers {
		if p.ID == string(id) {
			return raft.ServerAddress(p.Address), nil
		}
	}
	return "", fmt.Errorf("%w: %s", ErrUnknownPeer, id)
}

// leave ends Raft and reports whether it ended; it does not while the disk hangs.
func (n *Node) leave(ctx context.Context, handOver bool) bool {
	r := n.raft.Load()
	if r == nil {
		return true
	}
	if handOver && r.State() == raft.Leader {
		n.handOver(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timeouts.Stop)
	defer cancel()
	if err := wait(ctx, r.Shutdown().Error); err != nil {
		n.logger.ErrorContext(ctx, "raft did not stop in time; its files stay open until the process ends", "node", n.cfg.ID, "error", err)
		return false
	}
	return true
}

// wait runs op and returns its error, or that of ctx if that ends first. Then op ends later, at the latest with Raft.
func wait(ctx context.Context, op func() error) error {
	done := make(chan error, 1)
	go func() { done <- op() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// setPhase records and logs a change of phase or reason.
func (n *Node) setPhase(ctx context.Context, phase Phase, reason string) {
	n.mu.Lock()
	changed := n.phase != phase || n.reason != reason
	n.phase, n.reason = phase, reason
	n.mu.Unlock()
	if !changed {
		return
	}
	level := slog.LevelInfo
	if phase == PhaseRefused || phase == PhaseMismatch || phase == PhaseFailed {
		level = slog.LevelError
	}
	n.logger.Log(ctx, level, "raft phase changed", "node", n.cfg.ID, "phase", string(phase), "reason", reason)
}
