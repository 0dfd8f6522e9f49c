package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

func (s *Server) getReports(w http.ResponseWriter, r *http.Request) error {
	state := s.cfg.Source.State()
	return s.ok(w, r, reportsOf(&state))
}

// getReport answers the entry, which every node has, and the summary of the node that holds the files.
func (s *Server) getReport(w http.ResponseWriter, r *http.Request) error {
	entry, elsewhere, err := s.report(r)
	if err != nil {
		return err
	}
	if len(elsewhere) > 0 {
		if s.forwardToOne(w, r, elsewhere) == nil {
			return nil
		}
		return s.ok(w, r, Report{ReportEntry: entry})
	}
	if tally, works := s.cfg.Settler.Progress(entry.ID); works {
		entry.Tally = &tally
	}
	summary, err := s.summary(r, entry.ID)
	if err != nil {
		return err
	}
	return s.ok(w, r, Report{ReportEntry: entry, Summary: summary})
}

// summary reads the summary; it is null until the report is written.
func (s *Server) summary(r *http.Request, id string) (json.RawMessage, error) {
	var b bytes.Buffer
	err := s.cfg.Reports.Copy(r.Context(), &b, id, PartSummary, false)
	if errors.Is(err, ErrNoReport) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("api: summary of report %s: %w", id, err)
	}
	if !json.Valid(b.Bytes()) {
		return nil, failure(CodeInternal, "the summary of report %s is damaged; the NDJSON of its transactions is the source", id)
	}
	return b.Bytes(), nil
}

// report finds the report of the path, and the other nodes that may be asked for its files where this one has none: the one
// that works on them, and those that hold a copy, those that do not answer last.
func (s *Server) report(r *http.Request) (entry ReportEntry, elsewhere []string, err error) {
	state := s.cfg.Source.State()
	entry, err = findReport(&state, r.PathValue("id"))
	if err != nil {
		return ReportEntry{}, nil, err
	}
	c, _ := callerOf(r.Context())
	group := s.cfg.Source.Group()
	if entry.Node == "" || entry.Node == group.Node || c.forwarded || (entry.copiedOn(group.Node) && !group.reaches(entry.Node)) {
		return entry, nil, nil
	}
	elsewhere = []string{entry.Node}
	for _, holder := range entry.Copies {
		if holder.Current && holder.Node != group.Node {
			elsewhere = append(elsewhere, holder.Node)
		}
	}
	slices.SortStableFunc(elsewhere, func(a, b string) int {
		switch ra, rb := group.reaches(a), group.reaches(b); {
		case ra == rb:
			return 0
		case ra:
			return -1
		}
		return 1
	})
	return entry, elsewhere, nil
}

// copiedOn tells whether a node holds a copy of the files as they are.
func (e *ReportEntry) copiedOn(node string) bool {
	return slices.ContainsFunc(e.Copies, func(c ReportCopy) bool { return c.Node == node && c.Current })
}

// forwardToOne has the first of several nodes answer that can be reached.
func (s *Server) forwardToOne(w http.ResponseWriter, r *http.Request, nodes []string) (err error) {
	body := r.Body
	for _, node := range nodes {
		r.Body = body
		if err = s.forward(w, r, node); err == nil {
			return nil
		}
	}
	return err
}

// reportFile is the route of one of a report's files, which the node that holds them answers.
func (s *Server) reportFile(path string, part ReportPart) route {
	handle := func(w http.ResponseWriter, r *http.Request) error {
		reveal, err := revealed(r, part)
		if err != nil {
			return err
		}
		entry, elsewhere, err := s.report(r)
		if err != nil {
			return err
		}
		if len(elsewhere) > 0 {
			return s.forwardToOne(w, r, elsewhere)
		}
		return s.sendPart(w, r, entry, part, reveal)
	}
	return route{method: http.MethodGet, path: path, role: RoleViewer, endless: true, handle: handle}
}

// revealed tells whether the caller wants, and may see, the values of rows. SQL is nothing
// without values, so it always needs the role.
func revealed(r *http.Request, part ReportPart) (bool, error) {
	reveal := part == PartSQL
	if text := r.URL.Query().Get("reveal"); text != "" {
		asked, err := strconv.ParseBool(text)
		if err != nil {
			return false, failure(CodeBadRequest, "reveal=%q is neither true nor false", text)
		}
		reveal = reveal || asked
	}
	if reveal {
		return true, require(r, RoleRevealer)
	}
	return false, nil
}

// sendPart copies a part to the caller. An error half-way cuts the answer off, so that it is not taken
// for the whole report.
func (s *Server) sendPart(w http.ResponseWriter, r *http.Request, entry ReportEntry, part ReportPart, reveal bool) error {
	out := &partWriter{ResponseWriter: w, name: entry.ID, part: part}
	err := s.cfg.Reports.Copy(r.Context(), out, entry.ID, part, reveal)
	if err == nil {
		out.begin() // A report without transactions is an empty file.
		return nil
	}
	err = fmt.Errorf("report %s (%s): %w", entry.ID, entry.State, err)
	if !out.begun {
		return err
	}
	s.cfg.Logger.WarnContext(r.Context(), "a report was cut off while it was sent", "part", part, "error", err)
	panic(http.ErrAbortHandler)
}

// partWriter describes the content with its first byte, so that until then an error can be answered.
type partWriter struct {
	http.ResponseWriter

	name  string
	part  ReportPart
	begun bool
}

// Write passes the content on.
func (p *partWriter) Write(b []byte) (int, error) {
	p.begin()
	return p.ResponseWriter.Write(b)
}

func (p *partWriter) begin() {
	if p.begun {
		return
	}
	p.begun = true
	kind, suffix := p.part.media()
	h := p.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", fmt.Sprintf("inline; filename=%q", p.name+suffix))
	h.Set("Content-Security-Policy", p.part.policy())
	p.WriteHeader(http.StatusOK)
}

// policy is what a browser lets the part do. The page brings its own script and a stricter policy that names it.
func (p ReportPart) policy() string {
	if p == PartHTML {
		return "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; sandbox allow-scripts"
	}
	return "default-src 'none'; sandbox"
}

// media is the content type and the file suffix of the part.
func (p ReportPart) media() (kind, suffix string) {
	switch p {
	case PartSummary:
		return "application/json", ".json"
	case PartTransactions:
		return "application/x-ndjson", ".ndjson"
	case PartHTML:
		return "text/html; charset=utf-8", ".html"
	case PartSQL:
		return "application/sql; charset=utf-8", ".sql"
	case PartEntities:
		return "application/x-ndjson", "-entities.ndjson"
	case PartEntitiesCSV:
		return "text/csv; charset=utf-8", "-entities.csv"
	case PartHandover:
		return "application/x-ndjson", ".handover.ndjson"
	case PartHandoverCSV:
		return "text/csv; charset=utf-8", ".handover.csv"
	}
	return "application/octet-stream", ""
}
