package sim

import (
	"time"

	"github.com/regentdb/regent/gtid"
)

// pend begins a change to super_read_only, which lands once no commit waits, and is withdrawn by
// itself a second or two after its limit. by is the connection whose end withdraws it as well.
func (s *Server) pend(by *conn, limit time.Duration) *pending {
	p := &pending{by: by, before: s.pending}
	s.pending = p
	s.set("super_read_only", "ON", false)
	s.release()
	s.w.after(limit.Truncate(time.Second)+2*time.Second, func() { s.withdraw(p) })
	return p
}

// land makes a pending change true.
func (s *Server) land() {
	if s.pending.stale {
		s.w.violate("fence", "a change that was pending when %s was opened closes it", s.name())
	}
	s.pending = nil
	s.set("super_read_only", "ON", false)
	s.set("read_only", "ON", false)
	s.unqueue()
}

// withdraw ends a pending change without effect.
func (s *Server) withdraw(p *pending) {
	if s.pending != p || p == nil {
		return
	}
	if s.pending = p.before; s.pending != nil {
		return
	}
	s.set("super_read_only", "OFF", false)
	s.unqueue()
}

// endPending ends every change of read_only that has not ended: it would land later.
func (s *Server) endPending() {
	for s.pending != nil {
		s.withdraw(s.pending)
	}
}

// unqueue lets writes go on that waited for a change of read_only.
func (s *Server) unqueue() {
	queued := s.queued
	s.queued = nil
	for _, do := range queued {
		do()
	}
}

// disconnectClients cuts the connections of applications: whoever waits learns nothing.
func (s *Server) disconnectClients() {
	for _, c := range s.waiting {
		if !c.cut {
			c.cut = true
			c.client.broken(c)
		}
	}
}

// offline sets offline_mode: applications and replicas are cut off.
func (s *Server) offline() {
	s.set("offline_mode", "ON", false)
	s.disconnectClients()
	s.endDumps()
}

// stopReceiver stops the receiver, where there is one.
func (s *Server) stopReceiver() {
	if s.channel != nil {
		s.channel.stopReceiver()
	}
}

// replaceBy gives the server the data of a donor and restarts it, as CLONE does.
func (s *Server) replaceBy(donor *Server) {
	s.kill()
	s.executed, s.logged, s.binlog, s.channel = pileOf(donor.executed.set()), pile{}, nil, nil
	for _, g := range donor.binlog {
		if donor.executed.has(g) {
			s.binlog = append(s.binlog, g)
		}
	}
	s.logged = pileOf(donor.executed.set())
	s.guard = guardian{row: donor.guard.row, turns: s.guard.turns}
	if e := donor.guard.event; e != nil {
		copied := *e
		s.guard.event = &copied
	}
	s.next = 1
	for s.logged.has(gtid.GTID{UUID: s.uuid, Seq: s.next}) {
		s.next++
	}
	s.w.after(time.Second, s.start)
}
