package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/api"
)

func newStatusCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the nodes, the leader and the state of every cluster",
		Long: `Show the nodes of the group, which of them leads, and every cluster with its state: ok, degraded,
recovering, hold, isolated, maintenance or split_brain, and why. Below are warnings: what somebody
should look at and nothing waits for, such as a report whose files are on one node only.`,
		Example: "  regent status\n  regent status -o json | jq -r '.clusters[] | select(.state != \"ok\") | .reason'",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			status, err := client.Status(cmd.Context())
			if err != nil {
				return err
			}
			return c.show(status, func(w io.Writer) error { return drawStatus(w, status) })
		},
	}
}

func drawStatus(w io.Writer, s api.Status) error {
	nodes := make([][]any, 0, len(s.Nodes))
	for _, n := range s.Nodes {
		seen := "never"
		if n.LastContact != nil {
			seen = time.Duration(*n.LastContact).String() + " ago"
		}
		nodes = append(nodes, []any{n.ID, n.Region, n.Site, n.State, seen})
	}
	if err := drawTable(w, []any{"node", "region", "site", "state", "last contact"}, nodes); err != nil {
		return err
	}
	if s.Leader == "" {
		if err := printf(w, "no leader is known: nothing is decided until a majority of the nodes reach each other\n"); err != nil {
			return err
		}
	}
	if len(s.Clusters) == 0 {
		return printf(w, "\nno cluster is declared; declare one with `regent apply -f clusters.yaml`\n")
	}
	rows := make([][]any, 0, len(s.Clusters))
	for _, cl := range s.Clusters {
		rows = append(rows, []any{cl.Cluster, cl.State, orNone(cl.Primary), cl.Epoch, cl.Mode, cl.Reason})
	}
	if err := printf(w, "\n"); err != nil {
		return err
	}
	if err := drawTable(w, []any{"cluster", "state", "primary", "epoch", "mode", "reason"}, rows); err != nil {
		return err
	}
	for _, cl := range s.Clusters {
		for _, warning := range cl.Warnings {
			if err := printf(w, "warning: %s: %s\n", cl.Cluster, warning); err != nil {
				return err
			}
		}
	}
	return nil
}

// at is a moment as people read it.
func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000Z") }

func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}
