package lab

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/config"
	"github.com/regentdb/regent/lab/fabric"
	"github.com/regentdb/regent/lab/mysqld"
)

func TestDefaultTopology(t *testing.T) {
	t.Parallel()
	got, err := DefaultTopology().complete()
	if err != nil {
		t.Fatal(err)
	}
	if got.Primary() != "east-db1" {
		t.Errorf("primary %s", got.Primary())
	}
	sources, addresses := map[string]string{}, map[netip.Addr]string{}
	for _, s := range got.Servers {
		sources[s.Name] = s.Source
		addresses[s.address] = s.Name
	}
	for _, n := range got.Nodes {
		addresses[n.address] = n.ID
	}
	want := map[string]string{"east-db1": "", "east-db2": "east-db1", "east-db3": "east-db1", "west-db1": "east-db1", "west-db2": "east-db1"}
	if diff := cmp.Diff(want, sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if len(addresses) != len(got.Servers)+len(got.Nodes) {
		t.Errorf("addresses are shared: %v", addresses)
	}
}

func TestParseTopology(t *testing.T) {
	t.Parallel()
	got, err := ParseTopology([]byte(`
cluster: carts
home_region: north
delay: 5ms
servers:
  - {name: n1, region: north, site: n-a, promotion: prefer}
  - {name: n2, region: north}
  - {name: s1, region: south, source: n2}
nodes: [{id: a, region: north}]
`))
	if err != nil {
		t.Fatal(err)
	}
	if got.Delay != 5*time.Millisecond || got.Servers[1].Source != "n1" || got.Servers[2].Source != "n2" || got.Servers[1].Site != "north-a" {
		t.Errorf("parsed %+v", got)
	}
	if diff := cmp.Diff([]string{"north", "south"}, got.Regions()); diff != "" {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
}

func TestParseTopologyRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown key":        "home: east",
		"no server at home":  "servers: [{name: w1, region: west}]",
		"two of one name":    "servers: [{name: e1, region: east}, {name: e1, region: east}]",
		"server like region": "servers: [{name: east, region: east}]",
		"node like server":   "servers: [{name: e1, region: east}]\nnodes: [{id: e1, region: east}]",
		"path in a name":     "servers: [{name: ../e1, region: east}]",
		"unknown source":     "servers: [{name: e1, region: east}, {name: e2, region: east, source: e9}]",
		"own source":         "servers: [{name: e1, region: east}, {name: e2, region: east, source: e2}]",
		"replica as primary": "servers: [{name: e1, region: east, source: e2}, {name: e2, region: east}]",
		"not a mapping":      "- 1",
	} {
		if _, err := ParseTopology([]byte(text)); !errors.Is(err, ErrTopology) {
			t.Errorf("%s gave %v", name, err)
		}
	}
}

func FuzzParseTopology(f *testing.F) {
	f.Add([]byte("servers: [{name: e1, region: east}]\nnodes: [{id: n1, region: west}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ParseTopology(text)
		if err != nil {
			if !errors.Is(err, ErrTopology) {
				t.Fatalf("undocumented error %v", err)
			}
			return
		}
		for _, s := range got.Servers {
			if !s.address.Is4() || (s.Source == "") != (s.Name == got.Primary()) {
				t.Fatalf("incomplete server %+v", s)
			}
		}
	})
}

// What the lab writes must be what regent reads.
func TestFilesAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	topology, err := DefaultTopology().complete()
	if err != nil {
		t.Fatal(err)
	}
	l := layout{dir: t.TempDir()}
	token, err := l.furnish(topology, mysqld.Accounts{
		Controller: mysqld.Account{User: "regent", Password: "a"}, Replication: mysqld.Account{User: "repl", Password: "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range topology.Nodes {
		node, _, err := config.LoadNode(l.node(n.ID))
		if err != nil {
			t.Errorf("node.yaml of %s: %v", n.ID, err)
		}
		if len(node.Raft.Peers) != len(topology.Nodes) || node.Raft.TLS == nil {
			t.Errorf("node.yaml of %s: %+v", n.ID, node.Raft)
		}
	}
	specs, err := config.LoadClusters(l.clusters())
	if err != nil {
		t.Fatal(err)
	}
	cluster := specs.Clusters[0]
	if cluster.HomeRegion != "east" || len(cluster.Servers) != 5 || cluster.Policy.Cooldown != 0 || cluster.Mode != "automatic" {
		t.Errorf("cluster %+v", cluster)
	}
	tokens, _, err := config.LoadTokens(l.secret("tokens.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if found, ok := tokens.Find(token); !ok || len(found.Roles) != 4 {
		t.Errorf("the token has roles %v", found.Roles)
	}
}

func TestLayoutRefusesForeignDirectory(t *testing.T) {
	t.Parallel()
	foreign := t.TempDir()
	precious := filepath.Join(foreign, "servers", "precious")
	if err := os.MkdirAll(precious, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := openLayout(foreign); !errors.Is(err, ErrDirectory) {
		t.Errorf("a foreign directory gave %v", err)
	}
	if err := Down(t.Context(), foreign); !errors.Is(err, ErrDirectory) {
		t.Errorf("Down of a foreign directory gave %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("Down removed what is not a lab's: %v", err)
	}
}

func TestDownWithoutLabDoesNothing(t *testing.T) {
	t.Parallel()
	if err := Down(t.Context(), filepath.Join(t.TempDir(), "none")); err != nil {
		t.Error(err)
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrNoLab) {
		t.Errorf("opening no lab gave %v", err)
	}
}

func TestTrapIsForOneLife(t *testing.T) {
	t.Parallel()
	n := &node{}
	n.setTrap("kill@before:open")
	if got := []string{n.takeTrap(), n.takeTrap()}; !cmp.Equal(got, []string{"kill@before:open", ""}) {
		t.Errorf("traps of two starts: %q", got)
	}
}

func TestSelector(t *testing.T) {
	t.Parallel()
	topology, err := DefaultTopology().complete()
	if err != nil {
		t.Fatal(err)
	}
	l := &Lab{topology: topology, nodes: []*node{{spec: topology.Nodes[0]}}}
	for name, want := range map[string]fabric.Selector{
		"east": {Region: "east"}, "east-b": {Site: "east-b"}, "east-1": {Host: "east-1"},
	} {
		if got, err := l.selector(name); err != nil || got != want {
			t.Errorf("%s selects %+v, %v", name, got, err)
		}
	}
	if _, err := l.selector("east-c"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown name: %v", err)
	}
}
