package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
)

// reports captures, compares and replays divergences on a node's disk; sets of transactions stand for files.
type reports struct{ d *daemon }

// reportTakes is how long a capture, a comparison or a replay takes.
const reportTakes = 200 * time.Millisecond

// Do carries out what is to be done about a report.
func (r reports) Do(ctx context.Context, a failover.Action) failover.Result {
	d := r.d
	res := failover.Result{}
	what := fmt.Sprintf("report %s %s", a.Kind, a.Divergence.ID)
	q := &request{d: d, key: d.key(what), lane: d.lane(laneReport)}
	q.do = func(q *request) {
		d.n.enter(a.Divergence.ID)
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
	div, f := *a.Divergence, d.n.disk[a.Divergence.ID]
	switch {
	case a.Kind == failover.ActCapture:
		d.capture(&div, &f, res)
	case !f.captured.Contains(div.Captured):
		res.Err = fmt.Sprintf("%s: this node has not captured it", a.Kind)
	case a.Kind == failover.ActReplay:
		f.decided++
		res.Settled = &failover.JobOutcome{Tally: &failover.Tally{Already: div.Transactions}}
	default:
		f.listed = div.Captured
		n := int(div.Captured.Count()) //nolint:gosec // a few transactions
		div.Undecodable = min(n, d.w.draw(3, div.ID, 0)/2)
		div.Transactions, div.Complete = n-div.Undecodable, true
		div.ByClass = map[string]int{"SAFE": div.Transactions}
	}
	d.n.disk[div.ID] = f
	if res.Err == "" {
		res.Report = &div
	}
	d.w.logf("  %s: %s of %s ends: %s", d.n.name, a.Kind, div.ID, orDone(res.Err))
}

// capture adds what the servers have that answer.
func (d *daemon) capture(div *failover.Divergence, f *files, res *failover.Result) {
	w := d.w
	for name := range div.Extras {
		if s := w.server(name); s.answers() && w.net.joined(d.n.at, s.at) {
			f.captured = f.captured.Union(div.Union().Intersect(s.logged.set()))
		}
	}
	w.captured = w.captured.Union(f.captured)
	div.Captured, div.Complete = div.Captured.Union(f.captured), f.captured.Contains(div.Union())
	f.lost = f.lost && !div.Complete
	if !div.Complete {
		res.Err = fmt.Sprintf("capture: no server that answers has %s", w.shown(div.Union().Subtract(f.captured)))
	}
}

func orDone(err string) string {
	if err == "" {
		return "done"
	}
	return err
}

// files are those of a report on a node.
type files struct {
	captured, listed gtid.Set
	decided          int // replays whose decisions are in the log
	// copyOf is the change that they are a verified copy of; 0 where this node writes them itself, or did.
	copyOf uint64
	lost   bool // with the disk, and not come back since
}

// hold tells whether files have all that others have.
func (f files) hold(o files) bool {
	return f.captured.Contains(o.captured) && f.listed.Contains(o.listed) && f.decided >= o.decided
}

// disk is what a node has of reports, by report.
type disk map[string]files
