package api

import (
	"encoding/json"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// Status is the answer of GET /v1/status.
type Status struct {
	Leader   string          `json:"leader"`
	Nodes    []NodeStatus    `json:"nodes"`
	Clusters []ClusterStatus `json:"clusters"`
}

// NodeStatus is one node of the group.
type NodeStatus struct {
	ID        string `json:"id"`
	Region    string `json:"region"`
	Site      string `json:"site"`
	State     string `json:"state"` // leader, follower, candidate or unreachable
	Reachable bool   `json:"reachable"`
	// LastContact is the age of the last word from the node, null when there was none.
	LastContact *policy.Duration `json:"last_contact"`
}

// ClusterStatus is one cluster in a line.
type ClusterStatus struct {
	Cluster string `json:"cluster"`
	// State is ok, degraded, recovering, hold, isolated, maintenance or split_brain.
	State      string          `json:"state"`
	Primary    string          `json:"primary"`
	Epoch      uint64          `json:"epoch"`
	Reason     string          `json:"reason"`
	HomeRegion string          `json:"home_region"`
	Mode       policy.Mode     `json:"mode"`
	Hold       *failover.Hold  `json:"hold,omitempty"`
	Paused     *failover.Pause `json:"paused,omitempty"`
	// CooldownUntil is set while no automatic recovery may follow the last one.
	CooldownUntil *time.Time `json:"cooldown_until,omitempty"`
	// Flapping tells that automation waits for an acknowledgement after too many failovers.
	Flapping bool `json:"flapping,omitempty"`
	// Unproven says why acknowledged writes are not known to be kept, absent while they are. Degraded
	// tells that they are not because the policy prefers that to blocking.
	Unproven string `json:"unproven,omitempty"`
	Degraded bool   `json:"degraded,omitempty"`
	// Warnings are what somebody should look at and nothing waits for.
	Warnings []string `json:"warnings,omitempty"`
	// Guard is absent for a cluster whose policy wants none.
	Guard *GuardStatus `json:"guard,omitempty"`
}

// Topology is the answer of GET /v1/clusters/{cluster}: every declared server, whichever side of a
// split it is on.
type Topology struct {
	ClusterStatus
	Servers []ServerStatus `json:"servers"`
}

// ServerStatus is one server as it is seen and agreed on.
type ServerStatus struct {
	Server  string `json:"server"`
	Address string `json:"address"`
	Region  string `json:"region"`
	Site    string `json:"site"`
	// Role is primary, replica, intermediate, quarantined or unknown.
	Role string `json:"role"`
	// Source is the server it replicates from: a name where the address is declared, else host:port.
	Source *string `json:"source"`
	// Writable is null while the server cannot be asked.
	Writable   *bool    `json:"writable"`
	Reachable  bool     `json:"reachable"`
	LagSeconds *float64 `json:"lag_seconds"`
	// GTIDExecuted is as last seen, empty when the server never answered.
	GTIDExecuted     string           `json:"gtid_executed"`
	ErrantGTIDs      string           `json:"errant_gtids"`
	Eligible         bool             `json:"eligible"`
	IneligibleReason string           `json:"ineligible_reason"`
	Promotion        policy.Promotion `json:"promotion"`
	Version          string           `json:"version"`
	// Quarantine says why the server is kept away from the cluster, empty when it is not.
	Quarantine string `json:"quarantine"`
	// BootProven tells that a boot with the present start configuration was seen to come up read-only, on which rests
	// what a dead process proves without acknowledgements. BootUnproven says why it is not.
	BootProven   bool   `json:"boot_proven"`
	BootUnproven string `json:"boot_unproven"`
	// Sights is how each node fares with the server.
	Sights []Sight `json:"sights"`
	// BinaryLogs is present while regent has the server keep its binary logs for a report that is not settled.
	BinaryLogs *KeptLogs `json:"binary_logs,omitempty"`
	// Lease is the guard row of the server, absent when it has none or cannot be asked.
	Lease *LeaseStatus `json:"lease,omitempty"`
}

// KeptLogs are the binary logs of a server that keeps them for a report.
type KeptLogs struct {
	Since time.Time `json:"since"`
	// Setting is what was changed on the server until then, and Before its value, which is put back.
	Setting string `json:"setting"`
	Before  string `json:"before"`
	// Observed tells that nothing was changed, because the cluster is only observed.
	Observed bool `json:"observed,omitempty"`
	// Error says why the server may delete them all the same, empty while it keeps them.
	Error string `json:"error"`
	// Files and Bytes are what they occupy, null while the answering node has not counted them.
	Files *int   `json:"files"`
	Bytes *int64 `json:"bytes"`
}

// Sight is how one node fares with one server.
type Sight struct {
	Node  string `json:"node"`
	Reach string `json:"reach"`
	Error string `json:"error,omitempty"`
}

// HistoryEntry is one decision, refusal, recovery or change of a cluster.
type HistoryEntry struct {
	ID         string           `json:"id"`
	At         time.Time        `json:"at"`
	Kind       string           `json:"kind"`
	Cluster    string           `json:"cluster"`
	Epoch      uint64           `json:"epoch"`
	Decision   string           `json:"decision"`
	Reason     string           `json:"reason"`
	By         string           `json:"by"`
	Candidates []policy.Verdict `json:"candidates"`
	Evidence   []Evidence       `json:"evidence"`
	Steps      []Step           `json:"steps"`
	// LostEstimate is how many acknowledged transactions may be lost, null when the question does
	// not arise and -1 when it cannot be answered.
	LostEstimate *int64 `json:"lost_estimate"`
	// Failed tells that what was begun was given up.
	Failed bool `json:"failed"`
}

// Evidence is a recorded proof that an earlier writer can acknowledge no more writes.
type Evidence struct {
	Server string    `json:"server"`
	Kind   string    `json:"kind"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail"`
	// Answer is what the servers answered, shortened.
	Answer string `json:"answer,omitempty"`
}

// Step is one action on one server.
type Step struct {
	Name      string     `json:"name"`
	Server    string     `json:"server"`
	State     string     `json:"state"` // pending, done or failed
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Error     string     `json:"error"`
	Tries     int        `json:"tries"`
	// Why says why a revoked server does not count for the promotion rule.
	Why string `json:"why,omitempty"`
}

// ReportEntry is one divergence in the list of reports.
type ReportEntry struct {
	ID      string `json:"id"`
	Cluster string `json:"cluster"`
	// State is capturing, comparing, open, settled or failed.
	State        string         `json:"state"`
	Complete     bool           `json:"complete"`
	OldServer    string         `json:"old_server"`
	NewServer    string         `json:"new_server"`
	Servers      []ReportServer `json:"servers"`
	Transactions int            `json:"transactions"`
	Undecodable  int            `json:"undecodable"`
	ByClass      map[string]int `json:"by_class"`
	From         *time.Time     `json:"from"`
	To           *time.Time     `json:"to"`
	CreatedAt    time.Time      `json:"created_at"`
	Node         string         `json:"node"` // the node that works on the files
	// Copies are the other nodes that hold the files, or did before they changed.
	Copies []ReportCopy `json:"copies"`
	// Removed tells that the files are gone, long after the report was settled.
	Removed   bool       `json:"removed"`
	SettledAt *time.Time `json:"settled_at"`
	Epoch     uint64     `json:"epoch"`
	Error     string     `json:"error"`
	// Job is the replay or rewind that is ordered and not over, Tally what was decided so far; null when there is none.
	Job   *failover.Job   `json:"job"`
	Tally *failover.Tally `json:"tally"`
	// AcknowledgedBy and Note are set once a person settled the report.
	AcknowledgedBy string `json:"acknowledged_by"`
	Note           string `json:"note"`
}

// ReportCopy is a node that holds the files of a report.
type ReportCopy struct {
	Node string    `json:"node"`
	At   time.Time `json:"at"` // when it was verified
	// Current tells that the files are still those that were copied.
	Current bool `json:"current"`
}

// ReportServer is one server that holds extra transactions.
type ReportServer struct {
	Server     string `json:"server"`
	ExtraGTIDs string `json:"extra_gtids"`
}

// Report is the answer of GET /v1/reports/{id}: the entry, and the summary once it is written.
type Report struct {
	ReportEntry
	Summary json.RawMessage `json:"summary"`
}

// AuditEntry is one change that somebody asked for.
type AuditEntry struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Action  string    `json:"action"`
	Object  string    `json:"object"`
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason"`
}

// Offer is the answer to a change without a confirmation: what it would do, and the token that
// carries it out.
type Offer struct {
	Preview   json.RawMessage `json:"preview"`
	Confirm   string          `json:"confirm,omitempty"`
	ExpiresAt *time.Time      `json:"expires_at,omitempty"`
}

// Outcome is the answer to a confirmed change.
type Outcome struct {
	Outcome string `json:"outcome"` // done; a change that was held or refused is an error
	Reason  string `json:"reason"`
	// Cluster is the cluster right afterwards, null for a declaration of several.
	Cluster *ClusterStatus `json:"cluster"`
	// Events are what the change added to the history of the cluster.
	Events []HistoryEntry `json:"events"`
}
