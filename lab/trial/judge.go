package trial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/lab/workload"
)

// JudgeLedger compares a server's rows with the ledgers of this trial and all before it: every
// acknowledged write must be there, and nothing that nobody asked for. The attempts then belong to
// the past of later trials.
func (w *World) JudgeLedger(ctx context.Context, server string, attempts []workload.Attempt) error {
	db, err := w.DB(server)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	rows, err := workload.ReadRows(ctx, db)
	if err != nil {
		return err
	}
	all := slices.Concat(w.past, attempts)
	findings := workload.Check(all, rows)
	if len(findings) == 0 {
		w.past = all
		return nil
	}
	f := findings[0]
	return judged("%d rows of %s contradict the ledger; the first is %s: %s (attempt %s: %s)", len(findings), server, f.Key, f.Problem, f.Attempt, f.Detail)
}

// remember keeps attempts that nobody has judged: what they wrote is no riddle to later trials.
func (w *World) remember(attempts []workload.Attempt) { w.past = append(w.past, attempts...) }

// Forget empties the table of the writers on the primary, after a contradiction that was reported: later
// trials would find it again.
func (w *World) Forget(ctx context.Context) error {
	c, err := w.State(ctx)
	if err != nil {
		return err
	}
	db, err := w.DB(c.Primary)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, "DELETE FROM "+workload.Table); err != nil {
		return fmt.Errorf("trial: forget: %w", err)
	}
	w.past = nil
	return nil
}

// executed answers a server's gtid_executed.
func (w *World) executed(ctx context.Context, server string) (gtid.Set, error) {
	text, err := w.ask(ctx, server, "SELECT @@GLOBAL.gtid_executed")
	if err != nil {
		return gtid.Set{}, err
	}
	return gtid.Parse(text)
}

// AwaitEqual waits until every server has executed the same transactions, and compares their rows then. A
// statement of a client that is gone may still arrive (its host sends it again after a cut), so rows count
// only when the executed sets stayed the same while they were read.
func (w *World) AwaitEqual(ctx context.Context, limit time.Duration) error {
	servers := w.Servers("")
	var differ error
	err := Await(ctx, limit, "the same executed set on every server, and no new transaction while rows are read", func(ctx context.Context) (bool, string) {
		before, err := w.executedByAll(ctx, servers)
		if err != nil {
			return false, err.Error()
		}
		different, err := w.differentRows(ctx, servers)
		if err != nil {
			return false, err.Error()
		}
		after, err := w.executedByAll(ctx, servers)
		if err != nil {
			return false, err.Error()
		}
		if !after.Equal(before) {
			return false, fmt.Sprintf("the servers went on from %s to %s", before, after)
		}
		if different != "" {
			differ = judged("all servers executed %s: %s", after, different)
		}
		return true, ""
	})
	return errors.Join(err, differ)
}

// executedByAll answers the executed set, an error where servers differ in it.
func (w *World) executedByAll(ctx context.Context, servers []string) (gtid.Set, error) {
	var first gtid.Set
	for i, name := range servers {
		set, err := w.executed(ctx, name)
		if err != nil {
			return gtid.Set{}, err
		}
		if i == 0 {
			first = set
		}
		if !set.Equal(first) {
			return gtid.Set{}, fmt.Errorf("%s has %s, %s has %s", servers[0], first, name, set)
		}
	}
	return first, nil
}

// differentRows says which row of the writers' table differs first, empty when none does.
func (w *World) differentRows(ctx context.Context, servers []string) (string, error) {
	var first map[string]workload.Row
	for i, name := range servers {
		db, err := w.DB(name)
		if err != nil {
			return "", err
		}
		rows, err := workload.ReadRows(ctx, db)
		_ = db.Close()
		if err != nil {
			return "", err
		}
		if i == 0 {
			first = rows
		}
		if !maps.Equal(first, rows) {
			return firstDifference(servers[0], name, first, rows), nil
		}
	}
	return "", nil
}

// firstDifference names the first key, in order, whose rows differ on two servers.
func firstDifference(a, b string, rowsOfA, rowsOfB map[string]workload.Row) string {
	keys := slices.Concat(slices.Collect(maps.Keys(rowsOfA)), slices.Collect(maps.Keys(rowsOfB)))
	slices.Sort(keys)
	for _, key := range keys {
		x, onA := rowsOfA[key]
		y, onB := rowsOfB[key]
		if onA != onB || x != y {
			return fmt.Sprintf("%d rows on %s and %d on %s, first different at %s: %+v (there %t) and %+v (there %t)", len(rowsOfA), a, len(rowsOfB), b, key, x, onA, y, onB)
		}
	}
	return ""
}

// replicationSettings is what regent must not touch on a refusal, in one text per server.
func (w *World) replicationSettings(ctx context.Context) (map[string]string, error) {
	const query = `SELECT CONCAT_WS('|', @@GLOBAL.read_only, @@GLOBAL.super_read_only, @@GLOBAL.offline_mode,
		@@GLOBAL.rpl_semi_sync_source_enabled, @@GLOBAL.rpl_semi_sync_replica_enabled, @@GLOBAL.rpl_semi_sync_source_wait_for_replica_count,
		(SELECT GROUP_CONCAT(CONCAT_WS('/', channel_name, host, port, user, auto_position, connection_retry_interval, connection_retry_count, heartbeat_interval))
			FROM performance_schema.replication_connection_configuration),
		(SELECT GROUP_CONCAT(CONCAT_WS('/', channel_name, service_state)) FROM performance_schema.replication_applier_status),
		(SELECT GROUP_CONCAT(CONCAT_WS('=', variable_name, variable_value) ORDER BY variable_name) FROM performance_schema.persisted_variables))`
	out := map[string]string{}
	for _, name := range w.Servers("") {
		text, err := w.ask(ctx, name, query)
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}

// refusals finds the newest refusal in the history and answers the reason it gives for each server.
func (w *World) refusal(ctx context.Context, since time.Time) (map[string]string, error) {
	history, err := w.API.History(ctx, w.Cluster, 50)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range history {
		if e.Kind != "refusal" || e.At.Before(since) {
			continue
		}
		for _, c := range e.Candidates {
			if !c.Eligible {
				out[c.Server] = c.Reason
			}
		}
	}
	return out, nil
}

// neverIn checks that no server of a region was ever writable to the writers.
func (w *World) neverIn(region string, attempts []workload.Attempt) error {
	for _, a := range attempts {
		if a.Acknowledged && w.Region(a.Server) == region {
			return judged("%s in region %s acknowledged attempt %s", a.Server, region, a.ID)
		}
	}
	return nil
}

func list(names []string) string { return strings.Join(names, ", ") }
