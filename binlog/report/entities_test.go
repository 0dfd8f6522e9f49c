package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/report"
)

func entitiesOf(t *testing.T, dir string, reveal bool) []report.Entity {
	t.Helper()
	var out bytes.Buffer
	if err := report.WriteEntitiesNDJSON(&out, dir, reveal); err != nil {
		t.Fatal(err)
	}
	var all []report.Entity
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var e report.Entity
		if err := decoder.Decode(&e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestEntitiesAreRowsOnceWithTheirWorstClass(t *testing.T) {
	dir, _ := written(t, input())
	all := entitiesOf(t, dir, true)
	if len(all) != 1 {
		t.Fatalf("%d rows, want the one that both transactions changed: %+v", len(all), all)
	}
	e := all[0]
	if e.Class != classify.Conflict || e.TransactionClass != classify.Conflict || e.Changes != 4 || e.Acknowledged != "yes" ||
		!e.First.Equal(at(3)) || !e.Last.Equal(at(4)) || e.LastGTID.Seq != 2 || string(e.Key[0].Value) != "7" {
		t.Errorf("%+v", e)
	}
}

func TestKeysOfEntitiesAreHashedUnlessRevealedOrHarmless(t *testing.T) {
	in := newIncident(90).input()
	in.Harmless = []report.Column{{Schema: "shop", Table: "orders", Column: "id"}}
	dir, s := written(t, in)
	hashed, revealed := entitiesOf(t, dir, false), entitiesOf(t, dir, true)
	if len(hashed) != len(revealed) || len(hashed) == 0 || len(hashed) > s.Arithmetic.RowChanges {
		t.Fatalf("%d and %d rows", len(hashed), len(revealed))
	}
	var harmless int
	for i, e := range hashed {
		isHash := strings.HasPrefix(string(e.Key[0].Value), `"#`)
		if e.Table == "orders" {
			harmless++
		}
		if isHash == (e.Table == "orders") || strings.HasPrefix(string(revealed[i].Key[0].Value), `"#`) {
			t.Errorf("%s: %s, revealed %s", e.Table, e.Key[0].Value, revealed[i].Key[0].Value)
		}
		if i > 0 && e.Class > hashed[i-1].Class {
			t.Errorf("%s after %s: the worst class comes first", e.Class, hashed[i-1].Class)
		}
	}
	if harmless == 0 {
		t.Error("no row of the harmless table")
	}
}

func TestEntitiesAsATableStartNoFormula(t *testing.T) {
	in := input()
	in.Transactions[0].Rows[0].Table = &decode.Table{Schema: "=cmd", Name: "\x1b[31m@x", Columns: in.Transactions[0].Rows[0].Table.Columns}
	dir, _ := written(t, in)
	sql, err := os.ReadFile(filepath.Join(dir, report.SQLName))
	if err != nil || strings.Count(string(sql), "COMMIT;") != 0 || strings.Count(string(sql), "ROLLBACK;") != 1 {
		t.Errorf("a row of a table that nobody defined cannot be repeated: %s, %v", sql, err)
	}
	var out bytes.Buffer
	if err := report.WriteEntitiesCSV(&out, dir, true); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(lines) != 3 {
		t.Fatalf("%q, %v", lines, err)
	}
	if got := lines[2]; got[0] != "SAFE" || got[2] != "'=cmd" || got[3] != " [31m@x" || got[4] != `{"id":7}` {
		t.Errorf("%q", got)
	}
}

func TestHarmlessColumnsAreShown(t *testing.T) {
	in := input()
	in.Harmless = []report.Column{{Schema: "s", Table: in.Transactions[0].Rows[0].Table.Name, Column: "total"}}
	dir, _ := written(t, in)
	var out bytes.Buffer
	if err := report.CopyTransactions(&out, dir, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"total":0.5`) || strings.Contains(out.String(), `"secret":"old"`) {
		t.Errorf("the harmless column is to be shown, the other not: %s", out.String())
	}
}
