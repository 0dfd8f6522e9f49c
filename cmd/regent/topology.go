package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/api"
)

func newTopologyCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "topology [CLUSTER]",
		Short: "Show the servers of a cluster, by region",
		Long: `Show every declared server of a cluster by region: its role, whether it takes writes, where it
replicates from, how far it is behind, and why it may not become primary. During a split the servers
of both sides are shown as this node sees them. Servers that keep their binary logs for a report are
listed below with what these occupy. Without a cluster, all clusters are shown.`,
		Example: "  regent topology orders\n  regent topology cluster/orders -o json | jq '.servers[] | {server, role, writable}'",
		Args:    takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return c.showAllTopologies(cmd.Context(), client)
			}
			name, err := reference(kindCluster, args[0])
			if err != nil {
				return err
			}
			t, err := client.Topology(cmd.Context(), name)
			if err != nil {
				return err
			}
			return c.show(t, func(w io.Writer) error { return drawTopology(w, t) })
		},
	}
}

func (c *console) showAllTopologies(ctx context.Context, client *api.Client) error {
	names, err := clusterNames(ctx, client)
	if err != nil {
		return err
	}
	all := make([]api.Topology, 0, len(names))
	for _, name := range names {
		t, err := client.Topology(ctx, name)
		if err != nil {
			return err
		}
		all = append(all, t)
	}
	return c.show(all, func(w io.Writer) error {
		for i, t := range all {
			if i > 0 {
				if err := printf(w, "\n"); err != nil {
					return err
				}
			}
			if err := drawTopology(w, t); err != nil {
				return err
			}
		}
		return nil
	})
}

func clusterNames(ctx context.Context, client *api.Client) ([]string, error) {
	status, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(status.Clusters))
	for _, cl := range status.Clusters {
		names = append(names, cl.Cluster)
	}
	return names, nil
}

// drawTopology draws a tree: the regions, the home region first, and below each its servers.
func drawTopology(w io.Writer, t api.Topology) error {
	head := fmt.Sprintf("%s: %s, primary %s, epoch %d, mode %s", t.Cluster, t.State, orNone(t.Primary), t.Epoch, t.Mode)
	if t.Reason != "" {
		head += "\n" + t.Reason
	}
	if t.Guard != nil {
		head += "\n" + guardLine(t.Guard)
	}
	if err := printf(w, "%s\n", head); err != nil {
		return err
	}
	var rows [][]any
	for _, region := range regionsOf(t) {
		label := region
		if region == t.HomeRegion {
			label += " (home)"
		}
		rows = append(rows, []any{label})
		in := slices.DeleteFunc(slices.Clone(t.Servers), func(s api.ServerStatus) bool { return s.Region != region })
		for i, s := range in {
			branch := "├─ "
			if i == len(in)-1 {
				branch = "└─ "
			}
			rows = append(rows, []any{branch + s.Server, s.Role, writing(s), sourceWord(s), lagWord(s), remark(s)})
		}
	}
	if err := drawTable(w, []any{"server", "role", "state", "source", "lag", "remark"}, rows); err != nil {
		return err
	}
	return drawKeptLogs(w, t.Servers)
}

// drawKeptLogs says which servers keep their binary logs for a report, and what that occupies.
func drawKeptLogs(w io.Writer, servers []api.ServerStatus) error {
	for _, s := range servers {
		k := s.BinaryLogs
		if k == nil {
			continue
		}
		line := s.Server + " keeps its binary logs for a report since " + at(k.Since)
		switch {
		case k.Observed:
			line = s.Server + " would be made to keep its binary logs for a report; the mode is observe"
		case k.Error != "":
			line = s.Server + " MAY DELETE binary logs that a report needs: " + k.Error
		}
		if k.Files != nil {
			line += fmt.Sprintf(": %s, %d MiB", plural(*k.Files, "file", "files"), *k.Bytes>>20)
		}
		if err := printf(w, "%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// guardLine is the in-server guard of the primary in one line.
func guardLine(g *api.GuardStatus) string {
	line := "guard: disarmed: " + g.Disarmed
	if g.Armed {
		line = "guard: armed"
	}
	if l := g.Lease; l != nil {
		line += ", lease of " + time.Duration(l.TTL).String() + ", " + leaseWord(l)
	}
	switch {
	case g.RefusedSince != nil:
		line += ", renewals refused since " + at(*g.RefusedSince)
	case g.Failsafe:
		line += ", failsafe asks " + orNone(strings.Join(g.Candidates, ", "))
	default:
		line += ", no failsafe"
	}
	return line
}

func leaseWord(l *api.LeaseStatus) string {
	word := "run out"
	if rest := time.Duration(l.Remaining); rest > 0 {
		word = rest.String() + " left"
	}
	if l.TickAge == nil {
		return word + ", never ticked"
	}
	return word + ", ticked " + time.Duration(*l.TickAge).String() + " ago"
}

// regionsOf lists the regions, the home region first.
func regionsOf(t api.Topology) []string {
	regions := []string{t.HomeRegion}
	for _, s := range t.Servers {
		if !slices.Contains(regions, s.Region) {
			regions = append(regions, s.Region)
		}
	}
	slices.Sort(regions[1:])
	return regions
}

func writing(s api.ServerStatus) string {
	switch {
	case !s.Reachable || s.Writable == nil:
		return "unreachable"
	case *s.Writable:
		return "writable"
	}
	return "read-only"
}

func sourceWord(s api.ServerStatus) string {
	if s.Source == nil {
		return "-"
	}
	return *s.Source
}

func lagWord(s api.ServerStatus) string {
	if s.LagSeconds == nil {
		return "-"
	}
	return fmt.Sprintf("%.1fs", *s.LagSeconds)
}

// remark is what matters most about a server.
func remark(s api.ServerStatus) string {
	switch {
	case s.Quarantine != "":
		return "quarantined: " + s.Quarantine
	case s.ErrantGTIDs != "":
		return "has transactions that the primary lacks: " + s.ErrantGTIDs
	case !s.Reachable:
		return sightWords(s.Sights)
	case s.Role == "primary" || s.Eligible:
		return ""
	}
	return s.IneligibleReason
}

func sightWords(sights []api.Sight) string {
	words := make([]string, 0, len(sights))
	for _, s := range sights {
		words = append(words, s.Reach+" to "+s.Node)
	}
	return strings.Join(words, ", ")
}
