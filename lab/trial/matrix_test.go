package trial

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCells(t *testing.T) {
	cells := Cells()
	if len(cells) != 88 {
		t.Errorf("%d cells instead of 84 and 4", len(cells))
	}
	seen := map[string]bool{}
	for _, c := range cells {
		if seen[c.Name()] {
			t.Errorf("%s is there twice", c.Name())
		}
		seen[c.Name()] = true
	}
	for _, name := range []string{"site cut, idle", "delay 500 ms + loss 20 %, mid-failover", "clock step of 1 h, under load"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestHitsOfAPairAreTwo holds every pair against its halves: neither fault may be hidden by the other.
func TestHitsOfAPairAreTwo(t *testing.T) {
	usual := scene{subject: "db1", replica: "db2", third: "db3", site: "east-a", leader: "east-1", node: "cloud-1"}
	failing := scene{subject: "db2", replica: "db3", third: "west-db1", site: "east-a", leader: "east-1", node: "cloud-1"}
	for _, c := range Cells() {
		s := usual
		if c.Phase == MidFailover {
			s = failing
		}
		var words []string
		for _, h := range hits(c, s) {
			words = append(words, h.words)
		}
		if len(words) != len(c.Troubles) || len(words) == 2 && words[0] == words[1] {
			t.Errorf("%s: %q", c.Name(), words)
		}
		if len(words) == 2 && strings.HasPrefix(words[0], "cut off: ") && strings.HasSuffix(words[1], strings.TrimPrefix(words[0], "cut off: ")) {
			t.Errorf("%s hits the same twice: %q", c.Name(), words)
		}
	}
}

func TestHits(t *testing.T) {
	s := scene{subject: "db1", replica: "db2", third: "db3", site: "east-a", leader: "east-1", node: "cloud-1"}
	for _, c := range []struct {
		troubles []Trouble
		phase    Phase
		want     []string
	}{
		{[]Trouble{SiteCut, NodeCut}, UnderLoad, []string{"cut off: east-a", "cut off: cloud-1"}},
		{[]Trouble{ServerCut, OneWayCut}, UnderLoad, []string{"cut off: db1", "unheard: db2"}},
		{[]Trouble{LinkCut, Slowness}, UnderLoad, []string{"cut: db1 - db2", "slow: db1"}},
		{[]Trouble{SiteCut, LinkCut}, UnderLoad, []string{"cut off: east-a", "cut: db2 - db3"}},
		{[]Trouble{SiteCut, Slowness}, MidFailover, []string{"cut off: east-a", "slow: db1"}},
		{[]Trouble{Slowness, Lossiness}, Idle, []string{"slow: db1", "lossy: db1"}},
	} {
		var got []string
		for _, h := range hits(Cell{c.troubles, c.phase}, s) {
			got = append(got, h.words)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v %s (-want +got):\n%s", c.troubles, c.phase, diff)
		}
	}
}

func TestMatrixTable(t *testing.T) {
	page := MatrixTable([]CellResult{
		{Cell: "site cut, idle", Hits: []string{"cut off: east-a"}, Outcome: "db2 promoted in region east", OKAfter: 2000},
		{Cell: "site cut + node cut, under load", Outcome: "hold: a|b", Outage: 12345, Why: "hold: a|b", Broken: []string{"two servers acknowledged at once"}},
	}, "9.7.4", "disk")
	for _, want := range []string{
		"2 cells, 1 of them unsafe",
		"| site cut | idle | cut off: east-a | db2 promoted in region east | – | – | 2.0 s | yes |",
		`| site cut + node cut | under load |  | hold: a\|b | no: hold: a\|b | 12.3 s | 0.0 s | **NO**: two servers acknowledged at once |`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
