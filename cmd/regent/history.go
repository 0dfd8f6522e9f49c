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

func newHistoryCommand(c *console) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "history [CLUSTER]",
		Short: "Show decisions, refusals and recoveries with their steps and evidence",
		Long: `Show what was decided about a cluster, oldest first: recoveries with their steps, evidence and
possible loss, refusals with a reason for every candidate, holds, releases, orders and declarations.
Without a cluster, the histories of all clusters are merged.`,
		Example: "  regent history orders\n  regent history orders --limit 1 -o json | jq '.[0].candidates'",
		Args:    takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			if limit < 0 {
				return usage("--limit %d is not a number of entries; leave it out for all", limit)
			}
			var entries []api.HistoryEntry
			if len(args) == 1 {
				name, err := reference(kindCluster, args[0])
				if err != nil {
					return err
				}
				entries, err = client.History(cmd.Context(), name, limit)
				if err != nil {
					return err
				}
			} else if entries, err = mergedHistory(cmd.Context(), client, limit); err != nil {
				return err
			}
			return c.show(entries, func(w io.Writer) error { return drawHistory(w, entries) })
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "only the newest so many entries")
	return cmd
}

func mergedHistory(ctx context.Context, client *api.Client, limit int) ([]api.HistoryEntry, error) {
	names, err := clusterNames(ctx, client)
	if err != nil {
		return nil, err
	}
	all := []api.HistoryEntry{}
	for _, name := range names {
		entries, err := client.History(ctx, name, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	slices.SortStableFunc(all, func(a, b api.HistoryEntry) int { return a.At.Compare(b.At) })
	if limit > 0 && len(all) > limit {
		all = all[len(all)-limit:]
	}
	return all, nil
}

func drawHistory(w io.Writer, entries []api.HistoryEntry) error {
	if len(entries) == 0 {
		return printf(w, "nothing has happened yet\n")
	}
	var b strings.Builder
	for _, e := range entries {
		describe(&b, e)
	}
	return printf(w, "%s", b.String())
}

func describe(b *strings.Builder, e api.HistoryEntry) {
	by := ""
	if e.By != "" {
		by = " by " + e.By
	}
	fmt.Fprintf(b, "%s  %s  %s%s  (epoch %d, %s)\n", at(e.At), e.Cluster, strings.ToUpper(e.Kind), by, e.Epoch, e.ID)
	for _, line := range []string{e.Decision, e.Reason} {
		if line != "" {
			b.WriteString("  " + line + "\n")
		}
	}
	var lines []string
	for _, v := range e.Candidates {
		lines = append(lines, verdictLine(v))
	}
	section(b, "candidates", lines)
	lines = nil
	for _, ev := range e.Evidence {
		lines = append(lines, fmt.Sprintf("%s: %s, by %s at %s: %s", ev.Server, ev.Kind, ev.By, at(ev.At), ev.Detail))
	}
	section(b, "evidence", lines)
	lines = nil
	for _, s := range e.Steps {
		lines = append(lines, stepLine(s))
	}
	section(b, "steps", lines)
	if e.LostEstimate != nil {
		fmt.Fprintf(b, "  acknowledged transactions lost: %s\n", lostWord(*e.LostEstimate))
	}
}

func lostWord(n int64) string {
	if n == 0 {
		return "none"
	}
	return lossWord(n)
}

func stepLine(s api.Step) string {
	line := fmt.Sprintf("%s %s: %s", s.Name, s.Server, s.State)
	if s.EndedAt != nil {
		line += fmt.Sprintf(" after %s", s.EndedAt.Sub(s.StartedAt).Round(time.Millisecond))
	}
	if s.Tries > 1 {
		line += fmt.Sprintf(", %d tries", s.Tries)
	}
	for _, more := range []string{s.Why, s.Error} {
		if more != "" {
			line += ", " + more
		}
	}
	return line
}
