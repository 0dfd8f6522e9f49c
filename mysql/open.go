package mysql

import (
	"context"
	"fmt"
	"strconv"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// unlimited is the longest semi-sync timeout, in milliseconds.
const unlimited = 4294967295

// Open makes the server writable. It goes ahead only if target is executed, no replication channel
// is left, no earlier change of read_only is pending, and, where waitCount is not 0, a commit will
// wait for that many acknowledgements without end and that many acknowledging replicas are
// attached. The error wraps ErrCondition otherwise; the facts are then those read just before, and
// nil where they could not be read.
func (s *Session) Open(ctx context.Context, target gtid.Set, waitCount int) (*topology.Facts, error) {
	if err := s.endPending(ctx); err != nil {
		return nil, err
	}
	if !s.last.guard.exists {
		return s.openNow(ctx, target, waitCount)
	}
	// A guard of before would end what is opened without one: it goes first, while it cannot run.
	b := &batch{}
	s.requireOpenable(b, target, waitCount)
	s.lift(b)
	facts, err := s.unlogged(ctx, s.removeGuard(b))
	if err != nil {
		return facts, err
	}
	if facts, err = s.openNow(ctx, target, waitCount); err != nil && s.Alive() {
		return s.refence(ctx, err)
	}
	return facts, err
}

// openNow opens a server under the conditions of Open.
func (s *Session) openNow(ctx context.Context, target gtid.Set, waitCount int) (*topology.Facts, error) {
	b := &batch{}
	s.requireOpenable(b, target, waitCount)
	return s.judged(ctx, openEffects(b))
}

// requireOpenable adds the conditions under which a server may open.
func (s *Session) requireOpenable(b *batch, target gtid.Set, waitCount int) {
	b.require("it has executed everything that was collected", "GTID_SUBSET("+quote(target.String())+", @@GLOBAL.gtid_executed)")
	b.require("it has no replication channel", "NOT EXISTS (SELECT 1 FROM performance_schema.replication_connection_configuration WHERE "+channel+")")
	requireSettled(b)
	if waitCount > 0 {
		s.requireAckers(b, waitCount)
	}
}

// requireSettled adds the condition that nothing will make the server read-only later.
func requireSettled(b *batch) {
	b.require("no earlier change of read_only is pending", "NOT EXISTS (SELECT 1 FROM performance_schema.threads "+
		"WHERE processlist_id <> CONNECTION_ID() AND processlist_info REGEXP "+quote(fencePattern)+")")
}

func openEffects(b *batch) *batch {
	b.effect("end offline_mode", "SET GLOBAL offline_mode = OFF")
	b.effect("end super_read_only", "SET GLOBAL super_read_only = OFF")
	return b.effect("end read_only", "SET GLOBAL read_only = OFF")
}

// judged runs conditions and effects between two readings of the state. With an error the facts are
// those that the conditions were judged by, nil where they could not be read.
func (s *Session) judged(ctx context.Context, b *batch) (*topology.Facts, error) {
	got, err := s.link.run(ctx, (&batch{}).add(factsBatch(s.server.options)).add(b).add(stateBatch(s.server.options)))
	if _, answered := got["server"]; !answered {
		return nil, err
	}
	facts, unreadable := s.learn(got)
	if unreadable != nil {
		return nil, unreadable
	}
	return facts, err
}

// requireAckers adds the conditions under which every commit waits for acknowledgements.
func (s *Session) requireAckers(b *batch, waitCount int) {
	variable := func(name string) string { return "@@GLOBAL." + s.last.dialect.variable(name) }
	n := strconv.Itoa(waitCount)
	b.require("semi-sync is on at the source", variable("rpl_semi_sync_source_enabled"))
	b.require("the wait count is "+n, variable("rpl_semi_sync_source_wait_for_replica_count")+" = "+n)
	b.require("acknowledgements are waited for before the commit shows", variable("rpl_semi_sync_source_wait_point")+" = 'AFTER_SYNC'")
	b.require("acknowledgements are waited for without end", fmt.Sprintf("%s >= %d", variable("rpl_semi_sync_source_timeout"), uint64(unlimited)))
	b.require("they are waited for without any replica too", variable("rpl_semi_sync_source_wait_no_replica"))
	b.require("semi-sync has not been given up", statusValue("rpl_semi_sync_source_status")+" = 'ON'")
	b.require(n+" acknowledging replicas are counted", statusValue("rpl_semi_sync_source_clients")+" >= "+n)
	b.require(n+" acknowledging replicas are attached", `(SELECT COUNT(*) FROM performance_schema.threads t
		JOIN performance_schema.user_variables_by_thread v USING (thread_id)
		WHERE t.processlist_command LIKE 'Binlog Dump%' AND v.variable_value = '1'
		AND v.variable_name IN ('rpl_semi_sync_replica', 'rpl_semi_sync_slave')) >= `+n)
}

// statusValue is an SQL expression for a global status value under either spelling.
func statusValue(name string) string {
	return "(SELECT MAX(variable_value) FROM performance_schema.global_status WHERE variable_name IN (" +
		list(bothNames([]string{name})) + "))"
}

// endPending kills connections whose change of read_only has not ended: it would land after the
// server was opened.
func (s *Session) endPending(ctx context.Context) error {
	if err := s.kill(ctx, s.last.pending...); err != nil {
		return err
	}
	s.last.pending = nil
	return nil
}
