package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/rows"
)

// tables reads the definitions of a run, each once, and applies the rules of the policy to them.
type tables struct {
	target Target
	rules  map[diff.Name]diff.Rule
	known  map[diff.Name]*rows.Table
}

func (t *tables) of(ctx context.Context, logged *decode.Table) (*rows.Table, error) {
	name := diff.Name{Schema: logged.Schema, Table: logged.Name}
	if known := t.known[name]; known != nil {
		return known, nil
	}
	found, err := t.target.Table(ctx, name)
	if err != nil {
		return nil, err
	}
	found.Declare(t.rules[name]) // The comparison told of columns that are not there.
	t.known[name] = found
	return found, nil
}

// work is one transaction to be repeated.
type work struct {
	rows.Set
	touched touched
	// merges says that columns are set in rows that the new side changed.
	merges bool
	// obstacle says why it cannot be repeated at all.
	obstacle string
}

// workOf gathers the changes of a transaction and what they make of each row.
func (t *tables) workOf(ctx context.Context, changes []repeated) (*work, error) {
	w := &work{}
	for _, row := range changes {
		found, err := t.of(ctx, row.Table)
		if err != nil {
			return nil, err
		}
		w.touched.add(found, row.Row)
		switch why := hindrance(found, row); {
		case why != "" && w.obstacle == "":
			w.obstacle = found.String() + ": " + why
		case why != "":
		case row.merged:
			w.Merge(found, row.Row, found.Changed(row.Before, row.After))
			w.merges = true
		default:
			w.Add(found, row.Row)
		}
	}
	if w.obstacle == "" && w.Gap != "" {
		w.obstacle = w.Gap + ": the history of a row has a gap"
	}
	return w, nil
}

// hindrance says why a change cannot be repeated; empty where it can. What triggers and cascades did is in the log too.
func hindrance(t *rows.Table, row repeated) string {
	if why := t.Unusable(row.Row); why != "" {
		return why
	}
	if why := unmergeable(t, row); row.merged && why != "" {
		return why
	}
	if names := t.Hazards.Fired(row.Op); names != "" {
		return "it would fire trigger " + names
	}
	if key := t.Hazards.Cascading(t.Definition, row.Op, row.Before, row.After); key != "" {
		return "it would change children by foreign key " + key
	}
	return ""
}

// unmergeable says why an update cannot be merged into the row as it is now; empty where it can.
func unmergeable(t *rows.Table, row repeated) string {
	before, _ := t.KeyOf(row.Before)
	after, _ := t.KeyOf(row.After)
	switch {
	case !t.Mergeable:
		return "the policy does not let its rows be merged"
	case row.Op != decode.Update || before != after:
		return "nothing but an update that keeps the key can be merged"
	}
	return ""
}

// standing is how the rows of the target stand to a transaction.
type standing struct {
	before, after bool
	// strange names the table of a row that is neither as before nor as after.
	strange string
}

// why says what keeps the transaction from being repeated.
func (s *standing) why(doubt bool) string {
	why := "some of its rows are there and others are not: somebody repeated a part of it"
	if s.strange != "" {
		why = "a row of " + s.strange + " was changed meanwhile"
	}
	if doubt {
		why += "; an earlier attempt may have been committed before that, and its answer was lost"
	}
	return why
}

// look locks the rows of the transaction, table by table, and compares them.
func (w *work) look(ctx context.Context, target Target) (standing, error) {
	s := standing{before: true, after: true}
	for rest := slices.Clone(w.Order); len(rest) > 0; {
		table := w.Nets[rest[0]].Table
		var nets []*rows.Net
		var keys [][]decode.Value
		rest = slices.DeleteFunc(rest, func(key diff.Key) bool {
			n := w.Nets[key]
			if n.Table == table {
				nets, keys = append(nets, n), append(keys, n.Key)
			}
			return n.Table == table
		})
		found, err := target.Locked(ctx, table, keys)
		if err != nil {
			return s, err
		}
		for i, n := range nets {
			s.compare(n, found[i])
		}
	}
	return s, nil
}

func (s *standing) compare(n *rows.Net, row []decode.Value) {
	before, after := n.IsBefore(row), n.IsAfter(row)
	s.before, s.after = s.before && before, s.after && after
	if !before && !after && s.strange == "" {
		s.strange = n.Table.String()
	}
}

