package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/guard"
	"github.com/regentdb/regent/topology"
)

// The daemon's own renewer (package guard) on a node of the world: which primaries it looks after, how it talks to
// servers, and how it asks the leader, whose answer comes from the daemon's own guard.Granter.

// renewer makes the renewer of a process.
func (d *daemon) renewer() *guard.Renewer {
	d.granter = guard.NewGranter(d.permitTerm, d.permitVerify)
	return guard.New(guard.Config{Targets: d.targets, Changed: d.agreed, Connect: d.warden, Permit: d.permission})
}

// look reads what is agreed, as this node knows it, on behalf of the renewer.
func (d *daemon) look(what string) *failover.State {
	d.gate(what)
	d.w.mu.RLock()
	defer d.w.mu.RUnlock()
	state := d.w.group.states[d.n.raft.applied].Clusters[d.w.spec.Name].State
	return &state
}

// targets are the primaries that the renewer looks after.
func (d *daemon) targets() []guard.Target {
	state := d.look("guard/targets")
	d.w.mu.RLock()
	defer d.w.mu.RUnlock()
	spec := d.w.group.states[d.n.raft.applied].Clusters[d.w.spec.Name].Spec
	primary, declared := spec.Find(state.Primary)
	if !declared || (!spec.Policy.Guard.Enabled && state.Guard == nil) {
		return nil
	}
	t := guard.Target{Cluster: spec.Name, Primary: primary.Identity(), Servers: map[string]topology.Server{}, Near: d.w.near(d.n, primary.Region)}
	for _, s := range spec.Identities() {
		t.Servers[s.Name] = s
	}
	return []guard.Target{t}
}

// near tells whether a node stands in a region, or nobody does.
func (w *World) near(n *Node, region string) bool {
	for _, o := range w.nodes {
		if o.region == region {
			return n.region == region
		}
	}
	return true
}

// permitTerm is the term in which this node believes to lead, for those who give permissions.
func (d *daemon) permitTerm() (uint64, bool) {
	d.gate("guard/term")
	d.w.mu.RLock()
	defer d.w.mu.RUnlock()
	s := &d.n.raft
	return s.term, s.leads && s.ready && !d.dead
}

// permitVerify asks the quorum.
func (d *daemon) permitVerify(ctx context.Context) error {
	r := &request{d: d, key: d.key("guard/verify"), lane: d.lane(laneGuard)}
	r.do = func(r *request) {
		d.w.group.verify(d.n, func(err error) {
			if !r.answered && err == nil {
				d.w.renewing(d.n)
			}
			r.answer(err)
		})
	}
	return d.w.ask(ctx, r)
}

// permission asks the leader, see guard.Permit. Where this node leads it answers itself.
func (d *daemon) permission(ctx context.Context, _ string, row topology.Lease) error {
	self := false
	r := &request{d: d, key: d.key("guard/permission"), lane: d.lane(laneGuard)}
	r.do = func(r *request) {
		leader := d.n.knownLeader()
		if self = leader == d.n; self || leader == nil {
			r.answer(guard.ErrNoLeader)
			return
		}
		d.askPeer(r, leader, row)
	}
	err := d.w.ask(ctx, r)
	if self && errors.Is(err, guard.ErrNoLeader) {
		err = d.grant(ctx, row, d.n)
	}
	return err
}

// grant is the daemon's own judgement of a request, with what this node knows to be agreed.
func (d *daemon) grant(ctx context.Context, row topology.Lease, asker *Node) error {
	key := failover.LeaseKey{UUID: row.UUID, Epoch: row.Epoch, SetVersion: row.SetVersion}
	return d.granter.Grant(ctx, func() (bool, string) {
		return failover.MayRenew(d.look("guard/may/"+asker.name), key)
	})
}

// askPeer carries a request to the leader and its answer back.
func (d *daemon) askPeer(r *request, leader *Node, row topology.Lease) {
	net, from := d.w.net, d.n
	process := leader.process
	alive := func() bool { return leader.up && leader.process == process }
	net.carry(from.at, leader.at, userTimeout, alive, func() {
		leader.later(0, func() {
			leader.daemon.answerPeer(row, from, func(err error) {
				net.carry(leader.at, from.at, userTimeout, func() bool { return !r.answered }, func() {
					if err == nil {
						d.w.renewing(from)
					}
					r.answer(err)
				})
			})
		})
	})
}

// permitLimit bounds what a leader does for a request, of which it hears no more when the asker has gone.
const permitLimit = 2 * time.Second

// answerPeer has this node's own code judge a request; told is called by the world.
func (d *daemon) answerPeer(row topology.Lease, asker *Node, told func(error)) {
	d.wake(d.lane(laneGuard), func() {
		go func() {
			ctx, cancel := context.WithTimeout(d.ctx, permitLimit)
			defer cancel()
			err := d.grant(ctx, row, asker)
			d.notice("guard/granted/"+asker.name, func() { told(err) })
		}()
	})
}

// knownLeader is the leader that a node knows of, which may have been deposed; nil: none.
func (n *Node) knownLeader() *Node {
	switch {
	case n.raft.leads:
		return n
	case n.raft.follows != nil && n.w.now-n.raft.heard < electionFor:
		return n.raft.follows
	}
	return nil
}

