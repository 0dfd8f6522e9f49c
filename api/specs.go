package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// specsRequest is the body of POST /v1/specs.
type specsRequest struct {
	request
	Specs  policy.Specs `json:"specs"`
	DryRun bool         `json:"dry_run,omitempty"`
}

// wireSpecs is how declared clusters arrive: what is left out has the documented default, as in the
// file.
type wireSpecs struct {
	request
	DryRun bool `json:"dry_run"`
	Specs  struct {
		Clusters []json.RawMessage `json:"clusters"`
		Fleet    *policy.Fleet     `json:"fleet"`
	} `json:"specs"`
}

// UnmarshalJSON reads declared clusters over the defaults.
func (r *specsRequest) UnmarshalJSON(b []byte) error {
	fleet := policy.DefaultFleet()
	wire := wireSpecs{}
	wire.Specs.Fleet = &fleet
	if err := strict(b, &wire); err != nil {
		return err
	}
	*r = specsRequest{request: wire.request, DryRun: wire.DryRun, Specs: policy.Specs{Fleet: fleet}}
	for i, raw := range wire.Specs.Clusters {
		c, err := decodeCluster(raw)
		if err != nil {
			return fmt.Errorf("clusters[%d]: %w", i, err)
		}
		r.Specs.Clusters = append(r.Specs.Clusters, c)
	}
	return nil
}

func decodeCluster(raw json.RawMessage) (policy.ClusterSpec, error) {
	c := policy.ClusterSpec{Mode: policy.ModeAutomatic, Policy: policy.DefaultPolicy()}
	if err := strict(raw, &c); err != nil {
		return policy.ClusterSpec{}, err
	}
	for i := range c.Servers {
		if c.Servers[i].Promotion == "" {
			c.Servers[i].Promotion = policy.PromotionNeutral
		}
		if c.Servers[i].AddressKind == "" {
			c.Servers[i].AddressKind = policy.AddressDirect
		}
	}
	return c, nil
}

func strict(b []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// postSpecs declares clusters.
func (s *Server) postSpecs(w http.ResponseWriter, r *http.Request) error {
	var body specsRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	state := s.cfg.Source.State()
	if err := validSpecs(&state, body.Specs, s.cfg.ProbeInterval); err != nil {
		return err
	}
	preview, err := previewSpecs(s.cfg.Source, &state, body.Specs)
	if err != nil {
		return err
	}
	c, _ := callerOf(r.Context())
	bound := binding{By: c.Name, Action: "apply", Request: body.Specs, Fingerprint: preview.Fingerprint}
	switch {
	case body.DryRun:
		return s.dryRun(w, r, preview)
	case body.Confirm == "":
		return s.offer(w, r, preview, bound)
	}
	if err := s.confirmer.check(body.Confirm, bound, s.cfg.Now()); err != nil {
		return err
	}
	if err := s.declare(r.Context(), body.Specs, preview.Fingerprint, c.Name, body.Reason); err != nil {
		return err
	}
	return s.ok(w, r, Outcome{Outcome: "done", Reason: preview.Summary, Events: s.applied(body.Specs)})
}

// declareTries is how often a declaration is computed anew when the state of a cluster moved on.
const declareTries = 5

// declare commits the declaration. A cluster's version moves with every decision about it; as long as
// the preview is the same, that does not matter.
func (s *Server) declare(ctx context.Context, specs policy.Specs, fingerprint, by, reason string) error {
	for range declareTries {
		state := s.cfg.Source.State()
		if specsFingerprint(&state, specs) != fingerprint {
			break
		}
		put := fsm.PutSpecs{Specs: specs, Expect: map[string]uint64{}, By: by, Reason: reason, At: s.cfg.Now().UTC()}
		for _, c := range specs.Clusters {
			put.Expect[c.Name] = state.Clusters[c.Name].Version
		}
		err := s.cfg.Orders.Declare(ctx, put)
		if !errors.Is(err, fsm.ErrStale) {
			return err
		}
	}
	return fsm.ErrStale
}

// applied are the entries that the declaration added to the histories.
func (s *Server) applied(specs policy.Specs) []HistoryEntry {
	out := []HistoryEntry{}
	state := s.cfg.Source.State()
	for _, spec := range specs.Clusters {
		history := state.Clusters[spec.Name].History
		for i := len(history) - 1; i >= 0; i-- {
			if history[i].Kind == "apply" {
				out = append(out, historyEntry(&history[i]))
				break
			}
		}
	}
	return out
}

// validSpecs checks the declaration together with the clusters that it leaves as they are, on nodes that probe
// each server once per probe.
func validSpecs(state *fsm.State, specs policy.Specs, probe time.Duration) error {
	if len(specs.Clusters) == 0 {
		return failure(CodeBadRequest, "no cluster is declared; list at least one under clusters")
	}
	whole := policy.Specs{Fleet: specs.Fleet, Clusters: append([]policy.ClusterSpec{}, specs.Clusters...)}
	named := map[string]bool{}
	for _, c := range specs.Clusters {
		named[c.Name] = true
	}
	for _, name := range state.Names() {
		if !named[name] {
			whole.Clusters = append(whole.Clusters, state.Clusters[name].Spec)
		}
	}
	problems := policy.Validate(whole)
	if len(problems) == 0 {
		problems = guardProblems(specs, probe)
	}
	if len(problems) > 0 {
		lines := make([]string, 0, len(problems))
		for _, p := range problems {
			lines = append(lines, p.Path+": "+p.Message)
		}
		e := failure(CodeBadRequest, "the declaration is not valid: %s", strings.Join(lines, "; "))
		e.Details = problems
		return e
	}
	return movable(state, specs)
}

// guardProblems finds guards that these nodes look at too rarely.
func guardProblems(specs policy.Specs, probe time.Duration) []policy.Problem {
	var out []policy.Problem
	for i, c := range specs.Clusters {
		if why := policy.CheckGuard(c.Policy.Guard, probe); why != "" {
			out = append(out, policy.Problem{Path: fmt.Sprintf("clusters[%d].policy.guard.ttl", i), Message: why})
		}
	}
	return out
}

// movable refuses declarations that would pull the ground from under a cluster.
func movable(state *fsm.State, specs policy.Specs) error {
	for _, spec := range specs.Clusters {
		c := state.Clusters[spec.Name]
		if r := c.State.Recovery; r != nil {
			return failure(CodeRefused, "cluster %s is in recovery %s (%s); apply again when it has ended", spec.Name, r.ID, r.Stage)
		}
		if c.State.Primary == "" {
			continue
		}
		if _, kept := spec.Find(c.State.Primary); !kept {
			return failure(CodeRefused, "cluster %s would lose its primary %s; keep it declared, or move the primary first with `regent failover %s --to SERVER`", spec.Name, c.State.Primary, spec.Name)
		}
		for server, m := range c.State.Servers {
			if _, kept := spec.Find(server); !kept && m.Quarantine != nil {
				return failure(CodeRefused, "server %s of cluster %s is quarantined (%s); settle that before it is no longer declared", server, spec.Name, m.Quarantine.Reason)
			}
		}
	}
	return nil
}

// roleIn is the role a server would be configured for.
func roleIn(c *fsm.Cluster, spec *policy.ClusterSpec, server string, writable bool) failover.Role {
	primary := server == c.State.Primary || (c.State.Primary == "" && writable)
	return failover.Role{Primary: primary, Armed: primary, WaitCount: spec.Policy.SemiSync.Required}
}
