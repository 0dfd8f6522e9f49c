package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// The methods of executor.Session: what package mysql has a real server do, with the same conditions in
// the same order.

// Facts is the state as last read on this connection.
func (x *conn) Facts() *topology.Facts { return x.facts }

// Alive tells whether the connection may still exist.
func (x *conn) Alive() bool {
	x.w.mu.RLock()
	defer x.w.mu.RUnlock()
	return !x.gone && !x.closed
}

// Close ends the connection, and gives the lock back once the server knows.
func (x *conn) Close() {
	x.d.notice(fmt.Sprintf("%s/%d/close", x.s.name(), x.number), x.clientGone)
}

// Observe reads the state.
func (x *conn) Observe(ctx context.Context) (*topology.Facts, error) {
	return x.perform(ctx, "observe", func(st *statement) { st.finish(nil) })
}

// InstallPlugins has nothing to do: the plugins are there.
func (x *conn) InstallPlugins(ctx context.Context) (*topology.Facts, error) { return x.Observe(ctx) }

// Configure sets variables.
func (x *conn) Configure(ctx context.Context, persist, persistOnly, transient map[string]string) (*topology.Facts, error) {
	return x.perform(ctx, "configure", func(st *statement) {
		x.effect("configure")
		x.s.assign(persist, persistOnly, transient)
		st.finish(nil)
	})
}

// assign sets variables: semi-sync is switched off first and on last.
func (s *Server) assign(persist, persistOnly, transient map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(persistOnly)) {
		s.persist(name, persistOnly[name])
	}
	values := maps.Clone(persist)
	if values == nil {
		values = map[string]string{}
	}
	maps.Copy(values, transient)
	names := slices.Sorted(maps.Keys(values))
	slices.SortStableFunc(names, func(a, b string) int { return rank(a, values[a]) - rank(b, values[b]) })
	for _, name := range names {
		_, kept := persist[name]
		s.set(name, values[name], kept)
	}
	s.release()
}

// rank orders assignments: what is switched off first, what is switched on last.
func rank(name, value string) int {
	switch {
	case !strings.HasPrefix(name, "rpl_semi_sync_") || !strings.HasSuffix(name, "_enabled"):
		return 1
	case value == "OFF":
		return 0
	}
	return 2
}

// Fence makes the server read-only, or withdraws the attempt after patience and fails.
func (x *conn) Fence(ctx context.Context, patience time.Duration) (*topology.Facts, error) {
	return x.perform(ctx, "fence", func(st *statement) {
		x.effect("fence")
		x.fence(st, patience, func(err error) { st.finish(err) })
	})
}

// fence is a change of read_only with patience. One of before is still pending when it is withdrawn.
func (x *conn) fence(st *statement, patience time.Duration, then func(error)) {
	s := x.s
	if s.readOnly() {
		s.endPending()
		then(nil)
		return
	}
	mine := s.pend(x, patience)
	x.await(st, patience, func() bool { return s.pending != mine }, func(ended bool) {
		if !ended {
			s.withdraw(mine)
		}
		if !s.readOnly() {
			then(fmt.Errorf("%w (%d sessions wait for an acknowledgement)", errBlocked, len(s.waiting)))
			return
		}
		then(nil)
	})
}

// GoOffline disconnects applications, and replicas as well.
func (x *conn) GoOffline(ctx context.Context) (*topology.Facts, error) {
	return x.perform(ctx, "go offline", func(st *statement) {
		x.effect("go offline")
		x.s.offline()
		st.finish(nil)
	})
}

// GoOnline lets them in again, on a read-only server.
func (x *conn) GoOnline(ctx context.Context) (*topology.Facts, error) {
	return x.perform(ctx, "go online", func(st *statement) {
		if !x.s.readOnly() {
			st.finish(fmt.Errorf("%w: the server is read-only", errCondition))
			return
		}
		x.effect("go online")
		x.s.set("offline_mode", "OFF", false)
		st.finish(nil)
	})
}

