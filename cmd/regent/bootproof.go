package main

import (
	"context"
	"fmt"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/policy"
)

// bootProofs says of every server that may be primary of a cluster without acknowledgements whether the group has
// seen the boot that an automatic failover from it needs. The servers alone cannot tell: they do not know who saw them boot.
func (c *console) bootProofs(ctx context.Context, cluster *policy.ClusterSpec) []finding {
	if cluster.Policy.Durability != policy.DurabilityAsync {
		return nil
	}
	known := map[string]api.ServerStatus{}
	trouble := "name the group with --api, which knows"
	if c.api != "" || c.env("REGENT_API") != "" {
		var err error
		if known, err = c.serversOf(ctx, cluster.Name); err != nil {
			trouble = "the group cannot be asked: " + err.Error()
		}
	}
	var found []finding
	for _, s := range cluster.Servers {
		if s.Region == cluster.HomeRegion {
			status, ok := known[s.Name]
			found = append(found, bootProof(s.Name, &cluster.Policy, status, ok, trouble))
		}
	}
	return found
}

// serversOf are the servers of a cluster by name, as the group sees them.
func (c *console) serversOf(ctx context.Context, cluster string) (map[string]api.ServerStatus, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	t, err := client.Topology(ctx, cluster)
	if err != nil {
		return nil, err
	}
	out := map[string]api.ServerStatus{}
	for _, s := range t.Servers {
		out[s.Server] = s
	}
	return out, nil
}

// bootNeed is what process_dead rests on.
const bootNeed = "an automatic failover from it under durability: async needs a boot that regent saw come up read-only (super_read_only and " +
	"skip_replica_start persisted and loaded, no init_file)"

// bootProof judges one server by what the group knows of it; trouble says why that is nothing, where it is.
func bootProof(server string, p *policy.Policy, s api.ServerStatus, known bool, trouble string) finding {
	f := finding{Object: "server/" + server, Severity: severityWarning}
	instead := "restart it once while regent watches; a primary after an ordered failover to another"
	if p.Guard.Enabled && p.AcceptPauseRisk {
		instead += "; until then only the lapse of its lease can replace it"
	}
	switch {
	case known && s.BootProven:
		f.Severity, f.Fix = severityNote, "nothing"
		f.Finding = bootNeed + ": seen, with its present start configuration"
	case known && s.BootUnproven != "":
		f.Finding, f.Fix = fmt.Sprintf("%s: %s", bootNeed, s.BootUnproven), instead
	case known:
		f.Finding, f.Fix = bootNeed+": the node that was asked does not tell whether one was seen", "upgrade every node, and check again"
	default:
		f.Finding, f.Fix = bootNeed+": whether one was seen is not known here", trouble
	}
	return f
}
