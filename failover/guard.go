package failover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// Guard is what is agreed about the in-server guard of the primary of one epoch. It is never bolder than
// any row that the primary may hold: every server of Candidates is in the set of each of them, none is
// longer than MaxTTL, and none allows failsafe renewal unless Serve.
type Guard struct {
	Epoch uint64 `json:"epoch"`
	// Order is the newest row that was asked for; Written tells that it was read back.
	Order      LeaseOrder    `json:"order"`
	Written    bool          `json:"written"`
	Candidates []string      `json:"candidates"` // who may be promoted on a lapsed lease, sorted
	Serve      bool          `json:"serve"`
	MaxTTL     time.Duration `json:"max_ttl"`
	// Armed tells that the row was read back with its event ticking, and that nothing has spoken
	// against it since.
	Armed bool `json:"armed"`
	// Opening tells that the primary is being opened with Order and the outcome is not known: if it
	// is open, its guard was armed before.
	Opening bool `json:"opening,omitempty"`
	// Disarmed says why nobody may cite the lease, empty while Armed.
	Disarmed string `json:"disarmed,omitempty"`
	// Since is when Armed last changed, or when an attempt to arm it again began, on the clock of the leader then.
	Since time.Time `json:"since,omitzero"`
	// Cut is set while the primary's region is isolated and every renewal is refused.
	Cut *CutOff `json:"cut,omitempty"`
}

// CutOff is since when every renewal is known to be refused, on the clock of the leader of Term; zero while the
// refusal is being committed.
type CutOff struct {
	Since time.Time `json:"since,omitzero"`
	Term  uint64    `json:"term"`
}

// Paces of the guard's keeping.
const (
	candidateGone = 30 * time.Second // a candidate that is down for longer leaves the set
	rearmAfter    = 10 * time.Second // between a guard that was found disarmed and the next attempt to arm it
)

func (d *decider) guardWanted() bool { return d.in.Spec.Policy.Guard.Enabled }

// guard is what is agreed about the guard of the current epoch, nil when nothing is.
func (d *decider) guard() *Guard {
	if g := d.s.Guard; g != nil && g.Epoch == d.s.Epoch {
		return g
	}
	return nil
}

// keepGuard has the open primary carry the row that is wanted. fp are its facts.
func (d *decider) keepGuard(fp *topology.Facts) {
	if !d.guardWanted() {
		d.dropGuard(fp)
		return
	}
	if d.guard() == nil {
		d.orderLease(true)
	}
	d.seeLease(fp)
	g := d.guard()
	if g.Opening {
		// It is open, and its guard is not as it was armed.
		g.Opening, g.Disarmed, g.Since = false, cmp.Or(g.fault(fp), "its row was not read back"), d.in.Now
	}
	expired := fp.Lease != nil && fp.Lease.Remaining <= 0
	switch {
	case g.Written && !g.Armed && (expired || d.since(g.Since) >= rearmAfter):
		d.orderLease(true)
		g.Since = d.in.Now // a row that is seen before its event has run is not ordered once more
	case d.leaseRevised():
		d.orderLease(false)
	}
	if g = d.guard(); !g.Written {
		order := g.Order
		d.do(Action{Kind: ActArm, Server: d.s.Primary, Lease: &order}, fmt.Sprintf("/%d", order.SetVersion))
	}
}

// wantedLease is the row that policy and servers ask for now.
func (d *decider) wantedLease() LeaseOrder {
	p := d.in.Spec.Policy
	return LeaseOrder{
		Epoch: d.s.Epoch, SetVersion: 1, Candidates: d.promotable(),
		Serve: p.OnIsolation != policy.IsolationFence, TTL: time.Duration(p.Guard.TTL),
	}
}

// leaseRevised tells whether another row is wanted than the one that was asked for last.
func (d *decider) leaseRevised() bool {
	have, want := d.guard().Order, d.wantedLease()
	return !slices.Equal(have.Candidates, want.Candidates) || have.Serve != want.Serve || have.TTL != want.TTL
}

// orderLease commits to another row. What is agreed moves to the cautious side of every row that the
// primary may then hold, the present one and those asked for before: a server that is taken out may not be
// promoted from now on, and one that is added may be once the row with it was read back.
func (d *decider) orderLease(fresh bool) {
	order := d.wantedLease()
	order.Fresh = fresh
	g := d.guard()
	if g == nil {
		d.s.Guard = &Guard{
			Epoch: d.s.Epoch, Order: order, Candidates: order.Candidates, Serve: order.Serve, MaxTTL: order.TTL,
			Disarmed: "it is not armed yet", Since: d.in.Now,
		}
		return
	}
	order.SetVersion = g.Order.SetVersion + 1
	order.Fresh = fresh || (g.Order.Fresh && !g.Written)
	g.Order, g.Written = order, false
	g.Candidates = slices.DeleteFunc(slices.Clone(g.Candidates), func(n string) bool { return !slices.Contains(order.Candidates, n) })
	g.Serve = g.Serve || order.Serve
	g.MaxTTL = max(g.MaxTTL, order.TTL)
}

