package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/binlog/rows"
	"github.com/regentdb/regent/gtid"
)

// Outlook is what a replay would come to.
type Outlook struct {
	// Counts are those that it would end with.
	Counts Counts
	// Merged are the rows into which columns would be merged, as they would be, in the order of the report.
	Merged []Merged
}

// Merged is a row that would have columns of both sides. Its values are redacted as those of the report.
type Merged struct {
	Table diff.Name
	// Columns are those of the old side.
	Columns []string
	Row     report.Image
}

// Forecast says what a replay by the rules of the policy would come to right now, without changing or recording anything.
func Forecast(ctx context.Context, r Report, s Selection, rules map[diff.Name]diff.Rule, primary capture.Endpoint) (out Outlook, err error) {
	if out.Counts, err = Count(r, s); err != nil {
		return out, err
	}
	l, err := listed(r, s)
	if err != nil {
		return out, err
	}
	session, err := live.OpenSession(ctx, primary)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	last, err := ReadDecisions(r.Dir)
	if err != nil {
		return out, err
	}
	target := &imagined{session: session, rows: map[diff.Key][]decode.Value{}}
	if target.shown, err = report.Redacted(r.Dir); err != nil {
		return out, err
	}
	run := newRun(Request{
		Report: r, Selection: s, Rules: rules, Target: target, Permit: func(context.Context) error { return nil }, Progress: func(Counts) {},
	}, imaginedLog{last}, out.Counts)
	if err := target.readAhead(ctx, run, l); err != nil {
		return out, err
	}
	if err = l.each(r, func(tx *decode.Transaction, e *entry) error { return run.visit(ctx, tx, e) }); err == nil {
		err = run.flush(ctx)
	}
	return Outlook{Counts: run.counts, Merged: target.merged}, err
}

// imaginedLog forgets what is decided.
type imaginedLog struct{ last Decisions }

func (l imaginedLog) of(id gtid.GTID) Decision { return l.last[id] }

// Append does nothing.
func (imaginedLog) Append(...Decision) error { return nil }

// imagined is a target that keeps what would be changed to itself.
type imagined struct {
	session *live.Session
	// rows are those that committed transactions would have left, open those of the open one.
	rows, open map[diff.Key][]decode.Value
	// merged are the merged rows of committed transactions, merging those of the open one; shown redacts a row.
	merged, merging []Merged
	shown           func(*diff.Definition, []decode.Value) (report.Image, error)
}

// readAhead reads every row that the run asks for, many at a time: the server may be a region away.
func (t *imagined) readAhead(ctx context.Context, r *run, l listing) error {
	wanted := map[*diff.Definition]map[diff.Key][]decode.Value{}
	err := l.each(r.Report, func(tx *decode.Transaction, e *entry) error {
		if e == nil || !e.meant || e.settled() || r.log.of(tx.GTID).Outcome.Final() {
			return nil
		}
		w, err := r.tables.workOf(ctx, e.changes(tx))
		if err != nil {
			return err
		}
		for key, n := range w.Nets {
			if wanted[n.Table] == nil {
				wanted[n.Table] = map[diff.Key][]decode.Value{}
			}
			wanted[n.Table][key] = n.Key
		}
		return nil
	})
	if err != nil {
		return err
	}
	for table, keys := range wanted {
		names, values := slices.Collect(maps.Keys(keys)), make([][]decode.Value, 0, len(keys))
		for _, name := range names {
			values = append(values, keys[name])
		}
		found, err := t.session.Rows(ctx, table, values)
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		for i, name := range names {
			t.rows[name] = found[i]
		}
	}
	return nil
}

// Table reads a table.
func (t *imagined) Table(ctx context.Context, name diff.Name) (*rows.Table, error) {
	return (&Server{session: t.session}).Table(ctx, name)
}

// Begin forgets an open transaction.
func (t *imagined) Begin(context.Context) error {
	t.open, t.merging = map[diff.Key][]decode.Value{}, nil
	return nil
}

// Together commits none, so that each is looked at by itself: nothing here is far away.
func (*imagined) Together(context.Context, [][]rows.Change) (Progress, error) { return Progress{}, nil }

// Locked returns the rows as they would be.
func (t *imagined) Locked(ctx context.Context, d *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error) {
	out := make([][]decode.Value, 0, len(keys))
	for _, key := range keys {
		row, known := t.rows[diff.Key{Name: d.Name, ID: d.KeyID(key)}]
		if !known {
			var err error
			if row, err = t.session.Row(ctx, d, key); err != nil {
				return nil, fmt.Errorf("replay: %w", err)
			}
		}
		out = append(out, row)
	}
	return out, nil
}

// Change notes what the rows would be.
func (t *imagined) Change(_ context.Context, changes []rows.Change) ([]int64, error) {
	affected := make([]int64, len(changes))
	for i, c := range changes {
		affected[i] = 1
		if c.Merge != nil {
			if err := t.merge(c); err != nil {
				return nil, err
			}
			continue
		}
		if key, ok := c.Table.KeyOf(c.Before); ok {
			t.open[key] = nil
		}
		if key, ok := c.Table.KeyOf(c.After); ok {
			t.open[key] = c.After
		}
	}
	return affected, nil
}

// merge notes what a row would be with columns of the old side.
func (t *imagined) merge(c rows.Change) error {
	key, _ := c.Table.KeyOf(c.After)
	row, changed := t.open[key]
	if !changed {
		row = t.rows[key]
	}
	m := Merged{Table: c.Table.Name}
	row = slices.Clone(row)
	for _, i := range c.Merge {
		row[i], m.Columns = c.After[i], append(m.Columns, c.Table.Columns[i].Name)
	}
	t.open[key] = row
	var err error
	m.Row, err = t.shown(c.Table, row)
	t.merging = append(t.merging, m)
	return err
}

// Commit keeps what the open transaction would have left.
func (t *imagined) Commit(context.Context) error {
	maps.Copy(t.rows, t.open)
	t.merged = append(t.merged, t.merging...)
	return nil
}

// Rollback does nothing: Begin forgets.
func (*imagined) Rollback(context.Context) error { return nil }
