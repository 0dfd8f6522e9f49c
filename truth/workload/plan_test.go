package workload_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/truth/workload"
)

var size = workload.Size{History: 30, Old: 60, New: 60, Huge: 700}

func TestASeedIsAPlan(t *testing.T) {
	if diff := cmp.Diff(workload.New(7, size), workload.New(7, size)); diff != "" {
		t.Error("the same seed gave two plans", diff)
	}
	if cmp.Equal(workload.New(7, size), workload.New(8, size)) {
		t.Error("two seeds gave the same plan")
	}
}

// text is all that a plan writes.
func text(p workload.Plan) string {
	out := strings.Join(p.Schema, "\n")
	for _, side := range [][]workload.Transaction{p.History, p.Old, p.New} {
		for _, tx := range side {
			for _, op := range tx.Ops {
				out += "\n" + op.SQL
			}
		}
	}
	return out
}

func TestEveryPlanHasEveryType(t *testing.T) {
	for seed := range uint64(3) {
		got := text(workload.New(seed, size))
		for _, want := range []string{
			"TINYINT UNSIGNED", "MEDIUMINT", "BIGINT UNSIGNED", "DECIMAL(65,30)", "FLOAT", "DOUBLE", "YEAR", "BIT(64)", "ENUM(", "SET(",
			" DATE", "TIME(6)", "DATETIME(6)", "TIMESTAMP(6)", "CHAR(255)", "utf16", "gbk", "latin1", "LONGTEXT", "JSON", "BINARY(8)",
			"VARBINARY(300)", "LONGBLOB", "GEOMETRY", "VECTOR(3)", "AUTO_INCREMENT", "VIRTUAL", "STORED", "INVISIBLE", "FOREIGN KEY",
			"ON UPDATE", "MyISAM", "keyless (v", "DROP TABLE", "TRUNCATE", "ALTER TABLE",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("seed %d has no %s", seed, want)
			}
		}
	}
}

func TestTheSidesRepeatEachOther(t *testing.T) {
	plan := workload.New(3, size)
	old := map[string]bool{}
	for _, tx := range plan.Old {
		old[tx.Ops[0].SQL] = true
	}
	repeated := 0
	for _, tx := range plan.New {
		if len(tx.Ops) > 0 && old[tx.Ops[0].SQL] {
			repeated++
		}
	}
	if repeated < len(plan.New)/6 {
		t.Errorf("%d of %d transactions of the new side repeat the old side", repeated, len(plan.New))
	}
}
