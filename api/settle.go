package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/regentdb/regent/failover"
)

// choice says which transactions of a report are meant.
type choice struct {
	Classes      []string `json:"classes,omitempty"`
	Transactions []string `json:"transactions,omitempty"`
	Tables       []string `json:"tables,omitempty"`
}

func (c choice) empty() bool { return len(c.Classes)+len(c.Transactions)+len(c.Tables) == 0 }

func (c choice) settling() *failover.Settling {
	return &failover.Settling{Classes: c.Classes, Transactions: c.Transactions, Tables: c.Tables}
}

// replayRequest is the body of POST /v1/reports/{id}/replay.
type replayRequest struct {
	request
	choice
	// DryRun asks for the preview alone, which then has no token.
	DryRun bool `json:"dry_run,omitempty"`
}

// rewindRequest is the body of POST /v1/reports/{id}/rewind.
type rewindRequest struct {
	request
	Server string `json:"server"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// ackReportRequest is the body of POST /v1/reports/{id}/ack.
type ackReportRequest struct {
	choice
	Note    string `json:"note,omitempty"`
	Rest    bool   `json:"rest,omitempty"`
	Confirm string `json:"confirm,omitempty"`
}

func (s *Server) postAckReport(w http.ResponseWriter, r *http.Request) error {
	var body ackReportRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	o, err := s.reportOrder(r, failover.OrderAckReport, body.Note)
	switch {
	case err != nil:
		return err
	case !body.empty() && body.Rest:
		return failure(CodeBadRequest, "either choose transactions to acknowledge, or say that the note speaks for all that are left (rest)")
	case !body.empty():
		o.Settle = body.settling()
		err = s.plan(r, &o)
	case body.Rest:
		o.Settle = &failover.Settling{Rest: true}
	}
	if err != nil {
		return err
	}
	return s.order(w, r, o, body.Confirm)
}

func (s *Server) postReplay(w http.ResponseWriter, r *http.Request) error {
	var body replayRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	o, err := s.reportOrder(r, failover.OrderReplay, body.Reason)
	if err != nil {
		return err
	}
	if len(body.Classes) == 0 && len(body.Transactions) == 0 {
		body.Classes = []string{"SAFE"}
	}
	o.Settle = body.settling()
	if err := s.plan(r, &o); err != nil {
		return err
	}
	return s.orderOrDryRun(w, r, o, body.Confirm, body.DryRun)
}

func (s *Server) postRewind(w http.ResponseWriter, r *http.Request) error {
	var body rewindRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	o, err := s.reportOrder(r, failover.OrderRewind, body.Reason)
	if err != nil {
		return err
	}
	if o.Server = body.Server; o.Server == "" {
		return failure(CodeBadRequest, "a rewind needs a server: name it in \"server\"")
	}
	if err := s.plan(r, &o); err != nil {
		return err
	}
	return s.orderOrDryRun(w, r, o, body.Confirm, body.DryRun)
}

func (s *Server) postApprove(w http.ResponseWriter, r *http.Request) error {
	var body request
	if err := decode(r, &body); err != nil {
		return err
	}
	o, err := s.reportOrder(r, failover.OrderApprove, body.Reason)
	if err != nil {
		return err
	}
	return s.order(w, r, o, body.Confirm)
}

// reportOrder is an order about the report of the path.
func (s *Server) reportOrder(r *http.Request, kind failover.OrderKind, reason string) (failover.Order, error) {
	state := s.cfg.Source.State()
	entry, err := findReport(&state, r.PathValue("id"))
	return failover.Order{Kind: kind, Cluster: entry.Cluster, Report: entry.ID, Reason: reason}, err
}

// plan completes an order with what it means, on the node that has the files of the report.
func (s *Server) plan(r *http.Request, o *failover.Order) error {
	entry, elsewhere, err := s.reportNode(o.Report)
	switch {
	case err != nil:
		return err
	case elsewhere != "":
		return failure(CodeRefused, "the files of report %s are on %s, which has to lead for this; `regent leader %s`, then repeat the order",
			entry.ID, strings.Join(entry.holders(), " and "), elsewhere)
	case entry.State != string(failover.DivergenceOpen) && entry.State != string(failover.DivergenceSettled):
		return failure(CodeRefused, "report %s is %s; it can be settled once it is open", entry.ID, entry.State)
	}
	return s.cfg.Settler.Plan(r.Context(), o)
}

// holders are the nodes that have the files as they are.
func (e *ReportEntry) holders() []string {
	out := []string{e.Node}
	for _, c := range e.Copies {
		if c.Current {
			out = append(out, c.Node)
		}
	}
	return out
}

// reportNode is a report and another node that has its files, the last one to take a copy first; empty where this one has.
func (s *Server) reportNode(id string) (ReportEntry, string, error) {
	state := s.cfg.Source.State()
	entry, err := findReport(&state, id)
	group := s.cfg.Source.Group()
	if entry.Node == group.Node || entry.copiedOn(group.Node) {
		return entry, "", err
	}
	holders := entry.holders()
	return entry, holders[len(holders)-1], err
}

// orderOrDryRun previews an order alone, or treats it as any other.
func (s *Server) orderOrDryRun(w http.ResponseWriter, r *http.Request, o failover.Order, token string, dry bool) error {
	if !dry {
		return s.order(w, r, o, token)
	}
	c, _ := callerOf(r.Context())
	o.By, o.At, o.ID = c.Name, s.cfg.Now().UTC(), newOrderID()
	preview, err := s.cfg.Orders.Preview(r.Context(), o)
	if err != nil {
		return err
	}
	return s.dryRun(w, r, preview)
}

// Choice says which transactions of a report are meant: those that pass each part that is not empty.
type Choice struct{ Classes, Transactions, Tables []string }

func (c Choice) body(into map[string]any) map[string]any {
	for key, values := range map[string][]string{"classes": c.Classes, "transactions": c.Transactions, "tables": c.Tables} {
		if len(values) > 0 {
			into[key] = values
		}
	}
	return into
}

func reportPath(id, what string) string { return "/v1/reports/" + url.PathEscape(id) + "/" + what }

// AckReportChange settles a report.
func AckReportChange(id, note string) Change {
	return Change{path: reportPath(id, "ack"), body: map[string]any{"note": note}}
}

// AckPartChange settles a part of a report in another way than by a replay.
func AckPartChange(id, note string, c Choice) Change {
	return Change{path: reportPath(id, "ack"), body: c.body(map[string]any{"note": note})}
}

// AckRestChange settles a report of which something is left.
func AckRestChange(id, note string) Change {
	return Change{path: reportPath(id, "ack"), body: map[string]any{"note": note, "rest": true}}
}

// ReplayChange repeats a part of a report on the primary; without classes and transactions that is what is safe.
func ReplayChange(id, reason string, c Choice) Change {
	return Change{path: reportPath(id, "replay"), body: c.body(map[string]any{"reason": reason})}
}

// RewindChange undoes on a quarantined server what the report lists.
func RewindChange(id, server, reason string) Change {
	return Change{path: reportPath(id, "rewind"), body: map[string]any{"server": server, "reason": reason}}
}

// ApproveChange lets a replay begin that another person ordered.
func ApproveChange(id, reason string) Change {
	return Change{path: reportPath(id, "approve"), body: map[string]any{"reason": reason}}
}
