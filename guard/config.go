package guard

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"time"

	"github.com/regentdb/regent/topology"
)

// ErrRefused means that a leader that had verified itself refuses a renewal: a claim or a recovery is
// open, or the row is not the one that was agreed.
var ErrRefused = errors.New("guard: the leader refuses the renewal")

// Server is a server as a renewer talks to it, on one connection that is opened when there is none.
// Calls do not overlap, and each returns soon after its context ends.
type Server interface {
	// Read answers the guard row, nil where there is none, and what the server's clock said between
	// the call and its return.
	Read(ctx context.Context) (*topology.Lease, time.Time, error)
	// Renew has the lease last until that time of the server's clock, or longer if it does already,
	// if the row has the UUID, epoch and set version of the given one. Else it fails.
	Renew(ctx context.Context, row topology.Lease, until time.Time) error
	// Mark writes into the row why the guard does not count, on the same condition.
	Mark(ctx context.Context, row topology.Lease, fault string) error
	// Claim says by what the server shows that a leader has claimed it, or that it does not follow
	// the server with the uuid source; "" where it does neither.
	Claim(ctx context.Context, cluster, source string) (string, error)
	// Close ends the connection; the next call opens a new one.
	Close()
}

// Permit asks the leader whether a lease may be renewed. Nil is a permission that was given after the
// call; the error wraps ErrRefused when a verified leader says no, and is another one when no leader
// has answered.
type Permit func(ctx context.Context, cluster string, row topology.Lease) error

// Target is a cluster whose primary may have a guard.
type Target struct {
	Cluster string
	Primary topology.Server
	// Servers are the declared servers of the cluster by name.
	Servers map[string]topology.Server
	// Near tells that this node stands where the primary does: it renews in any case.
	Near bool
}

func (t *Target) equal(o *Target) bool {
	return t.Cluster == o.Cluster && t.Primary == o.Primary && t.Near == o.Near && maps.Equal(t.Servers, o.Servers)
}

// Config is what a renewer is told. All fields but Logger are required.
type Config struct {
	// Targets are the clusters to look after, as far as this node knows what is agreed.
	Targets func() []Target
	// Changed signals that Targets may answer otherwise.
	Changed <-chan struct{}
	Connect func(server topology.Server) Server
	Permit  Permit
	Logger  *slog.Logger
}

const (
	// restPace is the time between two looks at a primary without a guard, and at one that does not
	// answer.
	restPace = time.Second
	// leastPace is the least time between two looks, whatever the row says.
	leastPace = 100 * time.Millisecond
	// readLimit bounds the reading of a row.
	readLimit = time.Second
)
