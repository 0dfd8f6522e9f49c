package topology

import "time"

// Lease is the in-server guard of a server as one probe found it. Ages and remainders are by the
// server's own clock, which a step may move.
type Lease struct {
	UUID       string        `json:"uuid"` // server_uuid in the row
	Epoch      uint64        `json:"epoch"`
	SetVersion uint64        `json:"set_version"`
	Candidates []string      `json:"candidates,omitempty"` // names, sorted
	Serve      bool          `json:"serve"`                // failsafe renewal is allowed (on_isolation: serve)
	TTL        time.Duration `json:"ttl"`                  // max_ttl of the row
	Remaining  time.Duration `json:"remaining"`            // expiry - NOW(6); negative: expired
	// TickAge is NOW(6) - tick, Never when it never ticked; below zero a tick lies in the future,
	// because the clock was set back.
	TickAge time.Duration `json:"tick_age"`
	// Enabled tells that the event exists, is ENABLED and carries this row's epoch and uuid.
	Enabled   bool `json:"enabled"`
	Scheduler bool `json:"scheduler"` // event_scheduler is ON
	// Fault is what a renewer wrote into the row when it disarmed it, such as a step of the
	// server's clock; empty while nothing was found. Arming anew clears it.
	Fault string `json:"fault,omitempty"`
}

// TickLimit is the age of a tick beyond which the guard does not count: its event does not run.
const TickLimit = 3 * time.Second
