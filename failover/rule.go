package failover

import (
	"fmt"
	"slices"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// counts tells whether the sets an acker shows can prove what it acknowledged (membership of T), and
// why not. An acker restarted since it was last seen caught up counts only if its relay log survives
// a restart whole: kept on recovery and synced before each acknowledgement.
func (d *decider) counts(server string, f *topology.Facts) (bool, string) {
	m := d.s.Servers[server]
	switch {
	case f == nil:
		return false, "is not reachable"
	case m.UUID != "" && m.UUID != f.UUID:
		return false, "is another server than before"
	case m.Quarantine != nil:
		return false, "is quarantined"
	case f.Source != nil && f.Source.ApplierError != "":
		return false, "has a broken applier: " + f.Source.ApplierError
	case d.provenBefore(server, f):
	case !m.CaughtUpBoot.Same(f.Boot):
		sync, ok := f.Number("sync_relay_log")
		if f.On("relay_log_recovery") || !ok || sync != 1 {
			return false, "restarted, and its relay log may have lost what it acknowledged (relay_log_recovery is ON or sync_relay_log is not 1)"
		}
	}
	return true, ""
}

// provenBefore tells whether the server still holds all that it held when an earlier attempt of the
// recovery found it counting, and has acknowledged to nobody since.
func (d *decider) provenBefore(server string, f *topology.Facts) bool {
	r := d.s.Recovery
	if r == nil || slices.ContainsFunc(r.Groups[min(1, len(r.Groups)):], func(g AckGroup) bool { return slices.Contains(g.Ackers, server) }) {
		return false
	}
	held, ok := r.Proven[server]
	return ok && f.Received().Contains(held)
}

// neverFenced is for decisions before anything was fenced.
func neverFenced(string) bool { return false }

// shortfall checks the promotion rule |A \ T| < W for every acker group, and returns what is missing,
// or nothing when the rule holds. A writer that is itself read-only by now acknowledges nothing more,
// and holds all that it ever acknowledged.
func shortfall(groups []AckGroup, counted func(server string) (bool, string), fenced func(writer string) bool) []string {
	var missing []string
	for _, g := range groups {
		if fenced(g.Writer) {
			continue
		}
		if g.Free {
			missing = append(missing, g.Writer+" is not read-only, and its commits waited for nobody")
			continue
		}
		var out []string
		for _, name := range g.Ackers {
			if ok, why := counted(name); !ok {
				out = append(out, name+" "+why)
			}
		}
		if len(out) >= max(g.Wait, 1) {
			for _, m := range out {
				if !slices.Contains(missing, m) {
					missing = append(missing, m)
				}
			}
		}
	}
	return missing
}

// unknownGroups says why the acker sets cannot be trusted, or "".
func (d *decider) unknownGroups() string {
	switch {
	case !d.semiSync():
		return ""
	case d.s.Unproven != "":
		return d.s.Unproven
	case !d.s.Armed || len(d.s.Ackers) == 0:
		return "the acker set of epoch " + fmt.Sprint(d.s.Epoch) + " is unknown"
	}
	return ""
}

// collected is what the counted servers of the current attempt hold, the union of which the new primary
// must have executed, and what other servers hold beside that.
type collected struct {
	union   gtid.Set
	holders map[string]gtid.Set
	from    []string // other servers that hold more than the union
	extra   map[string]gtid.Set
}

func (d *decider) collect() collected {
	r := d.s.Recovery
	c := collected{holders: map[string]gtid.Set{}, extra: map[string]gtid.Set{}}
	var others []string
	for _, s := range d.in.Spec.Servers {
		step := r.step(ActRevoke, s.Name)
		if step != nil && step.State == StepDone {
			held := step.Executed.Union(step.Received)
			c.holders[s.Name] = held
			if step.Counts || step.Fenced {
				c.union = c.union.Union(held)
				continue
			}
		}
		others = append(others, s.Name)
	}
	if step := r.step(ActFence, r.Old); step != nil && step.State == StepDone {
		c.union = c.union.Union(step.Executed)
		c.holders[r.Old] = step.Executed
	}
	for _, name := range others {
		held, ok := c.holders[name]
		if f := d.facts(name); !ok && f != nil && name != r.Old && d.s.Servers[name].Quarantine == nil {
			held = f.Received()
		}
		if extra := held.Subtract(c.union); !extra.IsEmpty() {
			c.from = append(c.from, name)
			c.extra[name] = extra
		}
	}
	return c
}

// step finds the newest step of a kind on a server in the current attempt.
func (r *Recovery) step(kind ActionKind, server string) *Step {
	for i := len(r.Steps) - 1; i >= 0; i-- {
		if s := &r.Steps[i]; s.Name == kind && s.Server == server && s.Attempt == r.Attempt {
			return s
		}
	}
	return nil
}
