package metrics

import (
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// Source is what a scrape reads.
type Source interface {
	// State is the node's copy of the agreed state; it is not modified.
	State() fsm.State
	// View is what this node knows of the declared servers of a cluster right now.
	View(cluster policy.ClusterSpec) topology.View
	Raft() Raft
}

// Raft is how a node stands in its group.
type Raft struct {
	Leads        bool
	Term         uint64
	AppliedIndex uint64
	// Age is how long ago the node was in touch with the leader, [topology.Never] if not at all.
	Age time.Duration
	// Peers tells for every other node whether it can be reached.
	Peers map[string]bool
}

// Metrics are the metrics of one node, in a registry of their own.
type Metrics struct {
	registry *prometheus.Registry
	probes   *prometheus.HistogramVec
	logger   *slog.Logger
}

// New returns metrics that read from the source. version is the release that runs.
func New(source Source, version string, logger *slog.Logger) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		logger:   logger,
		probes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "regent_probe_duration_seconds",
			Help:    "How long this node's probes of servers took, by outcome.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, []string{"server", "reach"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "regent_build_info", Help: "The release that runs; always 1.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(
		newState(source), newCounters(source), m.probes, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Probed counts one probe of a server.
func (m *Metrics) Probed(server string, reach topology.Reach, took time.Duration) {
	m.probes.WithLabelValues(server, string(reach)).Observe(took.Seconds())
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(m.logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
	})
}
