package workload

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Run drives the writers until the duration or ctx ends, and sums up what
// they recorded. Attempts that are under way then are finished and recorded
// first. The error wraps ErrConfig, ErrLedger, or says that no server accepted
// writes before the end.
func Run(ctx context.Context, config Config) (Summary, error) {
	if err := config.validate(); err != nil {
		return Summary{}, err
	}
	if config.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, config.Duration)
		defer cancel()
	}
	// Routing goes on while the last attempts finish; it ends with the group.
	routing, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &run{config: config, ledger: &ledger{out: config.Ledger}, router: newRouter(config, config.pool)}
	var routers errgroup.Group
	routers.Go(func() error { return r.router.run(routing) })
	err := r.write(ctx)
	stop()
	if routerErr := routers.Wait(); err == nil {
		err = routerErr
	}
	return summarize(config.Region, r.attempts, time.Now().UTC()), err
}

// run is the state that the writers of a run share.
type run struct {
	config Config
	ledger *ledger
	router *router

	mu       sync.Mutex
	attempts []Attempt
}

func (r *run) write(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	writers, ctx := errgroup.WithContext(ctx)
	for number := range r.config.Connections {
		w := &writer{run: r, plan: newPlan(r.config, number), number: number}
		writers.Go(func() error { return w.loop(ctx) })
	}
	return writers.Wait()
}

// record writes an attempt to the ledger and keeps it for the summary.
func (r *run) record(a *Attempt) error {
	if err := r.ledger.append(a); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts = append(r.attempts, *a)
	return nil
}

// prepare creates the table where it is missing, and the shared keys that are
// missing for the Mixed kind.
func (r *run) prepare(ctx context.Context) error {
	preparer := &writer{run: r, number: -1}
	for serial := 1; ; serial++ {
		a, err := preparer.preparation(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("workload: no server of the cluster accepted writes from %s: %w", r.config.Region, context.Cause(ctx))
		}
		if err != nil {
			preparer.leave(time.Now())
			continue
		}
		if a == nil {
			preparer.leave(time.Now())
			return nil
		}
		a.ID = fmt.Sprintf("%s-%s-prepare-%d", r.config.Run, r.config.Region, serial)
		if err := preparer.attempt(ctx, a); err != nil {
			return err
		}
	}
}

// preparation answers the next attempt that the table needs, or nil.
func (w *writer) preparation(ctx context.Context) (*Attempt, error) {
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, w.run.config.WriteTimeout)
	defer cancel()
	config := w.run.config
	a := &Attempt{Run: config.Run, Writer: w.number, Region: config.Region}
	var tables int
	err := w.session.conn.QueryRowContext(ctx,
		"SELECT COUNT(*) FROM information_schema.tables WHERE CONCAT(table_schema, '.', table_name) = ?", Table).Scan(&tables)
	if err != nil {
		return nil, err
	}
	if tables == 0 {
		a.Statements = []Statement{{Op: Create}}
	} else if config.Kind == Mixed {
		if a.Statements, err = w.missingPool(ctx); err != nil {
			return nil, err
		}
	}
	if len(a.Statements) == 0 {
		return nil, nil
	}
	a.describe()
	return a, nil
}

// missingPool are the inserts of the shared keys that are not there.
func (w *writer) missingPool(ctx context.Context) ([]Statement, error) {
	rows, err := w.session.conn.QueryContext(ctx, "SELECT id FROM "+Table+" WHERE id LIKE 'pool-%'")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	there := map[string]bool{}
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		there[key] = true
	}
	var missing []Statement
	for i := range poolSize {
		if key := poolKey(i); !there[key] {
			missing = append(missing, Statement{Op: Insert, Key: key, Amount: int64(i), Note: "shared by all writers"})
		}
	}
	return missing, rows.Err()
}
