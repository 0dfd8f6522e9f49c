package sim

import (
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
)

// perform runs the action's statements on the server. Each asks whether it is already done.
func (x *session) perform() {
	if x.killed || x.ended || x.s.process != x.process {
		return
	}
	switch x.a.Kind {
	case failover.ActConfigure:
		x.s.configure(x.a.Settings)
		x.done()
	case failover.ActFence:
		x.fence(max(x.a.Deadline-time.Second, x.a.Deadline/2), x.goOffline, x.done)
	case failover.ActRevoke:
		if c := x.s.channel; c != nil {
			c.stopReceiver()
		}
		x.done()
	case failover.ActCatchUp:
		x.catchUp(x.a.Donors)
	case failover.ActPrepare:
		x.prepare()
	case failover.ActFollow:
		x.fence(max(x.a.Deadline-time.Second, x.a.Deadline/2), func() { x.failf("it is writable and could not be fenced") }, x.follow)
	case failover.ActOpen:
		x.poll(x.left(), x.open, func(ok bool) {
			if !ok {
				x.failf("%d of %d ackers attached, target executed %t", x.s.ackers(), x.a.WaitCount, x.s.executed.Contains(x.a.Target))
				return
			}
			x.done()
		})
	case failover.ActQuarantine:
		x.fence(x.a.Deadline/4, x.drain, x.finalize)
	case failover.ActClone:
		x.clone()
	case failover.ActArm, failover.ActDisarm, failover.ActClaim:
		x.failf("no server of this world has a guard") // no policy here wants one
	case failover.ActCapture, failover.ActCompare:
	}
}

func (s *Server) configure(settings []failover.Setting) {
	for _, off := range []bool{true, false} {
		for _, v := range settings {
			if (v.Value == "OFF") != off {
				continue
			}
			switch {
			case v.PersistOnly:
				s.persist(v.Name, v.Value)
			default:
				s.set(v.Name, v.Value, !v.Transient)
			}
		}
	}
	s.release()
}

// readOnly tells that both variables would be read back as ON.
func (s *Server) readOnly() bool { return s.on("read_only") && s.on("super_read_only") && !s.fencing }

// fence makes the server read-only. While commits wait it blocks, and is withdrawn after patience.
func (x *session) fence(patience time.Duration, blocked, then func()) {
	s := x.s
	if s.readOnly() {
		then()
		return
	}
	s.fencing = true
	s.set("super_read_only", "ON", false)
	x.poll(patience, func() bool { return len(s.waiting) == 0 }, func(ok bool) {
		s.fencing = false
		if !ok {
			s.set("super_read_only", "OFF", false)
			blocked()
			return
		}
		s.set("read_only", "ON", false)
		then()
	})
}

// goOffline cuts applications off where a fence is blocked; the fence has failed all the same.
func (x *session) goOffline() {
	x.s.offline()
	x.failf("not read-only; offline_mode has cut applications off instead")
}

// drain makes a server read-only whose commits wait for acknowledgements that never come, without
// telling any client.
func (x *session) drain() {
	s := x.s
	s.offline()
	s.set("rpl_semi_sync_source_enabled", "OFF", false)
	s.release()
	s.set("super_read_only", "ON", false)
	s.set("read_only", "ON", false)
	x.finalize()
}

// finalize stops what could still grow the binary log of a read-only server.
func (x *session) finalize() {
	s := x.s
	if s.on("offline_mode") {
		s.set("offline_mode", "OFF", false)
	}
	c := s.channel
	if c == nil {
		x.done()
		return
	}
	c.stopReceiver()
	c.applier = true
	c.apply()
	x.poll(x.left(), func() bool { return len(c.relay) == 0 }, func(ok bool) {
		if !ok {
			x.failf("received and not applied")
			return
		}
		x.done()
	})
}

// catchUp executes the target, fetching what was not received from the donors.
func (x *session) catchUp(donors []string) {
	s := x.s
	c := s.channel
	if c == nil {
		// A server that was a source already holds all that it executed.
		c = &channel{s: s, source: s}
		if len(donors) > 0 && !s.executed.Contains(x.a.Target) {
			s.point(x.w.server(donors[0]))
			c = s.channel
		}
	}
	has := func() bool { return s.executed.Union(c.received).Contains(x.a.Target) }
	c.applier = true
	c.apply()
	switch {
	case has():
		c.stopReceiver()
		x.poll(x.left(), func() bool { return s.executed.Contains(x.a.Target) }, func(ok bool) {
			if !ok {
				x.failf("received and not applied")
				return
			}
			x.done()
		})
	case len(donors) == 0 || x.left() <= 0:
		c.stopReceiver()
		x.failf("not received: %s", x.w.short(x.a.Target.Subtract(s.executed.Union(c.received))))
	default:
		s.point(x.w.server(donors[0]))
		c.startReceiver()
		x.poll(x.left()/time.Duration(len(donors)), has, func(bool) { x.catchUp(donors[1:]) })
	}
}