// promotable lists the servers that a failsafe renewal must ask: those that could be promoted at home. One
// that is down for long is left out, since nothing could be renewed without it, until it answers again.
func (d *decider) promotable() []string {
	out := []string{}
	g := d.guard()
	for _, s := range d.in.Spec.Servers {
		listed := g != nil && slices.Contains(g.Order.Candidates, s.Name)
		switch {
		case s.Name == d.s.Primary || s.Region != d.in.Spec.HomeRegion || s.Promotion == policy.PromotionNever:
		case d.s.Servers[s.Name].Quarantine != nil:
		case d.facts(s.Name) != nil || (listed && !d.longGone(s.Name)):
			out = append(out, s.Name)
		}
	}
	slices.Sort(out)
	return out
}

// longGone tells whether a server has answered nobody for longer than candidateGone. Where nobody can say,
// it has not.
func (d *decider) longGone(server string) bool {
	sv := d.in.View.Find(server)
	if sv == nil || sv.Age != topology.Never {
		return sv == nil || sv.Age > candidateGone
	}
	for _, n := range sv.Sights {
		if n.Since <= candidateGone {
			return false
		}
	}
	return len(sv.Sights) > 0
}

// seeLease takes in what the primary shows of its guard: a row that was read back, and what is wrong with it.
func (d *decider) seeLease(f *topology.Facts) {
	g := d.guard()
	if g == nil || f == nil {
		return
	}
	changed := false
	if l := f.Lease; l != nil && !g.Written && strings.EqualFold(l.UUID, f.UUID) && l.Epoch == g.Epoch && l.SetVersion == g.Order.SetVersion {
		g.Written, changed = true, true
		g.Candidates, g.Serve = g.Order.Candidates, g.Order.Serve
	}
	switch fault := g.fault(f); {
	case fault == "" && g.Written && (changed || !g.Armed):
		g.Armed, g.Opening, g.Disarmed, g.Since = true, false, "", d.in.Now
		d.event(Event{Kind: "arm", Decision: "the guard of " + d.s.Primary + " is armed", Reason: g.terms()})
	case fault != "" && g.Armed && d.askedSince(d.s.Primary, g.Since):
		d.disarm(fault)
	}
}

// disarm records that nobody may cite the lease, and why.
func (d *decider) disarm(why string) {
	g := d.guard()
	g.Armed, g.Opening, g.Disarmed, g.Since = false, false, why, d.in.Now
	d.event(Event{Kind: "disarm", Decision: "the guard of " + d.s.Primary + " is disarmed: nobody is promoted on its lease", Reason: why})
}

