package fsm

import (
	"slices"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// Schema is the version of the state's and the commands' encoding and meaning. Since 2 a command that opens
// an automatic recovery is judged by the brakes over all clusters, and boots are more than a number. Since 3 reports can
// be settled: they have jobs and tallies. Since 4 servers are made to keep their binary logs, and reports have copies.
const Schema = 4

// schemaBrakes is the first one whose commands the brakes judge.
const schemaBrakes = 2

// Bounds of what is kept in the replicated state.
const (
	historyKept  = 500 // events per cluster
	auditKept    = 1000
	policiesKept = 50
)

// State is everything the group agrees on.
type State struct {
	Schema   int                `json:"schema"`
	Index    uint64             `json:"index"` // of the last applied command
	Clusters map[string]Cluster `json:"clusters"`
	Fleet    policy.Fleet       `json:"fleet"`
	Nodes    map[string]Node    `json:"nodes"`
	Audit    []AuditEntry       `json:"audit"`
}

// Cluster is one cluster's specification, agreed state and history.
type Cluster struct {
	Spec     policy.ClusterSpec `json:"spec"`
	Versions []SpecVersion      `json:"versions"`
	// Version counts changes of State and Spec; commands name the one they were computed from.
	Version uint64           `json:"version"`
	State   failover.State   `json:"state"`
	History []failover.Event `json:"history"`
}

// SpecVersion tells who changed a specification, when and why.
type SpecVersion struct {
	Version uint64             `json:"version"`
	At      time.Time          `json:"at"`
	By      string             `json:"by"`
	Reason  string             `json:"reason"`
	Spec    policy.ClusterSpec `json:"spec"`
}

// Node is what a node of the group told about itself.
type Node struct {
	ID     string `json:"id"`
	Region string `json:"region"`
	Site   string `json:"site"`
	API    string `json:"api"` // address of its HTTP API
}

// AuditEntry is one change somebody asked for.
type AuditEntry struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Action  string    `json:"action"`
	Object  string    `json:"object"`
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason,omitempty"`
}

// Empty is the state before the first command.
func Empty() State {
	return State{Schema: Schema, Clusters: map[string]Cluster{}, Fleet: policy.DefaultFleet(), Nodes: map[string]Node{}}
}

// Names lists the clusters, sorted.
func (s *State) Names() []string {
	names := make([]string, 0, len(s.Clusters))
	for n := range s.Clusters {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// ClusterOf finds the cluster that declares the server.
func (s *State) ClusterOf(server string) (string, bool) {
	for _, name := range s.Names() {
		c := s.Clusters[name]
		if _, ok := c.Spec.Find(server); ok {
			return name, true
		}
	}
	return "", false
}

// bounded keeps the newest n elements.
func bounded[T any](list []T, n int) []T {
	if len(list) > n {
		return slices.Clone(list[len(list)-n:])
	}
	return list
}
