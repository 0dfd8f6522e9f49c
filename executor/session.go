package executor

import (
	"context"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// Session is a pinned connection to one server that holds the lock of a cluster. Methods that
// change something return the server's state after the change; with an error they return the last
// state known. An error that broke the connection makes Alive false for good.
type Session interface {
	// Facts is the state as last read on this connection; there always is one.
	Facts() *topology.Facts
	// Alive tells whether the connection, and with it the lock, may still exist.
	Alive() bool
	// Close releases the lock.
	Close()

	// Observe reads the state.
	Observe(ctx context.Context) (*topology.Facts, error)
	// Configure sets variables: persisted, for boots only, for now only.
	Configure(ctx context.Context, persist, persistOnly, transient map[string]string) (*topology.Facts, error)
	// InstallPlugins installs what semi-sync and clone need, where it is missing.
	InstallPlugins(ctx context.Context) (*topology.Facts, error)
	// Fence makes the server read-only, or withdraws the attempt after patience and fails.
	Fence(ctx context.Context, patience time.Duration) (*topology.Facts, error)
	// GoOffline disconnects applications; GoOnline lets them in again, on a read-only server.
	GoOffline(ctx context.Context) (*topology.Facts, error)
	GoOnline(ctx context.Context) (*topology.Facts, error)
	// Drain makes a server read-only whose commits wait for acknowledgements that never come,
	// without telling any client that its commit succeeded.
	Drain(ctx context.Context, limit time.Duration) (*topology.Facts, error)
	// Nudge has an open server log something that changes nothing, and waits until that is acknowledged.
	Nudge(ctx context.Context, limit time.Duration) (*topology.Facts, error)
	// StopReceiver stops receiving, and with it acknowledging, and shows that the server is claimed.
	StopReceiver(ctx context.Context) (*topology.Facts, error)
	// Claim makes sure that this connection holds the lock and that the receiver is off.
	Claim(ctx context.Context) (*topology.Facts, error)
	// AwaitExecuted runs the applier and waits for target, if all of it was received.
	AwaitExecuted(ctx context.Context, target gtid.Set, limit time.Duration) (*topology.Facts, error)
	// Fetch receives from another source and keeps what was received before.
	Fetch(ctx context.Context, address string) (*topology.Facts, error)
	// Follow makes a read-only server a replica of the one at address, if every transaction that
	// it holds is in target or came from the server sourceUUID; an empty target asks nothing.
	Follow(ctx context.Context, address, sourceUUID string, acker bool, target gtid.Set) (*topology.Facts, error)
	// BecomeSource removes the channel of a read-only server that has executed target and all that
	// it received, and sets variables. The applier is given that long to execute what was received.
	BecomeSource(ctx context.Context, target gtid.Set, limit time.Duration, persist, persistOnly, transient map[string]string) (*topology.Facts, error)
	// Open makes the server writable if target is executed and waitCount ackers are attached. With
	// an error the facts are those it was judged by, nil where they could not be read.
	Open(ctx context.Context, target gtid.Set, waitCount int) (*topology.Facts, error)
	// Clock reads the server's own clock.
	Clock(ctx context.Context) (time.Time, error)
	// Arm gives an open server the guard row want and its event. The lease lasts until that time of
	// the server's clock; with a zero time the present lease goes on. A newer row is left alone.
	Arm(ctx context.Context, want topology.Lease, until time.Time) (*topology.Facts, error)
	// ArmClosed does that to a server that may open by the rules of Open, and leaves it without
	// super_read_only; read_only stays on.
	ArmClosed(ctx context.Context, want topology.Lease, until time.Time, target gtid.Set, waitCount int) (*topology.Facts, error)
	// OpenGuarded is Open under the further condition that the guard row want is in force and ticks.
	OpenGuarded(ctx context.Context, want topology.Lease, target gtid.Set, waitCount int) (*topology.Facts, error)
	// Disarm removes the guard of an open server.
	Disarm(ctx context.Context) (*topology.Facts, error)
	// Clone replaces the data with those of the server at address and ends the connection.
	Clone(ctx context.Context, address string) error
}

// Opener opens a session: it connects, takes the lock in that term, taking it over from an earlier
// term's holder, and reads the state. It fails when a later term holds the lock.
type Opener func(ctx context.Context, cluster string, server topology.Server, term uint64) (Session, error)
