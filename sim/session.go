package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
)

// session is one action on one server: it takes the lock, verifies leadership while holding it, and
// then runs its statements one after the other on one connection.
type session struct {
	w       *World
	l       *loop
	a       failover.Action
	s       *Server
	process int
	began   time.Duration
	killed  bool // a later leader took the lock over
	ended   bool
}

// deadPeer is after how long keepalives end a connection whose other end is silent.
const deadPeer = 30 * time.Second

var (
	errNoAnswer = errors.New("no answer")
	errRefusedC = errors.New("connection refused")
	errFault    = errors.New("a fault of the network")
)

// carryOut runs an action as the executor does.
func (w *World) carryOut(l *loop, a failover.Action) {
	if a.Kind == failover.ActCapture || a.Kind == failover.ActCompare {
		w.report(l, a)
		return
	}
	x := &session{w: w, l: l, a: a, s: w.server(a.Server), began: w.now}
	w.logf("  %s on %s begins (%s)", a.Kind, a.Server, a.ID)
	w.after(min(a.Deadline, deadPeer)+time.Second, func() { x.end(errNoAnswer, nil) })
	if w.fault() {
		w.after(50*time.Millisecond, func() { x.end(errFault, nil) })
		return
	}
	x.send(func() {
		x.process = x.s.process
		x.occupy()
	})
}

// send gets to the server, when it gets there.
func (x *session) send(do func()) {
	there := x.w.net.delay(x.l.node.name, x.s.name())
	x.w.after(there, func() {
		switch {
		case x.ended || x.killed || !x.w.net.delivers(x.l.node.name, x.s.name()):
			return // the deadline ends it
		case !x.s.up || (x.process != 0 && x.s.process != x.process):
			x.w.after(there, func() { x.end(errRefusedC, nil) })
			return
		}
		x.s.run(do)
	})
}

// occupy takes the server's lock, which an earlier term's holder loses, and verifies leadership.
func (x *session) occupy() {
	if held := x.s.lock; held != nil && !held.ended {
		if held.l.term > x.l.term {
			x.end(errNoLeader, nil)
			return
		}
		held.killed = true
	}
	x.s.lock = x
	back := x.w.net.delay(x.s.name(), x.l.node.name)
	x.w.after(back+x.l.g.roundTrip(x.l.node), func() {
		if err := x.l.g.verify(x.l.node, x.l.term); err != nil {
			x.end(err, nil)
			return
		}
		x.send(x.perform)
	})
}

// end reports the outcome to the node, if the way back is free. Only the first end counts.
func (x *session) end(err error, s *Server) {
	if x.ended {
		return
	}
	x.ended = true
	if x.s.lock == x {
		x.s.lock = nil
	}
	r := failover.Result{Action: x.a, By: x.l.node.name}
	if s != nil {
		r.Facts = s.facts()
	}
	if err != nil {
		r.Err = fmt.Sprintf("%s %s: %v", x.a.Kind, x.a.Server, err)
	}
	answer := func() {
		r.At = x.w.wall()
		x.w.logf("  %s on %s ends: %s", x.a.Kind, x.a.Server, orDone(r.Err))
		x.l.report(r)
	}
	back := x.w.net.delay(x.s.name(), x.l.node.name)
	if err == nil && (x.w.fault() || !x.w.net.delivers(x.s.name(), x.l.node.name)) {
		// It took effect and nobody learns it before the deadline.
		r.Err, r.Facts = fmt.Sprintf("%s %s: %v", x.a.Kind, x.a.Server, errNoAnswer), nil
		back = max(min(x.a.Deadline, deadPeer)-(x.w.now-x.began), back)
	}
	x.w.after(back, answer)
}

func orDone(err string) string {
	if err == "" {
		return "done"
	}
	return err
}

// done ends the action well, with the state of the server after it.
func (x *session) done() { x.end(nil, x.s) }

func (x *session) failf(format string, args ...any) { x.end(fmt.Errorf(format, args...), x.s) }

// left is what remains of the deadline.
func (x *session) left() time.Duration { return x.a.Deadline - (x.w.now - x.began) }

// poll asks on the server until the answer is yes or the limit is over.
func (x *session) poll(limit time.Duration, ask func() bool, then func(bool)) {
	until := x.w.now + limit
	var try func()
	try = func() {
		switch {
		case x.ended || x.killed || x.s.process != x.process:
		case ask():
			then(true)
		case x.w.now >= until:
			then(false)
		default:
			x.w.after(5*time.Millisecond, func() { x.s.run(try) })
		}
	}
	try()
}
