package policy

import (
	"fmt"
	"time"

	"github.com/regentdb/regent/topology"
)

// Duration is a time span written the Go way ("500ms") in files and JSON.
type Duration time.Duration

// MarshalText writes the Go form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads the Go form.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 500ms or 10m", b)
	}
	*d = Duration(v)
	return nil
}

// Promotion is the wish of the owner about a server becoming primary.
type Promotion string

// Promotion rules, best first.
const (
	PromotionPrefer  Promotion = "prefer"
	PromotionNeutral Promotion = "neutral"
	PromotionAvoid   Promotion = "avoid"
	PromotionNever   Promotion = "never"
)

// Mode says how far regent goes for a cluster.
type Mode string

// Modes.
const (
	ModeObserve   Mode = "observe"   // decide and record, touch nothing
	ModeAutomatic Mode = "automatic" // decide, record, act
)

// Durability is the promise about acknowledged writes.
type Durability string

// Durabilities.
const (
	DurabilitySemiSync Durability = "semi_sync"
	DurabilityAsync    Durability = "async"
)

// WhenMissing says what a healthy primary does when acknowledging replicas are missing.
type WhenMissing string

// Choices of WhenMissing.
const (
	MissingBlock   WhenMissing = "block"
	MissingDegrade WhenMissing = "degrade"
)

// OnIsolation says what the primary of an isolated home region does.
type OnIsolation string

// Choices of OnIsolation.
const (
	IsolationServe OnIsolation = "serve"
	IsolationFence OnIsolation = "fence"
)

// CrossRefuse is the only automatic rule about promotion outside the home region.
const CrossRefuse = "refuse"

// AddressKind tells what listens at a server's address.
type AddressKind string

// Address kinds. A refusal at a proxy or a shared address proves nothing about the server.
const (
	AddressDirect AddressKind = "direct"
	AddressProxy  AddressKind = "proxy"
	AddressShared AddressKind = "shared"
)

// ServerSpec declares a server of a cluster.
type ServerSpec struct {
	Name        string      `json:"name" yaml:"name"`
	Address     string      `json:"address" yaml:"address"`
	Region      string      `json:"region" yaml:"region"`
	Site        string      `json:"site" yaml:"site"`
	Promotion   Promotion   `json:"promotion" yaml:"promotion"`
	AddressKind AddressKind `json:"address_kind" yaml:"address_kind"`
}

// Identity is the declared identity of the server.
func (s ServerSpec) Identity() topology.Server {
	return topology.Server{Name: s.Name, Address: s.Address, Region: s.Region, Site: s.Site}
}

// Owner says whom to call.
type Owner struct {
	Team    string `json:"team" yaml:"team"`
	Contact string `json:"contact" yaml:"contact"`
}

// SemiSync are the rules of acknowledged durability.
type SemiSync struct {
	Required    int         `json:"required" yaml:"required"` // acknowledgements a commit waits for
	WhenMissing WhenMissing `json:"when_missing" yaml:"when_missing"`
	// DegradeAfter is how long ackers may be missing before, with when_missing: degrade, commits wait no more.
	DegradeAfter Duration `json:"degrade_after" yaml:"degrade_after"`
}

// Flap says when a cluster that fails over again and again is left alone: after so many automatic
// failovers within the window. No number means that it never is.
type Flap struct {
	Failovers int      `json:"failovers" yaml:"failovers"`
	Window    Duration `json:"window" yaml:"window"`
}

// Objectives are what the owner promised its users.
type Objectives struct {
	RPO Duration `json:"rpo" yaml:"rpo"`
	RTO Duration `json:"rto" yaml:"rto"`
}