// terms are what is agreed, in a few words.
func (g *Guard) terms() string {
	mode := "no failsafe"
	if g.Serve {
		mode = "failsafe asks " + orNobody(g.Order.Candidates)
	}
	return fmt.Sprintf("ttl %s, %s, promotable: %s", g.Order.TTL, mode, orNobody(g.Candidates))
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// fault says why the guard that a server shows does not count, or "". It names nothing that moves from
// answer to answer.
func (g *Guard) fault(f *topology.Facts) string {
	l := f.Lease
	switch {
	case l == nil:
		return "it has no guard row"
	case l.Fault != "":
		return l.Fault // also of a row that cannot be read
	case !strings.EqualFold(l.UUID, f.UUID):
		return "its guard row is another server's"
	case l.Epoch != g.Epoch:
		return fmt.Sprintf("its guard row is of epoch %d", l.Epoch)
	case l.SetVersion > g.Order.SetVersion || (g.Written && l.SetVersion < g.Order.SetVersion):
		return "its guard row is not the one that regent wrote"
	case !l.Scheduler:
		return "event_scheduler is off"
	case !l.Enabled:
		return "the guard's event is not enabled"
	case l.TickAge == topology.Never || l.TickAge > topology.TickLimit:
		return fmt.Sprintf("the guard's event has not run for %s", topology.TickLimit)
	case l.TickAge < -policy.GuardMargin(g.MaxTTL)/2 || l.Remaining > g.MaxTTL+policy.GuardMargin(g.MaxTTL)/2:
		return "its clock was set back"
	case l.Remaining <= -topology.TickLimit && f.Writable():
		return "its lease ran out and it is still writable"
	}
	return ""
}

// dropGuard takes the guard off a primary whose policy wants none. Its lease is renewed until the row is gone.
func (d *decider) dropGuard(fp *topology.Facts) {
	g := d.guard()
	if g != nil && (g.Armed || g.Opening) {
		d.disarm("guard.enabled is false")
	}
	switch {
	case fp.Lease != nil:
		d.do(Action{Kind: ActDisarm, Server: d.s.Primary}, "")
	case g == nil || d.askedSince(d.s.Primary, g.Since):
		d.s.Guard = nil
	}
}

// guardOpening commits to the row that the primary of the epoch is opened with. closed tells that it is known to
// be read-only, so that nothing but that opening lets it take writes.
func (d *decider) guardOpening(closed bool) {
	if !d.guardWanted() {
		return
	}
	if g := d.guard(); g == nil || g.Written || !g.Order.Fresh || d.leaseRevised() {
		d.orderLease(true)
	}
	if g := d.guard(); closed && !g.Opening {
		g.Armed, g.Opening, g.Disarmed, g.Since = false, true, "it is being opened", d.in.Now
	}
}

// leaseToOpen is the row that goes with an opening, nil where no guard is wanted.
func (d *decider) leaseToOpen() *LeaseOrder {
	g := d.guard()
	if g == nil || !d.guardWanted() {
		return nil
	}
	order := g.Order
	return &order
}

// guardFenced tells whether it is its guard that keeps the primary read-only: its lease of this epoch has run out, or
// it is being opened with a new one. An opening that ended between the two leaves a lease that is renewed; that of a
// primary that was half closed is known by its row, which nobody has read back from an open one.
func (d *decider) guardFenced(fp *topology.Facts) bool {
	g, l := d.guard(), fp.Lease
	if g == nil || l == nil || !strings.EqualFold(l.UUID, fp.UUID) || l.Epoch != d.s.Epoch {
		return false
	}
	return l.Remaining <= 0 || g.Opening || (!g.Written && g.Order.Fresh && l.SetVersion == g.Order.SetVersion)
}

// absorbArm takes in the outcome of arming.
func (d *decider) absorbArm(res Result) {
	g := d.guard()
	if g == nil || d.s.Recovery != nil || res.Action.Server != d.s.Primary || res.Action.Epoch != d.s.Epoch {
		return
	}
	if res.Err == "" {
		d.seeLease(res.Facts)
		return
	}
	if failed := "arming it failed: " + firstLine(res.Err); !g.Armed && !strings.HasPrefix(g.Disarmed, "arming it failed") {
		g.Disarmed = failed
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// LeaseKey names a guard row by what a renewal compares.
type LeaseKey struct {
	UUID       string
	Epoch      uint64
	SetVersion uint64
}

// MayRenew tells whether a leader may permit the renewal of a lease, and why not. It is asked with a state
// that the leader read after it had verified itself: then no claim stands, and none can have stood when the
// renewer read the server's clock. A pause of automation and the mode of the cluster do not matter: they must
// not make a primary read-only.
func MayRenew(s *State, key LeaseKey) (ok bool, reason string) {
	g := s.Guard
	switch {
	case g == nil || g.Epoch != s.Epoch:
		return false, "no guard is agreed for epoch " + fmt.Sprint(s.Epoch)
	case key.Epoch != s.Epoch:
		return false, fmt.Sprintf("epoch %d is over: the cluster is in epoch %d", key.Epoch, s.Epoch)
	case !strings.EqualFold(key.UUID, s.Servers[s.Primary].UUID):
		return false, "the row is not that of the primary " + s.Primary
	case key.SetVersion > g.Order.SetVersion:
		return false, fmt.Sprintf("the row has set version %d, and no later than %d was agreed", key.SetVersion, g.Order.SetVersion)
	case g.Cut != nil:
		return false, "its region is isolated, and on_isolation is fence"
	case s.Recovery != nil && !s.Recovery.unclaimed():
		return false, fmt.Sprintf("recovery %s is open", s.Recovery.ID)
	}
	return true, ""
}

// unclaimed tells whether an aborted recovery has undone every claim: it promotes nobody any more.
func (r *Recovery) unclaimed() bool {
	if r.Stage != StageAbort {
		return false
	}
	return !slices.ContainsFunc(r.Steps, func(s Step) bool {
		return s.Name == ActFollow && s.Attempt == r.Attempt && s.State != StepDone
	})
}

// guardProblem says what is wrong with the guard of a cluster whose policy wants one, or "".
func guardProblem(spec *policy.ClusterSpec, s *State) string {
	switch g := s.Guard; {
	case !spec.Policy.Guard.Enabled:
		return ""
	case g == nil || g.Epoch != s.Epoch:
		return "the guard of " + s.Primary + " is not armed yet"
	case !g.Armed:
		return fmt.Sprintf("the guard of %s is disarmed, so that nobody is promoted on its lease: %s", s.Primary, g.Disarmed)
	}
	return ""
}
