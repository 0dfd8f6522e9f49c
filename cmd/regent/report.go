package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/api"
)

func newReportCommand(c *console) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "report",
		Short: "List, show, export and settle reports of what only one side has",
		Long: `After two sides accepted writes, a report lists every transaction that the new primary lacks, what
became of its rows, and whether it is safe to repeat.`,
	})
	cmd.AddCommand(newReportList(c), newReportShow(c), newReportExport(c), newReportAck(c), newReportCapture(c), newReportDiff(c))
	cmd.AddCommand(newReportReplay(c), newReportRewind(c), newReportApprove(c), newReportHandover(c))
	return cmd
}

func newReportList(c *console) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the reports, oldest first",
		Long:    "List the reports of all clusters with their state, whether they are complete, and how many transactions each class has.",
		Example: "  regent report list\n  regent report list -o json | jq '.[] | select(.state == \"open\") | .id'",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			reports, err := client.Reports(cmd.Context())
			if err != nil {
				return err
			}
			return c.show(reports, func(w io.Writer) error { return drawReports(w, reports) })
		},
	}
}

func drawReports(w io.Writer, reports []api.ReportEntry) error {
	if len(reports) == 0 {
		return printf(w, "there is no report: no server has come back with transactions that its primary lacks\n")
	}
	rows := make([][]any, 0, len(reports))
	for _, r := range reports {
		rows = append(rows, []any{r.ID, r.State, completeWord(r), r.OldServer + " -> " + r.NewServer, r.Transactions, classWords(r.ByClass), at(r.CreatedAt)})
	}
	return drawTable(w, []any{"report", "state", "complete", "servers", "transactions", "classes", "created"}, rows)
}

func completeWord(r api.ReportEntry) string {
	if r.Complete {
		return "yes"
	}
	return "INCOMPLETE"
}

func classWords(classes map[string]int) string {
	words := make([]string, 0, len(classes))
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		words = append(words, fmt.Sprintf("%s %d", class, classes[class]))
	}
	return strings.Join(words, ", ")
}

func newReportShow(c *console) *cobra.Command {
	var transactions, reveal bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a report, or every transaction of it",
		Long: `Show the summary of a report and which nodes hold its files. With --transactions every transaction is printed as one line of JSON;
values of rows are keyed hashes unless --reveal is given, which needs the role revealer. The exit code
is 6 when the report does not account for every transaction.`,
		Example: "  regent report show orders-d1\n  regent report show orders-d1 --transactions | jq -r 'select(.class != \"SAFE\") | .gtid'",
		Args:    takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := reference(kindReport, args[0])
			if err != nil {
				return err
			}
			if reveal && !transactions {
				return usage("--reveal shows the values of transactions; it needs --transactions")
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			report, err := client.Report(cmd.Context(), id)
			if err != nil {
				return err
			}
			if transactions {
				err = c.copyPart(cmd.Context(), client, id, api.PartTransactions, reveal, c.out)
			} else {
				err = c.show(report, func(w io.Writer) error { return drawReport(w, report) })
			}
			return accounted(err, report)
		},
	}
	cmd.Flags().BoolVar(&transactions, "transactions", false, "print every transaction as one line of JSON")
	cmd.Flags().BoolVar(&reveal, "reveal", false, "show the values of rows; needs the role revealer")
	return cmd
}

// accounted adds that a report is not complete.
func accounted(err error, report api.Report) error {
	if err != nil || report.Complete {
		return err
	}
	return fmt.Errorf("report %s is %s: %w", report.ID, report.State, errIncomplete)
}

func (c *console) copyPart(ctx context.Context, client *api.Client, id string, part api.ReportPart, reveal bool, to io.Writer) error {
	content, err := client.ReportPart(ctx, id, part, reveal)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, content)
	if closeErr := content.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("report %s was not received to its end: %w; try again", id, err)
	}
	return nil
}

