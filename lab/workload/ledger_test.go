package workload

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLedgerRoundTrip(t *testing.T) {
	t.Parallel()
	want := []Attempt{
		did("a", Acknowledged, 1, 2, Insert, "k"), did("b", Unknown, 3, 4, Delete, "k"),
	}
	var file bytes.Buffer
	l := &ledger{out: &file}
	for i := range want {
		want[i].describe()
		if err := l.append(&want[i]); err != nil {
			t.Fatal(err)
		}
	}
	file.WriteString(`{"id":"cut off by a kil`)
	got, err := ParseLedger(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
}

func TestLedgerRefusesWhatIsNoAttempt(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"", "{}", "null", `{"id":"a","acknowledged":true,"outcome":"unknown"}`} {
		if _, err := ParseLedger(strings.NewReader(line + "\n")); !errors.Is(err, ErrLedger) {
			t.Errorf("line %q gave %v", line, err)
		}
	}
}

func TestLedgerReportsFullDisk(t *testing.T) {
	t.Parallel()
	l := &ledger{out: fullDisk{}}
	if err := l.append(&Attempt{}); !errors.Is(err, ErrLedger) {
		t.Errorf("a full disk gave %v", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func FuzzParseLedger(f *testing.F) {
	f.Add(`{"id":"a","acknowledged":true,"outcome":"acknowledged","statements":[{"op":"insert","key":"k","rows":1}]}` + "\n")
	f.Add("{}\n")
	f.Fuzz(func(t *testing.T, text string) {
		attempts, err := ParseLedger(strings.NewReader(text))
		if err != nil {
			if !errors.Is(err, ErrLedger) {
				t.Fatalf("undocumented error %v", err)
			}
			return
		}
		// Whatever parses can be summed up and checked.
		Summarize(attempts)
		Check(attempts, nil)
		Expected(attempts)
	})
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	west := did("w", Acknowledged, 1, 9, Insert, "w")
	west.Region, west.Server = "west", "west-db1"
	attempts := []Attempt{
		did("a", Acknowledged, 0, 1, Insert, "a"),
		did("b", Unknown, 1, 2, Insert, "b"),
		did("c", Refused, 2, 3, Insert, "c"),
		did("d", Acknowledged, 5, 6, Insert, "d"),
		did("e", Acknowledged, 6, 7, Insert, "e"),
		west,
	}
	want := []Summary{
		{
			Region: "east", Attempted: 5, Acknowledged: 3, Refused: 1, Unknown: 1, ByServer: map[string]int{"east-db1": 3},
			FirstAt: at(0), LastAt: at(7), Outage: Outage{From: at(1), To: at(6), Seconds: 5},
		},
		{
			Region: "west", Attempted: 1, Acknowledged: 1, ByServer: map[string]int{"west-db1": 1},
			FirstAt: at(1), LastAt: at(9), Outage: Outage{From: at(9), To: at(9), Open: true},
		},
		{
			Attempted: 6, Acknowledged: 4, Refused: 1, Unknown: 1, ByServer: map[string]int{"east-db1": 3, "west-db1": 1},
			FirstAt: at(0), LastAt: at(9), Outage: Outage{From: at(1), To: at(6), Seconds: 5},
		},
	}
	if diff := cmp.Diff(want, Summarize(attempts)); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
}

func TestSummarizeKeepsAnOpenOutage(t *testing.T) {
	t.Parallel()
	got := Summarize([]Attempt{
		did("a", Acknowledged, 0, 1, Insert, "a"), did("b", Acknowledged, 1, 2, Insert, "b"), did("c", Unknown, 3, 40, Insert, "c"),
	})
	if want := (Outage{From: at(2), To: at(40), Seconds: 38, Open: true}); got[0].Outage != want {
		t.Errorf("outage %+v, want %+v", got[0].Outage, want)
	}
}

func TestLongestSilence(t *testing.T) {
	t.Parallel()
	attempts := []Attempt{
		did("d", Acknowledged, 11, 12, Insert, "d"), did("a", Acknowledged, 0, 1, Insert, "a"),
		did("b", Acknowledged, 5, 6, Insert, "b"), did("c", Unknown, 7, 8, Insert, "c"),
	}
	for name, tt := range map[string]struct {
		from, to int
		want     Outage
	}{
		"between two":      {1, 13, Outage{From: at(6), To: at(12), Seconds: 6}},
		"before the first": {2, 7, Outage{From: at(2), To: at(6), Seconds: 4}},
		"after the last":   {5, 11, Outage{From: at(6), To: at(11), Seconds: 5}},
		"all of it":        {7, 10, Outage{From: at(7), To: at(10), Seconds: 3}},
		"none in it":       {12, 40, Outage{From: at(12), To: at(40), Seconds: 28}},
	} {
		if got := LongestSilence(attempts, at(tt.from), at(tt.to)); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}
