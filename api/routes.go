package api

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// route is one operation: who may ask, who must answer, and how.
type route struct {
	method, path string
	role         Role // empty: open to everybody
	leader       bool // only the leader answers; other nodes forward
	endless      bool // no limit on how long the answer takes
	handle       func(http.ResponseWriter, *http.Request) error
}

// table lists every operation. The description in openapi.json lists the same.
func (s *Server) table() []route {
	return append(s.reads(), s.writes()...)
}

func (s *Server) reads() []route {
	get := func(path string, role Role, handle func(http.ResponseWriter, *http.Request) error) route {
		return route{method: http.MethodGet, path: path, role: role, handle: handle}
	}
	events := get("/v1/events", RoleViewer, s.getEvents)
	events.endless = true
	return []route{
		get("/healthz", "", s.getHealth),
		get("/readyz", "", s.getReady),
		get("/openapi.json", "", s.getDescription),
		get("/lb/{server}/primary", "", s.getPrimaryCheck),
		get("/lb/{server}/replica", "", s.getReplicaCheck),
		get("/metrics", RoleViewer, s.getMetrics),
		get("/v1/status", RoleViewer, s.getStatus),
		get("/v1/clusters", RoleViewer, s.getClusters),
		get("/v1/clusters/{cluster}", RoleViewer, s.getTopology),
		get("/v1/clusters/{cluster}/history", RoleViewer, s.getHistory),
		get("/v1/specs", RoleViewer, s.getSpecs),
		get("/v1/audit", RoleViewer, s.getAudit),
		get("/v1/reports", RoleViewer, s.getReports),
		get("/v1/reports/{id}", RoleViewer, s.getReport),
		s.reportFile("/v1/reports/{id}/transactions", PartTransactions),
		s.reportFile("/v1/reports/{id}/html", PartHTML),
		s.reportFile("/v1/reports/{id}/sql", PartSQL),
		s.reportFile("/v1/reports/{id}/entities", PartEntities),
		s.reportFile("/v1/reports/{id}/entities.csv", PartEntitiesCSV),
		s.reportFile("/v1/reports/{id}/handover", PartHandover),
		s.reportFile("/v1/reports/{id}/handover.csv", PartHandoverCSV),
		events,
	}
}

func (s *Server) writes() []route {
	post := func(path string, role Role, handle func(http.ResponseWriter, *http.Request) error) route {
		return route{method: http.MethodPost, path: path, role: role, leader: true, endless: true, handle: handle}
	}
	return []route{
		post("/v1/leader", RoleOperator, s.postLeader),
		post("/v1/specs", RoleAdmin, s.postSpecs),
		post("/v1/clusters/{cluster}/failover", RoleOperator, s.postFailover),
		post("/v1/clusters/{cluster}/ack", RoleOperator, s.postAck),
		post("/v1/clusters/{cluster}/release", RoleOperator, s.postRelease),
		post("/v1/clusters/{cluster}/pause", RoleOperator, s.postPause),
		post("/v1/clusters/{cluster}/resume", RoleOperator, s.postResume),
		post("/v1/clusters/{cluster}/maintenance", RoleOperator, s.postMaintenance),
		post("/v1/servers/{server}/clone", RoleOperator, s.postClone),
		post("/v1/reports/{id}/ack", RoleOperator, s.postAckReport),
		post("/v1/reports/{id}/replay", RoleOperator, s.postReplay),
		post("/v1/reports/{id}/rewind", RoleOperator, s.postRewind),
		post("/v1/reports/{id}/approve", RoleOperator, s.postApprove),
	}
}

// endpoint wraps an operation in what its route says.
func (s *Server) endpoint(r route) http.Handler {
	answer := http.Handler(answered{s, r.handle})
	if r.leader {
		answer = s.onLeader(answer)
	}
	if r.role != "" {
		answer = s.authorized(r.role, answer)
	}
	return s.limited(r, answer)
}

// answered runs a handler and turns its error into an answer.
type answered struct {
	server *Server
	handle func(http.ResponseWriter, *http.Request) error
}

func (a answered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := a.handle(w, r); err != nil {
		a.server.fail(w, r, err)
	}
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, failure(CodeNotFound, "%s %s does not exist; GET /openapi.json lists what does", r.Method, r.URL.Path))
}

// fail answers with an error. What is internal is logged in full and told in general.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := classify(err)
	if e.Code == CodeInternal {
		s.cfg.Logger.ErrorContext(r.Context(), "a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if e.Code == CodeUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="regent"`)
	}
	s.write(w, r, e.Code.status(), errorBody{Error: e})
}

// write answers with JSON.
func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, body any) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		s.cfg.Logger.ErrorContext(r.Context(), "an answer could not be encoded", "path", r.URL.Path, "error", err)
		http.Error(w, `{"error":{"code":"internal","message":"the answer could not be encoded; the log of this node has the details"}}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(b.Bytes()); err != nil {
		s.cfg.Logger.DebugContext(r.Context(), "the caller went away", "path", r.URL.Path, "error", err)
	}
}

func (s *Server) ok(w http.ResponseWriter, r *http.Request, body any) error {
	s.write(w, r, http.StatusOK, body)
	return nil
}