// verdict is a decision about one transaction.
type verdict struct {
	outcome Outcome
	detail  string
}

// apply repeats the transaction. begun is called before anything is changed; doubt says that an earlier attempt may have
// been committed. An error means that nothing is known of the outcome.
func (w *work) apply(ctx context.Context, target Target, doubt bool, begun func() error) (verdict, error) {
	if w.obstacle != "" {
		return verdict{Left, w.obstacle}, nil
	}
	if err := target.Begin(ctx); err != nil {
		return verdict{}, err
	}
	v, err := w.attempt(ctx, target, doubt, begun)
	var refused *RefusedError
	if errors.As(err, &refused) {
		v, err = verdict{Left, refused.Why}, nil
	}
	switch {
	case err != nil:
		return verdict{}, err
	case v.outcome == "":
		return w.done(), target.Commit(ctx)
	}
	return v, target.Rollback(ctx)
}

// done is the verdict on a transaction that was repeated.
func (w *work) done() verdict {
	if w.merges {
		return verdict{Replayed, "merged: columns that the new side changed in the same rows were kept"}
	}
	return verdict{outcome: Replayed}
}

// attempt makes the changes inside the open transaction. Without a verdict they are made and may be committed.
func (w *work) attempt(ctx context.Context, target Target, doubt bool, begun func() error) (verdict, error) {
	stand, err := w.look(ctx, target)
	switch {
	case err != nil:
		return verdict{}, err
	case stand.after && doubt:
		return verdict{Replayed, "its commit had succeeded, though the answer was lost"}, nil
	case stand.after:
		return verdict{outcome: Already}, nil
	case !stand.before:
		return verdict{Left, stand.why(doubt)}, nil
	}
	if err := begun(); err != nil {
		return verdict{}, err
	}
	return w.change(ctx, target)
}

// change makes the changes. Without a verdict each met one row.
func (w *work) change(ctx context.Context, target Target) (verdict, error) {
	for rest := w.Changes; len(rest) > 0; {
		n := alike(rest)
		affected, err := target.Change(ctx, rest[:n])
		if err != nil {
			return verdict{}, err
		}
		for i, met := range affected {
			if met != 1 {
				return verdict{Left, fmt.Sprintf("%s in %s met %d rows instead of 1", rest[i].Op, rest[i].Table.Name, met)}, nil
			}
		}
		rest = rest[n:]
	}
	return verdict{}, nil
}

// Limits of one round trip of changes, far below the 64 MiB that a server takes in one packet by default: bytes are of
// values, of which a statement may hold two for each, in hexadecimal digits.
const (
	changesAtOnce = 500
	bytesAtOnce   = 1 << 20
)

// alike is how many changes from the first on are of one kind, in one table, and fit into a round trip.
func alike(changes []rows.Change) int {
	size := 0
	for n, c := range changes {
		size += sizeOf(c)
		if n > 0 && (c.Op != changes[0].Op || c.Table != changes[0].Table || n == changesAtOnce || size > bytesAtOnce) {
			return n
		}
	}
	return len(changes)
}

func sizeOf(c rows.Change) int {
	size := 0
	for _, image := range [][]decode.Value{c.Before, c.After} {
		for _, v := range image {
			size += len(v.Text)
		}
	}
	return size
}

// stores tells whether a change is one of a stored column.
func stores(c rows.Change) bool {
	switch {
	case c.Merge != nil:
		return len(c.Merge) > 0
	case c.Op != decode.Update:
		return true
	}
	for i, column := range c.Table.Columns {
		if !column.Generated && c.Before[i] != c.After[i] {
			return true
		}
	}
	return false
}

// quick tells whether the transaction may be repeated without a look at its rows first: each change is bound to its row,
// and the rows as before are not the rows as after, so that it cannot be made twice.
func (w *work) quick() bool {
	if w.obstacle != "" || len(w.Changes) > changesAtOnce || w.size() > bytesAtOnce {
		return false
	}
	return !slices.ContainsFunc(w.Changes, func(c rows.Change) bool { return !stores(c) }) &&
		slices.ContainsFunc(slices.Collect(maps.Values(w.Nets)), (*rows.Net).Moves)
}

func (w *work) size() int {
	size := 0
	for _, c := range w.Changes {
		size += sizeOf(c)
	}
	return size
}