// prepare removes the channel of a server that has executed everything.
func (x *session) prepare() {
	s := x.s
	if !s.readOnly() {
		x.failf("it is not read-only")
		return
	}
	if c := s.channel; c != nil {
		c.stopReceiver()
		if len(c.relay) > 0 {
			x.failf("it has not executed everything that it received")
			return
		}
	}
	if !s.executed.Contains(x.a.Target) {
		x.failf("it has not executed everything that was collected")
		return
	}
	s.channel = nil
	s.configure(x.a.Settings)
	x.done()
}

// follow makes a read-only server a replica, and waits a moment for it to receive the target.
func (x *session) follow() {
	s, source := x.s, x.w.server(x.a.Source)
	c := s.channel
	acker := s.on("rpl_semi_sync_replica_enabled") == x.a.Acker
	if c == nil || c.source != source || !c.receiver || !c.applier || !c.tuned || !acker || (c.stream != nil && c.stream.acker != x.a.Acker) {
		held := s.executed
		if c != nil {
			c.stopReceiver()
			held = held.Union(c.received)
		}
		if !x.a.Target.IsEmpty() && !x.a.Target.Contains(held.Without(x.a.SourceUUID)) {
			x.failf("it holds what the new source lacks: %s", x.w.short(held.Without(x.a.SourceUUID).Subtract(x.a.Target)))
			return
		}
		s.configure([]failover.Setting{
			{Name: "rpl_semi_sync_replica_enabled", Value: onOff(x.a.Acker)}, {Name: "rpl_semi_sync_source_enabled", Value: "OFF"},
		})
		s.point(source)
		c = s.channel
		c.applier = true
		c.startReceiver()
		c.apply()
	}
	holds := func() bool { return s.channel == c && s.executed.Union(c.received).Contains(x.a.Target) }
	x.poll(min(x.left(), time.Second), holds, func(ok bool) {
		if !ok {
			x.failf("it replicates and has not received yet what it should")
			return
		}
		x.done()
	})
}

// open makes the server writable if it has the target, waits for acknowledgements and has them.
func (x *session) open() bool {
	s := x.s
	if s.writable() {
		return true
	}
	if !s.executed.Contains(x.a.Target) || s.ackers() < x.a.WaitCount || (x.a.WaitCount > 0 && !s.waits()) {
		return false
	}
	s.fencing = false
	s.set("offline_mode", "OFF", false)
	s.set("super_read_only", "OFF", false)
	s.set("read_only", "OFF", false)
	x.w.opened(s)
	return true
}

// clone replaces the server's data by the donor's and restarts it.
func (x *session) clone() {
	s, donor := x.s, x.w.server(x.a.Source)
	if !s.readOnly() {
		x.failf("it is writable")
		return
	}
	if !donor.answers() || !x.w.net.joined(s.name(), donor.name()) {
		x.failf("the donor does not answer")
		return
	}
	s.kill()
	s.executed, s.logged, s.binlog, s.channel = donor.executed, gtid.Set{}, nil, nil
	s.purge(donor)
	x.w.after(time.Second, func() {
		s.start()
		x.process = s.process
		x.end(nil, s)
	})
}

// purge gives the server a binary log that holds what the donor executed, in the donor's order.
func (s *Server) purge(donor *Server) {
	for _, g := range donor.binlog {
		if donor.executed.ContainsGTID(g) {
			s.binlog = append(s.binlog, g)
		}
	}
	s.logged = donor.executed
	s.next = 1
	for s.logged.ContainsGTID(gtid.GTID{UUID: s.uuid, Seq: s.next}) {
		s.next++
	}
}

// report captures and compares the extras of a divergence; the sets say all that there is.
func (w *World) report(l *loop, a failover.Action) {
	w.after(200*time.Millisecond, func() {
		r := failover.Result{Action: a, At: w.wall(), By: l.node.name}
		d := *a.Divergence
		missing := d.Union()
		for _, s := range w.servers {
			if s.answers() && w.net.joined(l.node.name, s.name()) {
				missing = missing.Subtract(s.logged)
			}
		}
		switch {
		case a.Kind == failover.ActCapture && !missing.Subtract(d.Captured).IsEmpty():
			r.Err = "capture: no server that answers has " + w.short(missing)
		default:
			d.Captured, d.Complete = d.Captured.Union(d.Union()), true
			d.Transactions = int(d.Captured.Count())
			d.ByClass = map[string]int{"SAFE": d.Transactions}
			r.Report = &d
		}
		w.logf("  %s of %s ends: %s", a.Kind, d.ID, orDone(r.Err))
		l.report(r)
	})
}
