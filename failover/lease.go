package failover

import "time"

// LeaseOrder is what a guard row is to hold.
type LeaseOrder struct {
	Epoch      uint64        `json:"epoch"`
	SetVersion uint64        `json:"set_version"` // raised by every change of the row that is not a renewal
	Candidates []string      `json:"candidates"`  // who must answer a failsafe renewal, sorted
	Serve      bool          `json:"serve"`       // failsafe renewal is allowed
	TTL        time.Duration `json:"ttl"`
	// Fresh begins a new lease of TTL and clears a fault; without it the expiry stays as it is.
	Fresh bool `json:"fresh,omitempty"`
}
