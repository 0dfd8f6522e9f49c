package main

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// labFlags are what the verbs of the lab share.
type labFlags struct {
	*console

	dir string
}

// commandError is a failure of a command that ran inside the lab: its exit
// status. Whatever there was to say, that command has said.
type commandError int

// Error is empty, which keeps the program from adding a word.
func (e commandError) Error() string { return "" }

// ExitCode is the exit status of the program.
func (e commandError) ExitCode() int { return int(e) }

// labFailure gives an error the kind that decides about the exit code.
func labFailure(err error) error {
	switch {
	case errors.Is(err, lab.ErrUnknown), errors.Is(err, lab.ErrNoLab):
		return &api.Error{Code: api.CodeNotFound, Message: err.Error()}
	case errors.Is(err, workload.ErrConfig), errors.Is(err, lab.ErrTopology):
		return usage("%s", err)
	default:
		return err
	}
}

// newLabCommand is `regent lab`: real servers and nodes as regions on one machine.
func newLabCommand(c *console) *cobra.Command {
	flags := &labFlags{console: c}
	command := group(&cobra.Command{
		Use:   "lab",
		Short: "Run real MySQL servers and regent nodes as regions on this machine",
		Long: `Run real MySQL servers and regent nodes as regions on this machine, and do to
them what happens to data centers.

Servers and nodes have addresses of their own in network namespaces. The APIs
of the nodes reach this machine through a forward that cuts never touch; with
the variables of "regent lab env" the other commands find them.`,
	})
	command.PersistentFlags().StringVar(&flags.dir, "dir", "", "directory of the lab (default: regent/lab below the user's cache directory)")
	command.AddCommand(
		newLabUp(flags), newLabDown(flags), newLabSupervise(flags), newLabEnv(flags), newLabStatus(flags),
		newLabCut(flags), newLabHeal(flags), newLabDelay(flags), newLabLoss(flags),
		newLabExec(flags), newLabWrite(flags), newLabVerify(flags),
		newLabMember(flags, "kill", "End a server or node with SIGKILL", (*lab.Client).Kill),
		newLabMember(flags, "pause", "Stop a server or node with SIGSTOP, as a host that hangs", (*lab.Client).Pause),
		newLabMember(flags, "resume", "Let a paused server or node go on", (*lab.Client).Resume),
		newLabMember(flags, "start", "Start a server or node that is down", (*lab.Client).Start),
	)
	return command
}

func (f *labFlags) directory() (string, error) {
	if f.dir != "" {
		return f.dir, nil
	}
	return lab.DefaultDirectory()
}

// open answers a client of the running lab.
func (f *labFlags) open(command *cobra.Command) (*lab.Client, error) {
	dir, err := f.directory()
	if err != nil {
		return nil, err
	}
	client, err := lab.Open(command.Context(), dir)
	return client, labFailure(err)
}

// labVerb is something that a client does to one server or node.
type labVerb func(client *lab.Client, ctx context.Context, name string) error

// newLabMember is a verb that does one thing to one server or node.
func newLabMember(flags *labFlags, verb, short string, do labVerb) *cobra.Command {
	return &cobra.Command{
		Use: verb + " SERVER|NODE", Short: short, Args: takes(1, 1),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			return labFailure(do(client, command.Context(), arguments[0]))
		},
	}
}

func newLabCut(flags *labFlags) *cobra.Command {
	var request lab.CutRequest
	command := &cobra.Command{
		Use: "cut REGION|SERVER|NODE", Short: "Drop packets both ways between a region, server or node and the others",
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
	command.Flags().StringVar(&request.From, "from", "", "the region, server or node to cut it from (default: everyone else)")
	command.Flags().BoolVar(&request.Reject, "reject", false, "answer with resets, as some firewalls do, instead of silence")
	return command
}

func newLabHeal(flags *labFlags) *cobra.Command {
	var request lab.CutRequest
	command := &cobra.Command{
		Use: "heal [REGION|SERVER|NODE]", Short: "Take cuts back: all of them, or those of a region, server or node",
		Args: takes(0, 1),
		RunE: func(command *cobra.Command, arguments []string) error {
			if len(arguments) == 1 {
				request.Target = arguments[0]
			} else if request.From != "" {
				return usage("--from needs a region, server or node whose cut to heal")
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
	command.Flags().StringVar(&request.From, "from", "", "heal only its cut from this region, server or node")
	return command
}

func newLabDelay(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "delay REGION OTHER DURATION", Short: "Delay packets between two regions, each way by the duration",
		Args: takes(3, 3),
		RunE: func(command *cobra.Command, arguments []string) error {
			delay, err := time.ParseDuration(arguments[2])
			if err != nil {
				return usage("delay %q is no duration such as 30ms", arguments[2])
			}
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			return labFailure(client.Delay(command.Context(), lab.LinkRequest{A: arguments[0], B: arguments[1], Delay: delay}))
		},
	}
}

func newLabLoss(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "loss REGION OTHER SHARE", Short: "Lose a share of the packets between two regions, such as 0.01",
		Args: takes(3, 3),
		RunE: func(command *cobra.Command, arguments []string) error {
			loss, err := strconv.ParseFloat(arguments[2], 64)
			if err != nil {
				return usage("loss %q is no share such as 0.01", arguments[2])
			}
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			return labFailure(client.Loss(command.Context(), lab.LinkRequest{A: arguments[0], B: arguments[1], Loss: loss}))
		},
	}
}
