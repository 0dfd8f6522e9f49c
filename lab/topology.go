package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// ErrTopology says that a topology is not one that a lab can be made of.
var ErrTopology = errors.New("bad topology")

// The ports on which servers and nodes listen, each on its own address.
const (
	mysqlPort = 3306
	raftPort  = 7400
	apiPort   = 7480
)

// Topology is what a lab consists of.
type Topology struct {
	// Cluster is the name of the one cluster.
	Cluster string `yaml:"cluster" json:"cluster"`
	// HomeRegion is the cluster's home; its first server is the first primary.
	HomeRegion string `yaml:"home_region" json:"home_region"`
	// Mode is observe or automatic.
	Mode string `yaml:"mode" json:"mode"`
	// Policy is handed to regent as it is; what it leaves out has regent's defaults.
	Policy map[string]any `yaml:"policy" json:"policy"`
	// Delay is the one-way delay between every two regions.
	Delay time.Duration `yaml:"delay" json:"delay"`
	// Servers and Nodes in the order in which they are shown.
	Servers []ServerSpec `yaml:"servers" json:"servers"`
	Nodes   []NodeSpec   `yaml:"nodes" json:"nodes"`
}

// ServerSpec is a MySQL server of the lab.
type ServerSpec struct {
	Name      string `yaml:"name" json:"name"`
	Region    string `yaml:"region" json:"region"`
	Site      string `yaml:"site" json:"site"`
	Promotion string `yaml:"promotion" json:"promotion"`
	// Source is the server that it replicates from at first; empty is the
	// first server of the home region.
	Source string `yaml:"source" json:"source"`

	address netip.Addr
}

// NodeSpec is a regent daemon of the lab.
type NodeSpec struct {
	ID     string `yaml:"id" json:"id"`
	Region string `yaml:"region" json:"region"`
	Site   string `yaml:"site" json:"site"`

	address netip.Addr
}

// DefaultTopology is the lab of the incident of October 2018: a home region in
// the east with three servers, two servers in the west, and a node in each and
// in a third region.
func DefaultTopology() Topology {
	return Topology{
		Cluster: "orders", HomeRegion: "east", Mode: "automatic", Delay: 30 * time.Millisecond,
		Policy: map[string]any{
			"durability":   "semi_sync",
			"semi_sync":    map[string]any{"required": 1, "when_missing": "block"},
			"cross_region": "refuse",
			"on_isolation": "serve",
			"cooldown":     "0s",
			"flap":         map[string]any{"failovers": 0},
		},
		Servers: []ServerSpec{
			{Name: "east-db1", Region: "east", Site: "east-a", Promotion: "prefer"},
			{Name: "east-db2", Region: "east", Site: "east-b", Promotion: "neutral"},
			{Name: "east-db3", Region: "east", Site: "east-b", Promotion: "neutral"},
			{Name: "west-db1", Region: "west", Site: "west-a", Promotion: "neutral"},
			{Name: "west-db2", Region: "west", Site: "west-a", Promotion: "neutral"},
		},
		Nodes: []NodeSpec{
			{ID: "east-1", Region: "east", Site: "east-a"},
			{ID: "west-1", Region: "west", Site: "west-a"},
			{ID: "cloud-1", Region: "cloud", Site: "cloud-a"},
		},
	}
}

// LoadTopology reads a topology from a YAML file. What the file leaves out of
// the cluster's settings is as in DefaultTopology. Errors wrap ErrTopology.
func LoadTopology(path string) (Topology, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Topology{}, fmt.Errorf("lab: %w: %w", ErrTopology, err)
	}
	t, err := ParseTopology(text)
	if err != nil {
		return Topology{}, fmt.Errorf("%w (%s)", err, path)
	}
	return t, nil
}

// ParseTopology reads a topology from YAML, as LoadTopology does.
func ParseTopology(text []byte) (Topology, error) {
	t := DefaultTopology()
	t.Servers, t.Nodes = nil, nil
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&t); err != nil {
		return Topology{}, fmt.Errorf("lab: %w: %w", ErrTopology, err)
	}
	return t.complete()
}

