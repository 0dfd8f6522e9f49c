package executor

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/regentdb/regent/topology"
)

// unheard tells that a half-closed server waits for acknowledgements that will not come: commits wait,
// and between two answers none was acknowledged though enough ackers were attached all the time. They
// acknowledged on connections that are gone, and are not sent again what they have (docs/adr/0014).
func unheard(before, after *topology.Facts, waitCount int) bool {
	const waiting, clients, acknowledged = "rpl_semi_sync_source_wait_sessions", "rpl_semi_sync_source_clients", "rpl_semi_sync_source_yes_tx"
	attached := min(count(before, clients), count(after, clients))
	return waitCount > 0 && attached >= waitCount && min(count(before, waiting), count(after, waiting)) > 0 &&
		before.Status[acknowledged] == after.Status[acknowledged] && !after.ReadOnly() && !after.Writable()
}

// count is a number among the status values of a server, 0 where it shows none.
func count(f *topology.Facts, name string) int {
	n, err := strconv.Atoi(f.Status[name])
	if err != nil {
		return 0
	}
	return n
}

// endUnheard makes a half-closed server read-only whose commits wait in vain. They are committed, and no
// client is told: those that offline_mode has disconnected have their answer, and those that are left are
// killed. It always ends in an error: what was committed has to be seen on the ackers before the server opens.
func endUnheard(ctx context.Context, s Session, left func() time.Duration) (*topology.Facts, error) {
	facts, err := s.Drain(ctx, left()*2/3)
	if err != nil {
		return facts, err
	}
	// Before the ackers come back, so that they are counted, and no write is let in unacknowledged.
	if facts, err = s.Configure(ctx, nil, nil, map[string]string{"rpl_semi_sync_source_enabled": "ON"}); err != nil {
		return facts, err
	}
	if facts, err = s.GoOnline(ctx); err != nil {
		return facts, err
	}
	return facts, fmt.Errorf("%w: commits waited for acknowledgements that were lost with their connections, and were ended without telling any client; "+
		"it opens when its ackers hold them", ErrUnmet)
}

// nudge has an open server log something where commits wait; it does nothing where none does any more.
func nudge(left func() time.Duration) step {
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		facts, err := s.Observe(ctx)
		if err != nil || count(facts, "rpl_semi_sync_source_wait_sessions") == 0 {
			return facts, err
		}
		return s.Nudge(ctx, left()*3/4)
	}
}
