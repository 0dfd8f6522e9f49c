package trial

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
)

// Reconnects is the outcome of ending the connections of all ackers again and again.
type Reconnects struct {
	Times   int           // how often they were ended
	Lost    int           // how often acknowledgements were lost with them, so that the primary had to be nudged
	Longest time.Duration // from an end to the next acknowledged write
	Writes  int           // acknowledged
}

// goesOnWithin bounds the time from the end of all ackers' connections to the next acknowledged write: they reconnect
// after 1 s, a wait is taken for one in vain after 2 s, and the leader may just have changed.
const goesOnWithin = 15 * time.Second

// Reconnect ends the connections of all ackers so many times, under writers that leave no pause and no connection: where
// all of them wait for acknowledgements that were lost, nobody but regent can end that. It judges that writes go on
// each time, and that nothing was lost.
func (w *World) Reconnect(ctx context.Context, times int, seed uint64) (Reconnects, error) {
	before, err := w.healthy(ctx)
	if err != nil {
		return Reconnects{}, err
	}
	options := lab.DefaultWrite()
	options.From, options.Seed, options.Rate, options.Connections, options.KeepConnections = before.HomeRegion, seed, 2000, 4, true
	began := time.Now()
	writers, err := w.StartWriters(ctx, "reconnects.ndjson", options, true)
	if err != nil {
		return Reconnects{}, err
	}
	out := Reconnects{Times: times}
	err = w.reconnect(ctx, &out, before, writers)
	attempts, stopped := writers.Stop()
	for _, e := range []error{err, stopped} {
		if e != nil {
			return out, e
		}
	}
	out.Writes = acknowledgedSince(attempts, began, time.Now())
	history, err := w.API.History(ctx, w.Cluster, 200)
	if err != nil {
		return out, err
	}
	for _, e := range history {
		if e.Kind == "nudge" && e.At.After(began) {
			out.Lost++
		}
	}
	return out, w.JudgeLedger(ctx, before.Primary, attempts)
}

func (w *World) reconnect(ctx context.Context, out *Reconnects, before api.ClusterStatus, writers *Writers) error {
	for range out.Times {
		if err := w.endDumps(ctx, before.Primary); err != nil {
			return err
		}
		ended := time.Now()
		err := Await(ctx, goesOnWithin, "a write after the ackers lost their connections", func(context.Context) (bool, string) {
			attempts, err := writers.Attempts()
			if err != nil {
				return false, err.Error()
			}
			// What was on its way is no sign: the connections are made anew after a second.
			n := acknowledgedSince(attempts, ended.Add(time.Second), time.Now())
			return n > 0, strconv.Itoa(len(attempts)) + " attempts"
		})
		if err != nil {
			return err
		}
		out.Longest = max(out.Longest, time.Since(ended))
	}
	return nil
}

// endDumps ends the connections on which a server sends its binary log.
func (w *World) endDumps(ctx context.Context, server string) error {
	db, err := w.DB(server)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, "SELECT processlist_id FROM performance_schema.threads WHERE processlist_command LIKE 'Binlog Dump%'")
	if err != nil {
		return fmt.Errorf("trial: %s: %w", server, err)
	}
	defer func() { _ = rows.Close() }()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("trial: %s: %w", server, err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("trial: %s: %w", server, err)
	}
	for _, id := range ids {
		if _, err := db.ExecContext(ctx, "KILL "+strconv.FormatInt(id, 10)); err != nil {
			return fmt.Errorf("trial: %s: %w", server, err)
		}
	}
	return nil
}
