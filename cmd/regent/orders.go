package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/api"
)

func newFailoverCommand(c *console) *cobra.Command {
	var f api.Failover
	var token string
	cmd := &cobra.Command{
		Use:   "failover CLUSTER",
		Short: "Replace the primary of a cluster",
		Long: `Replace the primary of a cluster by the best candidate of its home region, or by the server that --to
names. A server outside the home region needs --override-region with a reason and a time limit: the
preview then says what will diverge. The command returns when the new primary is open, or when it is
held and what is missing.

Where nothing proves that a primary which cannot be seen writes no more, a person can say so in one of
two ways. --powered-off states that it is switched off: it counts as evidence, all other rules stand, and
it is refused while the primary answers or a replica receives from it. --override-region accepts that both
sides may hold writes that the other lacks, also for a server of the home region. Either is recorded with
the reason, and both may be given.`,
		Example: `  regent failover orders
  regent failover orders --to east-db2 --confirm TOKEN
  regent failover orders --powered-off --reason "switched off at the socket"
  regent failover orders --to west-db1 --override-region --reason "east is lost" --ttl 15m`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cluster, err := reference(kindCluster, args[0])
			if err != nil {
				return err
			}
			if f.To != "" {
				if f.To, err = reference(kindServer, f.To); err != nil {
					return err
				}
			}
			if err := overridable(f, cmd.Flags().Changed("ttl")); err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			return c.change(cmd.Context(), client, token, api.FailoverChange(cluster, f))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.To, "to", "", "the new primary (default: the best candidate)")
	flags.BoolVar(&f.OverrideRegion, "override-region", false, "leave the home region and accept divergence; needs --to, --reason and --ttl, and the role admin")
	flags.BoolVar(&f.PoweredOff, "powered-off", false, "state that the present primary is powered off; needs --reason and the role admin")
	flags.StringVar(&f.Reason, "reason", "", "why; it is recorded")
	flags.DurationVar(&f.TTL, "ttl", 0, "how long the override may be used, such as 15m")
	confirmFlag(cmd, &token)
	return cmd
}

// overridable checks what can be checked before anybody is asked.
func overridable(f api.Failover, ttlGiven bool) error {
	switch {
	case f.PoweredOff && f.Reason == "":
		return usage("--powered-off needs --reason TEXT: it is recorded as the evidence, such as who switched it off")
	case !f.OverrideRegion && ttlGiven:
		return usage("--ttl limits an override; it needs --override-region")
	case !f.OverrideRegion:
		return nil
	case f.To == "":
		return usage("--override-region needs --to SERVER: leaving the home region is never left to a ranking")
	case f.Reason == "":
		return usage("--override-region needs --reason TEXT: it is recorded with the divergence that it accepts")
	case f.TTL < time.Second:
		return usage("--override-region needs --ttl, such as 15m: how long the permission may be used")
	}
	return nil
}

func newCloneCommand(c *console) *cobra.Command {
	var from, reason, token string
	cmd := &cobra.Command{
		Use:   "clone SERVER",
		Short: "Replace all data of a server by a copy of another",
		Long: `Replace all data of a server by a copy of a donor and let it replicate again. It is the way back of a
quarantined server, and is refused until everything that only this server has is captured and reported.`,
		Example: "  regent clone east-db1 --from east-db3",
		Args:    takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, err := reference(kindServer, args[0])
			if err != nil {
				return err
			}
			if from == "" {
				return usage("name the donor with --from SERVER; one of the same region is the quickest")
			}
			donor, err := reference(kindServer, from)
			if err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			return c.change(cmd.Context(), client, token, api.CloneChange(server, donor, reason))
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the donor")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is recorded")
	confirmFlag(cmd, &token)
	return cmd
}

func newAckCommand(c *console) *cobra.Command {
	return c.clusterOrder(api.OrderAck, &cobra.Command{
		Use:   "ack CLUSTER",
		Short: "Acknowledge the last recovery, which ends the cooldown",
		Long: `Acknowledge the last recovery of a cluster. Until then, or until the cooldown of the policy has passed,
no automatic recovery follows it.`,
		Example: "  regent ack orders",
	})
}

func newReleaseCommand(c *console) *cobra.Command {
	return c.clusterOrder(api.OrderRelease, &cobra.Command{
		Use:   "release CLUSTER",
		Short: "End a hold",
		Long: `End the hold of a cluster. The cluster is looked at anew: what caused the hold and still stands
causes it again.`,
		Example: "  regent release orders",
	})
}

func newPauseCommand(c *console) *cobra.Command {
	return c.clustersOrder(api.OrderPause, &cobra.Command{
		Use:   "pause CLUSTER|--all",
		Short: "Stop automation, as for a change freeze",
		Long: `Stop all automation for a cluster, or for all of them: nothing is promoted, configured or re-pointed
until somebody resumes it. What is seen is still shown.`,
		Example: "  regent pause orders --reason \"network maintenance\"\n  regent pause --all --reason \"change freeze\"",
	})
}

func newResumeCommand(c *console) *cobra.Command {
	return c.clustersOrder(api.OrderResume, &cobra.Command{
		Use:     "resume CLUSTER|--all",
		Short:   "Start automation again",
		Long:    "Start automation again for a cluster that was paused, or for all of them.",
		Example: "  regent resume orders --reason \"maintenance is over\"",
	})
}

// clusterOrder completes a command that gives one cluster an order.
func (c *console) clusterOrder(order api.ClusterOrder, cmd *cobra.Command) *cobra.Command {
	var reason, token string
	cmd.Args = takes(1, 1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cluster, err := reference(kindCluster, args[0])
		if err != nil {
			return err
		}
		client, err := c.client()
		if err != nil {
			return err
		}
		return c.change(cmd.Context(), client, token, api.OrderChange(order, cluster, reason))
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is recorded")
	confirmFlag(cmd, &token)
	return cmd
}

// clustersOrder completes a command that gives one cluster or all of them an order.
func (c *console) clustersOrder(order api.ClusterOrder, cmd *cobra.Command) *cobra.Command {
	var reason, token string
	var all bool
	cmd.Args = takes(0, 1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if all == (len(args) == 1) {
			return usage("name one cluster, or all of them with --all")
		}
		if reason == "" {
			return usage("say why with --reason TEXT; it is shown to everybody who looks at the cluster")
		}
		client, err := c.client()
		if err != nil {
			return err
		}
		var names []string
		if all {
			names, err = clusterNames(cmd.Context(), client)
		} else {
			names = make([]string, 1)
			names[0], err = reference(kindCluster, args[0])
		}
		if err != nil {
			return err
		}
		changes := make([]api.Change, 0, len(names))
		for _, name := range names {
			changes = append(changes, api.OrderChange(order, name, reason))
		}
		if len(changes) == 0 {
			return printf(c.errs, "no cluster is declared, so there is nothing to %s\n", order)
		}
		return c.change(cmd.Context(), client, token, changes...)
	}
	cmd.Flags().BoolVar(&all, "all", false, "every declared cluster")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is recorded")
	confirmFlag(cmd, &token)
	return cmd
}
