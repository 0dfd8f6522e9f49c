package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	listing "github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/binlog/spill"
	"github.com/regentdb/regent/binlog/tail"
	"github.com/regentdb/regent/gtid"
)

// What a child measures of the old side.
const (
	classifies = "old side"
	reports    = "old side with its report"
)

// holdBytes is how much of a transaction a comparison holds in memory until its class is known.
const holdBytes = 1 << 20

// oldTail is the old side of a comparison, of which the new primary did nothing.
type oldTail struct {
	dir      string
	manifest capture.Manifest
	origin   *origin
}

// measureOld measures all that a comparison does with the log of the old side, where the new primary answers at once.
func measureOld(ctx context.Context, o options) (r result, err error) {
	dir, err := os.MkdirTemp(o.dir, "old")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	t := oldTail{dir: dir}
	if t.manifest, err = captured(o.file(o.shape), dir); err != nil {
		return r, err
	}
	if t.origin, err = newOrigin(filepath.Join(dir, "origin")); err != nil {
		return r, err
	}
	if err := t.visit(t.origin); err != nil {
		return r, err
	}
	begin, spent := time.Now(), cpu()
	if o.measure == reports {
		err = t.report(ctx)
	} else {
		err = t.classify(ctx, &judged{})
	}
	r = result{
		Wall: time.Since(begin).Seconds(), CPU: (cpu() - spent).Seconds(),
		Bytes: t.manifest.Servers[0].Files[0].Size, Rows: t.origin.changes,
	}
	return r, err
}

// visit is one pass over the old side.
func (t *oldTail) visit(v diff.Visitor) error { return tail.Visit(t.manifest, t.dir, v) }

// classify checks the captured file, adds its changes, prepares for the new side, reads what is live, and judges.
func (t *oldTail) classify(ctx context.Context, sink classify.Sink) (err error) {
	if err := t.manifest.Verify(t.dir); err != nil {
		return err
	}
	space, err := spill.Open(filepath.Join(t.dir, "comparing"), memory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, space.Close()) }()
	d := diff.New(t.origin.tables, gtid.Set{}, space)
	if err := t.visit(d); err != nil {
		return err
	}
	d.NewSide()
	c := classify.New(d, t.visit, holdBytes)
	if err := c.ReadLive(ctx, t.origin); err != nil {
		return err
	}
	return c.Classify(sink)
}

// report also writes the report.
func (t *oldTail) report(ctx context.Context) error {
	out, err := listing.Create(filepath.Join(t.dir, "report"), listing.Input{
		ID: "bench", Cluster: "bench", OldServer: "old", NewServer: "new", Manifest: t.manifest, OldOnly: t.manifest.Wanted, CreatedAt: time.Now(),
	})
	if err != nil {
		return err
	}
	if err := t.classify(ctx, out); err != nil {
		return errors.Join(err, out.Abandon())
	}
	_, err = out.Finish()
	return err
}

// judged takes classified transactions, all of which a replay would carry out, or not miss.
type judged struct{}

// Begin looks at the class.
func (judged) Begin(tx classify.Transaction) error {
	if tx.Class.NeedsPerson() {
		return fmt.Errorf("%s is %s: %s", tx.GTID, tx.Class, tx.Reason)
	}
	return nil
}

// Row takes a row change.
func (judged) Row(classify.Row) error { return nil }

// End ends a transaction.
func (judged) End() error { return nil }

// Rows has every row as it was.
func (o *origin) Rows(_ context.Context, table *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error) {
	out := make([][]decode.Value, len(keys))
	for i, key := range keys {
		if n, known := o.rows.Find(table.String() + ":" + table.KeyID(key)); known {
			out[i] = diff.NewReader(o.rows.Value(n)).Image()
		}
	}
	return out, nil
}

// Holders has no other row with a value of a unique key.
func (o *origin) Holders(_ context.Context, _ *diff.Definition, _ diff.Unique, images [][]decode.Value) ([][]decode.Value, error) {
	return make([][]decode.Value, len(images)), nil
}

// Weights is for keys of text, of which no table has one.
func (o *origin) Weights(context.Context, []diff.Text) ([]string, error) {
	return nil, errors.New("no key holds a text")
}

// Count counts no rows: no table has a foreign key.
func (o *origin) Count(_ context.Context, wanted []diff.Wanted) ([]int, error) {
	return make([]int, len(wanted)), nil
}

// Last has no generated key.
func (o *origin) Last(context.Context, *diff.Definition, int) (uint64, error) { return 0, nil }
