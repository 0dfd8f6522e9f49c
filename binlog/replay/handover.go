package replay

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/gtid"
)

// Handover is one row change, or one transaction of which no rows are known, that is left to a person.
type Handover struct {
	Schema      string         `json:"schema"`
	Table       string         `json:"table"`
	GTID        gtid.GTID      `json:"gtid"`
	CommittedAt time.Time      `json:"committed_at"`
	Class       classify.Class `json:"class"`
	// Outcome is what was decided so far: left_alone, or empty.
	Outcome Outcome `json:"outcome"`
	// Reason is why the class, Detail why the transaction was left alone.
	Reason string       `json:"reason"`
	Detail string       `json:"detail"`
	Op     string       `json:"op"`
	Key    report.Image `json:"key"`
	Before report.Image `json:"before"`
	After  report.Image `json:"after"`
	Live   report.Image `json:"live"`
	// Proposal says how the row could be kept where its generated key is taken.
	Proposal *report.Proposal `json:"proposal,omitempty"`
}

// WriteHandover lists as NDJSON what of a report is neither settled, replayed nor acknowledged, table by table, with
// values only where reveal says so.
func WriteHandover(w io.Writer, dir string, reveal bool) error {
	encoder := json.NewEncoder(w)
	return eachLeft(dir, reveal, func(h *Handover) error { return encoder.Encode(h) })
}

// WriteHandoverCSV is WriteHandover as comma-separated values, with a line of headings; images are JSON.
func WriteHandoverCSV(w io.Writer, dir string, reveal bool) error {
	out := csv.NewWriter(w)
	err := out.Write([]string{
		"schema", "table", "gtid", "committed_at", "class", "outcome", "reason", "detail", "op", "key", "before", "after", "live", "proposal",
	})
	if err == nil {
		err = eachLeft(dir, reveal, func(h *Handover) error { return writeRecord(out, h) })
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

func writeRecord(out *csv.Writer, h *Handover) error {
	record := []string{
		h.Schema, h.Table, h.GTID.String(), h.CommittedAt.UTC().Format(time.RFC3339Nano), h.Class.String(), string(h.Outcome),
		h.Reason, h.Detail, h.Op,
	}
	for _, image := range []report.Image{h.Key, h.Before, h.After, h.Live} {
		text, err := image.MarshalJSON()
		if err != nil {
			return err
		}
		record = append(record, string(text))
	}
	proposal := ""
	if h.Proposal != nil {
		text, err := json.Marshal(h.Proposal)
		if err != nil {
			return err
		}
		proposal = string(text)
	}
	record = append(record, proposal)
	for i, field := range record {
		record[i] = harmless(field)
	}
	return out.Write(record)
}

// harmless keeps a spreadsheet from taking a name for a formula.
func harmless(field string) string {
	if field != "" && strings.ContainsRune("=+-@\t\r", rune(field[0])) {
		return "'" + field
	}
	return field
}

// eachLeft calls visit with everything that is left: first what cannot be read row by row, then table by table.
func eachLeft(dir string, reveal bool, visit func(*Handover) error) error {
	summary, err := report.ReadSummary(dir)
	if err != nil {
		return err
	}
	last, err := ReadDecisions(dir)
	if err != nil {
		return err
	}
	for _, u := range summary.Undecoded {
		if last[u.GTID].Outcome.Final() {
			continue
		}
		h := Handover{GTID: u.GTID, CommittedAt: u.CommittedAt, Class: classify.Opaque, Reason: "undecodable: " + strings.Join(u.Reasons, "; ")}
		if err := visit(&h); err != nil {
			return err
		}
	}
	if err := eachOpen(dir, reveal, last, func(tx *report.Transaction, h Handover) error { return visitStatements(tx, h, visit) }); err != nil {
		return err
	}
	for _, table := range summary.Tables {
		err := eachOpen(dir, reveal, last, func(tx *report.Transaction, h Handover) error {
			return visitRows(tx, h, table, visit)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachOpen calls visit with every transaction that is not settled, and what its entries have in common.
func eachOpen(dir string, reveal bool, last Decisions, visit func(*report.Transaction, Handover) error) error {
	for tx, err := range report.Transactions(dir, reveal) {
		if err != nil {
			return err
		}
		d := last[tx.GTID]
		if d.Outcome.Final() || (d.Outcome == "" && tx.Class.Settled()) {
			continue
		}
		h := Handover{GTID: tx.GTID, CommittedAt: tx.CommittedAt, Class: tx.Class, Outcome: d.Outcome, Reason: tx.Reason, Detail: d.Detail}
		if err := visit(&tx, h); err != nil {
			return fmt.Errorf("replay: hand-over: %w", err)
		}
	}
	return nil
}

func visitStatements(tx *report.Transaction, h Handover, visit func(*Handover) error) error {
	for _, s := range tx.Statements {
		h.Schema, h.Op = s.Schema, "statement"
		if err := visit(&h); err != nil {
			return err
		}
	}
	if len(tx.Rows)+len(tx.Statements) > 0 {
		return nil
	}
	return visit(&h)
}

func visitRows(tx *report.Transaction, h Handover, table report.TableCount, visit func(*Handover) error) error {
	for _, row := range tx.Rows {
		if row.Schema != table.Schema || row.Table != table.Table || row.Class.Settled() {
			continue
		}
		h.Schema, h.Table, h.Op, h.Key = row.Schema, row.Table, row.Op, row.Key
		h.Class, h.Reason, h.Before, h.After, h.Live = row.Class, row.Reason, row.Before, row.After, row.Live
		h.Proposal = row.Proposal
		if err := visit(&h); err != nil {
			return err
		}
	}
	return nil
}
