package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/app"
	"github.com/regentdb/regent/config"
	"github.com/regentdb/regent/policy"
)

// errFindings means that a check found something that regent cannot work with.
var errFindings = errors.New("the check found errors; each finding above says what to do")

// examineLimit bounds the examination of one server.
const examineLimit = 10 * time.Second

// checkReport is what `regent check` found.
type checkReport struct {
	Config   string    `json:"config"`
	Node     string    `json:"node"`
	Servers  []string  `json:"servers"` // those that were examined or tried
	Findings []finding `json:"findings"`
	// Clusters says of each whether a divergence could be listed today.
	Clusters []reconcilability `json:"clusters"`
}

func newCheckCommand(c *console) *cobra.Command {
	var path, file string
	cmd := &cobra.Command{
		Use:   "check --config FILE [-f FILE]",
		Short: "Check a node file, and examine every declared server",
		Long: `Check the node file and the files that it names, and examine every declared server from this machine
with the account of the node file: does it boot read-only, has it GTIDs, row images that can be
compared, the grants that regent needs, and settings that keep the promise of the policy? Each finding
says what to do. The servers are those of the file given with -f, else those that the group has
declared, which are asked for through --api. Under durability: async it also says of each server that may
become primary whether the group has the proof that an automatic failover from it needs: a boot that was
seen to come up read-only.

Of each cluster it says whether a divergence could be reconciled today: yes, partly, or no, and because of
what. That takes GTIDs, row format with full images and whole JSON documents, binary logs that are kept for
days, primary keys, engines that can roll back, and the right to see triggers. Nothing is changed.`,
		Example: "  regent check --config /etc/regent/node.yaml -f clusters.yaml\n  regent check --config /etc/regent/node.yaml",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			node, err := c.loadNode(path)
			if err != nil {
				return err
			}
			if _, _, err := config.LoadTokens(node.API.TokensFile); err != nil {
				return err
			}
			report := checkReport{Config: path, Node: node.Node.ID, Servers: []string{}, Findings: []finding{}, Clusters: []reconcilability{}}
			specs, err := c.declared(cmd.Context(), file)
			if err != nil {
				return err
			}
			if err := report.examineAll(cmd.Context(), node, specs); err != nil {
				return err
			}
			for i := range specs.Clusters {
				report.Findings = append(report.Findings, c.bootProofs(cmd.Context(), &specs.Clusters[i])...)
			}
			if err := c.show(report, func(w io.Writer) error { return drawCheck(w, report) }); err != nil {
				return err
			}
			if slices.ContainsFunc(report.Findings, func(f finding) bool { return f.Severity == severityError }) {
				return errFindings
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&path, "config", "", "the node file")
	cmd.Flags().StringVarP(&file, "file", "f", "", "a file of declared clusters (default: what the group has declared)")
	return cmd
}

// declared are the clusters of the file, or of the group when one is named; none otherwise, which
// leaves the node file alone to be checked.
func (c *console) declared(ctx context.Context, file string) (policy.Specs, error) {
	if file != "" {
		return config.LoadClusters(file)
	}
	if c.api == "" && c.env("REGENT_API") == "" {
		return policy.Specs{}, nil
	}
	client, err := c.client()
	if err != nil {
		return policy.Specs{}, err
	}
	return client.Specs(ctx)
}

// examineAll examines every server, one after the other. One that cannot be asked is a finding.
func (r *checkReport) examineAll(ctx context.Context, node config.NodeFile, specs policy.Specs) error {
	examiner, err := app.NewExaminer(node)
	if err != nil {
		return err
	}
	for i := range specs.Clusters {
		cluster := &specs.Clusters[i]
		var found []finding
		for _, s := range cluster.Servers {
			r.Servers = append(r.Servers, s.Name)
			found = append(found, examineOne(ctx, examiner, s, cluster.Policy)...)
		}
		r.Findings = append(r.Findings, found...)
		r.Clusters = append(r.Clusters, verdict(cluster.Name, found))
	}
	return nil
}

// examineOne examines one server.
func examineOne(ctx context.Context, examiner *app.Examiner, s policy.ServerSpec, p policy.Policy) []finding {
	ctx, cancel := context.WithTimeout(ctx, examineLimit)
	defer cancel()
	facts, rights, err := examiner.Examine(ctx, s.Identity())
	if err != nil {
		return []finding{{
			Object: "server/" + s.Name, Severity: severityError, Finding: err.Error(), limits: extentUnknown,
			Fix: "check the address " + s.Address + ", the account and password of the node file, and the network from this machine",
		}}
	}
	found := examine(s, p, facts, rights)
	log, err := examiner.Logging(ctx, s.Identity())
	if err != nil {
		return append(found, finding{
			Object: "server/" + s.Name, Severity: severityWarning, Finding: err.Error(), limits: extentUnknown,
			Fix: "check again when the server is less busy; the tables are read from information_schema",
		})
	}
	return append(found, logging(s.Name, log)...)
}

func drawCheck(w io.Writer, r checkReport) error {
	if err := printf(w, "%s: node %s is configured correctly\n", r.Config, r.Node); err != nil {
		return err
	}
	if len(r.Servers) == 0 {
		return printf(w, "no servers were examined: name a file of declared clusters with -f, or the group with --api\n")
	}
	rank := func(f finding) int {
		return slices.Index([]severity{severityError, severityWarning, severityNote}, f.Severity)
	}
	sorted := slices.SortedStableFunc(slices.Values(r.Findings), func(a, b finding) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Object, b.Object))
	})
	for _, f := range sorted {
		if err := printf(w, "%-7s  %s: %s\n         fix: %s\n", f.Severity, f.Object, f.Finding, f.Fix); err != nil {
			return err
		}
	}
	count := func(s severity) int {
		n := 0
		for _, f := range r.Findings {
			if f.Severity == s {
				n++
			}
		}
		return n
	}
	if err := drawReconcilable(w, r.Clusters); err != nil {
		return err
	}
	return printf(w, "%s examined: %s, %s, %s\n", plural(len(r.Servers), "server", "servers"),
		plural(count(severityError), "error", "errors"), plural(count(severityWarning), "warning", "warnings"), plural(count(severityNote), "note", "notes"))
}
