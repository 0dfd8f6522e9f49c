package sim

import (
	"slices"
	"strconv"
	"time"

	"github.com/regentdb/regent/gtid"
)

// channel is a replica's channel to its source.
type channel struct {
	s        *Server
	source   *Server
	receiver bool // wanted
	applier  bool // wanted
	failure  string
	tuned    bool // regent's retry settings
	stream   *stream
	received pile
	relay    []gtid.GTID // received and not applied
	applying bool
	retries  int // numbers attempts to connect
}

// stream is a connection between a source's dump thread and a replica's receiver.
type stream struct {
	source, replica *Server
	acker           bool
	sent            int // how much of the binary log was looked at
	busy            bool
	open            bool          // at the replica's end
	silentSince     time.Duration // -1: it is not
}

// point makes the server a replica of source. The relay log stays.
func (s *Server) point(source *Server) {
	if s.channel == nil {
		s.channel = &channel{s: s, applier: true}
	}
	s.channel.disconnect()
	s.channel.source, s.channel.failure = source, ""
	s.channel.tuned = true
}

// startReceiver has the receiver connect and keep trying.
func (c *channel) startReceiver() {
	c.receiver, c.failure = true, ""
	if c.stream == nil {
		c.retry(0)
	}
}

func (c *channel) stopReceiver() {
	c.receiver = false
	c.disconnect()
}

// disconnect closes the replica's end; the source notices if packets get there.
func (c *channel) disconnect() {
	c.retries++
	st := c.stream
	if st == nil {
		return
	}
	c.stream, st.open = nil, false
	if c.s.w.net.delivers(c.s.at, st.source.at) {
		st.close()
	}
}

// boot is the channel after a restart of the server.
func (c *channel) boot(recovery, starts bool) {
	c.receiver, c.applying, c.failure = starts, false, ""
	c.applier = starts
	if recovery {
		c.forget()
	}
	if starts {
		c.retry(0)
		c.apply()
	}
}

// forget loses what was received and not applied.
func (c *channel) forget() { c.received, c.relay = pile{}, nil }

// retry tries to connect after a while.
func (c *channel) retry(in time.Duration) {
	c.retries++
	mine, process := c.retries, c.s.process
	c.s.w.after(in, func() {
		if c.s.process == process && c.retries == mine && c.receiver && c.stream == nil {
			c.s.run(c.connect)
		}
	})
}

func (c *channel) connect() {
	src := c.source
	if !c.receiver || c.stream != nil || c.s.channel != c {
		return
	}
	if !src.answers() || src.closing || !c.s.w.net.joined(c.s.at, src.at) || src.on("offline_mode") {
		c.retry(time.Second)
		return
	}
	held := c.s.held()
	own := held.Subtract(held.Without(src.uuid))
	if !src.logged.set().Contains(own) {
		c.receiver, c.failure = false, "1236 the replica has more transactions than the source"
		return
	}
	st := &stream{source: src, replica: c.s, acker: c.s.on("rpl_semi_sync_replica_enabled"), open: true, silentSince: -1}
	src.dumps = slices.DeleteFunc(src.dumps, func(d *stream) bool { return d.replica == c.s })
	src.dumps = append(src.dumps, st)
	c.stream = st
	st.pump()
}

// flows tells whether packets arrive both ways and both processes run.
func (d *stream) flows() bool {
	return d.source.answers() && d.replica.answers() && d.replica.w.net.joined(d.source.at, d.replica.at)
}

// pump sends what the replica has not got yet, one batch at a time.
func (d *stream) pump() {
	if d.busy || !d.open || d.sent >= len(d.source.binlog) || !d.source.answers() {
		return
	}
	upTo := len(d.source.binlog)
	d.busy = true
	w := d.source.w
	w.after(w.net.delay(d.source.at, d.replica.at)+d.replica.late, func() { d.deliver(upTo) })
}

// deliver hands a batch to the replica, or keeps it for when packets flow again.
func (d *stream) deliver(upTo int) {
	d.busy = false
	w := d.source.w
	if !d.open || d.replica.channel == nil || d.replica.channel.stream != d {
		return
	}
	if !d.replica.answers() || !d.source.up || !w.net.delivers(d.source.at, d.replica.at) {
		return // linksChanged pumps again
	}
	c, news := d.replica.channel, false
	for _, g := range d.source.binlog[d.sent:upTo] {
		if !d.replica.executed.has(g) && !c.received.has(g) {
			c.received.add(g)
			c.relay = append(c.relay, g)
			news = true
		}
	}
	d.sent = upTo
	if d.acker && news && w.now >= d.source.deaf { // what it has is not sent to it again, and so not acknowledged again (docs/adr/0014)
		src, process := d.source, d.source.process
		attached := func() bool { return src.process == process && slices.Contains(src.dumps, d) }
		w.net.carry(d.replica.at, src.at, keepSending, attached, func() {
			src.run(func() { src.acknowledge(d.replica, upTo) })
		})
	}
	c.apply()
	d.pump()
}

// close removes the dump thread at the source.
func (d *stream) close() {
	d.source.dumps = slices.DeleteFunc(d.source.dumps, func(o *stream) bool { return o == d })
	d.source.release()
	d.sourceGone()
}

// sourceGone ends the replica's end, if it still stands and can be told.
func (d *stream) sourceGone() {
	w := d.source.w
	if !d.open || !w.net.delivers(d.source.at, d.replica.at) {
		return
	}
	w.after(w.net.delay(d.source.at, d.replica.at), func() {
		if c := d.replica.channel; d.open && c != nil && c.stream == d {
			d.replica.run(func() {
				if c.stream == d {
					c.stream, d.open = nil, false
					c.retry(time.Second)
				}
			})
		}
	})
}

// listen notes since when the replica hears nothing and gives the connection up after the net timeout.
func (d *stream) listen() {
	w := d.source.w
	if d.flows() && slices.Contains(d.source.dumps, d) {
		d.silentSince = -1
		d.pump()
		return
	}
	if d.silentSince >= 0 {
		return
	}
	d.silentSince = w.now
	timeout, err := strconv.Atoi(d.replica.variables["replica_net_timeout"])
	if err != nil {
		timeout = 60
	}
	since := d.silentSince
	w.after(time.Duration(timeout)*time.Second, func() {
		c := d.replica.channel
		if d.open && d.silentSince == since && c != nil && c.stream == d {
			d.replica.run(func() {
				if c.stream == d {
					c.disconnect()
					c.retry(time.Second)
				}
			})
		}
	})
}

// apply executes the relay log, one transaction after the other.
func (c *channel) apply() {
	if c.applying || !c.applier || len(c.relay) == 0 {
		return
	}
	c.applying = true
	process := c.s.process
	c.s.w.after(100*time.Microsecond+c.s.slow, func() {
		if c.s.process != process {
			return
		}
		c.s.run(func() { c.applyOne() })
	})
}

func (c *channel) applyOne() {
	c.applying = false
	if !c.applier || len(c.relay) == 0 || c.s.channel != c {
		return
	}
	g := c.relay[0]
	c.relay = c.relay[1:]
	if !c.s.executed.has(g) {
		c.s.executed.add(g)
		c.s.append(g)
	}
	c.apply()
}
