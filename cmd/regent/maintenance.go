package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/api"
)

func newMaintenanceCommand(c *console) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "maintenance",
		Short: "Stop automation of a cluster for a time",
	})
	cmd.AddCommand(newMaintenanceBeginCommand(c), newMaintenanceEndCommand(c))
	return cmd
}

func newMaintenanceBeginCommand(c *console) *cobra.Command {
	var reason, token string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "begin CLUSTER",
		Short: "Stop automation of a cluster for a time",
		Long: `Stop automation of a cluster for the time that --ttl gives: nothing is promoted, configured or re-pointed.
It ends by itself, which is recorded; begin it again to give it more time.`,
		Example: "  regent maintenance begin orders --reason \"new kernel on east-db2\" --ttl 30m",
		Args:    takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case reason == "":
				return usage("say why with --reason TEXT; it is shown to everybody who looks at the cluster")
			case ttl < time.Second:
				return usage("--ttl is missing, such as 30m: how long the maintenance may last at most")
			}
			return c.maintenance(cmd, args[0], token, reason, ttl)
		},
	}
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "how long it lasts at most, such as 30m")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is recorded")
	confirmFlag(cmd, &token)
	return cmd
}

func newMaintenanceEndCommand(c *console) *cobra.Command {
	var reason, token string
	cmd := &cobra.Command{
		Use:     "end CLUSTER",
		Short:   "Start automation again before the time is over",
		Long:    "End the maintenance of a cluster before its time is over. A pause is not ended by this.",
		Example: "  regent maintenance end orders --reason \"done\"",
		Args:    takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.maintenance(cmd, args[0], token, reason, 0)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is recorded")
	confirmFlag(cmd, &token)
	return cmd
}

// maintenance begins one for ttl, or ends it where ttl is 0.
func (c *console) maintenance(cmd *cobra.Command, cluster, token, reason string, ttl time.Duration) error {
	name, err := reference(kindCluster, cluster)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	return c.change(cmd.Context(), client, token, api.MaintenanceChange(name, reason, ttl))
}
