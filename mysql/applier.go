package mysql

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// halfway is an SQL condition: the applier runs, has begun a transaction and not finished it.
const halfway = "EXISTS (SELECT 1 FROM performance_schema.replication_applier_status WHERE " + channel + " AND service_state = 'ON') " +
	"AND (EXISTS (SELECT 1 FROM performance_schema.replication_applier_status_by_worker WHERE " + channel + " AND applying_transaction <> '') " +
	"OR EXISTS (SELECT 1 FROM performance_schema.replication_applier_status_by_coordinator WHERE " + channel + " AND processing_transaction <> ''))"

// executedReceived is an SQL condition: everything that the server received whole is executed.
const executedReceived = "GTID_SUBSET(IFNULL(" + receivedSet + ", ''), @@GLOBAL.gtid_executed)"

const (
	// applierPatience bounds the wait for an applier to end.
	applierPatience = 5 * time.Second
	applierPoll     = 5 * time.Millisecond
)

// endApplier stops an applier that waits for the rest of a transaction which was cut off when its source
// died: STOP REPLICA would wait for that rest for a minute (SLAVE_WAIT_GROUP_DONE in the server's
// rpl_replica.cc). A coordinator whose connection is killed instead ends at once, and its workers roll
// back what they had applied of it. It is for a stopped receiver; an applier that has something whole to
// apply, or that is seen halfway once only, is left alone.
func (s *Session) endApplier(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, applierPatience, errApplierStays)
	defer cancel()
	tick := time.NewTicker(applierPoll)
	defer tick.Stop()
	for seen := ""; ; {
		got, err := s.link.run(ctx, (&batch{}).query("coordinator", `SELECT t.processlist_id FROM performance_schema.replication_applier_status_by_coordinator c
			JOIN performance_schema.threads t ON t.thread_id = c.thread_id
			WHERE c.`+channel+" AND "+executedReceived+" AND "+halfway))
		if err != nil {
			return err
		}
		coordinator := got["coordinator"].first()["processlist_id"]
		if coordinator == "" {
			return nil
		}
		if coordinator == seen {
			err = s.kill(ctx, coordinator)
		}
		if seen = coordinator; err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("mysql: %s: %w", s.server.name, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

var errApplierStays = errors.New("the applier is halfway through a transaction and does not end")

// stopReplication runs a batch that ends in the middle unless the applier is between two transactions; an
// applier that will never get there is ended first.
func (s *Session) stopReplication(ctx context.Context, b *batch) (answers, error) {
	got, err := s.link.run(ctx, b)
	if !errors.Is(err, ErrCondition) || !s.Alive() {
		return got, err
	}
	if ended := s.endApplier(ctx); ended != nil {
		return got, errors.Join(err, ended)
	}
	return s.link.run(ctx, b)
}

// betweenTransactions makes a batch wait for nothing when it stops the applier.
func betweenTransactions(b *batch) *batch {
	return b.require("the applier is not halfway through a transaction", "NOT ("+halfway+")")
}
