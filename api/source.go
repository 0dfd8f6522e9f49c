package api

import (
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// Source is what reads need. Every node answers from its own copy.
type Source interface {
	// State is the node's copy of the agreed state; callers do not modify it.
	State() fsm.State
	// View is what this node knows of the declared servers of a cluster right now.
	View(cluster policy.ClusterSpec) topology.View
	Group() GroupStatus
}

// GroupStatus is the group of nodes as one of them sees it.
type GroupStatus struct {
	Node   string // the node that answers
	Leader string // empty when the node knows none
	Nodes  []GroupNode
	// Age is how long ago the node was in touch with the leader, 0 on the leader itself and
	// [topology.Never] when it was not since it started.
	Age time.Duration
}

// Leads tells that the answering node is the leader.
func (g *GroupStatus) Leads() bool { return g.Leader != "" && g.Leader == g.Node }

// reaches tells whether the answering node can ask another one.
func (g *GroupStatus) reaches(node string) bool {
	return slices.ContainsFunc(g.Nodes, func(n GroupNode) bool { return n.ID == node && n.Reachable })
}

// GroupNode is one node of the group.
type GroupNode struct {
	ID, Region, Site string
	// State is leader, follower, candidate or unreachable.
	State     string
	Reachable bool
	// LastContact is how long ago the answering node heard of it, [topology.Never] if not at all.
	LastContact time.Duration
}

// Orders is what changes need. Only the leader is asked; an implementation that finds itself not to
// be the leader wraps [ErrNotLeader].
type Orders interface {
	// Preview tells what the order would do. It wraps the errors of orders of package failover.
	Preview(ctx context.Context, o failover.Order) (failover.Preview, error)
	// Submit commits the order and returns the cluster right after that, before anything was done.
	Submit(ctx context.Context, o failover.Order) (fsm.Cluster, error)
	// Await returns the cluster as soon as done holds, or the context's error.
	Await(ctx context.Context, cluster string, done func(fsm.Cluster) bool) (fsm.Cluster, error)
	// Declare commits a declaration of clusters. It wraps [fsm.ErrStale] when a version moved on.
	Declare(ctx context.Context, specs fsm.PutSpecs) error
}

// ReportPart names one of the files of a report.
type ReportPart string

// Report parts.
const (
	PartSummary      ReportPart = "summary"      // JSON
	PartTransactions ReportPart = "transactions" // NDJSON, one transaction each
	PartHTML         ReportPart = "html"
	PartSQL          ReportPart = "sql"
	PartEntities     ReportPart = "entities"     // NDJSON, one affected row each
	PartEntitiesCSV  ReportPart = "entities.csv" // the same as a table
	PartHandover     ReportPart = "handover"     // NDJSON: what is left to a person, a row each
	PartHandoverCSV  ReportPart = "handover.csv"
)

// Reports are the files of reports that this node holds.
type Reports interface {
	// Copy writes the part's content, with the values of rows hidden unless they are to be revealed.
	// Errors wrap [ErrNoReport], with nothing written, when the files are not, or not yet, here.
	Copy(ctx context.Context, w io.Writer, id string, part ReportPart, reveal bool) error
}

// Settler looks at what settles a report, with the files on this node and the servers as they are.
type Settler interface {
	// Plan completes an order with what it means right now. It changes nothing else. Its errors are those of orders
	// of package failover.
	Plan(ctx context.Context, o *failover.Order) error
	// Progress is how a report stands on which this node works right now, false where it works on none.
	Progress(report string) (failover.Tally, bool)
}

// Peers carries requests to other nodes over the transport on which the nodes know each other.
type Peers interface {
	// Forward sends the request, whose URL has only path and query, to the node's
	// [Server.ForwardHandler] and returns that handler's answer untouched.
	Forward(ctx context.Context, node string, r *http.Request) (*http.Response, error)
}