// complete validates a topology and fills in sites, sources and addresses.
func (t Topology) complete() (Topology, error) {
	t.Servers, t.Nodes = slices.Clone(t.Servers), slices.Clone(t.Nodes)
	if err := t.validate(); err != nil {
		return Topology{}, err
	}
	primary := t.Primary()
	regions := t.Regions()
	ordinal := map[string]byte{}
	for i := range t.Servers {
		s := &t.Servers[i]
		ordinal[s.Region]++
		s.address = address(regions, s.Region, 0, 10+ordinal[s.Region])
		s.Site = orElse(s.Site, s.Region+"-a")
		s.Promotion = orElse(s.Promotion, "neutral")
		if s.Name != primary {
			s.Source = orElse(s.Source, primary)
		}
	}
	clear(ordinal)
	for i := range t.Nodes {
		n := &t.Nodes[i]
		ordinal[n.Region]++
		n.address = address(regions, n.Region, 1, 9+ordinal[n.Region])
		n.Site = orElse(n.Site, n.Region+"-a")
	}
	return t, nil
}

// address numbers the regions' networks from 10.1 on. They exist only inside
// the lab's namespaces, so that several labs may use the same ones.
func address(regions []string, region string, third, last byte) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(slices.Index(regions, region) + 1), third, last})
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// limits of a lab: what an address's last byte and a machine have room for.
const (
	maxRegions = 16
	maxMembers = 64
)

// validate reports the first thing that is wrong, wrapping ErrTopology.
func (t Topology) validate() error {
	wrong := func(format string, arguments ...any) error {
		return fmt.Errorf("lab: %w: "+format, append([]any{ErrTopology}, arguments...)...)
	}
	if t.Cluster == "" || t.HomeRegion == "" {
		return wrong("the cluster and its home_region need names")
	}
	if t.Primary() == "" {
		return wrong("home region %s has no server", t.HomeRegion)
	}
	if len(t.Regions()) > maxRegions || len(t.Servers) > maxMembers || len(t.Nodes) > maxMembers {
		return wrong("at most %d regions, %d servers and %d nodes", maxRegions, maxMembers, maxMembers)
	}
	taken := map[string]bool{}
	for _, region := range t.Regions() {
		taken[region], taken[clientHost(region)] = true, true
	}
	for _, s := range t.Servers {
		if !plainName(s.Name) || !plainName(s.Region) || taken[s.Name] {
			return wrong("server %q in region %q: names are unique, of letters, digits and dashes", s.Name, s.Region)
		}
		taken[s.Name] = true
	}
	for _, n := range t.Nodes {
		if !plainName(n.ID) || !plainName(n.Region) || taken[n.ID] {
			return wrong("node %q in region %q: names are unique, of letters, digits and dashes", n.ID, n.Region)
		}
		taken[n.ID] = true
	}
	for _, s := range t.Servers {
		if s.Source != "" && (s.Source == s.Name || s.Name == t.Primary() || !t.hasServer(s.Source)) {
			return wrong("server %s cannot replicate from %q", s.Name, s.Source)
		}
	}
	return nil
}

// plainName keeps names fit for paths, host names and command lines.
func plainName(name string) bool {
	for _, letter := range name {
		plain := letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z' || letter >= '0' && letter <= '9' || letter == '-'
		if !plain {
			return false
		}
	}
	return name != "" && name[0] != '-' && len(name) <= 32
}

func (t Topology) hasServer(name string) bool {
	return slices.ContainsFunc(t.Servers, func(s ServerSpec) bool { return s.Name == name })
}

// Primary is the server that is the primary at first.
func (t Topology) Primary() string {
	for _, s := range t.Servers {
		if s.Region == t.HomeRegion {
			return s.Name
		}
	}
	return ""
}

// Regions are those of the servers and nodes, in the order of their first mention.
func (t Topology) Regions() []string {
	var regions []string
	add := func(region string) {
		if !slices.Contains(regions, region) {
			regions = append(regions, region)
		}
	}
	for _, s := range t.Servers {
		add(s.Region)
	}
	for _, n := range t.Nodes {
		add(n.Region)
	}
	return regions
}

// Sites are those of the servers and nodes, in the order of their first mention.
func (t Topology) Sites() []string {
	var sites []string
	for _, s := range t.Servers {
		sites = append(sites, s.Site)
	}
	for _, n := range t.Nodes {
		sites = append(sites, n.Site)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(sites, func(site string) bool {
		before := seen[site]
		seen[site] = true
		return before || site == ""
	})
}

// clientHost is the host of a region's applications, where exec and write run.
func clientHost(region string) string { return "client-" + region }

func (s ServerSpec) addrPort() netip.AddrPort { return netip.AddrPortFrom(s.address, mysqlPort) }
func (n NodeSpec) raft() string               { return netip.AddrPortFrom(n.address, raftPort).String() }

func (n NodeSpec) api() string { return netip.AddrPortFrom(n.address, apiPort).String() }
