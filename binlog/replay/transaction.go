package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/rows"
)

// tables reads the definitions of a run, each once.
type tables struct {
	target Target
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
	t.known[name] = found
	return found, nil
}

// work is one transaction to be repeated.
type work struct {
	rows.Set
	touched touched
	// obstacle says why it cannot be repeated at all.
	obstacle string
}

// workOf gathers the changes of a transaction and what they make of each row.
func (t *tables) workOf(ctx context.Context, changes []decode.Row) (*work, error) {
	w := &work{}
	for _, row := range changes {
		found, err := t.of(ctx, row.Table)
		if err != nil {
			return nil, err
		}
		w.touched.add(found, row)
		why := hindrance(found, row)
		if why == "" {
			w.Add(found, row)
		} else if w.obstacle == "" {
			w.obstacle = found.String() + ": " + why
		}
	}
	if w.obstacle == "" && w.Gap != "" {
		w.obstacle = w.Gap + ": the history of a row has a gap"
	}
	return w, nil
}

// hindrance says why a change cannot be repeated; empty where it can. What triggers and cascades did is in the log too.
func hindrance(t *rows.Table, row decode.Row) string {
	if why := t.Unusable(row); why != "" {
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

// look locks the rows of the transaction and compares them.
func (w *work) look(ctx context.Context, target Target) (standing, error) {
	s := standing{before: true, after: true}
	for _, key := range w.Order {
		n := w.Nets[key]
		row, err := target.Locked(ctx, n.Table, n.Key)
		if err != nil {
			return s, err
		}
		before, after := rows.Same(row, n.Before), rows.Same(row, n.After)
		s.before, s.after = s.before && before, s.after && after
		if !before && !after && s.strange == "" {
			s.strange = n.Table.String()
		}
	}
	return s, nil
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
		return verdict{outcome: Replayed}, target.Commit(ctx)
	}
	return v, target.Rollback(ctx)
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
	for _, c := range w.Changes {
		affected, err := target.Change(ctx, c)
		if err != nil {
			return verdict{}, err
		}
		if affected != 1 {
			return verdict{Left, fmt.Sprintf("%s in %s met %d rows instead of 1", c.Op, c.Table.Name, affected)}, nil
		}
	}
	return verdict{}, nil
}
