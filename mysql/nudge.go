package mysql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/topology"
)

// nudge is logged, and changes nothing on any server that executes it but when InnoDB's log is flushed.
const nudge = "FLUSH ENGINE LOGS"

// Nudge has an open server log something that changes nothing, on a connection of its own, since that waits
// for acknowledgements as every commit does. Its acknowledgement counts for everything before it as well, which
// ends the wait for those that were lost with a connection (docs/adr/0014). The error wraps ErrCondition if the
// server is read-only, or an earlier nudge still waits.
func (s *Session) Nudge(ctx context.Context, limit time.Duration) (*topology.Facts, error) {
	failed := func(err error) (*topology.Facts, error) {
		return s.last.facts, fmt.Errorf("mysql: %s: nudge: %w", s.server.name, err)
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	aide, err := s.server.open(limited, s.server.attributes("nudge", s.term))
	if err != nil {
		return failed(err)
	}
	defer aide.close()
	b := (&batch{}).require("it takes writes", "NOT @@GLOBAL.read_only").
		require("no nudge of before waits", "NOT EXISTS (SELECT 1 FROM performance_schema.threads "+
			"WHERE processlist_id <> CONNECTION_ID() AND processlist_info = "+quote(nudge)+")")
	_, err = aide.run(limited, b.effect("log something that changes nothing", nudge))
	facts, unread := s.Observe(ctx)
	if joined := errors.Join(err, unread); joined != nil {
		return failed(joined)
	}
	return facts, nil
}
