package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// staleAfter is the age beyond which a node calls itself not ready: its copy may be of another epoch.
const staleAfter = 10 * time.Second

func (s *Server) getHealth(w http.ResponseWriter, r *http.Request) error {
	return s.ok(w, r, map[string]string{"status": "ok"})
}

// getReady tells whether this node is in touch with a leader.
func (s *Server) getReady(w http.ResponseWriter, r *http.Request) error {
	group := s.cfg.Source.Group()
	switch {
	case group.Leader == "":
		return failure(CodeNoLeader, "node %s knows no leader; a majority of the nodes must reach each other", group.Node)
	case group.Age == topology.Never || group.Age > staleAfter:
		return failure(CodeUnavailable, "node %s has not heard from leader %s for %s; check the network between them", group.Node, group.Leader, ageText(group.Age))
	}
	return s.ok(w, r, map[string]string{"status": "ready"})
}

func (s *Server) getDescription(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(description)
	return err
}

func (s *Server) getMetrics(w http.ResponseWriter, r *http.Request) error {
	if s.cfg.Metrics == nil {
		return failure(CodeNotFound, "this node keeps no metrics")
	}
	s.cfg.Metrics.ServeHTTP(w, r)
	return nil
}

func (s *Server) getStatus(w http.ResponseWriter, r *http.Request) error {
	return s.ok(w, r, statusOf(s.cfg.Source, s.cfg.Now()))
}

func (s *Server) getClusters(w http.ResponseWriter, r *http.Request) error {
	return s.ok(w, r, statusOf(s.cfg.Source, s.cfg.Now()).Clusters)
}

func (s *Server) getTopology(w http.ResponseWriter, r *http.Request) error {
	c, err := s.cluster(r)
	if err != nil {
		return err
	}
	return s.ok(w, r, topologyOf(&c, s.cfg.Source.View(c.Spec), s.cfg.Now()))
}

// getHistory answers the events of a cluster, oldest first: all that are kept, or the newest limit.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) error {
	c, err := s.cluster(r)
	if err != nil {
		return err
	}
	limit, err := countParam(r, "limit")
	if err != nil {
		return err
	}
	history := historyOf(c.History)
	if kind := r.URL.Query().Get("kind"); kind != "" {
		history = slices.DeleteFunc(history, func(e HistoryEntry) bool { return e.Kind != kind })
	}
	return s.ok(w, r, newest(history, limit))
}

func (s *Server) getSpecs(w http.ResponseWriter, r *http.Request) error {
	state := s.cfg.Source.State()
	specs := policy.Specs{Clusters: []policy.ClusterSpec{}, Fleet: state.Fleet}
	for _, name := range state.Names() {
		specs.Clusters = append(specs.Clusters, state.Clusters[name].Spec)
	}
	return s.ok(w, r, specs)
}

func (s *Server) getAudit(w http.ResponseWriter, r *http.Request) error {
	limit, err := countParam(r, "limit")
	if err != nil {
		return err
	}
	return s.ok(w, r, newest(auditOf(s.cfg.Source.State().Audit), limit))
}

// cluster finds the cluster that the path names.
func (s *Server) cluster(r *http.Request) (fsm.Cluster, error) {
	name := r.PathValue("cluster")
	state := s.cfg.Source.State()
	c, ok := state.Clusters[name]
	if !ok {
		return fsm.Cluster{}, failure(CodeNotFound, "cluster %q is not declared; `regent status` lists the clusters, and `regent apply` declares one", name)
	}
	return c, nil
}

// countParam reads a positive number from the query; 0 when it is not given.
func countParam(r *http.Request, key string) (int, error) {
	text := r.URL.Query().Get(key)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, failure(CodeBadRequest, "%s=%q is not a positive number", key, text)
	}
	return n, nil
}

// newest keeps the last n elements; 0 keeps all.
func newest[T any](list []T, n int) []T {
	if n > 0 && len(list) > n {
		return list[len(list)-n:]
	}
	return list
}
