package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/controller"
	"github.com/regentdb/regent/executor"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/guard"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// daemon is one life of a node's process: the daemon's own controller, executor and renewer of leases, on
// goroutines of their own, wired to the world.
type daemon struct {
	n          *Node
	w          *World
	life       int
	controller *controller.Controller
	executor   *executor.Executor
	guard      *guard.Renewer
	granter    *guard.Granter
	wardens    atomic.Int64  // counts connections of the renewer
	agreed     chan struct{} // what is agreed may have changed, for the renewer
	cancel     context.CancelFunc
	ctx        context.Context
	log        *agreement

	dead, over bool
	paused     bool
	held       []*request // what it asked while it was paused
	backlog    []wake     // what it was told while it was paused
	open       map[*request]bool
	conns      []*conn // in the order in which they were opened

	logMoved, seen chan struct{}
	own            sync.Mutex
	reasons        map[string]string // of the last decisions, by cluster
	orders         int
	// shift is from the clock of the bubble to that of the node, as it was when clockTerm began.
	clockTerm uint64
	shift     time.Duration
}

// errDead is what the remains of a process get that was killed.
var errDead = errors.New("sim: the process is dead")

// Lanes of a node's goroutines. Servers have the first ones.
const (
	laneLog = maxServers - 2 + iota
	laneMoved
	laneSeen
	laneReport
	laneOrder
	laneStart
	laneGuard
	lanesPerNode
)

// launch starts the daemon of a node.
func (n *Node) launch() {
	w := n.w
	d := &daemon{
		n: n, w: w, life: n.process, open: map[*request]bool{}, reasons: map[string]string{},
		logMoved: make(chan struct{}, 1), seen: make(chan struct{}, 1), agreed: make(chan struct{}, 1),
	}
	n.daemon = d
	w.daemons = append(w.daemons, d)
	d.log = &agreement{d: d}
	d.wake(d.lane(laneStart), func() {
		d.ctx, d.cancel = context.WithCancel(context.Background())
		d.executor = executor.New(executor.Config{
			Node: n.name, Leadership: d.log, Open: d.connect, Resolve: d.log.resolve, Now: time.Now,
		})
		d.controller = controller.New(controller.Config{
			Node: n.name, Log: d.log, Observer: sight{d}, Servers: hands{d}, Reports: reports{d}, Notifier: silent{},
			Rules: controller.Rules{Decide: d.decide, Accept: d.accept, Preview: failover.PreviewOrder},
		})
		d.guard = d.renewer()
		go d.run()
	})
}

// run is the process, until it ends.
func (d *daemon) run() {
	var g errgroup.Group // each of them ends with the context
	g.Go(func() error { return d.controller.Run(d.ctx) })
	g.Go(func() error { return d.guard.Run(d.ctx) })
	err := g.Wait()
	d.w.post(&request{d: d, key: d.key("over"), do: func(*request) {
		d.over = true
		d.w.must(err)
	}})
}

// kill ends the process: nothing that its remains ask for happens any more.
func (d *daemon) kill() {
	if d.dead {
		return
	}
	held, backlog := d.held, d.backlog
	d.dead, d.paused = true, false
	d.held, d.backlog = nil, nil
	d.w.due = append(d.w.due, backlog...) // so that nothing of it waits for ever
	for _, x := range d.conns {
		x.clientGone()
	}
	d.conns = nil
	d.wake(d.lane(laneStart), func() {
		if d.cancel != nil {
			d.cancel()
		}
	})
	for _, r := range append(d.pending(), held...) {
		if r.done != nil {
			r.answer(errDead)
		}
	}
}

// pending are the requests without an answer, in order.
func (d *daemon) pending() []*request {
	out := make([]*request, 0, len(d.open))
	for r := range d.open {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *request) int { return cmp.Compare(a.key, b.key) })
	return out
}

// pause is SIGSTOP: the process is not served any more, while its clock and its deadlines go on.
func (d *daemon) pause() { d.paused = true }

// resume is SIGCONT: first what had come in meanwhile, then what its goroutines want now.
func (d *daemon) resume() {
	if !d.paused {
		return
	}
	d.paused = false
	backlog, held := d.backlog, d.held
	d.backlog, d.held = nil, nil
	for _, k := range backlog {
		d.wake(k.lane, k.do)
	}
	for _, r := range held {
		d.receive(r)
	}
}

// wake has a goroutine of the process go on, in its turn.
func (d *daemon) wake(lane int, do func()) {
	if d.paused {
		d.backlog = append(d.backlog, wake{lane, do})
		return
	}
	d.w.due = append(d.w.due, wake{lane, do})
}

// receive deals with a request of the process.
func (d *daemon) receive(r *request) {
	switch {
	case d.dead && r.done != nil:
		r.answer(errDead)
	case d.paused:
		d.held = append(d.held, r)
	default:
		if r.done != nil {
			d.open[r] = true
		}
		r.do(r)
	}
}

func (d *daemon) lane(of int) int { return d.n.index*lanesPerNode + of }

func (d *daemon) laneOf(server string) int { return d.lane(d.w.serverIndex(server)) }

func (d *daemon) key(what string) string { return fmt.Sprintf("%d/%d/%s", d.n.index, d.life, what) }

// gate is passed by whatever looks at the node's own memory: it does not get on while the process is
// paused.
func (d *daemon) gate(what string) {
	d.w.mu.RLock()
	paused := d.paused
	d.w.mu.RUnlock()
	if paused {
		_ = d.command(what, laneLog, func(r *request) { r.answer(nil) }) // A dead process may look too.
	}
}

