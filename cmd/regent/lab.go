package main

import (
	"context"
	"errors"

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
		newLabCut(flags), newLabHeal(flags), newLabDelay(flags), newLabLoss(flags), newLabClock(flags), newLabDisk(flags), newLabTrap(flags),
		newLabExec(flags), newLabWrite(flags), newLabVerify(flags),
		newLabMember(flags, "kill", "End a server or node with SIGKILL", (*lab.Client).Kill),
		newLabMember(flags, "stop", "End a server or node in order, with SIGTERM", (*lab.Client).Stop),
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
