package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// state shows what is agreed and what is seen, read at the time of the scrape.
type state struct {
	source Source

	leader, term, applied, age, peer      *prometheus.Desc
	condition, epoch, primary, hold       *prometheus.Desc
	paused, recovering, kept, degraded    *prometheus.Desc
	flapping, guardArmed, lease, tick     *prometheus.Desc
	reachable, writable, lag, quarantined *prometheus.Desc
	keepsLogs, logBytes                   *prometheus.Desc
	report, reportOpen                    *prometheus.Desc
}

func newState(source Source) *state {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("regent_"+name, help, labels, nil)
	}
	return &state{
		source:  source,
		leader:  desc("leader", "1 if this node leads the group, else 0."),
		term:    desc("raft_term", "The Raft term of this node."),
		applied: desc("raft_applied_index", "The index of the last log entry that this node applied."),
		age:     desc("leader_contact_age_seconds", "How long ago this node was in touch with the leader; absent if it never was."),
		peer:    desc("node_reachable", "1 if this node can reach the other node, else 0.", "node"),

		condition:  desc("cluster_state", "1 for the state that the cluster is in, 0 for the others.", "cluster", "state"),
		epoch:      desc("cluster_epoch", "The epoch of the cluster, raised by every change of primary; 0 before adoption.", "cluster"),
		primary:    desc("cluster_primary", "1 for the server that is the primary of the epoch.", "cluster", "server"),
		hold:       desc("holds", "1 while the cluster is on hold, else 0.", "cluster"),
		paused:     desc("cluster_paused", "1 while automation is paused for the cluster, else 0.", "cluster"),
		kept:       desc("cluster_acknowledged_kept", "1 while acknowledged writes are known to be kept through a failover, else 0; absent under durability async.", "cluster"),
		degraded:   desc("cluster_degraded", "1 while the primary waits for no acknowledgement, as its policy prefers to blocking, else 0; absent under durability async.", "cluster"),
		flapping:   desc("cluster_flapping", "1 while automation waits for an acknowledgement after too many failovers, else 0.", "cluster"),
		recovering: desc("cluster_recovering", "1 while a recovery of the cluster is open, else 0.", "cluster"),

		guardArmed: desc("guard_armed", "1 if somebody may be promoted when the lease of the primary has lapsed, else 0; absent without a guard.", "cluster"),
		lease:      desc("guard_lease_remaining_seconds", "What was left of the primary's lease when it was last read, by its own clock; absent without a guard row.", "cluster", "server"),
		tick:       desc("guard_tick_age_seconds", "How long ago the event of the primary's guard had run when it was last read; absent if it never did.", "cluster", "server"),

		reachable:   desc("server_reachable", "1 if any node gets answers from the server, else 0.", "cluster", "server", "region"),
		writable:    desc("server_writable", "1 if the server takes writes, else 0; absent while it cannot be asked.", "cluster", "server", "region"),
		lag:         desc("server_lag_seconds", "How far the replica is behind; absent when unknown.", "cluster", "server", "region"),
		quarantined: desc("server_quarantined", "1 while the server is kept apart for transactions that the primary lacks, else 0.", "cluster", "server", "region"),
		keepsLogs:   desc("server_keeps_binary_logs", "1 while regent has the server keep its binary logs for a report that nobody settled, else 0.", "cluster", "server", "region"),
		logBytes:    desc("server_kept_binary_log_bytes", "What the binary logs occupy of a server that keeps them for a report; absent for others.", "cluster", "server", "region"),

		report:     desc("report_transactions", "Transactions in reports that nobody settled yet, by class.", "cluster", "class"),
		reportOpen: desc("reports_open", "Reports that nobody settled yet.", "cluster"),
	}
}

// Describe lists the metrics.
func (s *state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		s.leader, s.term, s.applied, s.age, s.peer, s.condition, s.epoch, s.primary, s.hold, s.paused, s.recovering,
		s.kept, s.degraded, s.flapping, s.guardArmed, s.lease, s.tick,
		s.reachable, s.writable, s.lag, s.quarantined, s.keepsLogs, s.logBytes, s.report, s.reportOpen,
	} {
		out <- d
	}
}

// scrape is one reading.
type scrape struct{ out chan<- prometheus.Metric }

