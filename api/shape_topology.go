package api

import (
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// Roles of servers.
const (
	rolePrimary      = "primary"
	roleReplica      = "replica"
	roleIntermediate = "intermediate"
	roleQuarantined  = "quarantined"
	roleUnknown      = "unknown"
)

// topologyOf shapes one cluster with every declared server.
func topologyOf(c *fsm.Cluster, view topology.View, now time.Time) Topology {
	t := Topology{ClusterStatus: clusterStatus(c, &view, now), Servers: []ServerStatus{}}
	quarantined := map[string]string{}
	for name, m := range c.State.Servers {
		if m.Quarantine != nil {
			quarantined[name] = m.Quarantine.Reason
		}
	}
	verdicts := policy.Candidates(policy.Question{Spec: &c.Spec, View: &view, Primary: c.State.Primary, Quarantined: quarantined})
	for i, spec := range c.Spec.Servers {
		s := serverStatus(c, &view, spec)
		s.Eligible = verdicts[i].Eligible
		if !s.Eligible {
			s.IneligibleReason = verdicts[i].Reason
		}
		s.Quarantine = quarantined[spec.Name]
		t.Servers = append(t.Servers, s)
	}
	return t
}

func serverStatus(c *fsm.Cluster, view *topology.View, spec policy.ServerSpec) ServerStatus {
	s := ServerStatus{
		Server: spec.Name, Address: spec.Address, Region: spec.Region, Site: spec.Site, Promotion: spec.Promotion, Sights: []Sight{},
	}
	seen := view.Find(spec.Name)
	s.BootUnproven = bootUnproven(c.State.Servers[spec.Name].Witness, seen)
	s.BootProven = s.BootUnproven == ""
	s.BinaryLogs = keptLogs(c.State.Servers[spec.Name].Kept, seen)
	if seen == nil {
		s.Role = roleOf(c, spec.Name, nil)
		return s
	}
	for _, n := range seen.Sights {
		s.Sights = append(s.Sights, Sight{Node: n.Node, Reach: string(n.Reach), Error: n.Error})
	}
	s.Role = roleOf(c, spec.Name, seen.Facts)
	s.Reachable = seen.Reachable(view.Fresh)
	if f := seen.Facts; f != nil {
		s.Version, s.GTIDExecuted = f.Version, f.Executed.String()
		s.Source = sourceOf(view, f)
		s.ErrantGTIDs = errant(c, view, spec.Name, f).String()
	}
	if current := view.Current(spec.Name); current != nil {
		writable := current.Writable()
		s.Writable = &writable
		s.LagSeconds = lagOf(current)
		s.Lease = leaseStatus(current)
	}
	return s
}

func keptLogs(k *failover.Kept, seen *topology.ServerView) *KeptLogs {
	if k == nil {
		return nil
	}
	out := &KeptLogs{Since: k.Since.UTC(), Setting: k.Variable, Before: k.Was, Observed: k.Observed, Error: k.Error}
	if seen != nil && seen.Logs != nil {
		out.Files, out.Bytes = &seen.Logs.Files, &seen.Logs.Bytes
	}
	return out
}

func bootUnproven(w failover.Witness, seen *topology.ServerView) string {
	if seen == nil || seen.Facts == nil {
		return "it was never seen"
	}
	return w.Unproven(seen.Facts)
}

// roleOf says what a server is. Only the agreed primary is called one: on a split the other writable
// server shows by being writable.
func roleOf(c *fsm.Cluster, name string, f *topology.Facts) string {
	switch {
	case c.State.Servers[name].Quarantine != nil:
		return roleQuarantined
	case name == c.State.Primary:
		return rolePrimary
	case f == nil || f.Source == nil:
		return roleUnknown
	case len(f.Replicas) > 0:
		return roleIntermediate
	}
	return roleReplica
}

func sourceOf(view *topology.View, f *topology.Facts) *string {
	if f.Source == nil {
		return nil
	}
	name := f.Source.Address()
	if s := view.ByUUID(f.Source.UUID); s != nil {
		name = s.Name
	} else if s := view.ByAddress(name); s != nil {
		name = s.Name
	}
	return &name
}

// lagOf is unknown while nothing is received: what was not sent cannot be late.
func lagOf(f *topology.Facts) *float64 {
	if f.Source == nil || f.Source.Receiver != topology.ThreadOn {
		return nil
	}
	return f.Source.LagSeconds
}

// errant is what the server has executed and the primary has not, with what a quarantine recorded.
// The primary's own transactions are left out: the two answers are of different moments, and a
// replica may have been asked later.
func errant(c *fsm.Cluster, view *topology.View, name string, f *topology.Facts) gtid.Set {
	var extra gtid.Set
	if q := c.State.Servers[name].Quarantine; q != nil {
		extra = q.Extra
	}
	primary := view.Find(c.State.Primary)
	if primary == nil || primary.Facts == nil || primary.Name == name {
		return extra
	}
	own, err := gtid.Parse(primary.Facts.UUID + ":1-9223372036854775806") // the largest number the manual allows, section 19.1.3.1
	if err != nil {
		return extra
	}
	return extra.Union(f.Executed.Subtract(primary.Facts.Executed).Subtract(own))
}
