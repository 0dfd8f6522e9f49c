package sim

import (
	"time"

	"github.com/regentdb/regent/gtid"
)

// client writes one transaction after the other on a connection that it keeps as long as it can.
type client struct {
	w       *World
	name    string
	at      place
	server  *Server // connected to, nil: none
	process int     // of the server, when the connection was made
	pending *commit
	turn    int // numbers attempts, so that the answer of an earlier one is ignored
	stopped bool
	patient bool // waits for an answer for as long as the process lives that it asked
}

// ack is a transaction that a client was told to be committed.
type ack struct {
	gtid   gtid.GTID
	server string
	at     time.Duration
}

// Paces of clients.
const (
	thinkTime     = 40 * time.Millisecond
	clientTimeout = 5 * time.Second
)

// begin makes the client write after a while.
func (c *client) begin(in time.Duration) {
	c.turn++
	turn := c.turn
	c.w.after(in, func() {
		if c.turn == turn && !c.stopped {
			c.attempt()
		}
	})
}

// attempt sends one transaction to the connected server, or connects to one that takes writes.
func (c *client) attempt() {
	if c.server == nil || c.server.process != c.process {
		c.connect()
	}
	if c.server == nil {
		c.begin(10 * thinkTime)
		return
	}
	s, turn := c.server, c.turn
	c.expect(s, c.process)
	c.w.net.carry(c.at, s.at, keepSending, func() bool { return c.turn == turn }, func() {
		process := s.process
		alive := s.run(func() {
			if s.process == process && c.turn == turn {
				s.write(c)
			}
		})
		if !alive {
			c.fail(s)
		}
	})
}

// expect gives an attempt up that gets no answer. A patient client has only the word of the host that nobody
// knows its connection any more.
func (c *client) expect(s *Server, process int) {
	turn := c.turn
	c.w.after(clientTimeout, func() {
		switch {
		case c.turn != turn:
		case c.patient && s.process == process:
			c.expect(s, process)
		default:
			c.fail(s)
		}
	})
}

// connect finds a server that takes writes, the one first that a load balancer would name.
func (c *client) connect() {
	c.server = nil
	for _, s := range c.w.servers {
		if s.answers() && !s.closing && s.writable() && c.w.net.joined(c.at, s.at) {
			c.server, c.process = s, s.process
			return
		}
	}
}

// fail drops the connection; the outcome of what was sent is not known.
func (c *client) fail(s *Server) {
	if c.pending != nil {
		c.pending.cut = true
		c.pending = nil
	}
	if c.server == s {
		c.server = nil
	}
	c.begin(thinkTime)
}

// refused is a server's answer that it is read-only.
func (c *client) refused(s *Server) { c.fail(s) }

// broken tells the client that its connection ended before the answer came.
func (c *client) broken(done *commit) {
	if c.pending == done {
		c.fail(c.server)
	}
}

// told is the server's answer that the transaction is committed.
func (c *client) told(s *Server, done *commit) {
	if c.pending != done {
		return
	}
	c.pending = nil
	turn := c.turn
	c.w.net.carry(s.at, c.at, keepSending, func() bool { return c.turn == turn }, func() {
		c.w.ledger = append(c.w.ledger, ack{gtid: done.gtid, server: s.name(), at: c.w.now})
		c.begin(thinkTime/2 + time.Duration(c.w.draw(int(thinkTime), c.name, uint64(c.turn)))) //nolint:gosec // it counts up
	})
}
