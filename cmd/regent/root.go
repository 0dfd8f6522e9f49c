package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot is the whole command line.
func newRoot(c *console) *cobra.Command {
	root := group(&cobra.Command{
		Use:   "regent",
		Short: "Keeps MySQL primaries in their home region",
		Long: `regent watches MySQL clusters from several sites, replaces a lost primary by a server of its home
region, refuses to leave that region by itself, and lists what only one side has after a split.

The commands find the nodes by --api or REGENT_API, and say who is asking by REGENT_TOKEN or
--token-file. A command that changes something shows a preview first; on a terminal it then asks,
elsewhere it prints a token, and the same command with --confirm TOKEN carries the change out.

Exit codes: 0 done, 1 error, 2 usage, 3 refused by policy or held, 4 not found,
5 stale (the epoch or the confirmation has changed), 6 report incomplete.`,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	})
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.errs)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%s; see `%s --help`", err, cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVarP(&c.format, "output", "o", "", "table or json (default: table on a terminal, else json)")
	flags.StringVar(&c.api, "api", "", "addresses of the nodes' APIs, comma-separated (default: $REGENT_API)")
	flags.StringVar(&c.tokenFile, "token-file", "", "file whose first line is the token (default: $REGENT_TOKEN)")
	flags.StringVar(&c.caFile, "ca-file", "", "PEM file of the authority of https addresses (default: $REGENT_CA, else the machine's)")
	root.AddCommand(
		newServeCommand(c), newCheckCommand(c), newApplyCommand(c),
		newStatusCommand(c), newTopologyCommand(c), newHistoryCommand(c),
		newFailoverCommand(c), newCloneCommand(c),
		newAckCommand(c), newReleaseCommand(c), newPauseCommand(c), newResumeCommand(c), newMaintenanceCommand(c), newLeaderCommand(c),
		newReportCommand(c), newVersionCommand(c),
		newLabCommand(c), newDemoCommand(),
	)
	return root
}

// group is a command that only holds others. A word that is none of them is a usage error.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		hint := ""
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
		}
		return usage("%q is no command of %s%s; see `%s --help`", args[0], cmd.CommandPath(), hint, cmd.CommandPath())
	}
	return cmd
}

// takes makes a wrong number of arguments a usage error that shows what is wanted.
func takes(atLeast, atMost int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= atLeast && len(args) <= atMost {
			return nil
		}
		return usage("%d arguments are given; usage: %s", len(args), cmd.UseLine())
	}
}

// kind is what a reference names.
type kind string

// Kinds of references.
const (
	kindCluster kind = "cluster"
	kindServer  kind = "server"
	kindReport  kind = "report"
)

// reference reads a typed reference, such as cluster/orders, or a bare name where one kind fits.
func reference(want kind, text string) (string, error) {
	is, name, typed := strings.Cut(text, "/")
	if !typed {
		name = text
	}
	switch {
	case typed && is != string(want):
		return "", usage("%s names a %s, and a %s is wanted here, such as %s/%s", text, is, want, want, example(want))
	case name == "":
		return "", usage("the name of a %s is missing", want)
	}
	return name, nil
}

func example(k kind) string {
	switch k {
	case kindCluster:
		return "orders"
	case kindServer:
		return "east-db1"
	case kindReport:
		return "orders-d1"
	}
	return "name"
}
