package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// waitWanted is the wait count W for the current primary.
func (d *decider) waitWanted() int {
	if !d.semiSync() {
		return 0
	}
	w := d.in.Spec.Policy.SemiSync.Required
	if d.region(d.s.Primary) != d.in.Spec.HomeRegion {
		// Away from home, after an override, the region may have fewer servers than home.
		w = min(w, len(d.in.Spec.InRegion(d.region(d.s.Primary)))-1)
	}
	return w
}

// growAckers commits a server as a possible acknowledger before it is enabled as one.
func (d *decider) growAckers(server string) {
	d.s.Ackers = append(slices.Clone(d.s.Ackers), server)
	slices.Sort(d.s.Ackers)
}

// keepAckers keeps the acker set true and the primary armed.
func (d *decider) keepAckers(fp *topology.Facts) {
	wanted := d.ackersWanted(d.s.Primary)
	var p present
	for _, s := range d.in.Spec.Servers {
		f := d.facts(s.Name)
		if s.Name == d.s.Primary {
			continue
		}
		if d.acknowledges(s.Name, f, fp) {
			if !slices.Contains(d.s.Ackers, s.Name) {
				d.growAckers(s.Name)
			}
			switch {
			case !slices.Contains(wanted, s.Name):
			case f == nil:
				p.shown++
			default:
				p.sure++
				d.caughtUp(s.Name, f, fp)
			}
		}
		if slices.Contains(d.s.Ackers, s.Name) && d.mayShrink(s.Name, f, fp, wanted) {
			d.s.Ackers = slices.DeleteFunc(slices.Clone(d.s.Ackers), func(n string) bool { return n == s.Name })
		}
	}
	if wait := d.waitWanted(); !d.degrades(fp, p, wait) {
		d.arm(fp, p.sure, wait)
	}
}

// acknowledges tells whether the primary may take acknowledgements from the server. The primary's list
// lags: it still names receivers that are gone; a server that answers knows better.
func (d *decider) acknowledges(server string, f, fp *topology.Facts) bool {
	if f != nil {
		return f.StatusOn("rpl_semi_sync_replica_status") && fp.ReplicaAttached(f.UUID)
	}
	uuid := d.s.Servers[server].UUID
	return slices.ContainsFunc(fp.Replicas, func(r topology.Attached) bool { return r.Acker && strings.EqualFold(r.UUID, uuid) })
}

// strangers lists the hosts that acknowledge to the primary and are no declared server.
func (d *decider) strangers(fp *topology.Facts) []string {
	var out []string
	for _, r := range fp.Replicas {
		declared := false
		for _, m := range d.s.Servers {
			declared = declared || strings.EqualFold(m.UUID, r.UUID)
		}
		if r.Acker && !declared {
			out = append(out, r.Host)
		}
	}
	return out
}

// arm turns waiting for acknowledgements on once enough ackers are attached, and records W.
func (d *decider) arm(fp *topology.Facts, attached, wait int) {
	role := Role{Primary: true, Armed: wait > 0 && (attached >= wait || d.s.Armed), WaitCount: wait}
	if diff := Differences(fp, Required(d.in.Spec.Policy, role)); len(diff) > 0 {
		d.do(Action{Kind: ActConfigure, Server: d.s.Primary, Settings: diff}, "")
	}
	isArmed := wait > 0 && armed(fp, wait)
	switch {
	case isArmed && !d.s.Armed:
		// What was committed until now waited for nobody: it has to be proven first.
		d.s.Armed, d.s.WaitCount, d.s.ProveUpTo = true, wait, fp.Executed
	case isArmed:
		d.s.WaitCount = min(d.s.WaitCount, wait)
	case d.s.Armed:
		d.unprovenBy(d.s.Primary + " was seen without the semi-sync settings that regent had set")
	}
	if hosts := d.strangers(fp); isArmed && len(hosts) > 0 {
		d.unprovenBy(fmt.Sprintf("%s acknowledges on %s and is no declared server", strings.Join(hosts, ", "), d.s.Primary))
	}
}

// unprovenBy notes that commits may be acknowledged by nobody who counts. How much there is to prove is
// read again when that has ended.
func (d *decider) unprovenBy(why string) {
	d.s.ProveUpTo = gtid.Set{}
	if d.s.Unproven == "" {
		d.s.Unproven = why
		d.event(Event{Kind: "degraded", Decision: "acknowledged writes are not proven", Reason: why})
	}
}

