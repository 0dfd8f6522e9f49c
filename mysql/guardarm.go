package mysql

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// Clock reads the server's own clock, in UTC.
func (s *Session) Clock(ctx context.Context) (time.Time, error) {
	got, err := s.link.run(ctx, (&batch{}).query("clock", clockQuery))
	if err != nil {
		return time.Time{}, err
	}
	n := numbers{}
	clock := n.clock(got["clock"].first()["clock"])
	return clock, n.err
}

// Arm makes an open server carry a guard: the row with the UUID of the server, the epoch, set version,
// candidates, policy and TTL of want, and the event, enabled and scheduled. A lease that lasts until
// the given time of the server's clock begins, and a fault is forgotten, with a new event, since the one that is
// there may be what fails: its definer is gone, or the clock was set back and it is not due for hours; with a zero
// time the lease and what is known of it go on, and the error wraps ErrCondition if the server has none of that epoch. A
// row that is newer by epoch or set version is left alone, and the error wraps ErrCondition.
func (s *Session) Arm(ctx context.Context, want topology.Lease, until time.Time) (*topology.Facts, error) {
	b := &batch{}
	b.require("super_read_only is off", "NOT @@GLOBAL.super_read_only")
	requireSettled(b)
	now := s.last.facts.Lease
	there := now != nil && now.Enabled && now.Epoch == want.Epoch && now.UUID == s.last.facts.UUID
	return s.unlogged(ctx, s.writeGuard(b, want, until, !there || !until.IsZero()))
}

// ArmClosed arms a server that applications cannot write to yet, and that may open by what Open asks
// for: super_read_only, under which nothing could be written, gives way to read_only, and an event of
// before cannot run meanwhile. A server that is half closed, with a change of read_only pending, is closed
// first. The error wraps ErrCondition when it may not open, and ErrBlocked when it could not be closed.
func (s *Session) ArmClosed(ctx context.Context, want topology.Lease, until time.Time, target gtid.Set, waitCount int) (*topology.Facts, error) {
	if facts, err := s.finishClosing(ctx); err != nil {
		return facts, err
	}
	b := &batch{}
	b.require("the server takes no writes", "@@GLOBAL.read_only")
	s.requireOpenable(b, target, waitCount)
	s.lift(b)
	return s.unlogged(ctx, s.writeGuard(b, want, until, true))
}

// closingLimit bounds the wait for a half-closed server to close.
const closingLimit = time.Second

// finishClosing closes a server on which an earlier change of read_only is pending: to end that change alone
// would let the writes go that wait behind it. What is pending beside both variables ON has nothing left to do.
func (s *Session) finishClosing(ctx context.Context) (*topology.Facts, error) {
	half := s.last.facts.On("super_read_only") || len(s.last.pending) > 0
	if half && !s.last.facts.On("read_only") {
		return s.Fence(ctx, closingLimit)
	}
	return s.last.facts, s.endPending(ctx)
}

// liftedName marks in the answers that super_read_only was taken off.
const liftedName = "lifted"

// lift leaves read_only alone on, so that regent can write and applications cannot. The event of a
// guard of before would take that back at once, so the scheduler is stopped.
func (s *Session) lift(b *batch) {
	b.query(liftedName, "SELECT 1 AS n")
	if s.last.guard.exists {
		b.effect("stop the event scheduler", "SET GLOBAL event_scheduler = OFF")
	}
	b.effect("leave read_only alone on", "SET GLOBAL super_read_only = OFF")
}

// Disarm takes the guard off an open server and leaves event_scheduler as it was before it was armed.
func (s *Session) Disarm(ctx context.Context) (*topology.Facts, error) {
	b := &batch{}
	b.require("super_read_only is off", "NOT @@GLOBAL.super_read_only")
	return s.unlogged(ctx, s.removeGuard(b))
}

// unlogged runs an effect that the binary log is not to hold. If it fails after it has taken
// super_read_only off, the server is made read-only again.
func (s *Session) unlogged(ctx context.Context, effect *batch) (*topology.Facts, error) {
	b := (&batch{}).effect("leave the binary log alone", "SET SESSION sql_log_bin = OFF").add(effect)
	got, err := s.link.run(ctx, b.effect("write to the binary log again", logAgain).add(stateBatch(s.server.options)))
	if err == nil {
		return s.learn(got)
	}
	if s.link.broken {
		return s.last.facts, err
	}
	if _, again := s.link.run(ctx, (&batch{}).effect("write to the binary log again", logAgain)); again != nil {
		return s.last.facts, fmt.Errorf("%w; and: %w", err, again)
	}
	if _, lifted := got[liftedName]; lifted {
		return s.refence(ctx, err)
	}
	return s.last.facts, err
}

