package api

import (
	"net/http"
)

// leaderRequest is the body of POST /v1/leader.
type leaderRequest struct {
	request
	Node string `json:"node"`
}

// leaderPreview is what handing the leadership over would do.
type leaderPreview struct {
	Summary string   `json:"summary"`
	Changes []string `json:"changes"`
}

// postLeader hands the leadership of the group to another node, before maintenance of this one.
func (s *Server) postLeader(w http.ResponseWriter, r *http.Request) error {
	var body leaderRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	group := s.cfg.Source.Group()
	if err := s.mayLead(&group, body.Node); err != nil {
		return err
	}
	c, _ := callerOf(r.Context())
	bound := binding{By: c.Name, Action: "leader", Request: body.Node, Fingerprint: group.Leader}
	if body.Confirm == "" {
		return s.offer(w, r, leaderPreview{
			Summary: "hand the leadership of the group from " + group.Leader + " to " + body.Node,
			Changes: []string{body.Node + " decides from then on; no server is touched"},
		}, bound)
	}
	if err := s.confirmer.check(body.Confirm, bound, s.cfg.Now()); err != nil {
		return err
	}
	if err := s.cfg.Lead(r.Context(), body.Node); err != nil {
		return err
	}
	s.cfg.Logger.InfoContext(r.Context(), "leadership handed over", "to", body.Node, "by", c.Name, "reason", body.Reason)
	return s.ok(w, r, Outcome{Outcome: "done", Reason: body.Node + " was told to take over", Events: []HistoryEntry{}})
}

// mayLead tells why a node cannot take over now, if it cannot.
func (s *Server) mayLead(group *GroupStatus, node string) error {
	state := s.cfg.Source.State()
	for _, name := range state.Names() {
		if r := state.Clusters[name].State.Recovery; r != nil {
			return failure(CodeRefused, "recovery %s of %s is under way; hand over when it has ended", r.ID, name)
		}
	}
	for _, n := range group.Nodes {
		switch {
		case n.ID != node:
		case n.ID == group.Leader:
			return failure(CodeRefused, "%s leads already", node)
		case !n.Reachable:
			return failure(CodeRefused, "%s is not reachable, so it cannot lead", node)
		default:
			return nil
		}
	}
	return failure(CodeNotFound, "node %q is not in the group; `regent status` lists its nodes", node)
}