// prove lifts Unproven when the settings hold and so many ackers have what was written without them
// that one of those is in every T.
func (d *decider) prove(fp *topology.Facts) {
	if d.s.Unproven == "" || !d.s.Armed || !armed(fp, d.waitWanted()) || len(d.s.Ackers) == 0 || len(d.strangers(fp)) > 0 {
		return
	}
	if d.s.ProveUpTo.IsEmpty() {
		d.s.ProveUpTo = fp.Executed
	}
	if d.holding(d.s.Ackers, d.s.ProveUpTo) < max(d.s.WaitCount, 1) {
		return
	}
	d.event(Event{Kind: "armed", Decision: "acknowledged writes are kept", Reason: "enough ackers hold what was written before the settings were proven"})
	d.s.Unproven, d.s.ProveUpTo = "", gtid.Set{}
}

// holding counts the servers that answer and hold all of a set.
func (d *decider) holding(servers []string, set gtid.Set) int {
	n := 0
	for _, name := range servers {
		if f := d.facts(name); f != nil && f.Received().Contains(set) {
			n++
		}
	}
	return n
}

// caughtUp remembers the boot in which an acker was seen to hold all that the primary had: only what it
// received in that boot, or can prove to have kept, counts for it later. The primary must have been
// asked after the boot was first seen, so that its answer covers what the acker acknowledged before.
func (d *decider) caughtUp(server string, f, fp *topology.Facts) {
	m := d.s.Servers[server]
	switch {
	case m.CaughtUpBoot.Same(f.Boot):
		if boot := steadyBoot(m.CaughtUpBoot, f.Boot); boot != m.CaughtUpBoot {
			d.member(server, func(m *Member) { m.CaughtUpBoot = boot })
		}
	case !m.SeenBoot.Same(f.Boot) || m.SeenTerm != d.in.Term:
		d.member(server, func(m *Member) { m.SeenBoot, m.SeenAt, m.SeenTerm = f.Boot, d.in.Now, d.in.Term })
	case d.askedSince(d.s.Primary, m.SeenAt) && f.Received().Contains(fp.Executed.Union(d.s.Baseline)):
		d.member(server, func(m *Member) {
			m.CaughtUpBoot, m.SeenBoot, m.SeenAt, m.SeenTerm = f.Boot, topology.Boot{}, time.Time{}, 0
		})
	}
}

// mayShrink tells whether an acker can leave the set: the live primary shows it gone, it cannot come
// back by itself, because its process is dead and boots without replication, or because it was read
// back as acknowledging no more, and the others hold what it may have acknowledged alone. A silent
// acker stays: its receiver may still be connected.
func (d *decider) mayShrink(server string, f, fp *topology.Facts, wanted []string) bool {
	others := slices.DeleteFunc(slices.Clone(d.s.Ackers), func(n string) bool { return n == server })
	m := d.s.Servers[server]
	switch {
	case d.holding(others, fp.Executed) < max(d.waitWanted(), 1):
		return false
	case f != nil && m.Quarantine != nil:
		return f.BootsReadOnly() && (f.Source == nil || f.Source.Receiver == topology.ThreadOff)
	case f != nil:
		return !slices.Contains(wanted, server) && !f.On("rpl_semi_sync_replica_enabled") && !f.StatusOn("rpl_semi_sync_replica_status")
	case fp.ReplicaAttached(m.UUID):
		return false
	}
	sv := d.in.View.Find(server)
	if sv == nil || sv.Facts == nil || !sv.Facts.BootsReadOnly() {
		return false
	}
	refused := 0
	for _, n := range sv.Sights {
		if n.Reach != topology.ReachRefused {
			return false
		}
		if n.Refusals >= 2 {
			refused++
		}
	}
	return refused >= 2
}

// holders splits the ackers into those that hold all of a set and those that do not, with a word why.
func (d *decider) holders(set gtid.Set) (holders, missing []string) {
	for _, name := range d.in.Spec.InRegion(d.region(d.s.Primary)) {
		f := d.facts(name)
		switch {
		case name == d.s.Primary:
		case d.s.Servers[name].Quarantine != nil:
			missing = append(missing, name+" (quarantined)")
		case f == nil:
			missing = append(missing, name+" (not reachable)")
		case !f.Received().Contains(set):
			missing = append(missing, name+" (behind)")
		default:
			holders = append(holders, name)
		}
	}
	return holders, missing
}
