package failover

import (
	"fmt"
	"slices"

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
	attached := 0
	for _, s := range d.in.Spec.Servers {
		f := d.facts(s.Name)
		if s.Name == d.s.Primary {
			continue
		}
		if f != nil && f.StatusOn("rpl_semi_sync_replica_status") && fp.ReplicaAttached(f.UUID) {
			if !slices.Contains(d.s.Ackers, s.Name) {
				d.growAckers(s.Name)
			}
			if slices.Contains(wanted, s.Name) {
				attached++
				d.caughtUp(s.Name, f)
			}
		}
		if slices.Contains(d.s.Ackers, s.Name) && d.mayShrink(s.Name, f, fp, wanted) {
			d.s.Ackers = slices.DeleteFunc(slices.Clone(d.s.Ackers), func(n string) bool { return n == s.Name })
		}
	}
	wait := d.waitWanted()
	d.arm(fp, attached, wait)
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
		d.s.Armed, d.s.WaitCount = true, wait
	case isArmed:
		d.s.WaitCount = min(d.s.WaitCount, wait)
	case d.s.Armed && d.s.Unproven == "":
		d.s.Unproven = d.s.Primary + " was seen without the semi-sync settings that regent had set"
		d.s.ProveUpTo = fp.Executed
		d.event(Event{Kind: "degraded", Decision: "acknowledged writes are not proven", Reason: d.s.Unproven})
	}
	if n := fp.SemiSyncClients(); isArmed && n > len(d.s.Ackers) {
		d.unprovenBy(fmt.Sprintf("%d servers acknowledge on %s, but only %d are known", n, d.s.Primary, len(d.s.Ackers)), fp)
	}
}

func (d *decider) unprovenBy(why string, fp *topology.Facts) {
	if d.s.Unproven == "" {
		d.s.Unproven, d.s.ProveUpTo = why, fp.Executed
		d.event(Event{Kind: "degraded", Decision: "acknowledged writes are not proven", Reason: why})
	}
}

// prove lifts Unproven when the settings hold and every acker has what was written without them.
func (d *decider) prove(fp *topology.Facts) {
	if d.s.Unproven == "" || !d.s.Armed || !armed(fp, d.waitWanted()) || len(d.s.Ackers) == 0 {
		return
	}
	if fp.SemiSyncClients() > len(d.s.Ackers) {
		return
	}
	if d.s.ProveUpTo.IsEmpty() {
		d.s.ProveUpTo = fp.Executed
	}
	for _, name := range d.s.Ackers {
		f := d.facts(name)
		if f == nil || !f.Received().Contains(d.s.ProveUpTo) {
			return
		}
	}
	d.event(Event{Kind: "armed", Decision: "acknowledged writes are kept", Reason: "every acker holds what was written before the settings were proven"})
	d.s.Unproven, d.s.ProveUpTo = "", gtid.Set{}
}

// caughtUp remembers the boot in which an acker was seen acknowledging: only what it received in
// that boot, or can prove to have kept, counts for it later.
func (d *decider) caughtUp(server string, f *topology.Facts) {
	if m := d.s.Servers[server]; !topology.SameBoot(m.CaughtUpBoot, f.BootedAt) && f.Received().Contains(d.s.Baseline) {
		d.member(server, func(m *Member) { m.CaughtUpBoot = f.BootedAt })
	}
}

// mayShrink tells whether an acker can leave the set: the live primary shows it gone, and it cannot
// come back by itself, because its process is dead and boots without replication, or because it was
// read back as acknowledging no more. A silent acker stays: its receiver may still be connected.
func (d *decider) mayShrink(server string, f, fp *topology.Facts, wanted []string) bool {
	m := d.s.Servers[server]
	if fp.ReplicaAttached(m.UUID) {
		if slices.Contains(wanted, server) || f == nil {
			return false
		}
		return !f.On("rpl_semi_sync_replica_enabled") && !f.StatusOn("rpl_semi_sync_replica_status")
	}
	if f != nil {
		return !slices.Contains(wanted, server) && !f.On("rpl_semi_sync_replica_enabled")
	}
	sv := d.in.View.Find(server)
	if sv == nil || sv.Facts == nil || !sv.Facts.BootsReadOnly() || len(d.s.Ackers)-1 < d.waitWanted() {
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
	for _, name := range d.ackersWanted(d.s.Primary) {
		f := d.facts(name)
		switch {
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
