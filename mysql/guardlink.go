package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/regentdb/regent/topology"
)

// ErrNotRenewed means that the guard row is not the one that was to be renewed, or is gone.
var ErrNotRenewed = errors.New("the guard row is another one now")

// Guard renews the lease of a server, or reads whether a leader has claimed it. It keeps one
// connection, which it opens when there is none. Calls must not overlap.
type Guard struct {
	server *Server
	link   *link
}

// Guard answers access to the guard of the server. Nothing is opened yet.
func (s *Server) Guard() *Guard { return &Guard{server: s} }

// Read reads the guard row, nil where there is none, and the server's clock, in UTC, at a moment
// between the call and its return. Of the event it tells nothing.
func (g *Guard) Read(ctx context.Context) (*topology.Lease, time.Time, error) {
	b := (&batch{}).query("clock", clockQuery).add(guardBatch())
	got, err := g.run(ctx, b)
	if err != nil {
		return nil, time.Time{}, err
	}
	if refused := got[guardRowName].refused; refused != nil && !unguarded(refused) {
		return nil, time.Time{}, fmt.Errorf("mysql: %s: read the guard row: %w", g.server.name, refused)
	}
	n := numbers{}
	clock := n.clock(got["clock"].first()["clock"])
	var l *topology.Lease
	if r := got[guardRowName].first(); len(r) > 0 {
		l = n.lease(r)
	}
	if n.err != nil {
		return nil, time.Time{}, fmt.Errorf("mysql: %s: read the guard row: %w", g.server.name, n.err)
	}
	return l, clock, nil
}

// Renew has the lease last until the given time of the server's clock, or longer if it does already,
// provided that the row has the UUID, epoch and set version of the given one. The error wraps
// ErrNotRenewed when it has others.
func (g *Guard) Renew(ctx context.Context, row topology.Lease, until time.Time) error {
	return g.change(ctx, row, fmt.Sprintf("expires = GREATEST(expires, %s), renewed_by = %s", moment(until), quote(g.server.options.Node)))
}

// Mark notes in the row why the guard does not count, under the condition of Renew. A fault that is
// there already stays.
func (g *Guard) Mark(ctx context.Context, row topology.Lease, fault string) error {
	return g.change(ctx, row, "fault = IF(fault = '', LEFT("+quote(fault)+", 255), fault)")
}

// change is the compare-and-set on the row.
func (g *Guard) change(ctx context.Context, row topology.Lease, set string) error {
	key := fmt.Sprintf("one = 1 AND server_uuid = @@GLOBAL.server_uuid AND server_uuid = %s AND epoch = %d AND set_version = %d",
		quote(row.UUID), row.Epoch, row.SetVersion)
	b := (&batch{}).effect("leave the binary log alone", "SET SESSION sql_log_bin = OFF, innodb_lock_wait_timeout = 1")
	b.effect("change the guard row", "UPDATE "+guardTable+" SET "+set+" WHERE "+key)
	b.query("found", "SELECT COUNT(*) AS n FROM "+guardTable+" WHERE "+key)
	got, err := g.run(ctx, b)
	if err != nil {
		return err
	}
	if got["found"].first()["n"] != "1" {
		return fmt.Errorf("mysql: %s: %w", g.server.name, ErrNotRenewed)
	}
	return nil
}

// Claim looks for signs that a leader has claimed this replica in order to promote it or another
// server of the cluster, and says what it found, or "": the claim lock is held, or the receiver is off
// or receives from another server than source. A receiver that only cannot connect is no sign.
func (g *Guard) Claim(ctx context.Context, cluster, source string) (string, error) {
	b := (&batch{}).query("claim", "SELECT IS_USED_LOCK("+quote(claimName(cluster))+") AS held")
	b.query("receiver", "SELECT service_state, source_uuid FROM performance_schema.replication_connection_status WHERE "+channel)
	got, err := g.run(ctx, b)
	if err != nil {
		return "", err
	}
	r := got["receiver"].first()
	switch held := got["claim"].first()["held"]; {
	case held != "":
		return "a leader holds its claim, on connection " + held, nil
	case threadState(r["service_state"]) == topology.ThreadOff:
		return "its receiver is off", nil
	case !strings.EqualFold(r["source_uuid"], source):
		return fmt.Sprintf("it receives from %q", r["source_uuid"]), nil
	}
	return "", nil
}

// Close ends the connection; the next call opens a new one.
func (g *Guard) Close() {
	if g.link != nil {
		g.link.close()
		g.link = nil
	}
}

// run sends a batch on the connection, which it opens when there is none, and gives it up when it broke.
func (g *Guard) run(ctx context.Context, b *batch) (answers, error) {
	if g.link == nil {
		l, err := g.server.open(ctx, g.server.attributes("guard", 0))
		if err != nil {
			return nil, err
		}
		g.link = l
	}
	got, err := g.link.run(ctx, b)
	if g.link.broken {
		g.Close()
	}
	return got, err
}
