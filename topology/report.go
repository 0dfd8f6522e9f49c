package topology

import "time"

// Reach is how one node fares with one server.
type Reach string

// Kinds of reach.
const (
	ReachUnknown Reach = "unknown" // no attempt has finished yet
	ReachOK      Reach = "ok"      // the last attempt was answered
	ReachRefused Reach = "refused" // connections are closed or refused at once
	ReachSilent  Reach = "silent"  // no answer on any connection
	ReachDenied  Reach = "denied"  // the server answers and refuses this account or statement
)

// Never is the age of something that did not happen.
const Never = time.Duration(-1)

// Sight is one node's latest knowledge of one server. Durations are ages at the time of sending,
// on the observer's monotonic clock.
type Sight struct {
	Server string `json:"server"`
	Reach  Reach  `json:"reach"`
	// Since is how long Reach has been what it is.
	Since time.Duration `json:"since"`
	// LastAnswer is the age of Facts, Never when the server has not answered this node.
	LastAnswer time.Duration `json:"last_answer"`
	// ConnectionLost tells that an existing connection to UUID was closed by the other end
	// since the last answer.
	ConnectionLost bool `json:"connection_lost"`
	// Refusals counts new connections refused in a row since the last answer.
	Refusals int    `json:"refusals"`
	Error    string `json:"error,omitempty"`
	// Began and Ended place the answer on the observer's monotonic clock, so that two answers
	// seen by one observer can be ordered.
	Began time.Duration `json:"began"`
	Ended time.Duration `json:"ended"`
	Facts *Facts        `json:"facts,omitempty"`
}

// PeerSight is how long ago a node heard from another node, Never if not at all.
type PeerSight struct {
	Node string        `json:"node"`
	Age  time.Duration `json:"age"`
}

// Report is what one node tells the others: all its sights of servers and of nodes.
type Report struct {
	Node   string      `json:"node"`
	Site   string      `json:"site"`
	Region string      `json:"region"`
	Boot   string      `json:"boot"` // unique per process, so that a restarted node's sequence starts anew
	Seq    uint64      `json:"seq"`
	Peers  []PeerSight `json:"peers"`
	Sights []Sight     `json:"sights"`
}

// Received is a report with its age at the receiver.
type Received struct {
	Report Report
	Age    time.Duration
}
