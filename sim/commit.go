package sim

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/regentdb/regent/gtid"
)

// commit is a transaction between the binary log and its client's answer.
type commit struct {
	gtid   gtid.GTID
	upTo   int     // length of the binary log with it
	client *client // nil of what regent logs itself
	// cut tells that the client's connection is gone: nobody will learn how it went.
	cut bool
}

// write runs a client's transaction.
func (s *Server) write(c *client) {
	if s.pending != nil {
		process, turn := s.process, c.turn
		s.queued = append(s.queued, func() {
			if s.process == process && c.turn == turn {
				s.write(c)
			}
		})
		return
	}
	if !s.writable() {
		c.refused(s)
		return
	}
	g := gtid.GTID{UUID: s.uuid, Seq: s.next}
	s.next++
	done := &commit{gtid: g, upTo: len(s.binlog) + 1, client: c}
	c.pending = done
	s.waiting = append(s.waiting, done)
	s.append(g)
	s.release()
}

// waits tells whether commits wait for acknowledgements now.
func (s *Server) waits() bool {
	if !s.on("rpl_semi_sync_source_enabled") {
		return false
	}
	return s.on("rpl_semi_sync_source_wait_no_replica") || s.ackers() >= s.waitCount()
}

func (s *Server) waitCount() int {
	n, err := strconv.Atoi(s.variables["rpl_semi_sync_source_wait_for_replica_count"])
	if err != nil {
		return 1
	}
	return n
}

// ackers counts the attached replicas that acknowledge.
func (s *Server) ackers() int {
	n := 0
	for _, d := range s.dumps {
		if d.acker {
			n++
		}
	}
	return n
}

// acknowledge takes a replica's word for the binary log up to a length.
func (s *Server) acknowledge(replica *Server, upTo int) {
	s.acked[replica.index] = max(s.acked[replica.index], upTo)
	s.release()
}

// release finishes the commits that need to wait no longer, in order, and what waited for them.
func (s *Server) release() {
	for len(s.waiting) > 0 {
		c, waits := s.waiting[0], s.waits()
		if waits && s.acknowledgements(c.upTo) < s.waitCount() {
			return
		}
		if waits {
			s.yes++
		}
		s.waiting = s.waiting[1:]
		s.executed.add(c.gtid)
		if !c.cut {
			s.w.acknowledged(s, c)
		}
	}
	if s.pending != nil {
		s.land()
	}
}

// loseAcknowledgements has those that are sent to the primary in the next moments get lost with their connections.
func (w *World) loseAcknowledgements(r *rand.Rand) {
	s, last := w.writer, time.Duration(50+r.IntN(400))*time.Millisecond
	s.deafFor(last)
	process := s.process
	w.after(last, func() {
		if s.process == process {
			s.run(s.endDumps)
		}
	})
}

// deafFor has the server hear no acknowledgement for a while.
func (s *Server) deafFor(d time.Duration) { s.deaf = max(s.deaf, s.w.now+d) }

// unheard tells whether commits wait though enough ackers hold them: their acknowledgements were lost, and are
// repeated by nobody.
func (s *Server) unheard() bool {
	if len(s.waiting) == 0 {
		return false
	}
	first, n := s.waiting[0], 0
	for _, d := range s.dumps {
		if d.acker && d.replica.held().ContainsGTID(first.gtid) {
			n++
		}
	}
	return n >= s.waitCount()
}

// endDumps ends the connections of all replicas.
func (s *Server) endDumps() {
	for _, d := range slices.Clone(s.dumps) {
		d.close()
	}
}

func (s *Server) acknowledgements(upTo int) int {
	n := 0
	for _, have := range s.acked {
		if have >= upTo {
			n++
		}
	}
	return n
}
