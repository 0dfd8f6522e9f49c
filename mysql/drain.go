package mysql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/topology"
)

// Drain brings a server whose commits wait for acknowledgements that will never come to read-only
// and to a binary log that no longer grows, without telling any client that its commit succeeded
// (docs/adr/0003). In this order:
//
//  1. offline_mode disconnects applications and keeps new ones out;
//  2. a change to super_read_only is left pending: new writes queue behind it;
//  3. every client session that is left is killed, until the server reports all of them as killed,
//     which closes their sockets, so that nothing can be told to them any more;
//  4. only then semi-sync is switched off: the waiting commits finish unheard, the pending change
//     lands, and both variables are read back.
//
// It is for a server that has been replaced. The error wraps ErrBlocked when limit has passed; what
// was done until then stays done, and semi-sync is still on unless step 4 was reached.
func (s *Session) Drain(ctx context.Context, limit time.Duration) (*topology.Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, limit+silence)
	defer cancel()
	if _, err := s.GoOffline(ctx); err != nil {
		return s.last.facts, err
	}
	// Only now: the writes that wait behind an earlier change have no clients any more.
	if err := s.endPending(ctx); err != nil {
		return s.last.facts, err
	}
	aide, err := s.server.open(ctx, s.server.attributes("fence", s.term))
	if err != nil {
		return s.last.facts, err
	}
	defer aide.close()
	fenced := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error {
		defer close(fenced)
		_, err := aide.run(ctx, s.readOnly(limit))
		return err
	})
	err = s.release(ctx, fenced, limit)
	pending := group.Wait()
	facts, unread := s.Observe(ctx)
	if joined := errors.Join(err, pending, unread); joined != nil {
		return facts, fmt.Errorf("mysql: %s: drain: %w: %w", s.server.name, ErrBlocked, joined)
	}
	return facts, s.readBack(facts)
}

// release does steps 3 and 4 while the change of read_only is pending on another connection.
func (s *Session) release(ctx context.Context, fenced <-chan struct{}, limit time.Duration) error {
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(blockedPoll)
	defer tick.Stop()
	for {
		silent, err := s.silenced(ctx)
		if err != nil {
			return err
		}
		if silent {
			off := s.assignments(nil, nil, map[string]string{"rpl_semi_sync_source_enabled": "OFF"})
			_, err := s.link.run(ctx, off)
			return err
		}
		select {
		case <-fenced:
			return nil
		case <-end.C:
			return fmt.Errorf("some sessions of clients could not be ended within %s", limit)
		case <-tick.C:
		}
	}
}

// silenced kills the client sessions that are left and tells whether nothing can be told to any
// client: all of them were killed before, and the change of read_only holds new writes back.
// performance_schema does not show that a session was killed; information_schema does.
func (s *Session) silenced(ctx context.Context) (bool, error) {
	o := s.server.options
	b := (&batch{}).query("clients", `SELECT id FROM information_schema.processlist WHERE command NOT IN ('Killed', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID')
		AND user NOT IN ('system user', 'event_scheduler', `+quote(o.Control.User)+`)`).
		query("waiting", `SELECT COUNT(*) AS n FROM performance_schema.threads WHERE processlist_id <> CONNECTION_ID()
		AND processlist_state IN ('Waiting for global read lock', 'Waiting for commit lock')
		AND processlist_info REGEXP `+quote(fencePattern))
	got, err := s.link.run(ctx, b)
	if err != nil {
		return false, err
	}
	clients := got["clients"].column()
	if err := s.kill(ctx, clients...); err != nil {
		return false, err
	}
	return len(clients) == 0 && got["waiting"].first()["n"] != "0", nil
}
