package mysql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/topology"
)

// ErrBlocked means that the server could not become read-only in time: a commit waits for an
// acknowledgement, or a write would not end.
var ErrBlocked = errors.New("read_only is blocked")

// fenceGrace is how long a fence waits for running writes before it ends them.
const fenceGrace = 100 * time.Millisecond

// blockedPoll is how often a blocked fence looks again for statements in its way.
const blockedPoll = 50 * time.Millisecond

// Fence makes the server read-only and reads both variables back. After a short grace it ends the write
// statements in its way. Earlier changes of read_only that are still pending end last: without them the
// writes that queue behind them would be let go. The error wraps ErrBlocked when that was not reached
// within patience; the change is then withdrawn, and the server is as writable as before.
func (s *Session) Fence(ctx context.Context, patience time.Duration) (*topology.Facts, error) {
	done := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error { return s.clearWay(ctx, done, patience) })
	facts, err := s.run(ctx, s.readOnly(patience))
	close(done)
	cleared := group.Wait()
	switch {
	case err == nil:
		return facts, errors.Join(s.readBack(facts), s.endPending(ctx))
	case code(err) == codeInterrupted || code(err) == codeLockWaitTimeout:
		return s.withdrawn(ctx, errors.Join(err, cleared))
	}
	return facts, err
}

// readOnly is the change itself. It ends by itself a little after patience, should the connection
// that watches over it be lost.
func (s *Session) readOnly(patience time.Duration) *batch {
	b := &batch{}
	wait := fmt.Sprintf("SET SESSION lock_wait_timeout = %d", seconds(patience)+1)
	return b.effect(wait, wait).effect("set super_read_only", "SET GLOBAL super_read_only = ON")
}

// readBack makes sure that both variables are on: super_read_only alone already reads ON while the
// statement that sets it still waits.
func (s *Session) readBack(f *topology.Facts) error {
	if f.ReadOnly() {
		return nil
	}
	return fmt.Errorf("mysql: %s: super_read_only was set and reads back as %s, read_only as %s",
		s.server.name, f.Variables["super_read_only"], f.Variables["read_only"])
}

// withdrawn reads the state after a fence was interrupted: the interruption may have come too late.
func (s *Session) withdrawn(ctx context.Context, cause error) (*topology.Facts, error) {
	facts, err := s.Observe(ctx)
	if err != nil {
		return facts, err
	}
	if facts.ReadOnly() {
		return facts, s.endPending(ctx)
	}
	return facts, fmt.Errorf("mysql: %s: %w (%s sessions wait for an acknowledgement): %w",
		s.server.name, ErrBlocked, facts.Status["rpl_semi_sync_source_wait_sessions"], cause)
}

// clearWay ends the statements that a fence waits for, from a connection of its own, and the fence
// itself when patience is over. It returns when done is closed.
func (s *Session) clearWay(ctx context.Context, done <-chan struct{}, patience time.Duration) error {
	end := time.NewTimer(patience)
	defer end.Stop()
	grace := time.NewTimer(min(fenceGrace, patience))
	defer grace.Stop()
	select {
	case <-done:
		return nil
	case <-grace.C:
	}
	aide, err := s.server.open(ctx, s.server.attributes("fence", s.term))
	if err != nil {
		return err
	}
	defer aide.close()
	tick := time.NewTicker(blockedPoll)
	defer tick.Stop()
	for {
		if err := endWriters(ctx, aide); err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		case <-end.C:
			return endAll(ctx, aide, "QUERY", []string{s.id})
		case <-tick.C:
		}
	}
}

// endWriters ends the statements of clients that hold the lock for changing data, which a global
// read lock waits for. A commit that waits for an acknowledgement takes no notice.
func endWriters(ctx context.Context, aide *link) error {
	o := aide.server.options
	b := (&batch{}).query("writers", `SELECT DISTINCT t.processlist_id FROM performance_schema.metadata_locks m
		JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id
		WHERE m.object_type IN ('GLOBAL', 'COMMIT') AND m.lock_type = 'INTENTION_EXCLUSIVE' AND m.lock_status = 'GRANTED'
		AND t.processlist_command IN ('Query', 'Execute') AND `+isApplication(o))
	got, err := aide.run(ctx, b)
	if err != nil {
		return err
	}
	return endAll(ctx, aide, "QUERY", got["writers"].column())
}

// GoOffline disconnects applications and refuses new ones; accounts with CONNECTION_ADMIN or SUPER
// stay. The replication account is refused too.
func (s *Session) GoOffline(ctx context.Context) (*topology.Facts, error) {
	return s.run(ctx, (&batch{}).effect("set offline_mode", "SET GLOBAL offline_mode = ON"))
}

// GoOnline lets connections in again, on a server that is read-only.
func (s *Session) GoOnline(ctx context.Context) (*topology.Facts, error) {
	b := (&batch{}).require("the server is read-only", "@@GLOBAL.super_read_only AND @@GLOBAL.read_only")
	return s.run(ctx, b.effect("end offline_mode", "SET GLOBAL offline_mode = OFF"))
}
