package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/lab/demo"
)

// newDemoCommand tells the story of the incident on a lab of its own.
func newDemoCommand() *cobra.Command {
	o := demo.Options{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The incident of October 2018, end to end, on real servers",
		Long: `demo makes a lab on this machine and tells the incident of 21 October 2018 on it: the home region is
cut off and nobody is promoted elsewhere; then a person forces the split, and regent lists every write
that only one side has. Each claim is checked against the writers' ledger and the servers. The exit
status is 1 if one does not hold. It needs root, or a kernel that allows user namespaces.`,
		Example: "  regent demo\n  regent demo --seed 7 --keep --dir /tmp/demo",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			exe, err := os.Executable()
			if err != nil {
				return err
			}
			o.Exe, o.Out = exe, cmd.OutOrStdout()
			if !cmd.Flags().Changed("seed") {
				o.Seed = uint64(time.Now().UnixNano()) % 1_000_000
			}
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Dir, "dir", "", "directory of the lab (default: a temporary one)")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 0, "seed of the workload (default: another one each time)")
	cmd.Flags().DurationVar(&o.Cut, "cut", 43*time.Second, "how long the region is cut off the first time")
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "leave the lab up afterwards")
	return cmd
}
