package replay_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"testing"
	"time"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/replay"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/binlog/rows"
	"github.com/regentdb/regent/gtid"
)

const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

func definition() *diff.Definition {
	return &diff.Definition{
		Name: diff.Name{Schema: "shop", Table: "orders"}, Transactional: true, PrimaryKey: []int{0},
		Columns: []diff.Column{{Name: "id", Type: "int"}, {Name: "v", Type: "varchar", Charset: "utf8mb4"}},
	}
}

func logged() *decode.Table {
	return &decode.Table{Schema: "shop", Name: "orders", PrimaryKey: []int{0}, Columns: []decode.Column{
		{Name: "id", Kind: decode.Integer, Family: "int"}, {Name: "v", Kind: decode.Text, Family: "varchar"},
	}}
}

func image(id int, v string) []decode.Value {
	return []decode.Value{decode.IntegerValue(int64(id)), {Kind: decode.Text, Text: v}}
}

func insert(id int, v string) decode.Row {
	return decode.Row{Op: decode.Insert, Table: logged(), After: image(id, v)}
}

func update(id int, from, to string) decode.Row {
	return decode.Row{Op: decode.Update, Table: logged(), Before: image(id, from), After: image(id, to)}
}

func remove(id int, v string) decode.Row {
	return decode.Row{Op: decode.Delete, Table: logged(), Before: image(id, v)}
}

func setOf(all ...gtid.GTID) gtid.Set { return gtid.Of(all...) }

// split is a report made of transactions in memory.
type split struct {
	t         *testing.T
	dir       string
	all       []*decode.Transaction
	classes   []classify.Class
	selection replay.Selection
	// follower is a mergeable transaction that has its class from one that it follows.
	follower gtid.GTID
}

func newSplit(t *testing.T) *split {
	t.Helper()
	return &split{t: t, dir: t.TempDir(), selection: replay.Selection{Classes: []classify.Class{classify.Safe}}}
}

// add adds a transaction of a class, which all of its rows have.
func (s *split) add(class string, changes ...decode.Row) gtid.GTID {
	s.t.Helper()
	var c classify.Class
	if err := c.UnmarshalText([]byte(class)); err != nil {
		s.t.Fatal(err)
	}
	id := gtid.GTID{UUID: uuid, Seq: uint64(len(s.all) + 1)}
	s.all = append(s.all, &decode.Transaction{GTID: id, CommittedAt: time.Unix(int64(len(s.all)), 0).UTC(), Rows: changes})
	s.classes = append(s.classes, c)
	return id
}

func (s *split) write() {
	s.t.Helper()
	var captured gtid.Set
	in := report.Input{ID: "r1", Cluster: "orders", OldServer: "east-db1", NewServer: "west-db1"}
	for i, tx := range s.all {
		captured = captured.Add(tx.GTID)
		out := classify.Transaction{GTID: tx.GTID, CommittedAt: tx.CommittedAt, Class: s.classes[i], Reason: "because"}
		for _, row := range tx.Rows {
			r := classify.Row{Row: row, Definition: definition(), Class: s.classes[i], Reason: "because"}
			if r.Class == classify.Mergeable && tx.GTID != s.follower {
				r.Counterpart = gtid.GTID{UUID: uuid, Tag: "west", Seq: 1}
			}
			out.Rows = append(out.Rows, r)
		}
		in.Transactions = append(in.Transactions, out)
	}
	in.OldOnly, in.Manifest = captured, capture.Manifest{Captured: captured, Wanted: captured, Complete: true}
	if _, err := report.Write(s.dir, in); err != nil {
		s.t.Fatal(err)
	}
}

func (s *split) report() replay.Report {
	return replay.Report{Dir: s.dir, Tail: func() iter.Seq2[*decode.Transaction, error] {
		return func(yield func(*decode.Transaction, error) bool) {
			for _, tx := range s.all {
				if !yield(tx, nil) {
					return
				}
			}
		}
	}}
}

