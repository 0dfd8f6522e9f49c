package observer

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/regentdb/regent/topology"
)

// Server is one server as the observer talks to it. Every method returns soon after its context ends.
type Server interface {
	// Observe reads the server's state on a persistent connection, which it opens when there is none.
	// Calls do not overlap. The facts belong to the caller.
	Observe(ctx context.Context) (*topology.Facts, error)
	// Watch opens another connection, blocks until that breaks, and returns the reason.
	Watch(ctx context.Context) error
	// Close ends the connection of Observe without waiting for the server; the next Observe opens
	// a new one.
	Close()
}

// Connect gives access to a server. It opens nothing yet.
type Connect func(server topology.Server) Server

// Classify tells what an error of Observe says about the server.
type Classify func(err error) topology.Reach

// Lost tells whether an error means that the other end closed a connection that stood.
type Lost func(err error) bool

// Publish hands a report to another node.
type Publish func(ctx context.Context, node string, report topology.Report) error

// Node is a member of the group. Site and Region are empty while nobody knows them.
type Node struct {
	ID, Site, Region string
}

// Target is a declared server and the cluster it belongs to.
type Target struct {
	Server  topology.Server
	Cluster string
}

// Config is what an observer is told. Everything without a default is required.
type Config struct {
	Self  Node
	Peers []Node // the other members of the group
	// Boot is unique per process, so that the sequence of a restarted node starts anew.
	Boot string
	// Interval is how often each server is probed and each peer is told. Default 500 ms.
	Interval time.Duration
	// Timeout bounds one attempt, the opening of a connection included. Default 1 s.
	Timeout time.Duration
	// Fresh is the age up to which an answer or report counts as current. Default Interval + Timeout,
	// at least 1.5 s.
	Fresh    time.Duration
	Connect  Connect
	Classify Classify
	Lost     Lost
	Publish  Publish
	// Probed is told of every attempt, for metrics; nil: nobody is.
	Probed func(server string, reach topology.Reach, took time.Duration)
	Logger *slog.Logger
}

// The observer's own paces. They bound load, not safety: nothing is decided by them.
const (
	// refusalPause lies between the first refused connection and the next attempt: a refusal counts
	// only when it repeats.
	refusalPause = 5 * time.Millisecond
	// coalesce is how long a push waits for further news.
	coalesce = 5 * time.Millisecond
	// inFlight is how many reports to one peer may be on their way at once.
	inFlight = 4
	// alertPace is the probe interval of a cluster when its alert begins, and alertLull what it grows to.
	alertPace = 50 * time.Millisecond
	alertLull = 200 * time.Millisecond
	// alertGap lies between two probes at least, whoever asks for the second.
	alertGap = 25 * time.Millisecond
	// alertTail is how long an alert lasts at least, so that what a loss causes is seen too.
	alertTail = 2 * time.Second
	// alertSpan is how long an alert lasts at most without further news.
	alertSpan = 10 * time.Second
	// minFresh is the least default of Config.Fresh.
	minFresh = 1500 * time.Millisecond
	// bootsKept is how many earlier boots of a node are remembered, to drop their late reports.
	bootsKept = 8
	// peersKept bounds what is remembered of a node's own sight of the group, far above the size of any.
	peersKept = 64
)

func (c Config) withDefaults() Config {
	c.Interval = cmp.Or(c.Interval, 500*time.Millisecond)
	c.Timeout = cmp.Or(c.Timeout, time.Second)
	c.Fresh = cmp.Or(c.Fresh, max(c.Interval+c.Timeout, minFresh))
	if c.Probed == nil {
		c.Probed = func(string, topology.Reach, time.Duration) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
