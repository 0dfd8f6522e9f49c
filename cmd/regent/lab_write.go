package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

func newLabExec(flags *labFlags) *cobra.Command {
	return &cobra.Command{
		Use: "exec REGION -- COMMAND [ARGUMENT...]", Short: "Run a command inside a region's network", Args: takes(2, math.MaxInt),
		Example: "  regent lab exec west -- ping -c 3 10.1.0.11",
		RunE: func(command *cobra.Command, arguments []string) error {
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			code, err := client.Exec(command.Context(), lab.Command{
				Region: arguments[0], Argv: arguments[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			})
			if err != nil {
				return labFailure(err)
			}
			if code != 0 {
				return commandError(code)
			}
			return nil
		},
	}
}

func newLabWrite(flags *labFlags) *cobra.Command {
	options := lab.DefaultWrite()
	var inside string
	command := &cobra.Command{
		Use: "write --from REGION --ledger FILE", Short: "Write to the cluster from a region, and keep a ledger of what was acknowledged",
		Args: takes(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			if inside != "" {
				summary, err := client.WriteInside(command.Context(), inside)
				return errors.Join(err, json.NewEncoder(flags.out).Encode(summary))
			}
			if options.From == "" || options.Ledger == "" {
				return usage("give the region of the writers with --from and the file for their attempts with --ledger")
			}
			exe, err := os.Executable()
			if err != nil {
				return fmt.Errorf("the path of this program: %w", err)
			}
			summary, err := client.Write(command.Context(), exe, options)
			if err != nil {
				return labFailure(err)
			}
			return flags.show(summary, func(out io.Writer) error { return labSummary(out, summary) })
		},
	}
	f := command.Flags()
	f.StringVar(&options.From, "from", "", "region of the writers")
	f.StringVar(&options.Ledger, "ledger", "", "file for one JSON line per attempt; replaced if it is there")
	f.StringVar((*string)(&options.Kind), "workload", string(options.Kind), "insert, or mixed: inserts, updates and deletes of 1 to 3 rows")
	f.Float64Var(&options.Rate, "rate", options.Rate, "attempts per second, of all connections together")
	f.DurationVar(&options.Duration, "duration", options.Duration, "how long to write; 0 until interrupted")
	f.IntVar(&options.Connections, "connections", options.Connections, "number of writers, one connection each")
	f.Uint64Var(&options.Seed, "seed", options.Seed, "determines what is written")
	f.Float64Var(&options.Contend, "contend", options.Contend, "share of row changes in keys that all regions share (mixed)")
	f.DurationVar(&options.ConnectTimeout, "connect-timeout", options.ConnectTimeout, "longest wait for a connection")
	f.DurationVar(&options.WriteTimeout, "write-timeout", options.WriteTimeout, "longest wait for an answer; after it the outcome is unknown")
	f.BoolVar(&options.KeepConnections, "keep-connections", false, "stay on the first connection whatever happens")
	f.StringVar(&inside, "inside", "", "run inside the region (internal)")
	// A flag that was just defined can be hidden.
	_ = f.MarkHidden("inside")
	return command
}

func labSummary(out io.Writer, s workload.Summary) error {
	text := fmt.Sprintf("%s: %d attempted, %d acknowledged, %d refused, %d unknown\n",
		s.Region, s.Attempted, s.Acknowledged, s.Refused, s.Unknown)
	for _, server := range slices.Sorted(maps.Keys(s.ByServer)) {
		text += fmt.Sprintf("  %s acknowledged %d\n", server, s.ByServer[server])
	}
	end := ""
	if s.Outage.Open {
		end = " and not over"
	}
	return printf(out, "%slongest time without an acknowledgement: %s%s\n", text, s.Outage.Duration(), end)
}

func newLabVerify(flags *labFlags) *cobra.Command {
	var ledgers []string
	command := &cobra.Command{
		Use: "verify SERVER --ledger FILE...", Short: "Compare a server's rows with the ledgers of all writers; status 1 when they disagree",
		Args: takes(1, 1),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, err := flags.open(command)
			if err != nil {
				return err
			}
			v, err := client.Verify(command.Context(), arguments[0], ledgers...)
			if err != nil {
				return labFailure(err)
			}
			if err := flags.show(v, func(out io.Writer) error { return labFindings(out, v) }); err != nil {
				return err
			}
			if len(v.Findings) > 0 {
				return fmt.Errorf("%d rows of %s contradict the ledger", len(v.Findings), v.Server)
			}
			return nil
		},
	}
	command.Flags().StringArrayVar(&ledgers, "ledger", nil, "ledger of writers; give it once for each of them")
	return command
}

func labFindings(out io.Writer, v lab.Verification) error {
	var text strings.Builder
	for _, finding := range v.Findings {
		fmt.Fprintf(&text, "%s: %s, %s\n", finding.Key, finding.Problem, finding.Detail)
	}
	return printf(out, "%s%s: %d rows, %d attempts, %d contradictions\n", text.String(), v.Server, v.Rows, v.Attempts, len(v.Findings))
}
