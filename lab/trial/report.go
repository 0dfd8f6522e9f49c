package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab/workload"
)

// listed is one transaction of a report, as far as the ledger can judge it.
type listed struct {
	GTID  string `json:"gtid"`
	Class string `json:"class"`
	Rows  []struct {
		Schema string         `json:"schema"`
		Table  string         `json:"table"`
		Op     string         `json:"op"`
		Key    map[string]any `json:"key"`
		After  map[string]any `json:"after"`
	} `json:"rows"`
}

// transactions reads a report's transactions with their values.
func (w *World) transactions(ctx context.Context, id string) ([]listed, error) {
	return transactionsFrom(ctx, w.API, id)
}

func transactionsFrom(ctx context.Context, client *api.Client, id string) ([]listed, error) {
	body, err := client.ReportPart(ctx, id, api.PartTransactions, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	var out []listed
	for lines := json.NewDecoder(body); ; {
		var t listed
		if err := lines.Decode(&t); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("trial: report %s: %w", id, err)
		}
		out = append(out, t)
	}
}

// change identifies a row change: what wrote a version, or that a key was deleted.
type change struct{ op, key, attempt string }

func changesOf(a workload.Attempt) []change {
	var out []change
	for _, s := range a.Statements {
		switch {
		case s.Key == "" || (a.Acknowledged && s.Rows == 0):
		case s.Op == workload.Delete:
			out = append(out, change{op: "delete", key: s.Key})
		default:
			out = append(out, change{op: string(s.Op), key: s.Key, attempt: a.ID})
		}
	}
	return out
}

// judgeReport holds a report against the ledger of the side it is about: every write that only that
// side confirmed is listed, and nothing is listed that the side was not asked to write.
func (w *World) judgeReport(ctx context.Context, report api.ReportEntry, home side) error {
	transactions, err := w.transactions(ctx, report.ID)
	if err != nil {
		return err
	}
	if len(transactions)+report.Undecodable < report.Transactions {
		return judged("report %s lists %d of %d transactions", report.ID, len(transactions), report.Transactions)
	}
	found := map[change]int{}
	for _, t := range transactions {
		for _, r := range t.Rows {
			if r.Schema+"."+r.Table != workload.Table {
				return judged("report %s lists a row of %s.%s, which nobody wrote", report.ID, r.Schema, r.Table)
			}
			c := change{op: r.Op, key: fmt.Sprint(r.Key["id"])}
			if r.Op != "delete" {
				c.attempt = fmt.Sprint(r.After["attempt"])
			}
			found[c]++
		}
	}
	for _, a := range home.acknowledged {
		for _, c := range changesOf(a) {
			if found[c] == 0 {
				return judged("report %s lacks the %s of %s, which %s acknowledged (attempt %s)", report.ID, c.op, c.key, a.Server, a.ID)
			}
		}
	}
	return judgeInvented(report.ID, found, home)
}

func judgeInvented(id string, found map[change]int, home side) error {
	asked := map[change]int{}
	for _, a := range home.possible {
		for _, c := range changesOf(a) {
			asked[c]++
		}
	}
	for c, n := range found {
		if n > asked[c] {
			return judged("report %s lists the %s of %s by attempt %q %d times; it was asked for %d times on that side", id, c.op, c.key, c.attempt, n, asked[c])
		}
	}
	return nil
}
