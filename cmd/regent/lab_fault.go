package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/fabric"
)

func newLabCut(flags *labFlags) *cobra.Command {
	var request lab.CutRequest
	command := &cobra.Command{
		Use: "cut REGION|SITE|SERVER|NODE", Short: "Drop packets between a region, site, server or node and the others",
		Long: `Drop packets between a region, site, server or node and the others, both ways unless --one-way is given.
Whoever lies in a cut region or site still reaches the others there.`,
		Example: `  regent lab cut east                        # the region from the rest of the world
  regent lab cut east-db1 --from east-db2    # one replication link
  regent lab cut east-db1 --one-way          # what it sends is lost, what is sent to it arrives`,
		Args: takes(1, 1),
		RunE: func(command *cobra.Command, arguments []string) error {
			request.Target = arguments[0]
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			return labFailure(client.Cut(command.Context(), request))
		},
	}
	command.Flags().StringVar(&request.From, "from", "", "the region, site, server or node to cut it from (default: everyone else)")
	command.Flags().BoolVar(&request.OneWay, "one-way", false, "drop only what it sends")
	command.Flags().BoolVar(&request.Reject, "reject", false, "answer with resets, as some firewalls do, instead of silence")
	return command
}

func newLabHeal(flags *labFlags) *cobra.Command {
	var request lab.CutRequest
	command := &cobra.Command{
		Use: "heal [REGION|SITE|SERVER|NODE]", Short: "Take cuts back: all of them, or those of a region, site, server or node",
		Args: takes(0, 1),
		RunE: func(command *cobra.Command, arguments []string) error {
			if len(arguments) == 1 {
				request.Target = arguments[0]
			} else if request.From != "" {
				return usage("--from needs a region, site, server or node whose cut to heal")
			}
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			healed, err := client.Heal(command.Context(), request)
			if err != nil {
				return labFailure(err)
			}
			return flags.show(map[string]int{"healed": healed}, func(out io.Writer) error {
				return printf(out, "%d cuts healed\n", healed)
			})
		},
	}
	command.Flags().StringVar(&request.From, "from", "", "heal only its cut from this region, site, server or node")
	return command
}

// cutLine shows a cut for people.
func cutLine(c fabric.Cut) string {
	line := fmt.Sprintf("cut: %s from %s", c.A, c.B)
	if c.OneWay {
		line = fmt.Sprintf("cut: %s to %s, one way", c.A, c.B)
	}
	if c.Reject {
		line += ", rejecting"
	}
	return line
}

// linkLine shows for people what a way does to packets.
func linkLine(l lab.Link) string {
	where := l.A
	if l.B != "" {
		where += " - " + l.B
	}
	return fmt.Sprintf("%s: delay %s one way, %.0f %% lost", where, time.Duration(l.Delay), l.Loss*100)
}

// ends reads the names that stand before the last argument.
func ends(arguments []string) lab.LinkRequest {
	request := lab.LinkRequest{A: arguments[0]}
	if len(arguments) == 3 {
		request.B = arguments[1]
	}
	return request
}

func newLabDelay(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "delay REGION OTHER DURATION | delay SERVER|NODE DURATION", Short: "Delay packets between two regions, or at one server or node, each way by the duration",
		Args: takes(2, 3),
		RunE: func(command *cobra.Command, arguments []string) error {
			request, last := ends(arguments), arguments[len(arguments)-1]
			var err error
			if request.Delay, err = time.ParseDuration(last); err != nil {
				return usage("delay %q is no duration such as 30ms", last)
			}
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			return labFailure(client.Delay(command.Context(), request))
		},
	}
}

func newLabLoss(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "loss REGION OTHER SHARE | loss SERVER|NODE SHARE", Short: "Lose a share of the packets between two regions, or at one server or node, such as 0.01",
		Args: takes(2, 3),
		RunE: func(command *cobra.Command, arguments []string) error {
			request, last := ends(arguments), arguments[len(arguments)-1]
			var err error
			if request.Loss, err = strconv.ParseFloat(last, 64); err != nil {
				return usage("loss %q is no share such as 0.01", last)
			}
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			return labFailure(client.Loss(command.Context(), request))
		},
	}
}

func newLabClock(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "clock SERVER OFFSET|real", Short: "Set a server's clock off by a duration, such as 1h or -1h",
		Long: `Set a server's clock off by a duration. The first time the server is started again with libfaketime
between it and the clock, so do that with 0s before it matters; after that the clock steps within a second.
"real" starts the server again without.`,
		Args: takes(2, 2),
		RunE: func(command *cobra.Command, arguments []string) error {
			request := lab.ClockRequest{Server: arguments[0], Real: arguments[1] == "real"}
			if !request.Real {
				var err error
				if request.Offset, err = time.ParseDuration(arguments[1]); err != nil {
					return usage("offset %q is neither a duration such as 1h nor real", arguments[1])
				}
			}
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			return labFailure(client.Clock(command.Context(), request))
		},
	}
}

func newLabDisk(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "disk SERVER own|full|shared", Short: "Give a server a disk of its own, and leave no room on it",
		Long: `Give a server a disk of its own, in memory, for which it is started again. "full" leaves no room on it from
that moment on, "own" makes room again, and "shared" starts the server with its data back on the lab's disk.`,
		Args: takes(2, 2),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			return labFailure(client.Disk(command.Context(), lab.DiskRequest{Server: arguments[0], Room: lab.Room(arguments[1])}))
		},
	}
}

func newLabTrap(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "trap NODE VERB@POINT|note|none", Short: "Start a node again so that it kills or stops itself at a point of a recovery",
		Long: `Start a node again with a trap: the verb kill ends it with SIGKILL and stop stops it with SIGSTOP, once, at a
point such as before:open, after:revoke:east-db2, received:follow or after:commit:open; note only logs the points
that it passes. "regent lab start" after that starts it without. Then hand it the leadership with "regent leader".`,
		Example: "  regent lab trap east-1 kill@before:open && regent leader east-1",
		Args:    takes(2, 2),
		RunE: func(command *cobra.Command, arguments []string) error {
			request := lab.TrapRequest{Node: arguments[0], Trap: arguments[1]}
			if request.Trap == "none" {
				request.Trap = ""
			} else if _, _, err := parseTrap(request.Trap); err != nil {
				return err
			}
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			return labFailure(client.Trap(command.Context(), request))
		},
	}
}