// command asks the world for something that no deadline ends.
func (d *daemon) command(what string, lane int, do func(*request)) error {
	ctx := context.Background()
	return d.w.ask(ctx, &request{d: d, key: d.key(what), lane: d.lane(lane), do: do})
}

// notice tells the world something without waiting.
func (d *daemon) notice(what string, do func()) {
	d.w.post(&request{d: d, key: d.key(what), do: func(*request) {
		if !d.dead {
			do()
		}
	}})
}

// notify leaves a note in a channel of capacity one.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// decide is failover.Decide on this node's clock, watched by the world.
func (d *daemon) decide(s failover.State, in failover.Input) failover.Decision {
	d.turnOf(in.Spec.Name)
	d.onOwnClock(&in)
	out := failover.Decide(s, in)
	wrong := touchesLost(&s, &in, &out) + touchesPaused(&out)
	if d.says(in.Spec.Name, out.Reason) || wrong != "" {
		d.notice("decides "+in.Spec.Name, func() {
			d.w.logf("%s decides: %s", d.n.name, out.Reason)
			if wrong != "" {
				d.w.violate("I3", "%s", wrong)
			}
		})
	}
	return out
}

func (d *daemon) accept(s failover.State, in failover.Input, o failover.Order) (failover.Decision, error) {
	d.onOwnClock(&in)
	o.At = o.At.Add(d.shift)
	return failover.Accept(s, in, o)
}

// onOwnClock moves the times of an input from the clock of the bubble, which all nodes share, to that
// of this node. A clock that is set takes effect with the next term.
func (d *daemon) onOwnClock(in *failover.Input) {
	d.w.mu.RLock()
	defer d.w.mu.RUnlock()
	d.own.Lock()
	defer d.own.Unlock()
	if d.clockTerm != in.Term {
		d.clockTerm, d.shift = in.Term, epoch().Sub(d.w.began)+d.n.skew
	}
	in.Now = in.Now.Add(d.shift)
	in.Results = slices.Clone(in.Results)
	for i := range in.Results {
		in.Results[i].At = in.Results[i].At.Add(d.shift)
	}
}

// clock is the time by which this process decides; only the world asks.
func (d *daemon) clock() time.Time { return d.w.began.Add(d.w.now + d.shift) }

// submit gives an order to this node's controller; told is called by the world with its answer.
func (d *daemon) submit(o failover.Order, told func(error)) {
	d.orders++
	what := fmt.Sprintf("order %d", d.orders)
	d.wake(d.lane(laneOrder), func() {
		go func() {
			_, err := d.controller.Submit(d.ctx, o)
			d.notice(what, func() { told(err) })
		}()
	})
}

// propose has this node commit a command on behalf of a person.
func (d *daemon) propose(c fsm.Command) {
	d.wake(d.lane(laneOrder), func() {
		go func() {
			err := d.log.Propose(d.ctx, c)
			d.notice("proposal", func() { d.w.logf("the proposal is answered: %v", err) })
		}()
	})
}

// sight is the observer as the controller uses it.
type sight struct{ d *daemon }

func (s sight) View(servers []topology.Server) topology.View {
	s.d.gate("view")
	s.d.w.mu.RLock()
	defer s.d.w.mu.RUnlock()
	return s.d.n.viewOf(servers, max(s.d.w.now, s.d.w.bubble()))
}

func (s sight) Alert(cluster string) {
	s.d.notice("alert "+cluster, func() { s.d.n.alert() })
}

func (s sight) Changed() <-chan struct{} { return s.d.seen }

// hands are the executor as the controller uses it. The world hears of the beginning and the end of
// each action, so that actions of one moment begin and end in one order.
type hands struct{ d *daemon }

func (h hands) Do(ctx context.Context, a failover.Action) failover.Result {
	d := h.d
	what := a.Server + "/do " + a.ID
	lane := d.w.serverIndex(a.Server)
	if err := d.command(what, lane, func(r *request) { d.begins(&a); r.answer(nil) }); err != nil {
		return failover.Result{Err: err.Error()}
	}
	res := d.executor.Do(ctx, a)
	_ = d.command(what+" ends", lane, func(r *request) { d.ends(&a, &res); r.answer(nil) }) // A dead process reports to nobody.
	return res
}

func (h hands) Hold(ctx context.Context, cluster, server string) (*topology.Facts, error) {
	d := h.d
	what := server + "/hold"
	lane := d.w.serverIndex(server)
	if err := d.command(what, lane, func(r *request) { r.answer(nil) }); err != nil {
		return nil, err
	}
	f, err := d.executor.Hold(ctx, cluster, server)
	_ = d.command(what+" ends", lane, func(r *request) { r.answer(nil) }) // A dead process reports to nobody.
	return f, err
}

func (h hands) Release() { h.d.executor.Release() }

// silent is told of events and tells nobody.
type silent struct{}

func (silent) Notify(failover.Event) {}

func (d *daemon) begins(a *failover.Action) {
	d.w.begun(a)
	d.w.logf("  %s: %s on %s begins (%s)", d.n.name, a.Kind, a.Server, a.ID)
}

func (d *daemon) ends(a *failover.Action, r *failover.Result) {
	d.w.logf("  %s: %s on %s ends: %s", d.n.name, a.Kind, a.Server, orDone(r.Err))
}
