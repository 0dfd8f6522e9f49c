package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// candidate is a replica at home that nothing speaks against, changed by a test.
type candidate struct {
	spec    policy.ServerSpec
	facts   *topology.Facts
	reached bool
}

func good(name, region string) *candidate {
	return &candidate{
		spec:    policy.ServerSpec{Name: name, Address: name + ":3306", Region: region, Site: region, Promotion: policy.PromotionNeutral},
		reached: true,
		facts: &topology.Facts{Source: &topology.Upstream{}, Variables: map[string]string{
			"log_bin": "ON", "log_replica_updates": "ON", "enforce_gtid_consistency": "ON", "gtid_mode": "ON",
		}},
	}
}

func question(candidates ...*candidate) policy.Question {
	spec := policy.ClusterSpec{Name: "orders", HomeRegion: "east"}
	report := topology.Report{Node: "n1"}
	for _, c := range candidates {
		spec.Servers = append(spec.Servers, c.spec)
		s := topology.Sight{Server: c.spec.Name, Reach: topology.ReachSilent, LastAnswer: topology.Never}
		if c.reached {
			s.Reach, s.LastAnswer, s.Facts = topology.ReachOK, 0, c.facts
		}
		report.Sights = append(report.Sights, s)
	}
	v := topology.Assemble(spec.Identities(), []topology.Received{{Report: report}}, time.Second)
	return policy.Question{Spec: &spec, View: &v}
}

func TestFilters(t *testing.T) {
	tests := map[string]struct {
		change func(*candidate, *policy.Question)
		want   string // the reason of the rejection, empty: eligible
	}{
		"good":                 {func(*candidate, *policy.Question) {}, ""},
		"the primary":          {func(_ *candidate, q *policy.Question) { q.Primary = "db" }, "is the current primary"},
		"another region":       {func(c *candidate, _ *policy.Question) { c.spec.Region = "west" }, "region west is outside the home region east"},
		"no region":            {func(c *candidate, _ *policy.Question) { c.spec.Region = "" }, "its region is unknown"},
		"never":                {func(c *candidate, _ *policy.Question) { c.spec.Promotion = policy.PromotionNever }, "its promotion rule is never"},
		"quarantined":          {func(_ *candidate, q *policy.Question) { q.Quarantined = map[string]string{"db": "extras"} }, "is quarantined: extras"},
		"unreachable":          {func(c *candidate, _ *policy.Question) { c.reached = false }, "is not reachable (silent to n1)"},
		"no channel":           {func(c *candidate, _ *policy.Question) { c.facts.Source = nil }, "has no replication channel"},
		"no channel, prepared": {func(c *candidate, q *policy.Question) { c.facts.Source = nil; q.Prepared = []string{"db"} }, ""},
		"broken applier":       {func(c *candidate, _ *policy.Question) { c.facts.Source.ApplierError = "1062 duplicate" }, "its applier stopped: 1062 duplicate"},
		"delayed":              {func(c *candidate, _ *policy.Question) { c.facts.Source.Delay = time.Hour }, "is delayed by 1h0m0s"},
		"filtered":             {func(c *candidate, _ *policy.Question) { c.facts.Source.Filtered = true }, "has replication filters"},
		"no binary log":        {func(c *candidate, _ *policy.Question) { c.facts.Variables["log_bin"] = "OFF" }, "has log_bin = OFF"},
		"does not log what it applies": {
			func(c *candidate, _ *policy.Question) { c.facts.Variables["log_replica_updates"] = "OFF" }, "has log_replica_updates = OFF",
		},
		"no GTIDs": {func(c *candidate, _ *policy.Question) { c.facts.Variables["gtid_mode"] = "OFF_PERMISSIVE" }, "has gtid_mode = OFF_PERMISSIVE"},
		"region speaks before reach": {
			func(c *candidate, _ *policy.Question) { c.spec.Region, c.reached = "west", false }, "region west is outside the home region east",
		},
		"an override names it": {
			func(c *candidate, q *policy.Question) { c.spec.Region = "west"; q.AcceptRegion = "db" }, "",
		},
		"an override names another one": {
			func(c *candidate, q *policy.Question) { c.spec.Region = "west"; q.AcceptRegion = "db9" }, "region west is outside the home region east",
		},
		"an override of an unknown region": {
			func(c *candidate, q *policy.Question) { c.spec.Region = ""; q.AcceptRegion = "db" }, "its region is unknown",
		},
		"no override lifts a quarantine": {
			func(c *candidate, q *policy.Question) {
				c.spec.Region, q.AcceptRegion, q.Quarantined = "west", "db", map[string]string{"db": "extras"}
			}, "is quarantined: extras",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := good("db", "east")
			var asked policy.Question
			tt.change(c, &asked)
			q := question(c)
			q.Primary, q.AcceptRegion, q.Quarantined, q.Prepared = asked.Primary, asked.AcceptRegion, asked.Quarantined, asked.Prepared
			v := policy.Candidates(q)[0]
			if v.Eligible != (tt.want == "") || (tt.want != "" && v.Reason != tt.want) {
				t.Errorf("got %+v, want %q", v, tt.want)
			}
		})
	}
}