func (s scrape) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (s scrape) flag(d *prometheus.Desc, on bool, labels ...string) {
	value := 0.0
	if on {
		value = 1
	}
	s.gauge(d, value, labels...)
}

// Collect reads everything once.
func (s *state) Collect(out chan<- prometheus.Metric) {
	to := scrape{out}
	s.collectRaft(to)
	agreed := s.source.State()
	for _, name := range agreed.Names() {
		c := agreed.Clusters[name]
		view := s.source.View(c.Spec)
		s.collectCluster(to, name, &c, &view)
		for i := range view.Servers {
			s.collectServer(to, name, &c, &view, &view.Servers[i])
		}
		s.collectReports(to, name, c.State.Divergences)
	}
}

func (s *state) collectRaft(to scrape) {
	r := s.source.Raft()
	to.flag(s.leader, r.Leads)
	to.gauge(s.term, float64(r.Term))
	to.gauge(s.applied, float64(r.AppliedIndex))
	if r.Age != topology.Never {
		to.gauge(s.age, r.Age.Seconds())
	}
	for node, reachable := range r.Peers {
		to.flag(s.peer, reachable, node)
	}
}

func (s *state) collectCluster(to scrape, name string, c *fsm.Cluster, view *topology.View) {
	is, _ := failover.Condition(&c.Spec, &c.State, view)
	for _, word := range failover.Words() {
		to.flag(s.condition, word == is, name, string(word))
	}
	to.gauge(s.epoch, float64(c.State.Epoch), name)
	if c.State.Primary != "" {
		to.gauge(s.primary, 1, name, c.State.Primary)
	}
	to.flag(s.hold, c.State.Hold != nil, name)
	to.flag(s.paused, c.State.Paused != nil, name)
	to.flag(s.recovering, c.State.Recovery != nil, name)
	to.flag(s.flapping, c.State.Flapping, name)
	if c.Spec.Policy.Durability == policy.DurabilitySemiSync {
		to.flag(s.kept, c.State.Epoch > 0 && c.State.Unproven == "", name)
		to.flag(s.degraded, c.State.Shortage != nil && c.State.Shortage.Degraded, name)
	}
	s.collectGuard(to, name, c, view)
}

func (s *state) collectGuard(to scrape, name string, c *fsm.Cluster, view *topology.View) {
	if !c.Spec.Policy.Guard.Enabled {
		return
	}
	g := c.State.Guard
	to.flag(s.guardArmed, g != nil && g.Armed && g.Epoch == c.State.Epoch, name)
	f := view.Current(c.State.Primary)
	if f == nil || f.Lease == nil {
		return
	}
	to.gauge(s.lease, f.Lease.Remaining.Seconds(), name, c.State.Primary)
	if f.Lease.TickAge != topology.Never {
		to.gauge(s.tick, f.Lease.TickAge.Seconds(), name, c.State.Primary)
	}
}

func (s *state) collectServer(to scrape, name string, c *fsm.Cluster, view *topology.View, server *topology.ServerView) {
	labels := []string{name, server.Name, server.Region}
	to.flag(s.reachable, server.Reachable(view.Fresh), labels...)
	to.flag(s.quarantined, c.State.Servers[server.Name].Quarantine != nil, labels...)
	k := c.State.Servers[server.Name].Kept
	to.flag(s.keepsLogs, k != nil && !k.Observed && k.Error == "", labels...)
	if server.Logs != nil {
		to.gauge(s.logBytes, float64(server.Logs.Bytes), labels...)
	}
	f := view.Current(server.Name)
	if f == nil {
		return
	}
	to.flag(s.writable, f.Writable(), labels...)
	if f.Source != nil && f.Source.LagSeconds != nil && f.Source.Receiver == topology.ThreadOn {
		to.gauge(s.lag, *f.Source.LagSeconds, labels...)
	}
}

func (s *state) collectReports(to scrape, name string, all []failover.Divergence) {
	open := 0
	classes := map[string]int{}
	for i := range all {
		if all[i].State == failover.DivergenceSettled {
			continue
		}
		open++
		for class, n := range all[i].ByClass {
			classes[class] += n
		}
	}
	to.gauge(s.reportOpen, float64(open), name)
	for class, n := range classes {
		to.gauge(s.report, float64(n), name, class)
	}
}
