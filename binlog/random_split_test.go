//go:build integration

package binlog_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/report"
)

var seeds = flag.Int("seeds", 1, "how many random splits to classify")

// transactions is how many the old side runs alone.
const transactions = 300

// side is a server with what its rows must be.
type side struct {
	*server
	rows    map[string]int
	touched map[string]bool
}

// written is one transaction of a side: its GTID and the keys that it changed.
type written struct {
	gtid string
	keys []string
}

// write runs one transaction of up to three changes of different rows.
func (s *side) write(random *rand.Rand) written {
	var out written
	var statements []string
	for range 1 + random.IntN(3) {
		key := fmt.Sprintf("Item-%d", random.IntN(4*transactions))
		if slices.Contains(out.keys, key) {
			continue
		}
		statement, value := change(random, key, s.rows)
		if value < 0 {
			delete(s.rows, key)
		} else {
			s.rows[key] = value
		}
		s.touched[key] = true
		out.keys, statements = append(out.keys, key), append(statements, statement)
	}
	out.gtid = s.transaction(statements...)
	return out
}

// change returns a statement that certainly changes the row, and the value that it leaves; below zero is no row.
func change(random *rand.Rand, key string, rows map[string]int) (statement string, value int) {
	now, there := rows[key]
	value = random.IntN(3)
	switch {
	case !there:
		return fmt.Sprintf("INSERT INTO shop.items VALUES ('%s', %d)", key, value), value
	case random.IntN(4) == 0:
		return fmt.Sprintf("DELETE FROM shop.items WHERE id='%s'", key), -1
	case value == now:
		value = now + 3
	}
	return fmt.Sprintf("UPDATE shop.items SET v=%d WHERE id='%s'", value, key), value
}

// truth is the class that each transaction of the old side must have, from the rows alone.
func truth(common map[string]int, old, fresh *side, all []written) map[string]string {
	order := []string{"NOOP", "ALREADY", "SAFE", "CONFLICT"}
	tainted, out := map[string]bool{}, map[string]string{}
	for _, tx := range all {
		worst := 0
		for _, key := range tx.keys {
			worst = max(worst, slices.Index(order, keyClass(common, old, fresh, key, tainted[key])))
		}
		out[tx.gtid] = order[worst]
		for _, key := range tx.keys {
			tainted[key] = tainted[key] || order[worst] == "CONFLICT"
		}
	}
	return out
}

func keyClass(common map[string]int, old, fresh *side, key string, tainted bool) string {
	value := func(rows map[string]int) int {
		if v, ok := rows[key]; ok {
			return v
		}
		return -1
	}
	switch before, o, n := value(common), value(old.rows), value(fresh.rows); {
	case o == before:
		return "NOOP"
	case fresh.touched[key] && o == n:
		return "ALREADY"
	case fresh.touched[key] || tainted:
		return "CONFLICT"
	}
	return "SAFE"
}

func TestRandomSplitMatchesTheTruth(t *testing.T) {
	t.Parallel()
	for seed := range *seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			randomSplit(t, rand.New(rand.NewPCG(uint64(seed), 0)))
		})
	}
}

func randomSplit(t *testing.T, random *rand.Rand) {
	t.Helper()
	old := &side{newServer(t, "east-db1", 1), map[string]int{}, map[string]bool{}}
	fresh := &side{newServer(t, "west-db1", 2), nil, map[string]bool{}}
	old.run("CREATE DATABASE shop", "CREATE TABLE shop.items (id VARCHAR(64) PRIMARY KEY, v INT)")
	for range transactions {
		old.write(random)
	}
	fresh.follow(old.server)
	common := maps.Clone(old.rows)
	fresh.rows = maps.Clone(common)
	var all []written
	for range transactions {
		all = append(all, old.write(random))
		if random.IntN(4) == 0 {
			fresh.write(random)
		}
	}
	want := truth(common, old, fresh, all)

	dir := filepath.Join(t.TempDir(), "report")
	if m := captureOf(t, dir, fresh.server, old.server); !m.Complete {
		t.Fatal(m.Reason)
	}
	summary, err := binlog.Compare(t.Context(), compareRequest(dir, fresh.server))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(summary.Sentence)
	if diff := cmp.Diff(want, classesOf(t, dir)); diff != "" {
		t.Errorf("classes: (-want +got)\n%s", diff)
	}
	inOrder(t, dir, all)
	if err := fresh.pipe(filepath.Join(dir, report.SQLName)); err != nil {
		t.Fatalf("replay: %v", err)
	}
}

// inOrder checks that the report lists the transactions as they were committed.
func inOrder(t *testing.T, dir string, all []written) {
	t.Helper()
	i := 0
	for tx, err := range report.Transactions(dir, false) {
		if err != nil || i >= len(all) || tx.GTID.String() != all[i].gtid {
			t.Fatalf("transaction %d of the report is %s, %v", i, tx.GTID, err)
		}
		i++
	}
}
