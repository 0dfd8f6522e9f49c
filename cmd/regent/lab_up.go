package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/mysqld"
)

// labUpAnswer is what `regent lab up -o json` prints.
type labUpAnswer struct {
	lab.Status

	APIs  []string  `json:"apis"`
	Token string    `json:"token"`
	Ways  []lab.Way `json:"ways"`
}

func newLabUp(flags *labFlags) *cobra.Command {
	var topology string
	var noNodes bool
	command := &cobra.Command{
		Use: "up", Short: "Start a lab; returns when everything replicates and the cluster is healthy", Args: takes(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			options, err := labOptions(flags, topology, noNodes)
			if err != nil {
				return labFailure(err)
			}
			client, err := lab.Start(command.Context(), options)
			if err != nil {
				return labFailure(err)
			}
			return labShowUp(command.Context(), flags, client)
		},
	}
	command.Flags().StringVar(&topology, "topology", "", "YAML file with other regions, servers and nodes than the default ones")
	command.Flags().BoolVar(&noNodes, "no-nodes", false, "start the servers only")
	return command
}

func labOptions(flags *labFlags, topology string, noNodes bool) (lab.Options, error) {
	dir, err := flags.directory()
	if err != nil {
		return lab.Options{}, err
	}
	exe, err := os.Executable()
	if err != nil {
		return lab.Options{}, fmt.Errorf("the path of this program: %w", err)
	}
	options := lab.Options{Dir: dir, NoNodes: noNodes, Exe: exe, MySQL: mysqld.FromEnvironment(flags.errs), Progress: flags.errs}
	if topology != "" {
		options.Topology, err = lab.LoadTopology(topology)
	}
	return options, err
}

func labShowUp(ctx context.Context, flags *labFlags, client *lab.Client) error {
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	access, err := client.Access(ctx)
	if err != nil {
		return err
	}
	ways, err := client.Measure(ctx)
	if err != nil {
		return err
	}
	answer := labUpAnswer{Status: status, APIs: access.APIs, Token: access.Token, Ways: ways}
	return flags.show(answer, func(out io.Writer) error {
		if err := labTable(out, status); err != nil {
			return err
		}
		text := fmt.Sprintf("\nMySQL %s (%s)\ndata in %s, on %s\n",
			status.MySQL.Version, status.MySQL.Origin, status.Dir, status.Storage)
		for _, w := range ways {
			text += fmt.Sprintf("%s - %s: round trip %s (%s to %s), %d of %d packets lost\n",
				w.A, w.B, time.Duration(w.Median), time.Duration(w.Min), time.Duration(w.Max), w.Lost, w.Sent)
		}
		return printf(out, "%s\neval \"$(regent lab env --dir %s)\"   makes regent find its nodes\n", text, status.Dir)
	})
}

func labTable(out io.Writer, status lab.Status) error {
	var rows [][]any
	for _, s := range status.Servers {
		rows = append(rows, []any{s.Name, s.Region, s.State, s.PID, s.Socket})
	}
	for _, n := range status.Nodes {
		rows = append(rows, []any{n.ID, n.Region, n.State, n.PID, n.API})
	}
	if err := drawTable(out, []any{"name", "region", "state", "pid", "reached at"}, rows); err != nil {
		return err
	}
	for _, c := range status.Cuts {
		if err := printf(out, "%s\n", cutLine(c)); err != nil {
			return err
		}
	}
	for _, l := range status.Links {
		if err := printf(out, "%s\n", linkLine(l)); err != nil {
			return err
		}
	}
	return nil
}

func newLabStatus(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show servers, nodes and how to reach them", Args: takes(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			status, err := client.Status(command.Context())
			if err != nil {
				return err
			}
			return flags.show(status, func(out io.Writer) error { return labTable(out, status) })
		},
	}
}

func newLabEnv(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "env", Short: "Print shell exports by which regent finds the lab's nodes", Args: takes(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			access, err := client.Access(command.Context())
			if err != nil {
				return err
			}
			return printf(flags.out, "export REGENT_API=%s\nexport REGENT_TOKEN=%s\n", strings.Join(access.APIs, ","), access.Token)
		},
	}
}

func newLabDown(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "End the lab and remove its files but the logs; also after a crash", Args: takes(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			dir, err := flags.directory()
			if err != nil {
				return err
			}
			return lab.Down(command.Context(), dir)
		},
	}
}

// newLabSupervise is the process that holds a lab; `up` starts it.
func newLabSupervise(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "supervise", Short: "Hold a lab (started by up)", Hidden: true, Args: takes(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			dir, err := flags.directory()
			if err != nil {
				return err
			}
			return lab.Supervise(command.Context(), dir, slog.New(slog.NewTextHandler(flags.errs, nil)))
		},
	}
}