func TestRank(t *testing.T) {
	behind, avoided, preferred, foreign := good("behind", "east"), good("avoided", "east"), good("preferred", "east"), good("foreign", "west")
	avoided.spec.Promotion, preferred.spec.Promotion, foreign.spec.Promotion = policy.PromotionAvoid, policy.PromotionPrefer, policy.PromotionPrefer
	late, first, second := good("late", "east"), good("first", "east"), good("second", "east")
	q := question(foreign, avoided, behind, late, first, second, preferred)
	left := map[string]uint64{"behind": 700, "late": 3, "preferred": 9000}
	got := policy.Rank(q, func(name string) uint64 { return left[name] })
	if diff := cmp.Diff([]string{"preferred", "first", "second", "late", "behind", "avoided"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func acceptRisk(c *policy.ClusterSpec, d policy.Durability, guard bool) {
	c.Policy.Durability, c.Policy.AcceptPauseRisk, c.Policy.Guard.Enabled = d, true, guard
}

func TestValidate(t *testing.T) {
	valid := func() policy.Specs {
		c := policy.ClusterSpec{Name: "orders", HomeRegion: "east", Mode: policy.ModeAutomatic, Policy: policy.DefaultPolicy()}
		for _, name := range []string{"db1", "db2", "db3"} {
			c.Servers = append(c.Servers, policy.ServerSpec{
				Name: name, Address: name + ":3306", Region: "east", Site: "a", Promotion: policy.PromotionNeutral, AddressKind: policy.AddressDirect,
			})
		}
		return policy.Specs{Clusters: []policy.ClusterSpec{c}, Fleet: policy.DefaultFleet()}
	}
	tests := map[string]struct {
		change func(*policy.ClusterSpec, *policy.Specs)
		path   string // empty: no problem
		says   string
	}{
		"valid":        {func(*policy.ClusterSpec, *policy.Specs) {}, "", ""},
		"unknown home": {func(c *policy.ClusterSpec, _ *policy.Specs) { c.HomeRegion = "north" }, "clusters[0].home_region", "regions of its servers: east"},
		"no home":      {func(c *policy.ClusterSpec, _ *policy.Specs) { c.HomeRegion = "" }, "clusters[0].home_region", "no home_region"},
		"no servers":   {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Servers = nil }, "clusters[0].servers", "declares no servers"},
		"cross-region": {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Policy.CrossRegion = "allow" }, "clusters[0].policy.cross_region", "only refuse is"},
		"guard":        {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Policy.Guard.Enabled = true }, "", ""},
		"guard and fence": {func(c *policy.ClusterSpec, _ *policy.Specs) {
			c.Policy.Guard.Enabled, c.Policy.OnIsolation = true, policy.IsolationFence
		}, "", ""},
		"hasty guard": {func(c *policy.ClusterSpec, _ *policy.Specs) {
			c.Policy.Guard = policy.Guard{Enabled: true, TTL: policy.Duration(time.Second)}
		}, "clusters[0].policy.guard.ttl", "at least 3s"},
		"fence":           {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Policy.OnIsolation = policy.IsolationFence }, "clusters[0].policy.on_isolation", "guard.enabled: true"},
		"odd isolation":   {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Policy.OnIsolation = "stop" }, "clusters[0].policy.on_isolation", "use serve or fence"},
		"risk of a pause": {func(c *policy.ClusterSpec, _ *policy.Specs) { acceptRisk(c, policy.DurabilityAsync, true) }, "", ""},
		"needless risk":   {func(c *policy.ClusterSpec, _ *policy.Specs) { acceptRisk(c, policy.DurabilitySemiSync, true) }, "clusters[0].policy.accept_pause_risk", "async only"},
		"risk, no guard":  {func(c *policy.ClusterSpec, _ *policy.Specs) { acceptRisk(c, policy.DurabilityAsync, false) }, "clusters[0].policy.accept_pause_risk", "needs guard.enabled"},
		"degrade at once": {func(c *policy.ClusterSpec, _ *policy.Specs) {
			c.Policy.SemiSync = policy.SemiSync{Required: 1, WhenMissing: policy.MissingDegrade}
		}, "clusters[0].policy.semi_sync.degrade_after", "below 1s"},
		"less than no flaps": {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Policy.Flap.Failovers = -1 }, "clusters[0].policy.flap.failovers", "turns flap damping off"},
		"flaps in no time":   {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Policy.Flap.Window = 0 }, "clusters[0].policy.flap.window", "1h"},
		"too many acks":      {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Policy.SemiSync.Required = 3 }, "clusters[0].policy.semi_sync.required", "2 server(s) besides a primary"},
		"no acks":            {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Policy.SemiSync.Required = 0 }, "clusters[0].policy.semi_sync.required", "at least 1"},
		"hasty":              {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Policy.HangAfter = policy.Duration(time.Millisecond) }, "clusters[0].policy.hang_after", "below 1s"},
		"bad address":        {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Servers[1].Address = "db2" }, "clusters[0].servers[1].address", "not host:port"},
		"no site":            {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Servers[1].Site = "" }, "clusters[0].servers[1].site", "has no site"},
		"odd promotion":      {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Servers[1].Promotion = "must" }, "clusters[0].servers[1].promotion", "prefer, neutral, avoid or never"},
		"a server twice":     {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Servers[1].Name = "db1" }, "clusters[0].servers[1].name", "already declared at clusters[0].servers[0].name"},
		"an address twice":   {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Servers[1].Address = "db1:3306" }, "clusters[0].servers[1].address", "already declared"},
		"a cluster twice": {func(_ *policy.ClusterSpec, s *policy.Specs) {
			s.Clusters = append(s.Clusters, policy.ClusterSpec{Name: "orders"})
		}, "clusters[1].name", "declared twice"},
		"a name with spaces": {func(c *policy.ClusterSpec, _ *policy.Specs) { c.Name = "the orders" }, "clusters[0].name", "1 to 63 letters"},
		"no brake window":    {func(_ *policy.ClusterSpec, s *policy.Specs) { s.Fleet.BrakeWindow = 0 }, "fleet.brake_window", "above 0"},
		"brake of nothing":   {func(_ *policy.ClusterSpec, s *policy.Specs) { s.Fleet.BrakeFraction = 0 }, "fleet.brake_fraction", "above 0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := valid()
			tt.change(&s.Clusters[0], &s)
			problems := policy.Validate(s)
			if tt.path == "" {
				if len(problems) > 0 {
					t.Errorf("got %v", problems)
				}
				return
			}
			for _, p := range problems {
				if p.Path == tt.path && strings.Contains(p.Message, tt.says) {
					return
				}
			}
			t.Errorf("got %v, want %s: …%s…", problems, tt.path, tt.says)
		})
	}
}