func (s *split) request(target replay.Target) replay.Request {
	return replay.Request{
		Report: s.report(), Selection: s.selection, Order: "order-1", By: "ann", Reason: "incident 7", Server: "west-db1", Target: target,
		Permit: func(context.Context) error { return nil }, Progress: func(replay.Counts) {}, Now: func() time.Time { return time.Unix(1, 0) },
	}
}

func (s *split) run(target *fake) replay.Counts {
	s.t.Helper()
	counts, err := replay.Run(s.t.Context(), s.request(target))
	if err != nil {
		s.t.Fatal(err)
	}
	return counts
}

var errCrash = errors.New("the connection was lost")

// fake is a server with one table. Its call number failAt fails; a commit does so after it was done.
type fake struct {
	rows   map[int]string
	open   map[int]string
	writes int
	calls  int
	failAt int
	// batches are how many transactions came in each round trip; unsure loses the answer to the commit of the first.
	batches []int
	unsure  bool
}

func (f *fake) crash() error {
	if f.calls++; f.calls == f.failAt {
		return errCrash
	}
	return nil
}

func (f *fake) Table(context.Context, diff.Name) (*rows.Table, error) {
	return &rows.Table{Definition: definition(), Hazards: harmless{}}, f.crash()
}

type harmless struct{}

func (harmless) Fired(decode.Op) string { return "" }

func (harmless) Cascading(*diff.Definition, decode.Op, []decode.Value, []decode.Value) string {
	return ""
}

func (f *fake) Begin(context.Context) error {
	f.open = maps.Clone(f.rows)
	return f.crash()
}

func (f *fake) Locked(_ context.Context, _ *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error) {
	out := make([][]decode.Value, len(keys))
	for i, key := range keys {
		if v, there := f.open[number(key[0])]; there {
			out[i] = image(number(key[0]), v)
		}
	}
	return out, f.crash()
}

func (f *fake) Together(ctx context.Context, all [][]rows.Change) (replay.Progress, error) {
	f.batches = append(f.batches, len(all))
	for i, changes := range all {
		err := f.Begin(ctx)
		affected := []int64{1}
		for n := 0; n < len(changes) && err == nil && affected[0] == 1; n++ {
			affected, err = f.Change(ctx, changes[n:n+1])
		}
		var refused *replay.RefusedError
		switch {
		case errors.As(err, &refused) || err == nil && affected[0] != 1:
			return replay.Progress{Committed: i}, f.Rollback(ctx)
		case err != nil:
			return replay.Progress{}, err
		}
		err = f.Commit(ctx)
		switch {
		case f.unsure && err == nil:
			return replay.Progress{Committed: i, Doubt: true}, nil
		case err != nil:
			return replay.Progress{}, err
		}
	}
	return replay.Progress{Committed: len(all)}, nil
}

func number(v decode.Value) int {
	n := 0
	for _, digit := range v.Text {
		n = 10*n + int(digit-'0')
	}
	return n
}

func (f *fake) Change(_ context.Context, changes []rows.Change) ([]int64, error) {
	if err := f.crash(); err != nil {
		return nil, err
	}
	affected := make([]int64, len(changes))
	for i, c := range changes {
		var err error
		if affected[i], err = f.change(c); err != nil {
			return nil, err
		}
	}
	return affected, nil
}

func (f *fake) change(c rows.Change) (int64, error) {
	f.writes++
	if c.After != nil && c.After[1].Text == "refused" {
		return 0, &replay.RefusedError{Why: "another row holds the same value of a unique key"}
	}
	if c.Before != nil {
		id := number(c.Before[0])
		if f.open[id] != c.Before[1].Text {
			return 0, nil
		}
		delete(f.open, id)
	}
	if c.After != nil {
		if _, taken := f.open[number(c.After[0])]; taken {
			return 0, &replay.RefusedError{Why: "another row holds the same value of a unique key"}
		}
		f.open[number(c.After[0])] = c.After[1].Text
	}
	return 1, nil
}

func (f *fake) Commit(context.Context) error {
	f.rows = f.open
	return f.crash()
}

func (f *fake) Rollback(context.Context) error {
	f.open = nil
	return f.crash()
}
