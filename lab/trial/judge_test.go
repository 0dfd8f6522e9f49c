package trial

import (
	"strings"
	"testing"

	"github.com/regentdb/regent/lab/workload"
)

func TestFirstDifference(t *testing.T) {
	row := workload.Row{Attempt: "one"}
	for _, c := range []struct {
		name string
		a, b map[string]workload.Row
		want string
	}{
		{"equal", map[string]workload.Row{"k": row}, map[string]workload.Row{"k": row}, ""},
		{"a row less", map[string]workload.Row{"j": row, "k": row}, map[string]workload.Row{"k": row}, "first different at j"},
		{"a row more", map[string]workload.Row{"j": row}, map[string]workload.Row{"j": row, "k": row}, "first different at k"},
		{"another row", map[string]workload.Row{"k": row}, map[string]workload.Row{"k": {Attempt: "two"}}, "first different at k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := firstDifference("db1", "db2", c.a, c.b)
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q in it", got, c.want)
			}
		})
	}
}
