package policy

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Problem is one thing wrong with a specification. Path names it the way the file nests
// ("clusters[0].servers[2].region"), so that a loader can tell the line.
type Problem struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// String is the problem in one line.
func (p Problem) String() string { return p.Path + ": " + p.Message }

// Validate checks specifications as a whole and returns every problem, not only the first.
func Validate(s Specs) []Problem {
	var v validation
	seen := map[string]string{}
	addresses := map[string]string{}
	for i := range s.Clusters {
		path := fmt.Sprintf("clusters[%d]", i)
		c := &s.Clusters[i]
		v.check(!slices.ContainsFunc(s.Clusters[:i], func(o ClusterSpec) bool { return o.Name == c.Name }), path+".name",
			"cluster %q is declared twice; give each cluster its own name", c.Name)
		v.cluster(path, c)
		for j, srv := range c.Servers {
			sp := fmt.Sprintf("%s.servers[%d]", path, j)
			v.unique(seen, srv.Name, sp+".name", "server")
			v.unique(addresses, srv.Address, sp+".address", "address")
		}
	}
	v.fleet(s.Fleet)
	return v.problems
}

type validation struct{ problems []Problem }

func (v *validation) check(ok bool, path, format string, args ...any) {
	if !ok {
		v.problems = append(v.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
}

func (v *validation) unique(seen map[string]string, value, path, what string) {
	if value == "" {
		return
	}
	first, dup := seen[value]
	v.check(!dup, path, "%s %q is already declared at %s; a server belongs to one cluster", what, value, first)
	seen[value] = path
}

func (v *validation) cluster(path string, c *ClusterSpec) {
	v.name(path+".name", "cluster", c.Name)
	v.check(c.HomeRegion != "", path+".home_region", "cluster %q has no home_region; name the region its primary belongs to", c.Name)
	v.check(len(c.Servers) > 0, path+".servers", "cluster %q declares no servers", c.Name)
	if c.HomeRegion != "" && len(c.Servers) > 0 {
		v.check(len(c.InRegion(c.HomeRegion)) > 0, path+".home_region",
			"cluster %q has home_region %q, but no server is declared in that region (regions of its servers: %s); correct the name or add a server there",
			c.Name, c.HomeRegion, strings.Join(c.regions(), ", "))
	}
	v.check(c.Mode == ModeObserve || c.Mode == ModeAutomatic, path+".mode", "mode %q is unknown; use observe or automatic", c.Mode)
	for j := range c.Servers {
		v.server(fmt.Sprintf("%s.servers[%d]", path, j), &c.Servers[j])
	}
	v.policy(path+".policy", c)
}

func (v *validation) server(path string, s *ServerSpec) {
	v.name(path+".name", "server", s.Name)
	host, port, err := net.SplitHostPort(s.Address)
	v.check(err == nil && host != "" && port != "", path+".address", "server %q: address %q is not host:port, such as 10.1.0.11:3306", s.Name, s.Address)
	v.check(s.Region != "", path+".region", "server %q has no region; a server without one could never be promoted", s.Name)
	v.check(s.Site != "", path+".site", "server %q has no site; name its data center", s.Name)
	v.check(slices.Contains([]Promotion{PromotionPrefer, PromotionNeutral, PromotionAvoid, PromotionNever}, s.Promotion), path+".promotion",
		"server %q: promotion %q is unknown; use prefer, neutral, avoid or never", s.Name, s.Promotion)
	v.check(slices.Contains([]AddressKind{AddressDirect, AddressProxy, AddressShared}, s.AddressKind), path+".address_kind",
		"server %q: address_kind %q is unknown; use direct, proxy or shared", s.Name, s.AddressKind)
}

func (v *validation) policy(path string, c *ClusterSpec) {
	p := c.Policy
	v.check(p.Durability == DurabilitySemiSync || p.Durability == DurabilityAsync, path+".durability", "durability %q is unknown; use semi_sync or async", p.Durability)
	v.check(p.CrossRegion == CrossRefuse, path+".cross_region",
		"cross_region %q is not possible; only refuse is: a person overrides it with `regent failover CLUSTER --to SERVER --override-region`", p.CrossRegion)
	v.check(p.OnIsolation == IsolationServe || p.OnIsolation == IsolationFence, path+".on_isolation", "on_isolation %q is unknown; use serve or fence", p.OnIsolation)
	v.guard(path, &p)
	v.reconcile(path+".reconcile", p.Reconcile)
	v.check(p.SemiSync.WhenMissing == MissingBlock || p.SemiSync.WhenMissing == MissingDegrade, path+".semi_sync.when_missing",
		"when_missing %q is unknown; use block or degrade", p.SemiSync.WhenMissing)
	v.check(p.SemiSync.WhenMissing != MissingDegrade || time.Duration(p.SemiSync.DegradeAfter) >= time.Second, path+".semi_sync.degrade_after",
		"degrade_after is %s; below 1s a moment without an acker would suspend the promise about acknowledged writes", time.Duration(p.SemiSync.DegradeAfter))
	if p.Durability == DurabilitySemiSync && len(c.InRegion(c.HomeRegion)) > 0 {
		ackers := len(c.InRegion(c.HomeRegion)) - 1
		v.check(p.SemiSync.Required >= 1, path+".semi_sync.required", "semi_sync.required is %d; a commit must wait for at least 1 acknowledgement", p.SemiSync.Required)
		v.check(p.SemiSync.Required <= max(ackers, 0), path+".semi_sync.required",
			"semi_sync.required is %d, but the home region has %d server(s) besides a primary; lower it or declare more servers in %q", p.SemiSync.Required, max(ackers, 0), c.HomeRegion)
	}
	v.check(time.Duration(p.HangAfter) >= time.Second, path+".hang_after", "hang_after is %s; below 1s slowness would be taken for death", time.Duration(p.HangAfter))
	v.check(p.CatchUpBudget >= 0, path+".catch_up_budget", "catch_up_budget must not be negative")
	v.check(p.Flap.Failovers >= 0, path+".flap.failovers", "flap.failovers is %d; it must not be negative, and 0 turns flap damping off", p.Flap.Failovers)
	v.check(p.Flap.Failovers == 0 || p.Flap.Window > 0, path+".flap.window", "flap.window must be above 0, such as 1h")
	v.settle(path, p.Settle)
	v.check(p.Cooldown >= 0, path+".cooldown", "cooldown must not be negative")
	v.check(p.MaxLostTransactions >= 0, path+".max_lost_transactions", "max_lost_transactions must not be negative")
}

func (v *validation) fleet(f Fleet) {
	v.check(f.MaxConcurrentRecoveries >= 1, "fleet.max_concurrent_recoveries", "max_concurrent_recoveries is %d; it must be at least 1", f.MaxConcurrentRecoveries)
	v.check(f.BrakeFraction > 0 && f.BrakeFraction <= 1, "fleet.brake_fraction", "brake_fraction is %v; it must be above 0 and at most 1", f.BrakeFraction)
	v.check(f.BrakeWindow > 0, "fleet.brake_window", "brake_window must be above 0")
}

func (v *validation) name(path, what, name string) {
	ok := name != "" && len(name) <= 63
	for _, r := range name {
		ok = ok && (r == '-' || r == '_' || r == '.' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z'))
	}
	v.check(ok, path, "%s name %q must be 1 to 63 letters, digits, '-', '_' or '.'", what, name)
}

func (c *ClusterSpec) regions() []string {
	var out []string
	for _, s := range c.Servers {
		if s.Region != "" && !slices.Contains(out, s.Region) {
			out = append(out, s.Region)
		}
	}
	slices.Sort(out)
	return out
}
