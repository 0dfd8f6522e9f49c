package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/rows"
	"github.com/regentdb/regent/gtid"
)

// ErrStopped is returned when a replay must not go on: the server is no longer the primary, takes no writes, or
// something else has begun. What was decided stays; the same replay may be run again later.
var ErrStopped = errors.New("the replay was stopped")

// Request says what to repeat.
type Request struct {
	Report    Report
	Selection Selection
	// Rules are what the policy says about tables: which rows may be merged.
	Rules map[diff.Name]diff.Rule
	// Order, By and Reason are recorded with each decision.
	Order, By, Reason string
	// Server names the target in the log.
	Server string
	Target Target
	// Permit is asked before transactions are begun, again for each half second of them; its error ends the run.
	Permit func(context.Context) error
	// Progress is told after each decision.
	Progress func(Counts)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Counts is what became of the transactions of a report.
type Counts struct {
	Replayed     int `json:"replayed"`
	Already      int `json:"already_there"`
	Left         int `json:"left_alone"`
	Acknowledged int `json:"acknowledged"`
	// Undecided are those that are not settled and about which nothing was decided, undecodable ones among them.
	Undecided int `json:"undecided"`
	// Meant and Rows are the transactions, and their row changes, that the selection means and that are not final yet.
	Meant int `json:"meant"`
	Rows  int `json:"rows"`
}

func (c *Counts) add(o Outcome, n int) {
	switch o {
	case Replayed:
		c.Replayed += n
	case Already:
		c.Already += n
	case Left:
		c.Left += n
	case Acknowledged:
		c.Acknowledged += n
	case Begun:
		c.Undecided += n
	}
}

// Count says how a report stands, and what a selection means of it. It touches no server.
func Count(report Report, s Selection) (Counts, error) {
	last, err := ReadDecisions(report.Dir)
	if err != nil {
		return Counts{}, err
	}
	l, err := listed(report, s)
	if err != nil {
		return Counts{}, err
	}
	var c Counts
	err = l.each(report, func(tx *decode.Transaction, e *entry) error {
		c.count(tx, e, last[tx.GTID])
		return nil
	})
	return c, err
}

func (c *Counts) count(tx *decode.Transaction, e *entry, last Decision) {
	switch {
	case last.Outcome != "":
		c.add(last.Outcome, 1)
	case e == nil || !e.settled():
		c.Undecided++
	default:
		c.Already++
	}
	if e != nil && e.meant && !e.settled() && !last.Outcome.Final() {
		c.Meant++
		c.Rows += len(e.changes(tx))
	}
}

// Run repeats the transactions of the selection that are not final yet. The counts are right also with an error. The
// error wraps ErrStopped where the run may be repeated later, ErrLog where the decision log was damaged.
func Run(ctx context.Context, r Request) (Counts, error) {
	return r.decideEach(
		func(run *run, tx *decode.Transaction, e *entry) error { return run.visit(ctx, tx, e) },
		func(run *run) error { return run.flush(ctx) },
	)
}

// Acknowledge records of the transactions of the selection that are not final yet that a person settles them in another
// way. No server is touched.
func Acknowledge(r Request) (Counts, error) {
	return r.decideEach(func(run *run, tx *decode.Transaction, e *entry) error {
		last := run.log.of(tx.GTID).Outcome
		if e == nil || !e.meant || e.settled() || last.Final() {
			return nil
		}
		return run.decide(decided{tx.GTID, last, verdict{outcome: Acknowledged}})
	}, func(*run) error { return nil })
}

// decideEach calls decide with every transaction of the report, and end after the last, with the decision log open.
func (r Request) decideEach(decide func(*run, *decode.Transaction, *entry) error, end func(*run) error) (counts Counts, err error) {
	if counts, err = Count(r.Report, r.Selection); err != nil {
		return counts, err
	}
	log, err := OpenLog(r.Report.Dir)
	if err != nil {
		return counts, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	l, err := listed(r.Report, r.Selection)
	if err != nil {
		return counts, err
	}
	run := newRun(r, log, counts)
	if err = l.each(r.Report, func(tx *decode.Transaction, e *entry) error { return decide(run, tx, e) }); err == nil {
		err = end(run)
	}
	return run.counts, err
}

// decisions is where a run finds and leaves decisions.
type decisions interface {
	of(id gtid.GTID) Decision
	Append(all ...Decision) error
}

// run is a replay under way.
type run struct {
	Request
	log     decisions
	counts  Counts
	tables  tables
	missing missing
	queue   queue
}

func newRun(r Request, log decisions, counts Counts) *run {
	if r.Now == nil {
		r.Now = time.Now
	}
	return &run{
		Request: r, log: log, counts: counts, missing: missing{keys: map[diff.Key]gtid.GTID{}, tables: map[diff.Name]gtid.GTID{}},
		queue: newQueue(), tables: tables{target: r.Target, rules: r.Rules, known: map[diff.Name]*rows.Table{}},
	}
}

// visit decides about one transaction.
func (r *run) visit(ctx context.Context, tx *decode.Transaction, e *entry) error {
	if e == nil {
		r.missing.everything(tx.GTID)
		return nil
	}
	last := r.log.of(tx.GTID)
	if e.settled() || last.Outcome.Final() {
		return nil
	}
	w, err := r.tables.workOf(ctx, e.changes(tx))
	if err != nil {
		return err
	}
	if !e.meant || Irreplayable(e.class) != "" {
		r.missing.add(tx.GTID, &w.touched)
		return nil
	}
	return r.repeat(ctx, pending{tx.GTID, last.Outcome, w})
}

// repeat repeats a transaction, or has it wait for others that are repeated with it. What waits concerns other rows, so
// that what becomes of it decides nothing about this one.
func (r *run) repeat(ctx context.Context, p pending) error {
	together := p.before != Begun && p.work.quick()
	if !together || r.queue.meets(&p.work.touched) {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	if by, follows := r.missing.before(&p.work.touched); follows {
		return r.leave(p, fmt.Sprintf("it follows %s, which is not on the server", by))
	}
	if !together {
		return r.single(ctx, p, p.before == Begun)
	}
	if r.queue.add(p); r.queue.full() {
		return r.flush(ctx)
	}
	return nil
}

// leave leaves a transaction alone.
func (r *run) leave(p pending, why string) error {
	r.missing.add(p.id, &p.work.touched)
	return r.decide(decided{p.id, p.before, verdict{Left, why}})
}

// single repeats one transaction after a look at its rows, where that is still permitted. With doubt it may have been
// committed before.
func (r *run) single(ctx context.Context, p pending, doubt bool) error {
	if err := r.Permit(ctx); err != nil {
		return err
	}
	v, err := p.work.apply(ctx, r.Target, doubt, func() error { return r.record(decided{id: p.id, verdict: verdict{outcome: Begun}}) })
	switch {
	case err != nil:
		return fmt.Errorf("replay: %s: %w", p.id, err)
	case v.outcome == Left:
		return r.leave(p, v.detail)
	}
	return r.decide(decided{p.id, p.before, v})
}

// decided is a decision to be recorded. Before is the last one about the transaction.
type decided struct {
	id     gtid.GTID
	before Outcome
	verdict
}

// decide records decisions and counts them.
func (r *run) decide(all ...decided) error {
	if err := r.record(all...); err != nil {
		return err
	}
	for _, d := range all {
		if d.before == "" {
			r.counts.Undecided--
		} else {
			r.counts.add(d.before, -1)
		}
		r.counts.add(d.outcome, 1)
		r.Progress(r.counts)
	}
	return nil
}

func (r *run) record(all ...decided) error {
	out := make([]Decision, 0, len(all))
	for _, d := range all {
		out = append(out, Decision{
			At: r.Now().UTC(), Order: r.Order, By: r.By, Reason: r.Reason, Server: r.Server, GTID: d.id, Outcome: d.outcome, Detail: d.detail,
		})
	}
	return r.log.Append(out...)
}
