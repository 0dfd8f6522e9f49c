package failover

import (
	"errors"
	"time"

	"github.com/regentdb/regent/policy"
)

// OrderKind is what an operator asks for.
type OrderKind string

// Order kinds.
const (
	OrderFailover  OrderKind = "failover"   // replace the primary; with Override across regions
	OrderClone     OrderKind = "clone"      // rebuild the quarantined Server from From
	OrderAck       OrderKind = "ack"        // acknowledge the last recovery: ends the cooldown
	OrderRelease   OrderKind = "release"    // end a sticky hold
	OrderPause     OrderKind = "pause"      // stop automation
	OrderResume    OrderKind = "resume"     // start automation again
	OrderAckReport OrderKind = "ack_report" // settle the report Report
	OrderReplay    OrderKind = "replay"     // repeat a part of the report Report on the primary
	OrderRewind    OrderKind = "rewind"     // undo on the quarantined Server what the report Report lists
	OrderApprove   OrderKind = "approve"    // let a replay of the report Report begin that another person ordered
	// OrderMaintenance stops automation for TTL at most; OrderMaintenanceEnd ends that earlier.
	OrderMaintenance    OrderKind = "maintenance"
	OrderMaintenanceEnd OrderKind = "maintenance_end"
)

// Order is an operator's request, as it came in.
type Order struct {
	ID       string    `json:"id"`
	Kind     OrderKind `json:"kind"`
	Cluster  string    `json:"cluster"`
	Server   string    `json:"server,omitempty"` // the target of a failover, the recipient of a clone
	From     string    `json:"from,omitempty"`
	Report   string    `json:"report,omitempty"`
	Override bool      `json:"override_region,omitempty"`
	// PoweredOff is the statement that the primary is off, which is evidence against it.
	PoweredOff bool          `json:"powered_off,omitempty"`
	Reason     string        `json:"reason,omitempty"` // also the note of an acknowledgement
	TTL        time.Duration `json:"ttl,omitempty"`
	// Settle is what a replay, a rewind or an acknowledgement of a part is about.
	Settle *Settling `json:"settle,omitempty"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// Preview is what an order would do, before it does it.
type Preview struct {
	Order   Order    `json:"order"`
	Summary string   `json:"summary"`
	Changes []string `json:"changes"`
	Risks   []string `json:"risks,omitempty"`
	// PossibleLoss is the estimate of transactions that the target lacks, -1 when unknown.
	PossibleLoss int64            `json:"possible_loss"`
	Evidence     []Evidence       `json:"evidence,omitempty"`
	Candidates   []policy.Verdict `json:"candidates,omitempty"`
	// Fingerprint binds a confirmation to epoch, state, target, evidence kinds and reachability,
	// never to positions that move with every write.
	Fingerprint string `json:"fingerprint"`
}

// Errors of orders.
var (
	// ErrRefused means that policy or safety forbids the order; the message says what would help.
	ErrRefused = errors.New("refused")
	// ErrUnknownObject means that the order names a server or report that does not exist.
	ErrUnknownObject = errors.New("not found")
	// ErrBadOrder means that the order is incomplete or contradicts itself.
	ErrBadOrder = errors.New("invalid request")
)
