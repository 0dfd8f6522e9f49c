package trial

import (
	"context"
	"fmt"
	"time"
)

// behind is how long replicas receive nothing before the primary is lost: less than the leader needs to
// find that out and start them again.
const behind = 150 * time.Millisecond

// fallBehind stops what replicas receive and acknowledge, so that servers elsewhere get ahead of them.
func (w *World) fallBehind(ctx context.Context, servers []string) error {
	for _, server := range servers {
		db, err := w.DB(server)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, "STOP REPLICA IO_THREAD")
		_ = db.Close()
		if err != nil {
			return fmt.Errorf("trial: stop the receiver of %s: %w", server, err)
		}
	}
	return Rest(ctx, behind)
}
