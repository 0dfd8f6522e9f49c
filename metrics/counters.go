package metrics

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// counters counts what the history says. Histories are agreed and bounded: every node counts the same
// events, from the oldest that was kept when it started, so that a change of leader resets nothing.
type counters struct {
	source                        Source
	recoveries, refusals, entered *prometheus.Desc

	mu     sync.Mutex
	last   map[string]string // cluster -> ID of the last event that is counted
	counts map[count]float64
}

// count is one series.
type count struct{ what, cluster, kind, outcome string }

// Series of counts.
const (
	countRecovery = "recovery"
	countRefusal  = "refusal"
	countHold     = "hold"
)

func newCounters(source Source) *counters {
	return &counters{
		source: source, last: map[string]string{}, counts: map[count]float64{},
		recoveries: prometheus.NewDesc("regent_recoveries_total", "Recoveries that ended, by kind and outcome.", []string{"cluster", "kind", "outcome"}, nil),
		refusals:   prometheus.NewDesc("regent_refusals_total", "Promotions and orders that were refused.", []string{"cluster"}, nil),
		entered:    prometheus.NewDesc("regent_holds_total", "Times that a cluster was put on hold, or the reason of its hold changed.", []string{"cluster"}, nil),
	}
}

// Describe lists the metrics.
func (c *counters) Describe(out chan<- *prometheus.Desc) {
	out <- c.recoveries
	out <- c.refusals
	out <- c.entered
}

// Collect counts what is new and shows all counts.
func (c *counters) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	agreed := c.source.State()
	for _, name := range agreed.Names() {
		cluster := agreed.Clusters[name]
		c.advance(name, &cluster)
	}
	for key, n := range c.counts {
		switch key.what {
		case countRecovery:
			out <- prometheus.MustNewConstMetric(c.recoveries, prometheus.CounterValue, n, key.cluster, key.kind, key.outcome)
		case countRefusal:
			out <- prometheus.MustNewConstMetric(c.refusals, prometheus.CounterValue, n, key.cluster)
		case countHold:
			out <- prometheus.MustNewConstMetric(c.entered, prometheus.CounterValue, n, key.cluster)
		}
	}
}

// advance counts the events since the last scrape. When more came than are kept, those that are gone
// are not counted.
func (c *counters) advance(name string, cluster *fsm.Cluster) {
	if _, seen := c.last[name]; !seen {
		// A series that begins at 0 lets a rate see the first event.
		c.counts[count{what: countRefusal, cluster: name}] += 0
		c.counts[count{what: countHold, cluster: name}] += 0
		for _, kind := range []failover.RecoveryKind{failover.KindFailover, failover.KindOverride} {
			for _, outcome := range []string{"done", "aborted"} {
				c.counts[count{countRecovery, name, string(kind), outcome}] += 0
			}
		}
	}
	known := slices.IndexFunc(cluster.History, func(e failover.Event) bool { return e.ID == c.last[name] })
	for i := range cluster.History[known+1:] {
		e := &cluster.History[known+1+i]
		c.add(name, e)
		c.last[name] = e.ID
	}
	if c.last[name] == "" {
		c.last[name] = "none"
	}
}

func (c *counters) add(name string, e *failover.Event) {
	outcome := "done"
	if e.Failed {
		outcome = "aborted"
	}
	switch e.Kind {
	case string(failover.KindFailover):
		c.counts[count{countRecovery, name, e.Kind, outcome}]++
	case string(failover.KindOverride):
		// The permission is an event of the same kind; only an ended recovery has steps.
		if len(e.Steps) > 0 {
			c.counts[count{countRecovery, name, e.Kind, outcome}]++
		}
	case "refusal":
		c.counts[count{what: countRefusal, cluster: name}]++
	case "hold":
		c.counts[count{what: countHold, cluster: name}]++
	}
}
