package mysql

import (
	"context"
	"fmt"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// retryCount is how often a receiver tries to connect before it gives up for good: the most that a
// server takes. The default of 10 would end replication in a partition of ten seconds.
const retryCount = 4294967295

// StopReceiver stops receiving, and with it acknowledging, and reads the sets after that. It makes
// the claim visible to others before; Follow ends that. A server without a channel is left as it is.
func (s *Session) StopReceiver(ctx context.Context) (*topology.Facts, error) {
	name := quote(claimName(s.cluster))
	b := (&batch{}).effect("show the claim", "DO IF(IFNULL(IS_USED_LOCK("+name+"), 0) = CONNECTION_ID(), 1, GET_LOCK("+name+", 0))")
	return s.run(ctx, s.stopReceiver(b))
}

// Claim makes sure that this very connection still holds the lock of the cluster and that the server
// receives nothing, and changes nothing. The error wraps ErrCondition otherwise.
func (s *Session) Claim(ctx context.Context) (*topology.Facts, error) {
	b := (&batch{}).require("this connection holds the lock of the cluster", "IS_USED_LOCK("+quote(lockName(s.cluster))+") = CONNECTION_ID()")
	b.require("the receiver is off", "IFNULL((SELECT service_state FROM performance_schema.replication_connection_status WHERE "+channel+"), 'OFF') = 'OFF'")
	return s.run(ctx, b)
}

func (s *Session) stopReceiver(b *batch) *batch {
	return b.effect("stop the receiver", s.say("STOP REPLICA IO_THREAD"))
}

// AwaitExecuted waits until the server has executed target, for at most the given time, if it has
// received all of it, with the applier running. It returns the state after that, whatever came of it.
func (s *Session) AwaitExecuted(ctx context.Context, target gtid.Set, limit time.Duration) (*topology.Facts, error) {
	return s.run(ctx, s.awaitApplier(s.freeApplier(&batch{}), target, limit))
}

// freeApplier ends the waiting for acknowledgements on a server that is no open source and where no application waits for
// one: what an applier commits would wait too, for replicas that it has not got. While a change of read_only is still
// pending commits are acknowledged, so that the waiting goes on then.
func (s *Session) freeApplier(b *batch) *batch {
	f := s.last.facts
	if f.ReadOnly() && !f.Closing && f.On("rpl_semi_sync_source_enabled") && f.Commits.Waiting == 0 {
		b.effect("stop waiting for acknowledgements", "SET GLOBAL "+s.last.dialect.variable("rpl_semi_sync_source_enabled")+" = OFF")
	}
	return b
}

func (s *Session) awaitApplier(b *batch, target gtid.Set, limit time.Duration) *batch {
	s.startApplier(b)
	set := quote(target.String())
	return b.effect("wait for the applier", fmt.Sprintf("SELECT IF(GTID_SUBSET(%s, %s), WAIT_FOR_EXECUTED_GTID_SET(%s, %.3f), 1) AS waited",
		set, heldSet, set, max(limit, time.Millisecond).Seconds()))
}

// startApplier starts an applier that was seen stopped; without a channel there is none.
func (s *Session) startApplier(b *batch) *batch {
	if up := s.last.facts.Source; up != nil && up.Applier != topology.ThreadOn {
		b.effect("start the applier", s.say("START REPLICA SQL_THREAD"))
	}
	return b
}

// Fetch makes the server receive from another source and keeps the applier running, so that nothing
// received is thrown away: with both threads stopped the change of source would delete the relay log.
func (s *Session) Fetch(ctx context.Context, address string) (*topology.Facts, error) {
	up, err := parseUpstream(address)
	if err != nil {
		return s.last.facts, err
	}
	b := s.freeApplier(&batch{})
	s.point(b, up)
	b.effect("start the receiver", s.say("START REPLICA IO_THREAD"))
	return s.run(ctx, b)
}

// Follow makes the server a replica of the one at address, acknowledging or not. It goes ahead only
// if the server is read-only and, for a target that is not empty, holds nothing that target lacks,
// transactions of the server sourceUUID aside: those are on their way. The error wraps ErrCondition
// otherwise, with the receiver stopped and nothing else changed.
func (s *Session) Follow(ctx context.Context, address, sourceUUID string, acker bool, target gtid.Set) (*topology.Facts, error) {
	up, err := parseUpstream(address)
	if err != nil {
		return s.last.facts, err
	}
	b := &batch{}
	b.require("the server is read-only", "@@GLOBAL.super_read_only AND @@GLOBAL.read_only")
	s.stopReceiver(b)
	if !target.IsEmpty() {
		allowed := target.String()
		if sourceUUID != "" {
			allowed += fmt.Sprintf(",%s:1-%d", sourceUUID, gtid.MaxSeq)
		}
		b.require("it holds nothing that the new source lacks", "GTID_SUBSET("+heldSet+", "+quote(allowed)+")")
	}
	b.add(s.assignments(s.roleSettings(acker), nil, nil))
	s.point(b, up)
	b.effect("start replication", s.say("START REPLICA"))
	b.effect("end the claim", "DO RELEASE_LOCK("+quote(claimName(s.cluster))+")")
	return s.run(ctx, b)
}

// roleSettings are those of a replica that differ from what was last seen.
func (s *Session) roleSettings(acker bool) map[string]string {
	wanted := map[string]bool{"rpl_semi_sync_replica_enabled": acker, "rpl_semi_sync_source_enabled": false}
	differ := map[string]string{}
	for name, on := range wanted {
		f := s.last.facts
		if _, known := f.Variables[name]; !known && !on {
			continue // without the plugin it cannot acknowledge
		}
		persisted := topology.Facts{Variables: f.Persisted}
		if f.On(name) != on || persisted.On(name) != on {
			differ[name] = onOff(on)
		}
	}
	return differ
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

// point changes the source of a stopped receiver. The relay log survives only while one of the
// threads runs, so the applier is kept running, or is stopped once everything received is executed.
func (s *Session) point(b *batch, up upstream) {
	o := s.server.options
	encryption := "GET_SOURCE_PUBLIC_KEY = 1"
	if o.TLS != nil {
		encryption = "SOURCE_SSL = 1"
	}
	change := fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %d, SOURCE_USER = %s, SOURCE_PASSWORD = %s, "+
		"SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = %d, SOURCE_HEARTBEAT_PERIOD = 1, %s",
		quote(up.host), up.port, quote(o.Replication.User), quote(o.Replication.Password), retryCount, encryption)
	switch now := s.last.facts.Source; {
	case now == nil:
		change += ", SOURCE_AUTO_POSITION = 1"
	case now.AutoPosition:
		s.stopReceiver(s.startApplier(b))
		b.require("everything received is executed, or the applier runs", executedReceived+" OR "+
			"(SELECT service_state = 'ON' FROM performance_schema.replication_applier_status WHERE "+channel+")")
	default:
		// Auto position can only be turned on with both threads stopped.
		s.stopReceiver(b)
		b.require("everything received is executed", executedReceived)
		b.effect("stop replication", s.say("STOP REPLICA"))
		change += ", SOURCE_AUTO_POSITION = 1"
	}
	b.effect("change the source", s.say(change))
}

// BecomeSource ends the server's replication for good and gives it the settings of a source, still
// read-only. It goes ahead only if the server is read-only, has executed target and has applied all
// that it received, for which it is given the time limit; the error wraps ErrCondition otherwise, with
// the receiver stopped.
func (s *Session) BecomeSource(ctx context.Context, target gtid.Set, limit time.Duration, persist, persistOnly, transient map[string]string) (*topology.Facts, error) {
	b := &batch{}
	b.require("the server is read-only", "@@GLOBAL.super_read_only AND @@GLOBAL.read_only")
	s.stopReceiver(b)
	if !s.last.facts.Executed.Contains(target) {
		s.awaitApplier(b, target, limit)
	}
	b.require("it has executed everything that was collected", "GTID_SUBSET("+quote(target.String())+", @@GLOBAL.gtid_executed)")
	b.require("it has executed everything that it received", executedReceived)
	s.removeChannel(b)
	b.add(s.assignments(persist, persistOnly, transient))
	got, err := s.stopReplication(ctx, b.add(factsBatch(s.server.options)))
	if err != nil {
		return s.last.facts, err
	}
	return s.learn(got)
}

// removeChannel ends replication and forgets where it came from, with all relay logs.
func (s *Session) removeChannel(b *batch) {
	betweenTransactions(b).effect("stop replication", s.say("STOP REPLICA"))
	b.effect("remove the replication channel", s.say("RESET REPLICA ALL"))
}
