package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/api"
)

// choiceFlags are the flags that say which transactions of a report are meant.
func choiceFlags(cmd *cobra.Command, choice *api.Choice) {
	cmd.Flags().StringSliceVar(&choice.Classes, "class", nil, "only transactions of this class; may be repeated")
	cmd.Flags().StringArrayVar(&choice.Transactions, "transaction", nil, "only these transactions, a GTID or a GTID set; may be repeated")
	cmd.Flags().StringSliceVar(&choice.Tables, "table", nil, "only transactions that change nothing but these tables (schema.table); may be repeated")
}

// settling are the flags of the commands that settle a report.
type settling struct {
	reason, token string
	dryRun        bool
}

func (s *settling) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.reason, "reason", "", "why; it is recorded with every decision")
	cmd.Flags().BoolVar(&s.dryRun, "dry-run", false, "only say what would come of it")
	confirmFlag(cmd, &s.token)
}

// carryOut previews or carries out a change of a report.
func (s *settling) carryOut(ctx context.Context, c *console, id string, change api.Change) error {
	switch {
	case s.reason == "":
		return usage("say why with --reason TEXT: it is recorded with every decision")
	case s.dryRun && s.token != "":
		return usage("--dry-run changes nothing, so there is nothing to --confirm")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if s.dryRun {
		return c.preview(ctx, client, change.DryRun())
	}
	return c.watching(ctx, client, id, func() error { return c.change(ctx, client, s.token, change) })
}

// watchPeriod is how often is looked how far a job on a report is.
const watchPeriod = 2 * time.Second

// watching tells people how far the job on a report is while work goes on.
func (c *console) watching(ctx context.Context, client *api.Client, id string, work func() error) error {
	if style, err := c.style(); err != nil || style == formatJSON {
		return errors.Join(err, work())
	}
	within, done := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return c.watch(within, client, id) })
	err := work()
	done()
	return errors.Join(err, g.Wait())
}

// watch prints what was decided until ctx ends. A report that cannot be read for a moment is no error: the work says
// how it ended.
func (c *console) watch(ctx context.Context, client *api.Client, id string) error {
	ticker := time.NewTicker(watchPeriod)
	defer ticker.Stop()
	for said := ""; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		report, err := client.Report(ctx, id)
		if err != nil || report.Job == nil || report.Job.Waits || report.Tally == nil || said == report.Tally.String() {
			continue
		}
		said = report.Tally.String()
		if err := printf(c.errs, "%s\n", said); err != nil {
			return err
		}
	}
}

// drawSettling says how far a report was settled.
func drawSettling(b *strings.Builder, r api.ReportEntry) {
	if r.Tally != nil {
		b.WriteString("  " + r.Tally.String() + "\n")
	}
	if job := r.Job; job != nil {
		fmt.Fprintf(b, "  %s on %s, ordered by %s at %s: %s\n", job.Kind, job.Server, job.By, at(job.At), job.Reason)
		switch {
		case job.Waits:
			fmt.Fprintf(b, "    waits until another person runs `regent report approve %s`\n", r.ID)
		case job.Error != "":
			fmt.Fprintf(b, "    is tried again: %s\n", job.Error)
		}
	}
}

func newReportReplay(c *console) *cobra.Command {
	var choice api.Choice
	var s settling
	cmd := &cobra.Command{
		Use:   "replay ID",
		Short: "Repeat transactions of a report on the primary",
		Long: `Repeat transactions of a report on the current primary, those of class SAFE unless others are chosen.
Each is one transaction, and is made only while every row of it is as it was before the divergence: else
it is left alone, with what follows it, and the reason is recorded. What is there already is not touched,
so the same replay may be run again, also after it was interrupted. Of class MERGEABLE only the columns are
set that the old side changed, and only in tables that the policy lets be merged. Above the number of rows
that the policy gives it waits for "regent report approve" of another person.`,
		Example: "  regent report replay orders-e2-7 --dry-run --reason \"incident 4711\"\n" +
			"  regent report replay orders-e2-7 --class SAFE --table shop.orders --reason \"incident 4711\"",
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := reference(kindReport, args[0])
			if err != nil {
				return err
			}
			return s.carryOut(cmd.Context(), c, id, api.ReplayChange(id, s.reason, choice))
		},
	}
	choiceFlags(cmd, &choice)
	s.flags(cmd)
	return cmd
}