// Policy are the rules of one cluster.
type Policy struct {
	Durability  Durability  `json:"durability" yaml:"durability"`
	SemiSync    SemiSync    `json:"semi_sync" yaml:"semi_sync"`
	CrossRegion string      `json:"cross_region" yaml:"cross_region"`
	OnIsolation OnIsolation `json:"on_isolation" yaml:"on_isolation"`
	Guard       Guard       `json:"guard" yaml:"guard"`
	// AcceptPauseRisk lets a lapsed lease count as evidence under async durability, though a primary
	// that was paused may acknowledge writes for a moment after it resumes, before its guard fires.
	AcceptPauseRisk     bool       `json:"accept_pause_risk" yaml:"accept_pause_risk"`
	HangAfter           Duration   `json:"hang_after" yaml:"hang_after"`
	CatchUpBudget       Duration   `json:"catch_up_budget" yaml:"catch_up_budget"`
	MaxLostTransactions int64      `json:"max_lost_transactions" yaml:"max_lost_transactions"`
	Cooldown            Duration   `json:"cooldown" yaml:"cooldown"`
	Flap                Flap       `json:"flap" yaml:"flap"`
	Objectives          Objectives `json:"objectives" yaml:"objectives"`
	Reconcile           Reconcile  `json:"reconcile,omitzero" yaml:"reconcile,omitempty"`
	Settle              Settle     `json:"settle" yaml:"settle"`
}

// ClusterSpec is what an operator wants of one cluster.
type ClusterSpec struct {
	Name       string       `json:"name" yaml:"name"`
	HomeRegion string       `json:"home_region" yaml:"home_region"`
	Owner      Owner        `json:"owner" yaml:"owner"`
	Servers    []ServerSpec `json:"servers" yaml:"servers"`
	Mode       Mode         `json:"mode" yaml:"mode"`
	Policy     Policy       `json:"policy" yaml:"policy"`
}

// Fleet are the rules over all clusters.
type Fleet struct {
	MaxConcurrentRecoveries int      `json:"max_concurrent_recoveries" yaml:"max_concurrent_recoveries"`
	BrakeFraction           float64  `json:"brake_fraction" yaml:"brake_fraction"`
	BrakeWindow             Duration `json:"brake_window" yaml:"brake_window"`
}

// Specs is the content of clusters.yaml.
type Specs struct {
	Clusters []ClusterSpec `json:"clusters" yaml:"clusters"`
	Fleet    Fleet         `json:"fleet" yaml:"fleet"`
}

// DefaultPolicy returns the documented defaults.
func DefaultPolicy() Policy {
	return Policy{
		Durability:    DurabilitySemiSync,
		SemiSync:      SemiSync{Required: 1, WhenMissing: MissingBlock, DegradeAfter: Duration(10 * time.Second)},
		CrossRegion:   CrossRefuse,
		OnIsolation:   IsolationServe,
		Guard:         Guard{TTL: Duration(5 * time.Second)},
		HangAfter:     Duration(2 * time.Second),
		CatchUpBudget: Duration(500 * time.Millisecond),
		Cooldown:      Duration(10 * time.Minute),
		Flap:          Flap{Failovers: 3, Window: Duration(time.Hour)},
		Objectives:    Objectives{RTO: Duration(30 * time.Second)},
		Settle:        Settle{KeepFor: Duration(30 * 24 * time.Hour)},
	}
}

// DefaultFleet returns the documented defaults.
func DefaultFleet() Fleet {
	return Fleet{MaxConcurrentRecoveries: 5, BrakeFraction: 0.2, BrakeWindow: Duration(30 * time.Second)}
}

// Find returns the declared server with that name.
func (c *ClusterSpec) Find(name string) (ServerSpec, bool) {
	for _, s := range c.Servers {
		if s.Name == name {
			return s, true
		}
	}
	return ServerSpec{}, false
}

// Identities lists the declared servers.
func (c *ClusterSpec) Identities() []topology.Server {
	out := make([]topology.Server, 0, len(c.Servers))
	for _, s := range c.Servers {
		out = append(out, s.Identity())
	}
	return out
}

// InRegion lists the names of the declared servers of a region, in declared order.
func (c *ClusterSpec) InRegion(region string) []string {
	var names []string
	for _, s := range c.Servers {
		if region != "" && s.Region == region {
			names = append(names, s.Name)
		}
	}
	return names
}
