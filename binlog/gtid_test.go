//go:build integration

package binlog_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/regentdb/regent/gtid"
)

// sloppySet is a random set in a spelling that a person might use: letters of either case, space and line breaks
// around every part, a UUID or a tag named twice, intervals that touch and overlap, members that are empty, and
// numbers up to the largest.
func sloppySet(random *rand.Rand) string {
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	space := func() string { return one("", "", "", " ", "\n", "\t", " \n ") }
	var members []string
	for range random.IntN(5) {
		if random.IntN(8) == 0 {
			members = append(members, space())
			continue
		}
		format := one("%08X-0000-0000-aBcD-00000000000%d", "%08x-0000-0000-AbCd-00000000000%d")
		member := space() + fmt.Sprintf(format, 0xabcdef00+random.IntN(2), random.IntN(2))
		for range 1 + random.IntN(4) {
			if random.IntN(3) == 0 {
				member += space() + ":" + space() + one("Tag_0", "tag_0", "TAG_1", "_", "abc", "a"+strings.Repeat("9", 31))
			}
			member += space() + ":" + space() + sloppyInterval(random, space)
		}
		members = append(members, member+space())
	}
	return strings.Join(members, ",")
}

func sloppyInterval(random *rand.Rand, space func() string) string {
	first := uint64(1 + random.IntN(20))
	if random.IntN(5) == 0 {
		first = gtid.MaxSeq - random.Uint64N(20)
	}
	if random.IntN(3) == 0 {
		return fmt.Sprintf("%s%d", strings.Repeat("0", random.IntN(3)), first)
	}
	last := min(first+random.Uint64N(6), gtid.MaxSeq)
	if random.IntN(20) == 0 {
		last = gtid.MaxSeq
	}
	return fmt.Sprintf("%d%s-%s%d", first, space(), space(), last)
}

// TestGTIDAlgebraIsTheServers compares every operation with what the server makes of its own functions. A union there
// is the concatenation of the texts, and an intersection two differences.
func TestGTIDAlgebraIsTheServers(t *testing.T) {
	t.Parallel()
	s := newServer(t, "east-db1", 1)
	random := rand.New(rand.NewPCG(1, 2))
	const query = "SELECT GTID_SUBTRACT(?, ''), GTID_SUBTRACT(?, ?), GTID_SUBTRACT(CONCAT(?, ',', ?), ''), " +
		"GTID_SUBTRACT(?,GTID_SUBTRACT(?,?)), GTID_SUBSET(?, ?)"
	related, common := 0, 0
	for range 2000 {
		a, b := sloppySet(random), sloppySet(random)
		if random.IntN(4) == 0 {
			b = a + ",\n" + b
		}
		x, y := gtid.MustParse(a), gtid.MustParse(b)
		var canonical, minus, union, both string
		var subset bool
		row := s.db.QueryRowContext(t.Context(), query, a, a, b, a, b, a, a, b, a, b)
		if err := row.Scan(&canonical, &minus, &union, &both, &subset); err != nil {
			t.Fatalf("%q, %q: %v", a, b, err)
		}
		for name, pair := range map[string][2]string{
			"itself": {x.String(), canonical}, "minus": {x.Subtract(y).String(), minus},
			"union": {x.Union(y).String(), union}, "both": {x.Intersect(y).String(), both},
		} {
			if got, want := pair[0], strings.ReplaceAll(pair[1], "\n", ""); got != want {
				t.Fatalf("%s of %q and %q: got %s, the server says %s", name, a, b, got, want)
			}
		}
		if got := y.Contains(x); got != subset {
			t.Fatalf("%q in %q: got %v, the server says %v", a, b, got, subset)
		}
		if subset && !x.IsEmpty() {
			related++
		}
		if both != "" {
			common++
		}
	}
	damagedTexts(t, s)
	if related < 200 || common < 200 {
		t.Errorf("%d subsets and %d intersections say little", related, common)
	}
}

// damagedTexts damages texts: what is read all the same is what the server reads.
func damagedTexts(t *testing.T, s *server) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	const letters = "09afgAF-:,_ \n\tx."
	read := 0
	for range 3000 {
		text := []byte(sloppySet(random))
		if len(text) == 0 {
			continue
		}
		at := random.IntN(len(text))
		text = slices.Replace(text, at, at+random.IntN(2), []byte(letters[random.IntN(len(letters)):][:random.IntN(2)])...)
		set, err := gtid.Parse(string(text))
		if err != nil {
			continue
		}
		read++
		var canonical string
		if err := s.db.QueryRowContext(t.Context(), "SELECT GTID_SUBTRACT(?, '')", string(text)).Scan(&canonical); err != nil {
			t.Errorf("%q was read as %s, the server says %v", text, set, err)
		} else if want := strings.ReplaceAll(canonical, "\n", ""); set.String() != want {
			t.Errorf("%q was read as %s, the server says %s", text, set, want)
		}
	}
	if read < 300 {
		t.Errorf("only %d of the texts were read", read)
	}
}