func newReportRewind(c *console) *cobra.Command {
	var s settling
	cmd := &cobra.Command{
		Use:   "rewind ID SERVER",
		Short: "Undo on a quarantined server what the primary lacks",
		Long: `Undo on a quarantined server what only it has, so that it follows the primary again without a clone: all
rows in one transaction, each as it was before the divergence, or none. It is refused, and a clone is the
way, where something cannot be undone exactly: changes of tables, partial row images, tables without a
primary key, triggers, or a row that is not as the binary log left it.`,
		Example: "  regent report rewind orders-e2-7 east-db1 --dry-run --reason \"incident 4711\"",
		Args:    takes(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := reference(kindReport, args[0])
			if err != nil {
				return err
			}
			server, err := reference(kindServer, args[1])
			if err != nil {
				return err
			}
			return s.carryOut(cmd.Context(), c, id, api.RewindChange(id, server, s.reason))
		},
	}
	s.flags(cmd)
	return cmd
}

func newReportApprove(c *console) *cobra.Command {
	var reason, token string
	cmd := &cobra.Command{
		Use:     "approve ID",
		Short:   "Let a replay begin that another person ordered",
		Long:    "Let a replay begin that is larger than the policy allows one person to order. The one who ordered it cannot approve it.",
		Example: "  regent report approve orders-e2-7 --reason \"checked against the ledger\"",
		Args:    takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := reference(kindReport, args[0])
			if err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			return c.change(cmd.Context(), client, token, api.ApproveChange(id, reason))
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is recorded")
	confirmFlag(cmd, &token)
	return cmd
}

func newReportHandover(c *console) *cobra.Command {
	var format, out string
	var reveal bool
	cmd := &cobra.Command{
		Use:   "handover ID",
		Short: "List what of a report is left to a person",
		Long: `List every row change of a report that is neither settled, replayed nor acknowledged, table by table, with
the reason: one line of JSON each, or comma-separated values. Values of rows are keyed hashes unless
--reveal is given, which needs the role revealer. The exit code is 6 when the report does not account for
every transaction.`,
		Example: "  regent report handover orders-e2-7 --format csv --out left.csv",
		Args:    takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := reference(kindReport, args[0])
			if err != nil {
				return err
			}
			part, known := map[string]api.ReportPart{"ndjson": api.PartHandover, "csv": api.PartHandoverCSV}[format]
			if !known {
				return usage("--format %s is unknown; use ndjson or csv", format)
			}
			return c.exportWhole(cmd.Context(), id, part, reveal, out)
		},
	}
	cmd.Flags().StringVar(&format, "format", "ndjson", "ndjson or csv")
	cmd.Flags().StringVar(&out, "out", "-", "the file, or - for standard output")
	cmd.Flags().BoolVar(&reveal, "reveal", false, "show the values of rows; needs the role revealer")
	return cmd
}

func newReportAck(c *console) *cobra.Command {
	var note, token string
	var choice api.Choice
	var rest bool
	cmd := &cobra.Command{
		Use:   "ack ID",
		Short: "Settle a report, or a part of it",
		Long: `Settle a report: what it lists is dealt with, and the note says how. With --class, --transaction or --table
only a part is settled, in another way than by a replay. Once a replay was begun the rest is refused while
something is neither replayed, there already nor acknowledged; --rest says that the note speaks for it.`,
		Example: "  regent report ack orders-d1 --note \"7 orders entered again by hand, see the incident\"\n" +
			"  regent report ack orders-d1 --class CONFLICT --note \"the customers were asked\"",
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := reference(kindReport, args[0])
			if err != nil {
				return err
			}
			if note == "" {
				return usage("say what was settled with --note TEXT")
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			change := api.AckReportChange(id, note)
			switch chosen := len(choice.Classes)+len(choice.Transactions)+len(choice.Tables) > 0; {
			case chosen && rest:
				return usage("--rest is for all that is left; --class, --transaction and --table choose a part")
			case chosen:
				change = api.AckPartChange(id, note, choice)
			case rest:
				change = api.AckRestChange(id, note)
			}
			return c.change(cmd.Context(), client, token, change)
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "what was settled; it is recorded")
	cmd.Flags().BoolVar(&rest, "rest", false, "the note speaks for everything that is left")
	choiceFlags(cmd, &choice)
	confirmFlag(cmd, &token)
	return cmd
}
