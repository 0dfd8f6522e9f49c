package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/executor"
	"github.com/regentdb/regent/topology"
)

// conn is a connection of a node to a server on which the advisory lock is held: what package mysql
// is to the executor. Statements run one after the other; one that waits goes on when its client has
// given up, and keeps the lock until it ends.
type conn struct {
	d      *daemon
	w      *World
	s      *Server
	life   int // of the server's process
	number int
	term   uint64
	// lockedAt is when the server gave it the lock.
	lockedAt time.Duration

	gone   bool // the client has closed its end
	closed bool // the client knows that the other end is closed
	left   bool // the server has heard that the client is gone
	killed bool // it is no connection any more for the server
	busy   *statement

	flight *request // the statement under way, as its client sees it

	facts *topology.Facts // as last read; owned by the goroutine of the session
	sent  int

	silent int // for so many seconds no packet came from the host
}

// statement is a batch of statements on its way to a server, there, or on its way back.
type statement struct {
	x    *conn
	name string
	r    *request
	out  *outcome
	over bool
	// unheard tells that the answer gets lost with the connection.
	unheard bool
}

// mishap is what befalls a statement on its way.
type mishap int

const (
	noMishap mishap = iota
	lostThere
	lostBack
)

// mishap draws what befalls the next statement of a connection.
func (w *World) mishap(x *conn) mishap {
	k := uint64(x.number)<<20 | uint64(x.sent) //nolint:gosec // they count up
	switch {
	case w.calm || w.draw(100, "flaky", k) >= w.flaky:
		return noMishap
	case w.draw(2, "which way", k) == 0:
		return lostThere
	}
	return lostBack
}

// outcome is what a statement brings back.
type outcome struct {
	facts *topology.Facts
	err   error
}

// Errors of connections, as package mysql has them.
var (
	errLost      = errors.New("the connection was lost")
	errRefused   = errors.New("connection refused")
	errNoAnswer  = errors.New("no answer within the dial timeout")
	errStaleTerm = errors.New("a leader of a later term holds the lock of the cluster on this server")
	errLocked    = errors.New("the lock of the cluster is held on this server")
	errBlocked   = errors.New("read_only is blocked")
	errCondition = errors.New("condition not met")
)

const (
	dialTimeout = time.Second
	lockWait    = 2 * time.Second
	// keepalive is after how long a server notices that a client is gone without a word, and silences after
	// how many seconds a client's kernel gives up a connection to a host that says nothing.
	keepalive = 30 * time.Second
	silences  = 3
)

// connect opens a session: it is the executor's Opener.
func (d *daemon) connect(ctx context.Context, _ string, server topology.Server, term uint64) (executor.Session, error) {
	s := d.w.server(server.Name)
	x := &conn{d: d, w: d.w, s: s, term: term}
	out := &outcome{}
	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout+lockWait, errNoAnswer)
	defer cancel()
	r := &request{d: d, key: d.key(server.Name + "/lock"), lane: d.laneOf(server.Name)}
	r.do = func(r *request) { x.dial(&statement{x: x, name: "lock", r: r, out: out}) }
	r.onEnd = func(*request) { x.clientGone() }
	if err := d.w.ask(ctx, r); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", server.Name, err)
	}
	switch {
	case out.err != nil:
		return nil, fmt.Errorf("%s: %w", server.Name, out.err)
	case out.facts == nil:
		return nil, fmt.Errorf("connect to %s: %w", server.Name, errLost)
	}
	x.facts = out.facts
	return x, nil
}

// dial opens the connection and takes the lock with the first statement.
func (x *conn) dial(st *statement) {
	x.w.connections++
	x.number, x.flight = x.w.connections, st.r
	x.d.conns = append(x.d.conns, x)
	there := x.w.net.delay(x.d.n.at, x.s.at)
	x.w.after(3*there, func() {
		switch {
		case x.gone || x.s.off || !x.w.net.joined(x.d.n.at, x.s.at):
		case !x.s.up || x.s.closing:
			x.w.after(there, func() { x.refuse(st) })
		default:
			x.life = x.s.process
			x.s.conns = append(x.s.conns, x)
			x.s.run(func() { x.takeLock(st) })
		}
	})
}

