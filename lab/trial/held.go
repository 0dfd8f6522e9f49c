package trial

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/regentdb/regent/lab/workload"
)

// held keeps replicas from applying what they receive and acknowledge, as a long transaction does.
type held struct{ locks []*sql.DB } // of one connection each, with which the lock goes

// holdApply begins that, and lets some writes pile up.
func (w *World) holdApply(ctx context.Context, servers []string) (*held, error) {
	h := &held{}
	for _, server := range servers {
		db, err := w.DB(server)
		if err != nil {
			h.letGo()
			return nil, err
		}
		db.SetMaxOpenConns(1)
		h.locks = append(h.locks, db)
		if _, err := db.ExecContext(ctx, "LOCK TABLES "+workload.Table+" READ"); err != nil {
			h.letGo()
			return nil, fmt.Errorf("trial: hold the applier of %s: %w", server, err)
		}
	}
	return h, Rest(ctx, 500*time.Millisecond)
}

// letGo has them apply again. It may be asked twice, and of none.
func (h *held) letGo() {
	if h == nil {
		return
	}
	for _, db := range h.locks {
		_ = db.Close()
	}
	h.locks = nil
}