// learns has a follower know of so many commands.
func (n *Node) learns(applied, stored int) {
	n.raft.applied, n.raft.stored = applied, stored
	n.moved()
}

// moved tells the renewer of a node that what is agreed may have changed.
func (n *Node) moved() {
	if d := n.daemon; n.up && n.w.guarded {
		d.wake(d.lane(laneGuard), func() { notify(d.agreed) })
	}
}

// warden is a renewer's access to one server, on one connection that is opened when there is none: what package
// mysql is to the renewer. What was sent may arrive after its sender has given up.
type warden struct {
	d            *daemon
	s            *Server
	number, sent int
	link         *wire // owned by the goroutine that calls; nil: there is none
}

// wire is a connection. The world owns what it says.
type wire struct{ life int } // of the server's process, 0: not connected yet

// warden opens nothing yet.
func (d *daemon) warden(server topology.Server) guard.Server {
	return &warden{d: d, s: d.w.server(server.Name), number: int(d.wardens.Add(1))}
}

// Close ends the connection.
func (k *warden) Close() { k.link = nil }

// Read answers the row and the server's clock.
func (k *warden) Read(ctx context.Context) (*topology.Lease, time.Time, error) {
	var row *topology.Lease
	var now time.Time
	err := k.call(ctx, func(reply func(error)) {
		if row = k.s.lease(); row != nil && k.d.w.now < k.s.guard.tableLocked {
			reply(errLockWait)
			return
		}
		now = k.s.clock()
		reply(nil)
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return row, now, nil
}

// Renew is the compare-and-set.
func (k *warden) Renew(ctx context.Context, row topology.Lease, until time.Time) error {
	return k.change(ctx, row, func(r *leaseRow) {
		k.d.w.renewed(k.s, row, until)
		if until.After(r.expires) {
			r.expires = until
		}
	})
}

// Mark writes why the guard does not count.
func (k *warden) Mark(ctx context.Context, row topology.Lease, fault string) error {
	return k.change(ctx, row, func(r *leaseRow) {
		k.d.w.logf("%s marks the guard of %s: %s", k.d.n.name, k.s.name(), fault)
		if r.fault == "" {
			r.fault = fault
		}
	})
}

// Claim looks for signs of a claim.
func (k *warden) Claim(ctx context.Context, _, source string) (claimed string, err error) {
	err = k.call(ctx, func(reply func(error)) {
		claimed = k.s.claimed(source)
		reply(nil)
	})
	if err != nil {
		return "", err
	}
	return claimed, nil
}

var errNotRenewed = errors.New("the guard row is another one now")

func (k *warden) change(ctx context.Context, row topology.Lease, how func(*leaseRow)) error {
	var do func(reply func(error))
	do = func(reply func(error)) {
		s := k.s
		switch process := s.process; {
		case s.pending != nil:
			s.queued = append(s.queued, func() {
				if s.process == process {
					do(reply)
				}
			})
		case s.w.now < max(s.guard.rowLocked, s.guard.tableLocked):
			reply(errLockWait)
		case s.on("super_read_only"):
			reply(errReadOnly)
		case !s.holds(row):
			reply(errNotRenewed)
		default:
			s.guard.change(how)
			reply(nil)
		}
	}
	return k.call(ctx, do)
}

var errReadOnly = errors.New("the server is running with the --super-read-only option")

// call sends a statement and waits for what comes back. do runs on the server and replies once.
func (k *warden) call(ctx context.Context, do func(reply func(error))) error {
	k.sent++
	if k.link == nil {
		k.link = &wire{}
	}
	link := k.link
	r := &request{d: k.d, key: k.d.key(fmt.Sprintf("%s/guard/%d/%d", k.s.name(), k.number, k.sent)), lane: k.d.lane(laneGuard)}
	r.do = func(r *request) { k.transmit(r, link, do) }
	err := k.d.w.ask(ctx, r)
	if errors.Is(err, errLost) {
		k.Close()
	}
	return err
}

// transmit takes a statement to the server, on a connection that is made first where there is none.
func (k *warden) transmit(r *request, link *wire, do func(reply func(error))) {
	w, s, n := k.d.w, k.s, k.d.n
	back := func(err error) {
		if w.lostAnswer(k) {
			err = errLost
		}
		w.net.carry(s.at, n.at, keepSending, func() bool { return !r.answered }, func() { r.answer(err) })
	}
	arrive := func() {
		switch {
		case s.off:
		case !s.up || (link.life != 0 && link.life != s.process):
			back(fmt.Errorf("%w: the server closed it", errLost))
		default:
			link.life = s.process
			s.run(func() { do(back) })
		}
	}
	send := func() { w.net.carry(n.at, s.at, userTimeout, func() bool { return true }, arrive) }
	if link.life == 0 {
		w.after(2*w.net.delay(n.at, s.at), send) // the handshake
		return
	}
	send()
}

// lostAnswer draws whether the connection of a renewer breaks before the answer is back.
func (w *World) lostAnswer(k *warden) bool {
	n := uint64(k.number)<<20 | uint64(k.sent) //nolint:gosec // they count up
	return !w.calm && w.draw(200, "lost answer", n) < w.flaky
}
