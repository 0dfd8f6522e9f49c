package trial

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func twoAtHome() map[string]string {
	return map[string]string{"east-db2": "home-1", "east-db3": "home-2"}
}

func TestFold(t *testing.T) {
	got := fold([]string{
		"before:commit:revoke", "after:commit:revoke",
		"before:revoke:east-db3", "before:revoke:west-db1", "before:revoke:east-db2", "after:revoke:east-db2",
		"before:commit:attach", "before:prepare:east-db3", "before:follow:east-db2", "before:prepare:east-db3",
	}, twoAtHome())
	want := []string{
		"before:commit:revoke", "after:commit:revoke",
		"before:revoke:home-2", "before:revoke:west-db1", "before:revoke:home-1", "after:revoke",
		"before:commit:attach", "before:prepare", "before:follow",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
}

func TestAbsoluteIsTheWayBack(t *testing.T) {
	for _, point := range []string{"before:revoke:east-db2", "received:revoke:west-db1", "after:commit:open", "before:open"} {
		if got := absolute(relative(point, twoAtHome()), twoAtHome()); got != point {
			t.Errorf("%s became %s", point, got)
		}
	}
}

func TestReadLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	text := "time=2026-11-21T11:00:00Z level=INFO msg=\"node is up\" node=east-1\n" +
		"time=2026-11-21T11:00:01Z level=INFO msg=\"trap point\" point=before:open:east-db2\n" +
		"time=2026-11-21T11:00:01Z level=WARN msg=\"trap sprung\" point=before:open:east-db2 signal=killed\n" +
		"time=2026-11-21T11:00:02Z level=WARN msg=\"action ended\" kind=open error=\"open east-db2: \\\"no\\\"\"\n" +
		"time=2026-11-21T11:00:03Z level=INFO msg=\"half a l"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lines, err := readLog(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"before:open:east-db2"}, passed(lines)); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
	if i, point := sprung(lines); i != 2 || point != "before:open:east-db2" {
		t.Errorf("sprung at line %d, %s", i, point)
	}
	if len(lines) != 4 || lines[3]["kind"] != "open" || lines[3]["error"] != `open east-db2: "no"` {
		t.Errorf("lines %v", lines)
	}
	rest, err := readLog(path, int64(len(text)))
	if err != nil || len(rest) != 0 {
		t.Errorf("from the end: %v, %v", rest, err)
	}
}