// refuse is the answer of a port on which nobody listens, if it gets back.
func (x *conn) refuse(st *statement) {
	if x.w.net.delivers(x.s.at, x.d.n.at) {
		x.closed = true
		st.out.err = errRefused
		st.r.answer(nil)
	}
}

// takeLock takes the advisory lock: at once, after its holder of an earlier term was killed and its
// statement has ended, or not at all.
func (x *conn) takeLock(st *statement) {
	if x.gone {
		return
	}
	if err := x.s.yields(x); err != nil {
		st.finish(err)
		return
	}
	if held := x.s.lock; held != nil {
		x.w.displaced(held, x)
		held.kill()
	}
	x.await(st, lockWait, func() bool { return x.s.lock == nil }, func(free bool) {
		if !free {
			st.finish(fmt.Errorf("%w: the holder was killed and its statement has not ended", errLocked))
			return
		}
		x.s.lock, x.lockedAt = x, x.w.now
		st.finish(nil)
	})
}

// yields tells whether the holder of the lock gives way to a connection.
func (s *Server) yields(x *conn) error {
	held := s.lock
	switch {
	case held == nil || held.term < x.term || (held.term == x.term && held.d.n == x.d.n):
		return nil
	case held.term > x.term:
		return fmt.Errorf("%w: %s, term %d; this is term %d", errStaleTerm, held.d.n.name, held.term, x.term)
	}
	return fmt.Errorf("%w by %s, in this very term", errLocked, held.d.n.name)
}

// kill ends a connection from the server's side, as KILL does.
func (x *conn) kill() {
	if x.killed {
		return
	}
	x.killed = true
	if p := x.s.pending; p != nil && p.by == x {
		x.s.withdraw(p)
	}
	x.letGo()
	x.hangUp()
}

// letGo gives the lock back, once no statement runs any more.
func (x *conn) letGo() {
	if x.busy == nil && x.s.lock == x {
		x.s.lock = nil
	}
	if x.busy == nil {
		x.unclaim()
	}
}

// unclaim takes back the sign that the server is claimed.
func (x *conn) unclaim() {
	if x.s.claim == x {
		x.s.claim = nil
	}
}

// hangUp tells the client that the server has closed the connection, if that gets through.
func (x *conn) hangUp() {
	x.w.net.carry(x.s.at, x.d.n.at, keepSending, func() bool { return !x.gone && !x.closed }, func() {
		x.closed = true
		x.flight.answer(nil)
	})
}

// clientGone closes the client's end. The server notices when that gets there, and no statement runs.
func (x *conn) clientGone() {
	if x.gone {
		return
	}
	x.gone = true
	life := x.life
	noticed := func() {
		if x.s.process == life {
			x.left = true
			x.leave()
		}
	}
	x.w.net.carry(x.d.n.at, x.s.at, userTimeout, func() bool { return !x.killed }, func() { x.s.run(noticed) })
	x.w.after(keepalive, noticed)
}

// leave ends a connection that its client has left, unless a statement runs: the server does not look
// before that has ended.
func (x *conn) leave() {
	if x.left && x.busy == nil {
		x.killed = true
		x.letGo()
	}
}

// keepAlive is what the kernel of a node does for its connections once a second.
func (n *Node) keepAlive() {
	if !n.up {
		return
	}
	for _, x := range slices.Clone(n.daemon.conns) {
		switch {
		case x.gone || x.closed:
			n.daemon.conns = slices.DeleteFunc(n.daemon.conns, func(o *conn) bool { return o == x })
		case n.w.net.joined(n.at, x.s.at) && !x.s.off:
			x.silent = 0
		default:
			if x.silent++; x.silent > silences {
				x.giveUp()
			}
		}
	}
}

