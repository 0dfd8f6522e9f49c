//go:build integration

package binlog_test

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/regentdb/regent/truth/classes"
	"github.com/regentdb/regent/truth/table"
	"github.com/regentdb/regent/truth/verbose"
	"github.com/regentdb/regent/truth/workload"
)

// replays checks the truth itself: the rows at the split, changed as mysqlbinlog prints, are the rows at the end.
func (s *split) replays(side *workload.Side, log []verbose.Transaction, ledger []workload.Transaction, tables map[string]*table.Table, begin, end map[string][]table.Row) {
	s.t.Helper()
	unknown := doubtful(ledger, tables)
	rows := map[string]map[string]int{}
	for name := range tables {
		rows[name] = map[string]int{}
		for _, row := range begin[name] {
			rows[name][fmt.Sprint(row)]++
		}
	}
	reader := classes.Reader{Tables: tables, Fill: s.fill, Apply: func(change, document string) (string, error) {
		return s.changed(side, change, document)
	}}
	for _, tx := range log {
		converted, err := reader.Convert(tx)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, row := range converted.Rows {
			if row.Misfit || !row.Before.Full() || !row.After.Full() {
				unknown[row.Table] = true
				continue
			}
			if row.Before != nil {
				rows[row.Table][fmt.Sprint(row.Before)]--
			}
			if row.After != nil {
				rows[row.Table][fmt.Sprint(row.After)]++
			}
		}
	}
	checked := 0
	for name := range tables {
		for _, row := range end[name] {
			rows[name][fmt.Sprint(row)]--
		}
		for row, n := range rows[name] {
			if n != 0 && !unknown[name] {
				s.t.Errorf("%s: mysqlbinlog and the rows at the end differ: %+d of %.300s", name, n, row)
			}
		}
		if !unknown[name] {
			checked += len(end[name])
		}
	}
	s.t.Logf("mysqlbinlog accounts for %d rows at the end; tables that it does not tell all of: %d", checked, len(unknown))
}

// doubtful are the tables of which the log does not have every row change: those of statements, and of changes without
// the log, with what foreign keys and triggers reach from them.
func doubtful(ledger []workload.Transaction, tables map[string]*table.Table) map[string]bool {
	out := map[string]bool{}
	for _, tx := range ledger {
		if tx.Mode != workload.Statements && tx.Mode != workload.Unlogged && tx.Mode != workload.Definition {
			continue
		}
		for name, t := range tables {
			for _, op := range tx.Ops {
				if !strings.Contains(op.SQL+" ", workload.Schema+"."+name+" ") {
					continue
				}
				out[name] = true
				for _, f := range t.Children {
					out[f.Child] = true
				}
				out["audit"] = out["audit"] || len(t.Triggers) > 0
			}
		}
	}
	return out
}

// changed lets the server work out the change of a document as mysqlbinlog prints it.
func (s *split) changed(side *workload.Side, change, document string) (result string, err error) {
	column := regexp.MustCompile(`@\d+`).FindStringIndex(change)
	if column == nil {
		return "", fmt.Errorf("no column in the change of a document")
	}
	literal := "CAST(_utf8mb4 X'" + hex.EncodeToString([]byte(document)) + "' AS JSON)"
	query := "SELECT CAST(" + change[:column[0]] + literal + change[column[1]:] + " AS CHAR)"
	err = side.Conn.QueryRowContext(s.t.Context(), query).Scan(&result)
	return result, err
}
