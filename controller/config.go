package controller

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// ErrNotLeader means that this node does not lead the group, so that it can order nothing.
var ErrNotLeader = errors.New("controller: this node is not the leader")

// Log is the agreed state and the way to change it.
type Log interface {
	// State is this node's copy; nobody modifies it.
	State() fsm.State
	// Propose commits a command and returns once it is applied here. Errors of fsm mean that it
	// changed nothing; after any other error the outcome is unknown.
	Propose(ctx context.Context, c fsm.Command) error
	// VerifyLeader asks a quorum whether this node still leads.
	VerifyLeader(ctx context.Context) error
	// Leadership tells whether this node leads, and knows everything that was committed before.
	Leadership() Leadership
	// Changed signals a new state or leadership; several changes may be one signal.
	Changed() <-chan struct{}
}

// Leadership is the standing of this node.
type Leadership struct {
	Leads bool
	Term  uint64
}

// Observer is what is seen.
type Observer interface {
	View(servers []topology.Server) topology.View
	// Alert asks for a close look at a cluster for a while.
	Alert(cluster string)
	Changed() <-chan struct{}
}

// Actor carries out one action. It returns soon after ctx ends.
type Actor interface {
	Do(ctx context.Context, a failover.Action) failover.Result
}

// Servers acts on servers.
type Servers interface {
	Actor
	// Hold takes the lock of a server as the leader of this term, which ends whatever an earlier
	// leader still has under way there, and changes nothing else.
	Hold(ctx context.Context, cluster, server string) (*topology.Facts, error)
	// Release gives back every lock that no action uses.
	Release()
}

// Notifier is told of every event that this node committed. It never blocks.
type Notifier interface {
	Notify(e failover.Event)
}

// Rules are the pure functions of package failover.
type Rules struct {
	Decide  func(failover.State, failover.Input) failover.Decision
	Accept  func(failover.State, failover.Input, failover.Order) (failover.Decision, error)
	Preview func(failover.State, failover.Input, failover.Order) (failover.Preview, error)
}

// Config is what a controller is told. Everything without a default is required.
type Config struct {
	Node     string
	Log      Log
	Observer Observer
	Servers  Servers
	// Reports captures and compares divergences on this node's disk.
	Reports  Actor
	Notifier Notifier
	Rules    Rules
	Logger   *slog.Logger
	// Tick is the longest time between two decisions of a cluster. Default 250 ms.
	Tick time.Duration
	// Deadline ends an action that carries none. Default 1 minute.
	Deadline time.Duration
	// Trap is called at every labelled point of a recovery (trap.go says which), so that a test can end
	// or stop the process exactly there. Nil outside of tests.
	Trap func(point string)
}

// Bounds of retries. How often something is tried is the decision's; these only keep a failing
// action from running as fast as the machine can.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Second
	// doneRest is how long an action that was done is not repeated: a probe interval and a report.
	doneRest = time.Second
	// deadlineGrace is what an action is given beyond its deadline to say how it ended.
	deadlineGrace = 2 * time.Second
	// holdLimit bounds the wait for the locks of an open record when the leadership begins.
	holdLimit = time.Second
	// submitTries is how often an order is recomputed when the state changed meanwhile.
	submitTries = 5
)

func (c Config) withDefaults() Config {
	c.Tick = cmp.Or(c.Tick, 250*time.Millisecond)
	c.Deadline = cmp.Or(c.Deadline, time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
