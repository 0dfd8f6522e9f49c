package apitest

import (
	"fmt"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// Epoch is the moment of the sample.
func Epoch() time.Time { return time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC) }

// The names of the sample: cluster orders with three servers in its home region east and two in west.
const (
	Cluster   = "orders"
	Report    = "orders-d1"
	fresh     = 1500 * time.Millisecond
	uuidOf    = "%08d-0000-0000-0000-000000000000"
	sampleLag = 0.25
)

func sampleServers() []string {
	return []string{"east-db1", "east-db2", "east-db3", "west-db1", "west-db2"}
}

// Spec is the declaration of the sample.
func Spec() policy.ClusterSpec {
	spec := policy.ClusterSpec{
		Name: Cluster, HomeRegion: "east", Mode: policy.ModeAutomatic, Policy: policy.DefaultPolicy(),
		Owner: policy.Owner{Team: "payments", Contact: "payments-oncall@example.com"},
	}
	for i, name := range sampleServers() {
		region, _, _ := strings.Cut(name, "-")
		spec.Servers = append(spec.Servers, policy.ServerSpec{
			Name: name, Address: fmt.Sprintf("10.1.0.%d:3306", 11+i), Region: region, Site: region + "-a",
			Promotion: policy.PromotionNeutral, AddressKind: policy.AddressDirect,
		})
	}
	return spec
}

func sampleGroup() api.GroupStatus {
	return api.GroupStatus{Node: "cloud-1", Leader: "cloud-1", Nodes: []api.GroupNode{
		{ID: "cloud-1", Region: "cloud", Site: "cloud-a", State: "leader", Reachable: true},
		{ID: "east-1", Region: "east", Site: "east-a", State: "follower", Reachable: true, LastContact: 120 * time.Millisecond},
		{ID: "west-1", Region: "west", Site: "west-a", State: "unreachable", LastContact: topology.Never},
	}}
}

func sampleState() fsm.State {
	state := fsm.Empty()
	spec := Spec()
	lost := int64(0)
	c := fsm.Cluster{
		Spec: spec, Version: 7,
		Versions: []fsm.SpecVersion{{Version: 1, At: Epoch().Add(-time.Hour), By: "ops", Reason: "adopt orders", Spec: spec}},
		State: failover.State{
			Cluster: Cluster, Epoch: 3, Primary: "east-db1", Ackers: []string{"east-db2", "east-db3"}, WaitCount: 1, Armed: true,
			Servers: map[string]failover.Member{}, Counter: 4,
		},
		History: []failover.Event{{
			ID: "orders-4", At: Epoch().Add(-time.Minute), Kind: "failover", Cluster: Cluster, Epoch: 3, Decision: "east-db1 replaced east-db2",
			Reason:     "east-db2 refuses connections (seen by cloud-1, east-1) and east-db1, east-db3 lost it",
			Candidates: []policy.Verdict{{Server: "east-db1", Eligible: true, Reason: "in region east, reachable and replicating"}, {Server: "west-db1", Reason: "region west is outside the home region east"}},
			Evidence:   []failover.Evidence{{Server: "east-db2", Kind: failover.EvidenceAcksRevoked, By: "cloud-1", At: Epoch().Add(-time.Minute), Detail: "2 of 2 ackers stopped, 1 needed"}},
			Steps: []failover.Step{{
				Name: failover.ActRevoke, Server: "east-db1", State: failover.StepDone,
				StartedAt: Epoch().Add(-time.Minute), EndedAt: Epoch().Add(-time.Minute + 12*time.Millisecond),
			}},
			Lost: &lost,
		}},
	}
	for i, name := range sampleServers() {
		c.State.Servers[name] = failover.Member{UUID: fmt.Sprintf(uuidOf, i+1), CaughtUpBoot: topology.Boot{Started: 1000, Process: 1}}
	}
	state.Clusters[Cluster] = c
	state.Audit = []fsm.AuditEntry{{At: Epoch().Add(-time.Hour), By: "ops", Action: "apply", Object: "cluster/orders", Outcome: "done", Reason: "adopt orders"}}
	return state
}

// SampleReport is a divergence as it stands once it is compared.
func SampleReport() failover.Divergence {
	return failover.Divergence{
		ID: Report, State: failover.DivergenceOpen, Epoch: 3, OldServer: "east-db2", NewServer: "east-db1",
		Extras:    map[string]gtid.Set{"east-db2": gtid.MustParse(fmt.Sprintf(uuidOf, 2) + ":8-9")},
		Captured:  gtid.MustParse(fmt.Sprintf(uuidOf, 2) + ":8-9"),
		CreatedAt: Epoch(), Node: "cloud-1", Complete: true, Transactions: 2, ByClass: map[string]int{"SAFE": 1, "CONFLICT": 1},
		From: Epoch().Add(-2 * time.Minute), To: Epoch().Add(-time.Minute),
	}
}

// sampleView has every server answer to the two nodes that are there.
func sampleView() topology.View {
	spec := Spec()
	v := topology.View{Fresh: fresh, Nodes: []topology.NodeView{
		{Node: "cloud-1", Site: "cloud-a", Region: "cloud"}, {Node: "east-1", Site: "east-a", Region: "east", Age: 120 * time.Millisecond},
	}}
	for i, s := range spec.Servers {
		f := sampleFacts(i)
		v.Servers = append(v.Servers, topology.ServerView{Server: s.Identity(), Facts: f, By: "cloud-1", Sights: []topology.NodeSight{
			{Node: "cloud-1", Site: "cloud-a", Region: "cloud", Sight: topology.Sight{Server: s.Name, Reach: topology.ReachOK, Facts: f}},
			{Node: "east-1", Site: "east-a", Region: "east", Sight: topology.Sight{Server: s.Name, Reach: topology.ReachOK, Facts: f}},
		}})
	}
	return v
}

func sampleFacts(i int) *topology.Facts {
	f := &topology.Facts{
		UUID: fmt.Sprintf(uuidOf, i+1), Version: "9.7.4", Boot: topology.Boot{Started: 1000, Process: 1}, Executed: gtid.MustParse(fmt.Sprintf(uuidOf, 1) + ":1-100"),
		Variables: map[string]string{
			"read_only": "ON", "super_read_only": "ON", "persisted_globals_load": "ON", "init_file": "", "log_bin": "ON",
			"log_replica_updates": "ON", "enforce_gtid_consistency": "ON", "gtid_mode": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL",
		},
		Persisted: map[string]string{"super_read_only": "ON", "skip_replica_start": "ON"}, Status: map[string]string{},
	}
	if i == 0 {
		f.Variables["read_only"], f.Variables["super_read_only"] = "OFF", "OFF"
		return f
	}
	lag := sampleLag
	f.Source = &topology.Upstream{
		UUID: fmt.Sprintf(uuidOf, 1), Host: "10.1.0.11", Port: 3306, Receiver: topology.ThreadOn, Applier: topology.ThreadOn,
		Received: gtid.MustParse(fmt.Sprintf(uuidOf, 1) + ":1-100"), AutoPosition: true, LagSeconds: &lag,
	}
	return f
}