func drawReport(w io.Writer, r api.Report) error {
	s, err := readSummary(r.Summary)
	if err != nil {
		return fmt.Errorf("the summary of report %s cannot be read: %w", r.ID, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "report %s of cluster %s: %s, %s\n", r.ID, r.Cluster, r.State, map[bool]string{true: "complete", false: "INCOMPLETE"}[r.Complete])
	s.begin(&b)
	fmt.Fprintf(&b, "  %s had %s that %s lacks", r.OldServer, plural(r.Transactions, "transaction", "transactions"), r.NewServer)
	if r.From != nil && r.To != nil {
		fmt.Fprintf(&b, ", from %s to %s", at(*r.From), at(*r.To))
	}
	b.WriteString("\n")
	var lines []string
	for _, class := range slices.Sorted(maps.Keys(r.ByClass)) {
		lines = append(lines, fmt.Sprintf("%6d %s", r.ByClass[class], class))
	}
	section(&b, "classes", lines)
	lines = nil
	for _, s := range r.Servers {
		lines = append(lines, s.Server+": "+s.ExtraGTIDs)
	}
	section(&b, "servers that hold them", lines)
	if r.Undecodable > 0 {
		fmt.Fprintf(&b, "  %s could not be decoded\n", plural(r.Undecodable, "transaction", "transactions"))
	}
	if r.Error != "" {
		b.WriteString("  error: " + r.Error + "\n")
	}
	drawCopies(&b, r.ReportEntry)
	drawSettling(&b, r.ReportEntry)
	if r.AcknowledgedBy != "" {
		fmt.Fprintf(&b, "  settled by %s: %s\n", r.AcknowledgedBy, r.Note)
	}
	section(&b, "tables", s.tables())
	return printf(w, "%s", b.String())
}

// drawCopies says which nodes hold the files.
func drawCopies(b *strings.Builder, r api.ReportEntry) {
	switch {
	case r.Removed:
		b.WriteString("  its files were removed\n")
	case r.Node != "":
		line := "  files on node " + r.Node
		for _, c := range r.Copies {
			line += ", copy on " + c.Node
			if !c.Current {
				line += " (older)"
			}
		}
		b.WriteString(line + "\n")
	}
}

// shownSummary is what people read of a summary; scripts read all of it.
type shownSummary struct {
	Sentence   string   `json:"summary"`
	Incomplete []string `json:"incomplete"`
	Arithmetic struct {
		Equations []string `json:"equations"`
	} `json:"arithmetic"`
	Tables []struct {
		Schema  string         `json:"schema"`
		Table   string         `json:"table"`
		Rows    int            `json:"rows"`
		ByClass map[string]int `json:"by_class"`
	} `json:"tables"`
}

// readSummary reads what people see of a summary; none yet is an empty one.
func readSummary(raw json.RawMessage) (shownSummary, error) {
	var s shownSummary
	if len(raw) == 0 {
		return s, nil
	}
	err := json.Unmarshal(raw, &s)
	return s, err
}

// begin writes what is read first.
func (s shownSummary) begin(b *strings.Builder) {
	if s.Sentence != "" {
		b.WriteString("  " + s.Sentence + "\n")
	}
	section(b, "incomplete because", s.Incomplete)
	section(b, "arithmetic", s.Arithmetic.Equations)
}

func (s shownSummary) tables() []string {
	var lines []string
	for _, t := range s.Tables {
		lines = append(lines, fmt.Sprintf("%s.%s: %s (%s)", t.Schema, t.Table, plural(t.Rows, "row", "rows"), classWords(t.ByClass)))
	}
	return lines
}

func newReportExport(c *console) *cobra.Command {
	var format, out string
	var reveal bool
	cmd := &cobra.Command{
		Use:   "export ID",
		Short: "Write a report to a file",
		Long: `Write a report to a file that only its owner can read: every transaction as NDJSON, one page of HTML, or
SQL that repeats the safe transactions and guards every statement; or, for telling those concerned, the
rows that it names, as NDJSON (entities) or as a table (entities-csv). Values are keyed hashes. SQL, and
--reveal, need the role revealer. The exit code is 6 when the report does not account for every transaction.`,
		Example: "  regent report export orders-d1 --format html --out orders-d1.html\n" +
			"  regent report export orders-d1 --format entities-csv --reveal --out affected.csv",
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := reference(kindReport, args[0])
			if err != nil {
				return err
			}
			part, err := partOf(format)
			if err != nil {
				return err
			}
			if out == "" {
				return usage("name the file with --out FILE, or - for standard output")
			}
			return c.exportWhole(cmd.Context(), id, part, reveal, out)
		},
	}
	cmd.Flags().StringVar(&format, "format", "ndjson", "ndjson, html, sql, entities or entities-csv")
	cmd.Flags().StringVar(&out, "out", "", "the file, or - for standard output")
	cmd.Flags().BoolVar(&reveal, "reveal", false, "show the values of rows; needs the role revealer")
	return cmd
}

func partOf(format string) (api.ReportPart, error) {
	switch format {
	case "ndjson":
		return api.PartTransactions, nil
	case "html":
		return api.PartHTML, nil
	case "sql":
		return api.PartSQL, nil
	case "entities":
		return api.PartEntities, nil
	case "entities-csv":
		return api.PartEntitiesCSV, nil
	}
	return "", usage("--format %s is unknown; use ndjson, html, sql, entities or entities-csv", format)
}

// exportWhole writes a part of a report to a file, and says by the exit code whether the report accounts for everything.
func (c *console) exportWhole(ctx context.Context, id string, part api.ReportPart, reveal bool, out string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	report, err := client.Report(ctx, id)
	if err != nil {
		return err
	}
	return accounted(c.export(ctx, client, id, part, reveal, out), report)
}

// export writes a part to a file, which appears only when it is whole.
func (c *console) export(ctx context.Context, client *api.Client, id string, part api.ReportPart, reveal bool, out string) error {
	if out == "-" {
		return c.copyPart(ctx, client, id, part, reveal, c.out)
	}
	file, err := os.CreateTemp(filepath.Dir(out), ".regent-export-*") // CreateTemp gives it mode 0600.
	if err != nil {
		return fmt.Errorf("write %s: %w; choose another --out", out, err)
	}
	err = c.copyPart(ctx, client, id, part, reveal, file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), out)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // It is not whole; the first error says why.
		return fmt.Errorf("write %s: %w", out, err)
	}
	return c.show(map[string]string{"report": id, "file": out}, func(w io.Writer) error { return printf(w, "report %s is in %s\n", id, out) })
}
