package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/policy"
)

func TestRulesForTables(t *testing.T) {
	tests := map[string]struct {
		rules []policy.TableRule
		want  []string // paths below reconcile
	}{
		"none":                 {nil, nil},
		"volatile":             {[]policy.TableRule{{Table: "shop.orders", Volatile: []string{"updated_at"}}}, nil},
		"harmless":             {[]policy.TableRule{{Table: "shop.orders", Harmless: []string{"id", "state"}}}, nil},
		"harmless twice":       {[]policy.TableRule{{Table: "s.a", Harmless: []string{"id", "ID"}, Volatile: []string{"id"}}}, []string{"tables[0].harmless[1]"}},
		"mergeable":            {[]policy.TableRule{{Table: "shop.orders", Mergeable: true}}, nil},
		"a dot in the table":   {[]policy.TableRule{{Table: "shop.a.b", Mergeable: true}}, nil},
		"two tables":           {[]policy.TableRule{{Table: "shop.a", Mergeable: true}, {Table: "shop.A", Mergeable: true}}, nil},
		"no schema":            {[]policy.TableRule{{Table: "orders", Mergeable: true}}, []string{"tables[0].table"}},
		"an empty schema":      {[]policy.TableRule{{Table: ".orders", Mergeable: true}}, []string{"tables[0].table"}},
		"an empty table":       {[]policy.TableRule{{Table: "shop.", Mergeable: true}}, []string{"tables[0].table"}},
		"the same table twice": {[]policy.TableRule{{Table: "s.a", Mergeable: true}, {Table: "s.a", Volatile: []string{"v"}}}, []string{"tables[1].table"}},
		"nothing said":         {[]policy.TableRule{{Table: "s.a"}}, []string{"tables[0]"}},
		"a column twice":       {[]policy.TableRule{{Table: "s.a", Volatile: []string{"v", "w", "V"}}}, []string{"tables[0].volatile[2]"}},
		"a column without name": {
			[]policy.TableRule{{Table: "s.a", Volatile: []string{""}}}, []string{"tables[0].volatile[0]"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := policy.ClusterSpec{
				Name: "orders", HomeRegion: "east", Mode: policy.ModeAutomatic, Policy: policy.DefaultPolicy(),
				Servers: []policy.ServerSpec{{
					Name: "east-db1", Address: "10.1.0.11:3306", Region: "east", Site: "east-a",
					Promotion: policy.PromotionNeutral, AddressKind: policy.AddressDirect,
				}},
			}
			c.Policy.Durability = policy.DurabilityAsync
			c.Policy.Reconcile.Tables = tt.rules
			var got []string
			for _, p := range policy.Validate(policy.Specs{Clusters: []policy.ClusterSpec{c}, Fleet: policy.DefaultFleet()}) {
				got = append(got, p.Path)
			}
			var want []string
			for _, path := range tt.want {
				want = append(want, "clusters[0].policy.reconcile."+path)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
