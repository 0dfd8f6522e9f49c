package main

import (
	"github.com/spf13/cobra"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/config"
)

func newApplyCommand(c *console) *cobra.Command {
	var file, reason, token string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Declare clusters and their rules",
		Long: `Declare the clusters of a file: new ones are added, known ones changed, and those that the file does
not name stay as they are. The preview lists what changes in the declaration and which settings will
be set and persisted on which server. Every version keeps who, when and why.`,
		Example: "  regent apply -f clusters.yaml --dry-run\n  regent apply -f clusters.yaml --reason \"adopt orders\"",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case file == "":
				return usage("name the file of declared clusters with -f FILE")
			case dryRun && token != "":
				return usage("--dry-run changes nothing, and --confirm carries a change out; leave one of them out")
			}
			specs, err := config.LoadClusters(file)
			if err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			change := api.SpecsChange(specs, reason)
			if !dryRun {
				return c.change(cmd.Context(), client, token, change)
			}
			return c.preview(cmd.Context(), client, change.DryRun())
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the file of declared clusters")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only show what would change")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is recorded")
	confirmFlag(cmd, &token)
	return cmd
}
