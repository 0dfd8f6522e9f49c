package trial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
)

// loseFiles deletes the files of the report on the node that works on it, which has to fetch them again. It kills that node then, reads the report from a node that has none, and has the
// replay ordered again where the copy is. It judges that nothing is lost by that, decisions included.
func (w *World) loseFiles(ctx context.Context, s *Split, chosen []string, first failover.Tally) (err error) {
	before, err := w.transactions(ctx, s.Report.ID)
	if err != nil {
		return err
	}
	holder, gone, err := w.copied(ctx, s.Report.ID)
	if err != nil {
		return err
	}
	if err := w.loseDirectory(ctx, s.Report.ID, gone); err != nil {
		return err
	}
	if err := w.Lab.Kill(ctx, gone); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Lab.Start(ctx, gone), w.AwaitNodes(ctx, 30*time.Second)) }()
	if err := w.readElsewhere(ctx, s.Report.ID, []string{holder, gone}, len(before)); err != nil {
		return err
	}
	if err := w.MoveLeader(ctx, holder); err != nil {
		return err
	}
	if err := w.awaitLeaderBut(ctx, gone); err != nil { // so that orders are not sent to the one that is gone
		return err
	}
	return w.replayAgain(ctx, s, chosen, first)
}

// loseDirectory deletes the files of a report on a node that lives on, and waits until they are there again.
func (w *World) loseDirectory(ctx context.Context, report, node string) error {
	dir := filepath.Join(w.Lab.Dir(), "nodes", node, "data", "reports", report)
	sizes := func() (map[string]int64, error) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		out := map[string]int64{}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				return nil, err
			}
			out[e.Name()] = info.Size()
		}
		return out, nil
	}
	before, err := sizes()
	if err != nil {
		return fmt.Errorf("trial: the files of report %s: %w", report, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("trial: %w", err)
	}
	return Await(ctx, 30*time.Second, "the files of report "+report+" on "+node+" again", func(context.Context) (bool, string) {
		now, err := sizes()
		if err != nil {
			return false, err.Error()
		}
		return maps.Equal(before, now), fmt.Sprintf("%v, before %v", now, before)
	})
}

// copied waits until another node holds the files of a report, and names it and the one that works on them.
func (w *World) copied(ctx context.Context, report string) (holder, origin string, err error) {
	err = Await(ctx, 30*time.Second, "a copy of report "+report, func(ctx context.Context) (bool, string) {
		r, err := w.API.Report(ctx, report)
		if err != nil {
			return false, err.Error()
		}
		for _, c := range r.Copies {
			if c.Current {
				holder, origin = c.Node, r.Node
				return true, ""
			}
		}
		return false, fmt.Sprintf("node %s, copies %v", r.Node, r.Copies)
	})
	return holder, origin, err
}

// readElsewhere reads a report, all of it, from the nodes that are not named.
func (w *World) readElsewhere(ctx context.Context, report string, without []string, transactions int) error {
	for _, n := range w.status.Nodes {
		if slices.Contains(without, n.ID) {
			continue
		}
		client, err := w.Node(n.ID)
		if err != nil {
			return err
		}
		err = Await(ctx, 30*time.Second, "report "+report+" from "+n.ID, func(ctx context.Context) (bool, string) {
			read, err := transactionsFrom(ctx, client, report)
			if err != nil {
				return false, err.Error()
			}
			return len(read) == transactions, fmt.Sprintf("%d of %d transactions", len(read), transactions)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// awaitLogsKept waits until every server of the cluster keeps its binary logs for a report, or none does any more and each
// is set as it was before.
func (w *World) awaitLogsKept(ctx context.Context, kept bool) error {
	return Await(ctx, 30*time.Second, fmt.Sprintf("binary logs kept: %t", kept), func(ctx context.Context) (bool, string) {
		t, err := w.API.Topology(ctx, w.Cluster)
		if err != nil {
			return false, err.Error()
		}
		for _, s := range t.Servers {
			purging, err := w.ask(ctx, s.Server, "SELECT @@GLOBAL.binlog_expire_logs_auto_purge")
			if err != nil {
				return false, err.Error()
			}
			l := s.BinaryLogs
			if (l != nil && l.Error == "") != kept || (purging == "0") != kept {
				return false, fmt.Sprintf("%s: auto_purge %s, %+v", s.Server, purging, l)
			}
			if kept && (l.Bytes == nil || *l.Bytes == 0) {
				return false, s.Server + ": not counted"
			}
		}
		return true, ""
	})
}
