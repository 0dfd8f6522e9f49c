//go:build integration

package binlog_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/regentdb/regent/gtid"
)

// sloppySet is a random set in a spelling that a person might use.
func sloppySet(random *rand.Rand) string {
	var members []string
	for range random.IntN(4) {
		member := fmt.Sprintf("%08X-0000-0000-0000-00000000000%d", random.IntN(2), random.IntN(2))
		for range 1 + random.IntN(4) {
			if random.IntN(3) == 0 {
				member += fmt.Sprintf(" : Tag_%d", random.IntN(2))
			}
			first := 1 + random.IntN(12)
			member += fmt.Sprintf(":%d - %d", first, first+random.IntN(5))
		}
		members = append(members, member)
	}
	return strings.Join(members, " ,\n")
}

func TestGTIDAlgebraIsTheServers(t *testing.T) {
	t.Parallel()
	s := newServer(t, "east-db1", 1)
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		a, b := sloppySet(random), sloppySet(random)
		x, y := gtid.MustParse(a), gtid.MustParse(b)
		var canonical, subtracted string
		var subset bool
		row := s.db.QueryRowContext(t.Context(), "SELECT GTID_SUBTRACT(?, ''), GTID_SUBTRACT(?, ?), GTID_SUBSET(?, ?)", a, a, b, a, b)
		if err := row.Scan(&canonical, &subtracted, &subset); err != nil {
			t.Fatalf("%q, %q: %v", a, b, err)
		}
		if got, want := x.String(), strings.ReplaceAll(canonical, "\n", ""); got != want {
			t.Errorf("%q: got %s, the server prints %s", a, got, want)
		}
		if got, want := x.Subtract(y).String(), strings.ReplaceAll(subtracted, "\n", ""); got != want {
			t.Errorf("%q - %q: got %s, the server says %s", a, b, got, want)
		}
		if got := y.Contains(x); got != subset {
			t.Errorf("%q in %q: got %v, the server says %v", a, b, got, subset)
		}
	}
}