const logAgain = "SET SESSION sql_log_bin = ON"

// writeGuard adds the row, a new event if one is wanted, and the scheduler. A new event runs at once and
// then every second.
func (s *Session) writeGuard(b *batch, want topology.Lease, until time.Time, event bool) *batch {
	b.effect("make the guard's schema", "CREATE SCHEMA IF NOT EXISTS "+guardSchema)
	b.effect("make the guard's table", guardTableDDL)
	mine := "one = 1 AND server_uuid = @@GLOBAL.server_uuid"
	b.require("no newer guard row is there", fmt.Sprintf("NOT EXISTS (SELECT 1 FROM %s WHERE %s AND (epoch > %d OR (epoch = %d AND set_version > %d)))",
		guardTable, mine, want.Epoch, want.Epoch, want.SetVersion))
	if until.IsZero() {
		b.require("its lease of this epoch goes on", fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE %s AND epoch = %d)", guardTable, mine, want.Epoch))
	}
	b.effect("write the guard row", s.guardRow(want, until))
	if event {
		b.effect("remove the event of before", "DROP EVENT IF EXISTS "+guardEvent)
		b.effect("make the guard's event", guardEventDDL(s.last.facts.UUID, want.Epoch))
	}
	return b.effect("start the event scheduler", "SET GLOBAL event_scheduler = ON")
}

// guardRow is the statement that writes the row. The first arming notes how event_scheduler stood.
func (s *Session) guardRow(want topology.Lease, until time.Time) string {
	candidates, err := json.Marshal(want.Candidates)
	if err != nil || want.Candidates == nil {
		candidates = []byte("[]")
	}
	expires, renewal := "UTC_TIMESTAMP(6)", ""
	if !until.IsZero() {
		expires, renewal = moment(until), ", expires = new.expires, ticked = NULL, renewed_by = new.renewed_by, fault = ''"
	}
	return fmt.Sprintf(`INSERT INTO %s (one, server_uuid, epoch, set_version, candidates, serve, ttl_us, expires, renewed_by, fault, scheduler)
	VALUES (1, @@GLOBAL.server_uuid, %d, %d, %s, %t, %d, %s, %s, '', %s) AS new
	ON DUPLICATE KEY UPDATE server_uuid = new.server_uuid, epoch = new.epoch, set_version = new.set_version, candidates = new.candidates,
	serve = new.serve, ttl_us = new.ttl_us%s`,
		guardTable, want.Epoch, want.SetVersion, quote(string(candidates)), want.Serve, want.TTL.Microseconds(),
		expires, quote(s.server.options.Node), quote(s.last.facts.Variables["event_scheduler"]), renewal)
}

// removeGuard adds the removal of a guard that the server shows.
func (s *Session) removeGuard(b *batch) *batch {
	if !s.last.guard.exists {
		return b
	}
	b.effect("remove the guard", "DROP SCHEMA IF EXISTS "+guardSchema)
	if before := s.last.guard.scheduler; before == "ON" || before == "OFF" {
		b.effect("leave event_scheduler as it was before the guard", "SET GLOBAL event_scheduler = "+before)
	}
	return b
}

// OpenGuarded makes a server writable that ArmClosed has armed. It asks for all that Open does, and for
// the guard in force: a lease with the key of want that has not expired, and a tick of its event.
func (s *Session) OpenGuarded(ctx context.Context, want topology.Lease, target gtid.Set, waitCount int) (*topology.Facts, error) {
	b := &batch{}
	s.requireOpenable(b, target, waitCount)
	row := fmt.Sprintf("SELECT 1 FROM %s WHERE one = 1 AND server_uuid = @@GLOBAL.server_uuid AND epoch = %d AND set_version = %d",
		guardTable, want.Epoch, want.SetVersion)
	b.require("its lease has not expired", "EXISTS ("+row+" AND expires > UTC_TIMESTAMP(6))")
	b.require("its guard ticks", fmt.Sprintf("EXISTS (%s AND TIMESTAMPDIFF(MICROSECOND, ticked, UTC_TIMESTAMP(6)) BETWEEN 0 AND %d)",
		row, topology.TickLimit.Microseconds()))
	b.require("the event scheduler runs", "@@GLOBAL.event_scheduler = 'ON'")
	b.require("super_read_only is off", "NOT @@GLOBAL.super_read_only")
	return s.judged(ctx, openEffects(b))
}
