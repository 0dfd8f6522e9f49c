package policy_test

import (
	"strings"
	"testing"

	"github.com/regentdb/regent/policy"
)

func TestSettleNeedsApproval(t *testing.T) {
	for _, tt := range []struct {
		above, rows int
		want        bool
	}{{0, 1 << 30, false}, {100, 100, false}, {100, 101, true}} {
		if got := (policy.Settle{ApproveAboveRows: tt.above}).NeedsApproval(tt.rows); got != tt.want {
			t.Errorf("%d rows above %d: %t", tt.rows, tt.above, got)
		}
	}
}

func TestSettleIsValidated(t *testing.T) {
	c := policy.ClusterSpec{Name: "orders", Policy: policy.DefaultPolicy()}
	c.Policy.Settle.ApproveAboveRows = -1
	for _, p := range policy.Validate(policy.Specs{Clusters: []policy.ClusterSpec{c}, Fleet: policy.DefaultFleet()}) {
		if p.Path == "clusters[0].policy.settle.approve_above_rows" && strings.Contains(p.Message, "-1") {
			return
		}
	}
	t.Error("a negative number passes")
}
