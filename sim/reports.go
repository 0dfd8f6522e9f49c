package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
)

// reports captures and compares divergences on a node's disk; sets of transactions stand for files.
type reports struct{ d *daemon }

// reportTakes is how long a capture or a comparison takes.
const reportTakes = 200 * time.Millisecond

// Do carries out a capture or a comparison.
func (r reports) Do(ctx context.Context, a failover.Action) failover.Result {
	d := r.d
	res := failover.Result{}
	what := fmt.Sprintf("report %s %s", a.Kind, a.Divergence.ID)
	q := &request{d: d, key: d.key(what), lane: d.lane(laneReport)}
	q.do = func(q *request) {
		d.w.after(reportTakes, func() {
			if !q.answered {
				d.report(&a, &res)
				q.answer(nil)
			}
		})
	}
	if err := d.w.ask(ctx, q); err != nil {
		return failover.Result{Err: err.Error()}
	}
	return res
}

// report does the work. What was captured stays on the disk of the node.
func (d *daemon) report(a *failover.Action, res *failover.Result) {
	w, div := d.w, *a.Divergence
	disk := d.n.disk[div.ID]
	if a.Kind == failover.ActCapture {
		for name := range div.Extras {
			if s := w.server(name); s.answers() && w.net.joined(d.n.at, s.at) {
				disk = disk.Union(div.Union().Intersect(s.logged.set()))
			}
		}
		d.n.disk[div.ID], w.captured = disk, w.captured.Union(disk)
		div.Captured, div.Complete = div.Captured.Union(disk), disk.Contains(div.Union())
		if !div.Complete {
			res.Err = fmt.Sprintf("capture: no server that answers has %s", w.shown(div.Union().Subtract(disk)))
		}
	} else if disk.Contains(div.Captured) {
		n := int(div.Captured.Count()) //nolint:gosec // a few transactions
		div.Undecodable = min(n, w.draw(3, div.ID, 0)/2)
		div.Transactions, div.Complete = n-div.Undecodable, true
		div.ByClass = map[string]int{"SAFE": div.Transactions}
	} else {
		res.Err = "compare: this node has not captured it"
	}
	if res.Err == "" {
		res.Report = &div
	}
	w.logf("  %s: %s of %s ends: %s", d.n.name, a.Kind, div.ID, orDone(res.Err))
}

func orDone(err string) string {
	if err == "" {
		return "done"
	}
	return err
}

// disk is what a node has captured, by report.
type disk map[string]gtid.Set
