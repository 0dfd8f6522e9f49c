package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// Load balancers ask without a token, so the answers name nothing but the server asked about.

// getPrimaryCheck answers 200 for the one server that takes writes: the primary of the epoch, seen
// writable right now.
func (s *Server) getPrimaryCheck(w http.ResponseWriter, r *http.Request) error {
	c, view, name, err := s.checked(r)
	if err != nil {
		return err
	}
	f := view.Current(name)
	switch {
	case name != c.State.Primary:
		return unfit("%s is not the primary", name)
	case c.State.Servers[name].Quarantine != nil:
		return unfit("%s is quarantined", name)
	case f == nil:
		return unfit("%s cannot be seen from here", name)
	case !f.Writable():
		return unfit("%s is read-only", name)
	}
	return s.fit(w, r, name, rolePrimary)
}

// getReplicaCheck answers 200 for a replica that is fit for reads, by default however late it is.
func (s *Server) getReplicaCheck(w http.ResponseWriter, r *http.Request) error {
	limit, limited, err := lagParam(r)
	if err != nil {
		return err
	}
	c, view, name, err := s.checked(r)
	if err != nil {
		return err
	}
	f := view.Current(name)
	switch {
	case name == c.State.Primary:
		return unfit("%s is the primary", name)
	case c.State.Servers[name].Quarantine != nil:
		return unfit("%s is quarantined", name)
	case f == nil:
		return unfit("%s cannot be seen from here", name)
	case f.Source == nil || f.Source.Receiver != topology.ThreadOn || f.Source.Applier != topology.ThreadOn:
		return unfit("%s does not replicate", name)
	case limited && f.Source.LagSeconds == nil:
		return unfit("the lag of %s is not known", name)
	case limited && *f.Source.LagSeconds > limit.Seconds():
		return unfit("%s is %.1f s behind, more than %s", name, *f.Source.LagSeconds, limit)
	}
	return s.fit(w, r, name, roleReplica)
}

func (s *Server) fit(w http.ResponseWriter, r *http.Request, name, role string) error {
	return s.ok(w, r, map[string]string{"server": name, "role": role})
}

func unfit(format string, args ...any) error {
	return failure(CodeUnavailable, "%s; send no traffic there", fmt.Sprintf(format, args...))
}

// checked finds the server of the path. One that is not declared is as unfit as any.
func (s *Server) checked(r *http.Request) (fsm.Cluster, topology.View, string, error) {
	name := r.PathValue("server")
	state := s.cfg.Source.State()
	cluster, ok := state.ClusterOf(name)
	if !ok {
		return fsm.Cluster{}, topology.View{}, "", unfit("%s is not declared", name)
	}
	c := state.Clusters[cluster]
	return c, s.cfg.Source.View(c.Spec), name, nil
}

// lagParam reads max_lag; limited is false when it is not given.
func lagParam(r *http.Request) (limit time.Duration, limited bool, err error) {
	text := r.URL.Query().Get("max_lag")
	if text == "" {
		return 0, false, nil
	}
	limit, err = time.ParseDuration(text)
	if err != nil || limit < 0 {
		return 0, false, failure(CodeBadRequest, "max_lag=%q is not a duration such as 5s", text)
	}
	return limit, true, nil
}