// Drain makes a server read-only whose commits wait for acknowledgements that never come, without
// telling any client.
func (x *conn) Drain(ctx context.Context, limit time.Duration) (*topology.Facts, error) {
	return x.perform(ctx, "drain", func(st *statement) {
		x.effect("drain")
		s := x.s
		s.endPending()
		s.offline()
		mine := s.pend(nil, limit) // on a connection of its own, which outlives this one
		quiet := x.w.now + drainTakes
		x.await(st, limit, func() bool { return x.w.now >= quiet || s.pending != mine }, func(bool) {
			s.set("rpl_semi_sync_source_enabled", "OFF", false)
			s.release()
			if !s.readOnly() {
				s.withdraw(mine)
				st.finish(fmt.Errorf("drain: %w", errBlocked))
				return
			}
			st.finish(nil)
		})
	})
}

// drainTakes is how long the sessions of clients take to be ended.
const drainTakes = 100 * time.Millisecond

// Nudge has an open server log something of no client, and waits until that is acknowledged.
func (x *conn) Nudge(ctx context.Context, limit time.Duration) (*topology.Facts, error) {
	return x.perform(ctx, "nudge", func(st *statement) {
		x.effect("nudge")
		s := x.s
		if !s.writable() || s.pending != nil || slices.ContainsFunc(s.waiting, func(c *commit) bool { return c.client == nil }) {
			st.finish(fmt.Errorf("%w: it takes writes, and no nudge of before waits", errCondition))
			return
		}
		mine := &commit{gtid: gtid.GTID{UUID: s.uuid, Seq: s.next}, upTo: len(s.binlog) + 1, cut: true}
		s.next++
		s.waiting = append(s.waiting, mine)
		s.append(mine.gtid)
		s.release()
		x.await(st, limit, func() bool { return s.executed.has(mine.gtid) }, func(ended bool) {
			if !ended {
				st.finish(errBlocked)
				return
			}
			st.finish(nil)
		})
	})
}

// StopReceiver stops receiving, and with it acknowledging.
func (x *conn) StopReceiver(ctx context.Context) (*topology.Facts, error) {
	return x.perform(ctx, "stop receiver", func(st *statement) {
		x.effect("stop receiver")
		if x.s.claim == nil {
			x.s.claim, x.s.claimedAt = x, x.w.now
		}
		x.s.stopReceiver()
		st.finish(nil)
	})
}

// AwaitExecuted runs the applier and waits for target, if all of it was received.
func (x *conn) AwaitExecuted(ctx context.Context, target gtid.Set, limit time.Duration) (*topology.Facts, error) {
	return x.perform(ctx, "await", func(st *statement) {
		x.awaitApplier(st, target, limit, func(bool) { st.finish(nil) })
	})
}

// awaitApplier has the server execute target, if it has received all of it, and goes on with then.
func (x *conn) awaitApplier(st *statement, target gtid.Set, limit time.Duration, then func(bool)) {
	s := x.s
	executed := func() bool { return s.executed.set().Contains(target) }
	if c := s.channel; c != nil && !c.applier {
		x.effect("start applier")
		c.applier = true
		c.apply()
	}
	if executed() || !s.held().Contains(target) {
		then(executed())
		return
	}
	x.await(st, limit, executed, then)
}

// Fetch receives from another source and keeps what was received before.
func (x *conn) Fetch(ctx context.Context, address string) (*topology.Facts, error) {
	return x.perform(ctx, "fetch", func(st *statement) {
		x.effect("fetch from " + x.w.serverAt(address).name())
		x.s.point(x.w.serverAt(address))
		x.s.channel.applier = true
		x.s.channel.startReceiver()
		x.s.channel.apply()
		st.finish(nil)
	})
}

// Follow makes a read-only server a replica of the one at address, if every transaction that it holds
// is in target or came from the server sourceUUID.
func (x *conn) Follow(ctx context.Context, address, sourceUUID string, acker bool, target gtid.Set) (*topology.Facts, error) {
	return x.perform(ctx, "follow", func(st *statement) {
		s, source := x.s, x.w.serverAt(address)
		if !s.readOnly() {
			st.finish(fmt.Errorf("%w: the server is read-only", errCondition))
			return
		}
		x.effect("follow " + source.name())
		s.stopReceiver()
		if !target.IsEmpty() && !target.Contains(s.held().Without(sourceUUID)) {
			st.finish(fmt.Errorf("%w: it holds nothing that the new source lacks", errCondition))
			return
		}
		x.w.repointed(x, source, acker)
		s.assign(map[string]string{"rpl_semi_sync_replica_enabled": onOff(acker), "rpl_semi_sync_source_enabled": "OFF"}, nil, nil)
		s.point(source)
		s.channel.applier = true
		s.channel.startReceiver()
		s.channel.apply()
		x.unclaim()
		st.finish(nil)
	})
}

