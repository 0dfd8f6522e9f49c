package workload

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// Row is one row of Table as a server has it.
type Row struct {
	Key     string
	Attempt string // the attempt that wrote this version.
	Amount  int64
	Note    string
}

// Problem says in which way a row contradicts the ledger.
type Problem string

// The problems that Check finds.
const (
	// Missing: an acknowledged row is not there.
	Missing Problem = "missing"
	// Stale: the row is there in a version that an acknowledged one replaced,
	// or although an acknowledged attempt deleted it.
	Stale Problem = "stale"
	// Uncalled: the row's version comes from no attempt of the ledger.
	Uncalled Problem = "uncalled"
	// RefusedWritten: the row's version comes from an attempt that was refused.
	RefusedWritten Problem = "refused_written"
	// Altered: the version is right and its values are not.
	Altered Problem = "altered"
)

// Finding is a row that contradicts the ledger.
type Finding struct {
	Key     string  `json:"key"`
	Problem Problem `json:"problem"`
	Attempt string  `json:"attempt"` // the attempt that is missing, or that the row names.
	Detail  string  `json:"detail"`
}

// ReadRows reads every row of Table from a server. A server without the table
// has no rows.
func ReadRows(ctx context.Context, db *sql.DB) (map[string]Row, error) {
	var tables int
	err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE CONCAT(table_schema, '.', table_name) = ?", Table).Scan(&tables)
	if err != nil {
		return nil, fmt.Errorf("workload: read %s: %w", Table, err)
	}
	found := map[string]Row{}
	if tables == 0 {
		return found, nil
	}
	rows, err := db.QueryContext(ctx, "SELECT id, attempt, amount, note FROM "+Table)
	if err != nil {
		return nil, fmt.Errorf("workload: read %s: %w", Table, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var row Row
		if err := rows.Scan(&row.Key, &row.Attempt, &row.Amount, &row.Note); err != nil {
			return nil, fmt.Errorf("workload: read %s: %w", Table, err)
		}
		found[row.Key] = row
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("workload: read %s: %w", Table, err)
	}
	return found, nil
}

// write is one statement of the ledger on one key.
type write struct {
	attempt   *Attempt
	statement *Statement
}

// Check compares a server's rows with the ledger and lists every contradiction,
// sorted by key. Attempts must be those of every writer of the table, less those
// that the caller knows to be lost (one side of a forced split).
//
// Of two acknowledged writes to a key the one that began after the other had
// ended is the later; where they overlap either may be. A write of unknown
// outcome may have happened, at any time since it began.
func Check(attempts []Attempt, rows map[string]Row) []Finding {
	known := map[string]*Attempt{}
	writes := map[string][]write{}
	for i := range attempts {
		a := &attempts[i]
		known[a.ID] = a
		if a.Outcome == Refused {
			continue
		}
		for j := range a.Statements {
			s := &a.Statements[j]
			if s.Key != "" && (a.Outcome == Unknown || s.Rows != 0) {
				writes[s.Key] = append(writes[s.Key], write{attempt: a, statement: s})
			}
		}
	}
	var findings []Finding
	for key, history := range writes {
		row, present := rows[key]
		if finding := checkKey(last(history), row, present, known); finding != nil {
			finding.Key = key
			findings = append(findings, *finding)
		}
	}
	for key, row := range rows {
		if _, written := writes[key]; !written {
			findings = append(findings, Finding{
				Key: key, Problem: blame(row, known), Attempt: row.Attempt,
				Detail: "nobody was told that it was written",
			})
		}
	}
	slices.SortFunc(findings, func(a, b Finding) int { return cmp.Compare(a.Key, b.Key) })
	return findings
}

// last keeps the writes after which no acknowledged write is sure to have come.
func last(history []write) []write {
	var latest time.Time
	for _, w := range history {
		if w.attempt.Acknowledged && w.attempt.StartedAt.After(latest) {
			latest = w.attempt.StartedAt
		}
	}
	return slices.DeleteFunc(slices.Clone(history), func(w write) bool {
		return w.attempt.Acknowledged && w.attempt.EndedAt.Before(latest)
	})
}

// checkKey compares a row with the writes that may have been its last.
func checkKey(last []write, row Row, present bool, known map[string]*Attempt) *Finding {
	var acknowledged *write
	gone := false
	for i, w := range last {
		if present && w.attempt.ID == row.Attempt && w.statement.Op != Delete {
			return checkValues(w, row)
		}
		gone = gone || w.statement.Op == Delete
		if w.attempt.Acknowledged {
			acknowledged = &last[i]
		}
	}
	if !present {
		if gone || acknowledged == nil {
			return nil
		}
		return &Finding{
			Problem: Missing, Attempt: acknowledged.attempt.ID,
			Detail: fmt.Sprintf("%s acknowledged its %s", acknowledged.attempt.Server, acknowledged.statement.Op),
		}
	}
	finding := &Finding{Problem: blame(row, known), Attempt: row.Attempt}
	if acknowledged != nil {
		finding.Detail = fmt.Sprintf("%s acknowledged the %s of attempt %s",
			acknowledged.attempt.Server, acknowledged.statement.Op, acknowledged.attempt.ID)
	}
	return finding
}

func checkValues(w write, row Row) *Finding {
	if row.Amount == w.statement.Amount && row.Note == w.statement.Note {
		return nil
	}
	return &Finding{
		Problem: Altered, Attempt: row.Attempt,
		Detail: fmt.Sprintf("has amount %d and note %q instead of %d and %q", row.Amount, row.Note, w.statement.Amount, w.statement.Note),
	}
}

// blame names the problem of a row whose version should not be there.
func blame(row Row, known map[string]*Attempt) Problem {
	switch a, ok := known[row.Attempt]; {
	case !ok:
		return Uncalled
	case a.Outcome == Refused:
		return RefusedWritten
	default:
		return Stale
	}
}

// Expected answers, per key, the acknowledged write that is sure to be the
// last, for keys whose last write is beyond doubt. A key that was deleted is
// there with the Op Delete.
func Expected(attempts []Attempt) map[string]Statement {
	histories := map[string][]write{}
	for i := range attempts {
		for j := range attempts[i].Statements {
			s := &attempts[i].Statements[j]
			if s.Key != "" && attempts[i].Outcome != Refused && (!attempts[i].Acknowledged || s.Rows != 0) {
				histories[s.Key] = append(histories[s.Key], write{attempt: &attempts[i], statement: s})
			}
		}
	}
	expected := map[string]Statement{}
	for key, history := range histories {
		if final := last(history); len(final) == 1 && final[0].attempt.Acknowledged {
			expected[key] = *final[0].statement
		}
	}
	return expected
}