// giveUp is the end of a connection that the kernel of its node sees.
func (x *conn) giveUp() {
	x.closed = true
	x.flight.answer(nil)
}

// perform sends a statement and waits for what comes back.
func (x *conn) perform(ctx context.Context, name string, exec func(*statement)) (*topology.Facts, error) {
	if !x.Alive() {
		return x.facts, fmt.Errorf("%s: %s: %w", x.s.name(), name, errLost)
	}
	x.sent++
	out := &outcome{}
	st := &statement{x: x, name: name, out: out}
	r := &request{d: x.d, key: x.d.key(fmt.Sprintf("%s/%d/%d", x.s.name(), x.number, x.sent)), lane: x.d.laneOf(x.s.name())}
	st.r = r
	r.do = func(*request) { x.transmit(st, exec) }
	r.onEnd = func(*request) { x.clientGone() }
	if err := x.w.ask(ctx, r); err != nil {
		return x.facts, fmt.Errorf("%s: %s: %w: %w", x.s.name(), name, errLost, err)
	}
	if out.facts == nil && out.err == nil {
		return x.facts, fmt.Errorf("%s: %s: %w", x.s.name(), name, errLost)
	}
	if out.facts != nil {
		x.facts = out.facts
	}
	if out.err != nil {
		return x.facts, fmt.Errorf("%s: %w", x.s.name(), out.err)
	}
	return x.facts, nil
}

// transmit takes a statement to the server.
func (x *conn) transmit(st *statement, exec func(*statement)) {
	x.flight = st.r
	x.w.ofThisTerm(x)
	switch x.w.mishap(x) {
	case lostThere:
		x.w.after(50*time.Millisecond, x.giveUp)
		return
	case lostBack:
		st.unheard = true
	case noMishap:
	}
	arrive := func() {
		switch {
		case x.s.process != x.life:
			x.hangUp() // its host knows no such connection: one that lost power has told nobody
			return
		case x.killed:
			return // the client was told
		}
		x.busy = st // it has begun: it keeps the lock, also when its session is killed meanwhile
		x.s.stall(func() {
			switch {
			case x.s.process != x.life || x.busy != st:
			case x.killed && x.w.draw(2, "killed", uint64(x.number)) == 0: //nolint:gosec // it counts up
				st.finish(errLost)
			default:
				exec(st)
			}
		})
	}
	x.w.net.carryOrLose(x.d.n.at, x.s.at, userTimeout, func() bool { return !x.closed }, func() { x.s.run(arrive) }, x.giveUp)
}

// finish ends a statement on the server and sends the answer back.
func (st *statement) finish(err error) {
	x := st.x
	if st.over {
		return
	}
	st.over = true
	if x.busy == st {
		x.busy = nil
	}
	x.leave()
	if x.killed {
		x.letGo()
		return
	}
	if st.unheard {
		x.w.after(50*time.Millisecond, x.giveUp)
		return
	}
	facts := x.s.facts()
	x.w.net.carry(x.s.at, x.d.n.at, keepSending, func() bool { return !x.gone }, func() {
		st.out.facts, st.out.err = facts, err
		st.r.answer(nil)
	})
}

// await asks on the server until the answer is yes or the limit is over. A killed connection's
// statement ends here.
func (x *conn) await(st *statement, limit time.Duration, ask func() bool, then func(bool)) {
	until, life := x.w.now+limit, x.s.process
	var try func()
	try = func() {
		switch {
		case x.s.process != life || st.over:
		case x.killed:
			st.finish(errLost)
		case ask():
			then(true)
		case x.w.now >= until:
			then(false)
		default:
			x.w.after(min(awaitEvery, until-x.w.now), func() { x.s.run(try) })
		}
	}
	try()
}

// awaitEvery is how often a waiting statement looks again.
const awaitEvery = 10 * time.Millisecond