// BecomeSource removes the channel of a read-only server that has executed target and all that it
// received, and sets variables.
func (x *conn) BecomeSource(ctx context.Context, target gtid.Set, limit time.Duration, persist, persistOnly, transient map[string]string) (*topology.Facts, error) {
	return x.perform(ctx, "become source", func(st *statement) {
		s := x.s
		if !s.readOnly() {
			st.finish(fmt.Errorf("%w: the server is read-only", errCondition))
			return
		}
		x.effect("become source")
		s.stopReceiver()
		if s.executed.set().Contains(target) {
			x.endChannel(st, target, persist, persistOnly, transient)
			return
		}
		x.awaitApplier(st, target, limit, func(bool) { x.endChannel(st, target, persist, persistOnly, transient) })
	})
}

func (x *conn) endChannel(st *statement, target gtid.Set, persist, persistOnly, transient map[string]string) {
	s := x.s
	switch executed := s.executed.set(); {
	case !executed.Contains(target):
		st.finish(fmt.Errorf("%w: it has executed everything that was collected", errCondition))
	case !executed.Contains(s.held()):
		st.finish(fmt.Errorf("%w: it has executed everything that it received", errCondition))
	default:
		x.w.unchanneled(x)
		s.channel = nil
		s.assign(persist, persistOnly, transient)
		st.finish(nil)
	}
}

// Open makes the server writable if target is executed and waitCount ackers are attached.
func (x *conn) Open(ctx context.Context, target gtid.Set, waitCount int) (*topology.Facts, error) {
	return x.perform(ctx, "open", func(st *statement) {
		s := x.s
		s.endPending()
		if missing := s.unopenable(target, waitCount); missing != "" {
			st.finish(fmt.Errorf("%w: %s", errCondition, missing))
			return
		}
		x.effect("open")
		s.disarm() // a guard of before would close it again
		x.opens(st)
	})
}

// opens lets applications write, and ends the statement.
func (x *conn) opens(st *statement) {
	s := x.s
	before := s.writable()
	s.set("offline_mode", "OFF", false)
	s.set("super_read_only", "OFF", false)
	s.set("read_only", "OFF", false)
	if !before {
		x.w.opened(x)
	}
	if s.pending != nil {
		s.pending.stale = true
	}
	st.finish(nil)
}

// unopenable says which condition of opening does not hold, or "".
func (s *Server) unopenable(target gtid.Set, waitCount int) string {
	switch {
	case !s.executed.set().Contains(target):
		return "it has executed everything that was collected"
	case s.channel != nil:
		return "it has no replication channel"
	case waitCount == 0:
		return ""
	case !s.on("rpl_semi_sync_source_enabled"):
		return "semi-sync is on at the source"
	case s.waitCount() != waitCount:
		return fmt.Sprintf("the wait count is %d", waitCount)
	case s.variables["rpl_semi_sync_source_wait_point"] != "AFTER_SYNC":
		return "acknowledgements are waited for before the commit shows"
	case s.variables["rpl_semi_sync_source_timeout"] != unlimited || !s.on("rpl_semi_sync_source_wait_no_replica"):
		return "acknowledgements are waited for without end"
	case s.ackers() < waitCount:
		return fmt.Sprintf("%d acknowledging replicas are attached", waitCount)
	}
	return ""
}

const unlimited = "4294967295"

// Clone replaces the data with those of the server at address and ends the connection.
func (x *conn) Clone(ctx context.Context, address string) error {
	_, err := x.perform(ctx, "clone", func(st *statement) {
		s, donor := x.s, x.w.serverAt(address)
		switch {
		case !s.readOnly():
			st.finish(fmt.Errorf("%w: the server is read-only", errCondition))
			return
		case !donor.answers() || !x.w.net.joined(s.at, donor.at):
			st.finish(fmt.Errorf("clone from %s: the donor does not answer", donor.name()))
			return
		}
		x.effect("clone from " + donor.name())
		x.w.destroyed(x, donor)
		s.offline()
		s.replaceBy(donor)
	})
	if err != nil && !x.Alive() {
		return nil // the server restarts
	}
	return err
}
