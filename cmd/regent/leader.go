package main

import (
	"github.com/spf13/cobra"

	"github.com/regentdb/regent/api"
)

// newLeaderCommand hands the leadership of the group over.
func newLeaderCommand(c *console) *cobra.Command {
	var reason, token string
	cmd := &cobra.Command{
		Use:   "leader NODE",
		Short: "Hand the leadership of the group to a node",
		Long: `Hand the leadership of the group to another node, for instance before the leader's machine is taken down.
No server is touched. It is refused while a recovery is under way. ` + "`regent status`" + ` shows who leads.`,
		Example: "  regent leader west-1 --reason \"kernel update of east-1\"",
		Args:    takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			return c.change(cmd.Context(), client, token, api.LeaderChange(args[0], reason))
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is logged")
	confirmFlag(cmd, &token)
	return cmd
}
