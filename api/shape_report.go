package api

import (
	"cmp"
	"maps"
	"slices"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// reportsOf lists every divergence of every cluster, oldest first.
func reportsOf(state *fsm.State) []ReportEntry {
	out := []ReportEntry{}
	for _, name := range state.Names() {
		c := state.Clusters[name]
		for i := range c.State.Divergences {
			out = append(out, reportEntry(name, &c.State.Divergences[i]))
		}
	}
	slices.SortStableFunc(out, func(a, b ReportEntry) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func reportEntry(cluster string, d *failover.Divergence) ReportEntry {
	e := ReportEntry{
		ID: d.ID, Cluster: cluster, State: string(d.State), Complete: d.Complete, OldServer: d.OldServer, NewServer: d.NewServer,
		Servers: []ReportServer{}, Transactions: d.Transactions, Undecodable: d.Undecodable, ByClass: map[string]int{},
		From: optional(d.From), To: optional(d.To), CreatedAt: d.CreatedAt.UTC(), Node: d.Node, Epoch: d.Epoch, Error: d.Error,
		Job: d.Job, Tally: d.Tally, AcknowledgedBy: d.Acked, Note: d.Note,
	}
	e.Copies, e.Removed, e.SettledAt = []ReportCopy{}, d.Removed, optional(d.SettledAt)
	for _, c := range d.Copies {
		if c.Node != d.Node {
			e.Copies = append(e.Copies, ReportCopy{Node: c.Node, At: c.At.UTC(), Current: d.CopiedOn(c.Node)})
		}
	}
	maps.Copy(e.ByClass, d.ByClass)
	for _, server := range slices.Sorted(maps.Keys(d.Extras)) {
		e.Servers = append(e.Servers, ReportServer{Server: server, ExtraGTIDs: d.Extras[server].String()})
	}
	return e
}

// findReport returns the report with that ID and its cluster.
func findReport(state *fsm.State, id string) (ReportEntry, error) {
	for _, e := range reportsOf(state) {
		if e.ID == id {
			return e, nil
		}
	}
	return ReportEntry{}, failure(CodeNotFound, "report %q does not exist; `regent report list` shows those that do", id)
}
