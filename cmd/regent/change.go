package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// confirmFlag adds --confirm.
func confirmFlag(cmd *cobra.Command, token *string) {
	cmd.Flags().StringVar(token, "confirm", "", "carry out what the preview with this token showed")
}

// change previews changes and carries them out when they are confirmed, by a token or by a yes at
// the terminal. Several changes share one comma-separated token.
func (c *console) change(ctx context.Context, client *api.Client, token string, changes ...api.Change) error {
	if token != "" {
		return c.confirm(ctx, client, strings.Split(token, ","), changes)
	}
	offers := make([]api.Offer, 0, len(changes))
	for _, change := range changes {
		offer, err := client.Preview(ctx, change)
		if err != nil {
			return err
		}
		offers = append(offers, offer)
	}
	style, err := c.style()
	if err != nil {
		return err
	}
	if style == formatJSON {
		return writeJSON(c.out, together(offers))
	}
	for _, offer := range offers {
		if err := drawOffer(c.out, offer); err != nil {
			return err
		}
	}
	if !c.interactive {
		return printf(c.out, "nothing is changed yet; to carry this out, repeat the command with --confirm %s\n", together(offers).Confirm)
	}
	if !c.ask("Carry this out?") {
		return printf(c.out, "nothing was changed\n")
	}
	return c.confirm(ctx, client, tokens(offers), changes)
}

// preview shows what a change would do, and goes no further.
func (c *console) preview(ctx context.Context, client *api.Client, change api.Change) error {
	offer, err := client.Preview(ctx, change)
	if err != nil {
		return err
	}
	return c.show(offer, func(w io.Writer) error { return drawOffer(w, offer) })
}

func tokens(offers []api.Offer) []string {
	out := make([]string, 0, len(offers))
	for _, o := range offers {
		out = append(out, o.Confirm)
	}
	return out
}

// together makes one offer of several: it expires when the first of them does.
func together(offers []api.Offer) api.Offer {
	if len(offers) == 1 {
		return offers[0]
	}
	previews := make([]string, 0, len(offers))
	var expires *time.Time
	for _, o := range offers {
		previews = append(previews, string(o.Preview))
		if expires == nil || (o.ExpiresAt != nil && o.ExpiresAt.Before(*expires)) {
			expires = o.ExpiresAt
		}
	}
	return api.Offer{
		Preview: json.RawMessage("[" + strings.Join(previews, ",") + "]"), Confirm: strings.Join(tokens(offers), ","), ExpiresAt: expires,
	}
}

// confirm carries changes out, one after the other.
func (c *console) confirm(ctx context.Context, client *api.Client, tokens []string, changes []api.Change) error {
	if len(tokens) != len(changes) {
		return &api.Error{Code: api.CodeStale, Message: fmt.Sprintf(
			"the confirmation is for %d changes, and now there are %d; nothing was done: ask for a new preview", len(tokens), len(changes))}
	}
	outcomes := make([]api.Outcome, 0, len(changes))
	for i, change := range changes {
		outcome, err := client.Confirm(ctx, change, tokens[i])
		if err != nil {
			return err
		}
		outcomes = append(outcomes, outcome)
	}
	var value any = outcomes
	if len(outcomes) == 1 {
		value = outcomes[0]
	}
	return c.show(value, func(w io.Writer) error {
		for _, o := range outcomes {
			if err := drawOutcome(w, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// shownPreview is what people read of a preview, whichever change it is of.
type shownPreview struct {
	Summary      string              `json:"summary"`
	Changes      []string            `json:"changes"`
	Risks        []string            `json:"risks"`
	PossibleLoss *int64              `json:"possible_loss"`
	Evidence     []failover.Evidence `json:"evidence"`
	Candidates   []policy.Verdict    `json:"candidates"`
}

func drawOffer(w io.Writer, offer api.Offer) error {
	var p shownPreview
	if err := json.Unmarshal(offer.Preview, &p); err != nil {
		return fmt.Errorf("the preview cannot be read (%w); are the CLI and the nodes of one release?", err)
	}
	var b strings.Builder
	b.WriteString(p.Summary + "\n")
	section(&b, "changes", p.Changes)
	section(&b, "risks", p.Risks)
	var lines []string
	for _, v := range p.Candidates {
		lines = append(lines, verdictLine(v))
	}
	section(&b, "candidates", lines)
	lines = nil
	for _, e := range p.Evidence {
		lines = append(lines, fmt.Sprintf("%s: %s, by %s: %s", e.Server, e.Kind, e.By, e.Detail))
	}
	section(&b, "evidence", lines)
	if p.PossibleLoss != nil && *p.PossibleLoss != 0 {
		b.WriteString("  possible loss: " + lossWord(*p.PossibleLoss) + "\n")
	}
	return printf(w, "%s", b.String())
}

func section(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	b.WriteString("  " + title + ":\n")
	for _, line := range lines {
		b.WriteString("    " + line + "\n")
	}
}

func verdictLine(v policy.Verdict) string {
	if v.Eligible {
		return v.Server + ": eligible, " + v.Reason
	}
	return v.Server + ": not eligible, " + v.Reason
}

func lossWord(n int64) string {
	if n < 0 {
		return "an unknown number of transactions"
	}
	return fmt.Sprintf("%d transactions", n)
}

func drawOutcome(w io.Writer, o api.Outcome) error {
	line := o.Outcome
	if o.Reason != "" {
		line += ": " + o.Reason
	}
	if cl := o.Cluster; cl != nil {
		line += fmt.Sprintf(" (cluster %s is %s, primary %s, epoch %d)", cl.Cluster, cl.State, orNone(cl.Primary), cl.Epoch)
	}
	return printf(w, "%s\n", line)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
