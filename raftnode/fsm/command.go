package fsm

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// Errors that Apply answers with; the state is unchanged after each.
var (
	// ErrStale means that the command was computed from a version that is no longer current.
	ErrStale = errors.New("fsm: the state has changed since the command was computed; look again")
	// ErrSchema means that the command was written by a newer release.
	ErrSchema = errors.New("fsm: command has a newer schema; upgrade this node")
	// ErrNotFound means that the command names a cluster that does not exist.
	ErrNotFound = errors.New("fsm: no such cluster")
	// ErrInvalid means that the command cannot be decoded or contradicts itself.
	ErrInvalid = errors.New("fsm: invalid command")
)

// Command is one change of the replicated state. Exactly one of the pointers is set.
type Command struct {
	Schema   int         `json:"schema"`
	Advance  *Advance    `json:"advance,omitempty"`
	PutSpecs *PutSpecs   `json:"put_specs,omitempty"`
	Announce *Node       `json:"announce,omitempty"`
	Audit    *AuditEntry `json:"audit,omitempty"`
	Copied   *Copied     `json:"copied,omitempty"`
}

// Copied tells that a node holds the files of a report, verified.
type Copied struct {
	Cluster string        `json:"cluster"`
	Report  string        `json:"report"`
	Copy    failover.Copy `json:"copy"`
}

// Advance replaces the agreed state of one cluster and appends to its history.
type Advance struct {
	Cluster string           `json:"cluster"`
	Expect  uint64           `json:"expect"` // Cluster.Version it was computed from
	Next    failover.State   `json:"next"`
	Events  []failover.Event `json:"events,omitempty"`
	Audit   *AuditEntry      `json:"audit,omitempty"`
}

// PutSpecs declares clusters: new ones are added, known ones changed. Clusters that it does not
// name stay as they are.
type PutSpecs struct {
	Specs  policy.Specs      `json:"specs"`
	Expect map[string]uint64 `json:"expect"` // Cluster.Version by name, 0 for a new cluster
	By     string            `json:"by"`
	Reason string            `json:"reason"`
	At     time.Time         `json:"at"`
}

// Encode writes a command for the log.
func (c Command) Encode() ([]byte, error) {
	c.Schema = Schema
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("fsm: encode command: %w", err)
	}
	return b, nil
}

// apply returns the state after the command. The given state is not modified.
func (c *Command) apply(s State) (State, error) {
	if c.Schema > Schema {
		return s, ErrSchema
	}
	switch {
	case c.Advance != nil:
		return c.Advance.apply(s, c.Schema)
	case c.PutSpecs != nil:
		return c.PutSpecs.apply(s, c.Schema)
	case c.Announce != nil:
		s.Nodes = cloneMap(s.Nodes)
		s.Nodes[c.Announce.ID] = *c.Announce
		return s, nil
	case c.Copied != nil:
		return c.Copied.apply(s)
	case c.Audit != nil:
		return s.audited(*c.Audit), nil
	}
	return s, ErrInvalid
}

func (a *Advance) apply(s State, schema int) (State, error) {
	c, ok := s.Clusters[a.Cluster]
	if !ok {
		return s, fmt.Errorf("%w: %s", ErrNotFound, a.Cluster)
	}
	if c.Version != a.Expect {
		return s, fmt.Errorf("%w (cluster %s is at version %d, not %d)", ErrStale, a.Cluster, c.Version, a.Expect)
	}
	if a.Next.Epoch < c.State.Epoch {
		return s, fmt.Errorf("%w: the epoch of cluster %s would go back from %d to %d", ErrInvalid, a.Cluster, c.State.Epoch, a.Next.Epoch)
	}
	if schema >= schemaBrakes {
		if err := a.braked(&s, &c.State); err != nil {
			return s, err
		}
	}
	c.Version++
	c.State = a.Next
	c.State.Cluster = a.Cluster
	c.History = bounded(append(slices.Clone(c.History), a.Events...), historyKept)
	s.Clusters = cloneMap(s.Clusters)
	s.Clusters[a.Cluster] = c
	if a.Audit != nil {
		s = s.audited(*a.Audit)
	}
	return s, nil
}

func (k *Copied) apply(s State) (State, error) {
	c, ok := s.Clusters[k.Cluster]
	if !ok {
		return s, fmt.Errorf("%w: %s", ErrNotFound, k.Cluster)
	}
	next, fits := c.State.WithCopy(k.Report, k.Copy)
	if !fits {
		return s, fmt.Errorf("%w (report %s has other files than those that %s copied)", ErrStale, k.Report, k.Copy.Node)
	}
	c.Version++
	c.State = next
	s.Clusters = cloneMap(s.Clusters)
	s.Clusters[k.Cluster] = c
	return s, nil
}

func (p *PutSpecs) apply(s State, schema int) (State, error) {
	for _, spec := range p.Specs.Clusters {
		if have := s.Clusters[spec.Name].Version; have != p.Expect[spec.Name] {
			return s, fmt.Errorf("%w (cluster %s is at version %d, not %d)", ErrStale, spec.Name, have, p.Expect[spec.Name])
		}
	}
	s.Clusters = cloneMap(s.Clusters)
	for _, spec := range p.Specs.Clusters {
		s.Clusters[spec.Name] = p.put(s.Clusters[spec.Name], upgraded(spec, schema))
		s = s.audited(AuditEntry{At: p.At, By: p.By, Action: "apply", Object: "cluster/" + spec.Name, Outcome: "done", Reason: p.Reason})
	}
	s.Fleet = p.Specs.Fleet
	return s, nil
}

func (p *PutSpecs) put(c Cluster, spec policy.ClusterSpec) Cluster {
	c.Version++
	c.Spec = spec
	c.State.Cluster = spec.Name
	v := SpecVersion{Version: c.Version, At: p.At, By: p.By, Reason: p.Reason, Spec: spec}
	c.Versions = bounded(append(slices.Clone(c.Versions), v), policiesKept)
	event := failover.Event{
		ID: fmt.Sprintf("%s-apply-%d", spec.Name, c.Version), At: p.At, Kind: "apply", Cluster: spec.Name,
		Epoch: c.State.Epoch, Decision: "specification applied", Reason: p.Reason, By: p.By,
	}
	c.History = bounded(append(slices.Clone(c.History), event), historyKept)
	return c
}

func (s State) audited(e AuditEntry) State {
	s.Audit = bounded(append(slices.Clone(s.Audit), e), auditKept)
	return s
}

// cloneMap copies a map that may be nil, so that states already handed out never change.
func cloneMap[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}
