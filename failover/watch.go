package failover

import (
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// watch is the decision while no recovery is open: diagnose the primary, and either keep the cluster
// as it should be, or begin a recovery, or hold.
func (d *decider) watch() {
	diag := topology.Diagnose(&d.in.View, topology.Question{
		Primary: d.s.Primary, Ackers: d.witnesses(), HangAfter: d.hangAfter(),
	})
	secluded, cut := topology.Secluded(&d.in.View, d.region(d.s.Primary))
	if diag.Condition == topology.PrimaryHealthy && cut {
		d.isolated(topology.Diagnosis{Condition: topology.RegionIsolated, Reason: secluded})
	} else if diag.Condition != topology.RegionIsolated && d.s.Isolated != "" {
		d.event(Event{Kind: "release", Decision: "isolation ended", Reason: diag.Reason})
		d.s.Isolated = ""
	}
	if diag.Condition != topology.RegionIsolated {
		d.reconnected()
	}
	d.reason = diag.Reason
	d.noteLoss(diag.Condition)
	switch diag.Condition {
	case topology.PrimaryHealthy:
		fp := d.in.View.Find(d.s.Primary).Facts
		if d.primaryReplaced(fp) {
			return
		}
		d.unhold(diag.Reason)
		d.keep(fp)
	case topology.PrimaryReadOnly:
		d.reopen(d.in.View.Find(d.s.Primary).Facts)
	case topology.PrimaryDead, topology.PrimaryHung:
		d.begin(diag)
	case topology.RegionIsolated:
		d.cutOff()
		d.isolated(diag)
	case topology.PrimaryUnseen, topology.PrimaryUnknown:
		d.unseen(diag)
	}
}

// witnesses are the servers whose receivers testify about the primary: the acker set, or without
// acknowledgements every declared server of its region.
func (d *decider) witnesses() []string {
	if d.semiSync() && len(d.s.Ackers) > 0 {
		return d.s.Ackers
	}
	return d.in.Spec.InRegion(d.region(d.s.Primary))
}

// unseen waits, and becomes a hold when it lasts: nobody is promoted because somebody cannot see.
func (d *decider) unseen(diag topology.Diagnosis) {
	p := d.in.View.Find(d.s.Primary)
	if p != nil && p.Age != topology.Never && p.Age < d.hangAfter()+unseenGrace {
		return
	}
	d.hold("hold", policy.Candidates(d.question()), []string{"evidence that " + d.s.Primary + " is gone"},
		"no evidence against %s, so nobody is promoted: %s", d.s.Primary, stable(diag.Reason))
}

// stable cuts a reason before its changing part, so that a hold that lasts is written once.
func stable(reason string) string {
	before, _, _ := strings.Cut(reason, " (")
	_, after, found := strings.Cut(reason, "), but ")
	if found {
		return before + "; " + after
	}
	return before
}

// keep brings every server to where it belongs while the primary is well. fp are its facts.
func (d *decider) keep(fp *topology.Facts) {
	d.noteOffline(fp)
	d.online(fp)
	if d.s.Unfencing {
		d.do(Action{Kind: ActConfigure, Server: d.s.Primary}, "/unfence") // nothing but the lock: a fence that is under way ends
	}
	d.s.OpenBoot = steadyBoot(d.s.OpenBoot, fp.Boot)
	for _, s := range d.in.Spec.Servers {
		f := d.facts(s.Name)
		if f == nil || s.Name == d.s.Primary {
			continue
		}
		d.keepReplica(s, f, fp)
	}
	if d.semiSync() {
		d.keepAckers(fp)
		d.nudge(fp)
		d.prove(fp)
	} else if diff := Differences(fp, Required(d.in.Spec.Policy, Role{Primary: true})); len(diff) > 0 {
		d.do(Action{Kind: ActConfigure, Server: d.s.Primary, Settings: diff}, "")
	}
	d.keepGuard(fp)
	d.settle(fp)
	d.work(fp)
	d.expire()
	d.keepLogs() // last, so that whatever else a server is wanted for comes first
}

// noteOffline keeps in mind that it was its guard that took the primary offline.
func (d *decider) noteOffline(fp *topology.Facts) {
	d.s.Offline = d.s.Offline || (d.guardFenced(fp) && fp.On("offline_mode"))
}

// online lets applications and replicas reach the primary again after a fence that was given up, or after one
// of its guard.
func (d *decider) online(fp *topology.Facts) {
	switch {
	case !d.s.Offline || fp == nil:
	case fp.On("offline_mode"):
		if !d.letsNobodyWrite(fp) {
			return
		}
		d.do(Action{Kind: ActConfigure, Server: d.s.Primary, Settings: []Setting{{Name: "offline_mode", Value: "OFF", Transient: true}}}, "/online")
	case d.s.Recovery == nil && !d.s.Unfencing:
		d.s.Offline = false
	}
}

// letsNobodyWrite tells whether a primary that its guard took offline can go online without taking writes that no
// lease covers. Half closed, it holds new writes back by the change of super_read_only that is pending. So it goes
// online for nobody but the ackers that its waiting commits need: offline_mode has cut them off as well, and the
// change does not land before.
func (d *decider) letsNobodyWrite(fp *topology.Facts) bool {
	g := d.guard()
	switch {
	case !d.guardWanted() || g == nil:
		return true
	case fp.ReadOnly():
		return d.semiSync() // its ackers have to come back before it may open; without any the opening ends offline_mode
	case fp.Writable():
		return g.Armed && g.fault(fp) == "" && fp.Lease.Remaining > 0
	}
	return awaitsAcks(fp)
}

// steadyBoot keeps the identity of a boot that is known, unless the server's answer says more of it: what
// an earlier release stored lacks the process.
func steadyBoot(known, seen topology.Boot) topology.Boot {
	if known.Same(seen) && (known.Process != 0 || seen.Process == 0) {
		return known
	}
	return seen
}

// primaryReplaced notices that another server answers at the primary's address.
func (d *decider) primaryReplaced(fp *topology.Facts) bool {
	m := d.s.Servers[d.s.Primary]
	if m.UUID == "" || m.UUID == fp.UUID {
		return false
	}
	d.hold("hold", nil, nil, "the server at %s's address has uuid %s, not %s: another server answers there; correct the address or restore the server", d.s.Primary, fp.UUID, m.UUID)
	return true
}

// keepReplica looks after one reachable server that is not the primary.
func (d *decider) keepReplica(s policy.ServerSpec, f, fp *topology.Facts) {
	m := d.s.Servers[s.Name]
	if m.UUID != f.UUID {
		d.member(s.Name, func(m *Member) { m.UUID = f.UUID })
	}
	if m.Clone != nil {
		from := d.in.View.Find(m.Clone.From)
		if from != nil {
			d.do(Action{Kind: ActClone, Server: s.Name, Source: m.Clone.From, Deadline: cloneDeadline}, "/"+m.Clone.ID)
		}
		return
	}
	if d.rewinding(s.Name) {
		return // it is as it must be for that, and is fenced again afterwards
	}
	extra := d.extras(f, fp)
	switch {
	case d.feedsOnWriter(f):
		// Its source is fenced first: a commit that waits for this server's acknowledgement would
		// block the fence, and what the source still sends belongs to the extras.
		if m.Quarantine == nil && !extra.IsEmpty() {
			d.quarantine(s.Name, extra)
		}
	case m.Quarantine != nil:
		d.keepQuarantined(s.Name, f, extra)
	case !extra.IsEmpty() || commitsWait(f):
		// What still waits for acknowledgements is in its binary log and in no set yet. Only the
		// draining of a quarantine ends that wait without telling a client that it succeeded.
		d.quarantine(s.Name, extra)
		d.do(Action{Kind: ActQuarantine, Server: s.Name}, "")
	case !f.ReadOnly():
		d.do(Action{Kind: ActFence, Server: s.Name, Deadline: fenceDeadline}, "")
	default:
		d.keepFollowing(s.Name, f, fp)
	}
}

// commitsWait tells whether commits on the server wait for acknowledgements, or a fence that such
// commits blocked has cut its applications off.
func commitsWait(f *topology.Facts) bool {
	return awaitsAcks(f) || f.On("offline_mode")
}

// awaitsAcks tells whether commits on the server wait for acknowledgements.
func awaitsAcks(f *topology.Facts) bool {
	n := f.Status["rpl_semi_sync_source_wait_sessions"]
	return n != "" && n != "0"
}

// feedsOnWriter tells whether the server replicates from a reachable server other than the primary
// that is not fenced yet.
func (d *decider) feedsOnWriter(f *topology.Facts) bool {
	if f.Source == nil || f.Source.Receiver != topology.ThreadOn || f.Writable() {
		return false
	}
	up := d.in.View.ByAddress(f.Source.Address())
	if up == nil || up.Name == d.s.Primary {
		return false
	}
	facts, q := d.facts(up.Name), d.s.Servers[up.Name].Quarantine
	return facts != nil && (facts.Writable() || (q != nil && !q.Fenced))
}

// keepFollowing has the server replicate from the primary with the settings it should have.
func (d *decider) keepFollowing(server string, f, fp *topology.Facts) {
	acker := slices.Contains(d.ackersWanted(d.s.Primary), server)
	if acker && !slices.Contains(d.s.Ackers, server) {
		d.growAckers(server)
	}
	if diff := Differences(f, Required(d.in.Spec.Policy, Role{WaitCount: d.waitWanted()})); len(diff) > 0 {
		d.do(Action{Kind: ActConfigure, Server: server, Settings: diff}, "")
	}
	if d.follows(f, acker) {
		if m := d.s.Servers[server]; m.Away || m.Former != 0 {
			d.member(server, func(m *Member) { m.Away, m.Former = false, 0 })
			d.event(Event{Kind: "rejoin", Decision: server + " follows " + d.s.Primary, Reason: "it holds nothing that " + d.s.Primary + " lacks"})
		}
		return
	}
	d.do(Action{
		Kind: ActFollow, Server: server, Source: d.s.Primary, Acker: acker,
		Target: fp.Executed.Union(d.s.Baseline).Union(fp.Received()),
	}, "/"+d.s.Primary)
}

// follows tells whether the server replicates from the primary the way it should. A receiver that
// is connecting is left alone: it retries by itself.
func (d *decider) follows(f *topology.Facts, acker bool) bool {
	primary := d.in.View.Find(d.s.Primary)
	up := f.Source
	ok := up != nil && up.Address() == primary.Address && up.Receiver != topology.ThreadOff && up.Applier == topology.ThreadOn
	ok = ok && up.AutoPosition && up.ConnectRetry == 1 && up.RetryCount > 1000 && up.HeartbeatPeriod <= 2*time.Second
	if !d.semiSync() {
		return ok
	}
	ok = ok && f.On("rpl_semi_sync_replica_enabled") == acker
	if up != nil && up.Receiver == topology.ThreadOn {
		ok = ok && f.StatusOn("rpl_semi_sync_replica_status") == acker
	}
	return ok
}

// closedByHand tells that the primary was made read-only while it ran, and not by regent.
func (d *decider) closedByHand(fp *topology.Facts) bool {
	return !fp.Writable() && d.s.OpenBoot.Same(fp.Boot) && !d.guardFenced(fp) && !d.s.Unfencing
}

// reopen decides about the primary of the epoch that answers read-only. After a boot, or fenced by its guard or by
// what was given up, only the leader opens it, once its tail is on enough ackers; made read-only by hand, it stays so.
func (d *decider) reopen(fp *topology.Facts) {
	if d.primaryReplaced(fp) {
		return
	}
	what := "booted read-only"
	opened := d.s.OpenBoot.Same(fp.Boot)
	switch {
	case opened && !d.askedSince(d.s.Primary, d.s.OpenedAt):
		d.say("%s was opened; waiting for an answer newer than that", d.s.Primary)
		return
	case d.guardFenced(fp):
		what = "was made read-only by its guard"
		d.noteOffline(fp)
	case opened && d.s.Unfencing:
		what = "was made read-only by a fence that was given up"
	case d.closedByHand(fp):
		d.hold("hold", nil, []string{"a writable " + d.s.Primary}, "%s was made read-only while it ran, and regent did not do it: make it writable again, or order a failover", d.s.Primary)
		return
	}
	d.say("%s %s and is the primary of epoch %d: opening it", d.s.Primary, what, d.s.Epoch)
	d.online(fp)
	for _, s := range d.in.Spec.Servers {
		if f := d.facts(s.Name); f != nil && s.Name != d.s.Primary {
			d.keepReplica(s, f, fp)
		}
	}
	d.settle(fp)
	holders, missing := d.holders(fp.Executed)
	wait, settings := d.waitWanted(), []Setting(nil)
	if d.degraded() {
		// What it has may be on it alone anyway: nothing is gained by keeping it closed.
		wait, settings = 0, []Setting{notWaiting()}
	}
	if len(holders) < wait {
		d.hold("hold", nil, missing, "%s %s; it opens when %d of its ackers hold everything it has: missing %s", d.s.Primary, what, wait, strings.Join(missing, ", "))
		return
	}
	settings = append(settings, Required(d.in.Spec.Policy, Role{Primary: true, Armed: d.semiSync() && !d.degraded(), WaitCount: wait})...)
	if diff := Differences(fp, settings); len(diff) > 0 {
		d.do(Action{Kind: ActConfigure, Server: d.s.Primary, Settings: diff}, "/arm")
		return
	}
	d.guardOpening(fp.ReadOnly())
	d.do(Action{Kind: ActOpen, Server: d.s.Primary, WaitCount: wait, Target: fp.Executed, Lease: d.leaseToOpen()}, "")
}
