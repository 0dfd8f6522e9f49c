package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/gtid"
)

// diffOrder is what `regent report diff` was asked for.
type diffOrder struct {
	old, fresh source
	out        string
	logins     logins
}

// diffResult is what `regent report diff` prints as JSON: the fields of a report, and whether there is one.
type diffResult struct {
	Diverged bool `json:"diverged"`
	*report.Summary
	// Directory holds the report; empty where it was not kept.
	Directory string `json:"directory,omitempty"`
}

func newReportDiff(c *console) *cobra.Command {
	var o diffOrder
	cmd := &cobra.Command{
		Use:   "diff --old SOURCE --new SOURCE [--out DIR]",
		Short: "Report what only the old side has, without any controller",
		Long: `Compare two sides that both accepted writes: capture what only the old side has, compare each row with
what the new side did since, check it against the live rows there, and write a report of every transaction
with its class. No controller is needed, so that this works beside any failover tool.

` + sourceHelp + `

The new side should be the running new primary. With only its files there are no live rows to check: then
nothing is called safe or already repeated, and each transaction says so.

With --out the capture and the report stay there, for their owner only: report.html for people,
transactions.ndjson and report.json for scripts, replay.sql for the transactions that are safe. Without it
only the summary is shown. Repeat the command with the same --out to go on where it broke off.

The exit code is 6 when the report does not account for every transaction; it then says what is missing. Two
servers that share no transaction are refused: they never were one cluster.`,
		Example: `  regent report diff --old /var/lib/mysql --new regent@10.2.0.11:3306 --password-file regent.password --out /srv/split
  regent report diff --old regent@10.1.0.11 --new regent@10.2.0.11 -o json | jq .by_class
  regent report diff --old /srv/east-db1-binlogs --new /srv/west-db1-binlogs`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.diff(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.old.text, "old", "", "the SOURCE of the old side: the former primary")
	flags.StringVar(&o.old.uuid, "old-uuid", "", "the server_uuid that the old side must have (default: any)")
	flags.StringVar(&o.old.executed, "old-executed", "", "what the old side had executed besides what its files tell, as a server that was cloned has")
	flags.StringVar(&o.old.passwordFile, "old-password-file", "", "file of the password for --old, where that is another")
	flags.StringVar(&o.fresh.text, "new", "", "the SOURCE of the new side: the present primary")
	flags.StringVar(&o.fresh.uuid, "new-uuid", "", "the server_uuid that the new side must have (default: any)")
	flags.StringVar(&o.fresh.executed, "new-executed", "", "what the new side had executed besides what its files tell")
	flags.StringVar(&o.fresh.passwordFile, "new-password-file", "", "file of the password for --new, where that is another")
	flags.StringVar(&o.out, "out", "", "the directory for capture and report (default: only the summary is shown)")
	o.logins.flags(flags)
	o.old.flag, o.fresh.flag = "--old", "--new"
	return cmd
}

// diff carries the order out and shows the summary.
func (c *console) diff(ctx context.Context, o diffOrder) (err error) {
	if _, err := c.style(); err != nil {
		return err
	}
	old, err := c.stand(ctx, o.old, o.logins)
	if err != nil {
		return err
	}
	fresh, err := c.stand(ctx, o.fresh, o.logins)
	if err != nil {
		return err
	}
	if err := related(old, fresh, o.old, o.fresh); err != nil {
		return err
	}
	extra := old.Executed.Subtract(fresh.Executed)
	if extra.IsEmpty() && len(old.Unknown) == 0 {
		return c.agree(old, fresh)
	}
	dir := o.out
	if dir == "" {
		if dir, err = os.MkdirTemp("", "regent-diff-"); err != nil {
			return fmt.Errorf("make a place for the capture: %w; name one with --out", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	summary, err := c.compare(ctx, dir, old, fresh, extra)
	if err != nil {
		return err
	}
	result := diffResult{Diverged: true, Summary: &summary, Directory: o.out}
	if err := c.show(result, func(w io.Writer) error { return drawDiff(w, result) }); err != nil {
		return err
	}
	if !summary.Complete {
		return fmt.Errorf("%w: %s", errIncomplete, strings.Join(summary.Incomplete, "; "))
	}
	return nil
}

// compare captures and writes the report.
func (c *console) compare(ctx context.Context, dir string, old, fresh side, extra gtid.Set) (report.Summary, error) {
	m, err := c.captureInto(ctx, dir, old, extra, old.Executed.Intersect(fresh.Executed))
	if err != nil {
		return report.Summary{}, err
	}
	writeLine(c.errs, fmt.Sprintf("regent: %s captured from %s; comparing with %s",
		plural(int(m.Captured.Count()), "transaction", "transactions"), old.Server, fresh.Server))
	now := time.Now()
	return binlog.Compare(ctx, binlog.CompareRequest{
		ID: "diff-" + now.UTC().Format("20060102T150405Z"), Cluster: "standalone", OldServer: old.Server, Dir: dir,
		NewPrimary: fresh.Endpoint, Enew: fresh.Executed, Now: func() time.Time { return now }, Progress: c.comparing(),
		Log: slog.New(slog.NewTextHandler(c.errs, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

// agree says that there is nothing to report.
func (c *console) agree(old, fresh side) error {
	return c.show(diffResult{}, func(w io.Writer) error {
		return printf(w, "%s has nothing that %s lacks: there is nothing to report\n", old.Server, fresh.Server)
	})
}

func drawDiff(w io.Writer, r diffResult) error {
	raw, err := json.Marshal(r.Summary)
	if err != nil {
		return fmt.Errorf("the summary cannot be shown: %w", err)
	}
	s, err := readSummary(raw)
	if err != nil {
		return fmt.Errorf("the summary cannot be shown: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s had %s that %s lacks\n", r.OldServer, plural(int(r.Gtids.OldOnly.Count()), "transaction", "transactions"), r.NewServer)
	s.begin(&b)
	section(&b, "tables", s.tables())
	if r.Directory != "" {
		fmt.Fprintf(&b, "  the report is in %s; begin with %s\n", r.Directory, filepath.Join(r.Directory, report.HTMLName))
	}
	return printf(w, "%s", b.String())
}
