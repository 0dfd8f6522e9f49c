package failover

import (
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// ActionKind is what is done to one server.
type ActionKind string

// Action kinds. Each is idempotent: it first asks whether it is already done.
const (
	// ActConfigure brings Settings to the server, persisted, and reads them back.
	ActConfigure ActionKind = "configure"
	// ActFence makes the server read-only and reads both variables back; when the statement
	// hangs behind a commit that waits for an acknowledgement it turns offline_mode on instead.
	ActFence ActionKind = "fence"
	// ActRevoke stops the receiver and then reads the executed and received sets.
	ActRevoke ActionKind = "revoke"
	// ActCatchUp makes the server execute all of Target, fetching what it lacks from Donors,
	// and keeps its receiver stopped afterwards.
	ActCatchUp ActionKind = "catch_up"
	// ActPrepare turns the caught-up candidate into a source that is still read-only: it proves
	// that Target is executed, removes the replication channel and applies Settings.
	ActPrepare ActionKind = "prepare"
	// ActFollow points the server at Source and starts replication, acknowledging if Acker.
	ActFollow ActionKind = "follow"
	// ActOpen proves the semi-sync settings and WaitCount attached ackers, then makes the
	// server writable and reads that back. With a Lease the guard is armed, and seen to tick,
	// before the server becomes writable.
	ActOpen ActionKind = "open"
	// ActArm writes Lease into the guard row of an open primary, installs and enables the event
	// and waits for a tick. It never goes back behind an epoch or set version that is there.
	ActArm ActionKind = "arm"
	// ActDisarm drops the guard's event and row and reads back that both are gone.
	ActDisarm ActionKind = "disarm"
	// ActNudge has an open primary log something that changes nothing, which its ackers acknowledge, and
	// with it what came before: acknowledgements that were lost with a connection are not repeated.
	ActNudge ActionKind = "nudge"
	// ActClaim reads, on the connection Session and no other, that the lock is still held and the
	// receiver still stopped. It changes nothing.
	ActClaim ActionKind = "claim"
	// ActQuarantine fences the server, stops its receiver and lets the applier finish, so that
	// its binary log no longer grows.
	ActQuarantine ActionKind = "quarantine"
	// ActClone rebuilds the server from Source with the CLONE plugin.
	ActClone ActionKind = "clone"
	// ActRetain has the server keep its binary logs, or delete them as it did before: Settings say which.
	ActRetain ActionKind = "retain"
	// ActCapture copies the extras of a divergence off its servers; ActCompare compares them
	// with the primary and writes the report. Both run on the leader's own disk.
	ActCapture ActionKind = "capture"
	ActCompare ActionKind = "compare"
	// ActReplay repeats transactions of a report on the primary; ActRewind undoes them on the quarantined
	// server. Both carry out the job of the divergence, from the files on the leader's own disk.
	ActReplay ActionKind = "replay"
	ActRewind ActionKind = "rewind"
)

// Setting is a global variable a server must have.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// PersistOnly settings cannot be changed in the running server, or must not be.
	PersistOnly bool `json:"persist_only,omitempty"`
	// Transient settings are for now only: after a boot the leader decides anew.
	Transient bool `json:"transient,omitempty"`
}

// Action is one step on one server.
type Action struct {
	// ID is stable while the same step is wanted, so that a step under way is not begun twice.
	ID      string     `json:"id"`
	Kind    ActionKind `json:"kind"`
	Cluster string     `json:"cluster"`
	Server  string     `json:"server"`
	Epoch   uint64     `json:"epoch"`
	Source  string     `json:"source,omitempty"`
	// SourceUUID is the uuid of Source: transactions of it are on their way and never extras.
	SourceUUID string        `json:"source_uuid,omitempty"`
	Donors     []string      `json:"donors,omitempty"`
	Target     gtid.Set      `json:"target"`
	Settings   []Setting     `json:"settings,omitempty"`
	Acker      bool          `json:"acker,omitempty"`
	WaitCount  int           `json:"wait_count,omitempty"`
	Deadline   time.Duration `json:"deadline"`
	// Divergence is the report that the action works on.
	Divergence *Divergence `json:"divergence,omitempty"`
	// Lease is what an ActArm or ActOpen writes into the guard row, nil where no guard is wanted.
	Lease *LeaseOrder `json:"lease,omitempty"`
	// Session is the pinned connection that the action must run on, as Result.Session named it:
	// on any other it fails and touches nothing. Empty: whichever there is.
	Session string `json:"session,omitempty"`
}

// Result is the outcome of an action, reported to the next decision.
type Result struct {
	Action Action
	At     time.Time
	By     string // the node that acted
	Err    string // empty when the action was done or already done
	// Offline tells that a fence had to use offline_mode, read_only not being reached.
	Offline bool
	// Facts is the server's state read on the same connection after the effect; for ActRevoke
	// that is after the receiver was read back as stopped.
	Facts *topology.Facts
	// Report is the summary of a capture or comparison.
	Report *Divergence
	// Settled is how a report stands after a replay or a rewind, also after one that failed; nil when unknown.
	Settled *JobOutcome
	// Session names the pinned connection the action ran on, unique over nodes, terms and
	// connections: two results with one name were read on one unbroken connection that held the
	// server's lock all the time. Empty when there was none.
	Session string
}

// Decision is what Decide answers.
type Decision struct {
	Next    State
	Actions []Action
	Events  []Event // for the history
	Reason  string  // the sentence that log, API, CLI and tests print
}

// Event is one entry of a cluster's history.
type Event struct {
	ID         string           `json:"id"`
	At         time.Time        `json:"at"`
	Kind       string           `json:"kind"`
	Cluster    string           `json:"cluster"`
	Epoch      uint64           `json:"epoch"`
	Decision   string           `json:"decision"`
	Reason     string           `json:"reason"`
	By         string           `json:"by,omitempty"`
	Candidates []policy.Verdict `json:"candidates"`
	Evidence   []Evidence       `json:"evidence"`
	Steps      []Step           `json:"steps"`
	Lost       *int64           `json:"lost_estimate"`
	// Failed tells that what was begun was given up: an aborted recovery, a clone that did not work.
	Failed bool `json:"failed,omitempty"`
}
