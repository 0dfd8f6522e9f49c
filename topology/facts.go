package topology

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/regentdb/regent/gtid"
)

// Server is the declared identity of a MySQL server. Region and site come from the replicated
// configuration, never from a query against the server.
type Server struct {
	Name    string `json:"name"`
	Address string `json:"address"` // host:port
	Region  string `json:"region"`
	Site    string `json:"site"`
}

// Facts is one server's answer to one probe.
type Facts struct {
	UUID     string `json:"uuid"`
	Version  string `json:"version"`
	ServerID uint32 `json:"server_id"`
	// Boot is the run of the server's process that answered.
	Boot Boot `json:"boot"`
	// Start tells start configurations apart, as far as SQL shows them: where the variables that are set
	// only at the start come from. Empty where the answer does not tell.
	Start string `json:"start,omitempty"`
	// Variables are global variables by name, lower case, as the server prints them.
	Variables map[string]string `json:"variables"`
	// Persisted are the variables in the persisted configuration file.
	Persisted map[string]string `json:"persisted"`
	// Status are global status values by name, lower case.
	Status   map[string]string `json:"status"`
	Executed gtid.Set          `json:"executed"`
	Purged   gtid.Set          `json:"purged"`
	Source   *Upstream         `json:"source,omitempty"` // nil: no replication channel is configured
	// Replicas are the servers whose receivers are attached right now.
	Replicas []Attached `json:"replicas,omitempty"`
	// Applications counts connections that are neither regent's nor replication's.
	Applications int `json:"applications"`
	// Commits are those that have not ended.
	Commits Commits `json:"commits"`
	// Closing tells that a change of read_only is pending: new writes wait behind it. The variables need not
	// show it: of two that were pending the end of one sets super_read_only back.
	Closing bool `json:"closing,omitempty"`
	// Lease is the in-server guard, nil when the server has no guard row.
	Lease *Lease `json:"lease,omitempty"`
}

// ThreadState is the state of a replication thread.
type ThreadState string

// States of the receiver and the applier.
const (
	ThreadOn         ThreadState = "on"
	ThreadConnecting ThreadState = "connecting"
	ThreadOff        ThreadState = "off"
)

// Upstream is a replica's channel to its source.
type Upstream struct {
	UUID            string        `json:"uuid"`
	Host            string        `json:"host"`
	Port            int           `json:"port"`
	Receiver        ThreadState   `json:"receiver"`
	Applier         ThreadState   `json:"applier"`
	ReceiverError   string        `json:"receiver_error,omitempty"`
	ApplierError    string        `json:"applier_error,omitempty"`
	Received        gtid.Set      `json:"received"`
	Heartbeats      uint64        `json:"heartbeats"`
	AutoPosition    bool          `json:"auto_position"`
	ConnectRetry    int           `json:"connect_retry"`
	RetryCount      uint64        `json:"retry_count"`
	HeartbeatPeriod time.Duration `json:"heartbeat_period"`
	Delay           time.Duration `json:"delay"`
	Filtered        bool          `json:"filtered"`
	// SilentFor is how long the observer has seen neither an event nor a heartbeat arrive,
	// measured between two answers on the observer's clock.
	SilentFor time.Duration `json:"silent_for"`
	// LagSeconds is the age of the transaction being applied, nil when unknown.
	LagSeconds *float64 `json:"lag_seconds,omitempty"`
}

// Address is host:port of the source.
func (u *Upstream) Address() string { return net.JoinHostPort(u.Host, strconv.Itoa(u.Port)) }

// Commits are the commits under way on a server.
type Commits struct {
	// Waiting counts the sessions of applications that are in a commit.
	Waiting int `json:"waiting,omitempty"`
	// StuckFor is how long the observer has seen commits wait and no transaction being executed, measured
	// between two answers on the observer's clock.
	StuckFor time.Duration `json:"stuck_for,omitempty"`
}

// Attached is a replica connected to a source.
type Attached struct {
	UUID string `json:"uuid"`
	Host string `json:"host"`
	// Acker tells that the source takes semi-sync acknowledgements from it, declared or not.
	Acker bool `json:"acker,omitempty"`
}

// On reads a boolean variable; a variable that was not seen is false.
func (f *Facts) On(name string) bool { return isOn(f.Variables[name]) }

// StatusOn reads a boolean status value.
func (f *Facts) StatusOn(name string) bool { return isOn(f.Status[name]) }

// Number reads an integer variable; ok is false when it was not seen or is no number.
func (f *Facts) Number(name string) (value uint64, ok bool) {
	value, err := strconv.ParseUint(f.Variables[name], 10, 64)
	return value, err == nil
}

// ReadOnly tells that both read_only and super_read_only were read back as ON.
func (f *Facts) ReadOnly() bool { return f.On("super_read_only") && f.On("read_only") }

// Writable tells that an application without special privileges may write, and is not kept waiting by a
// change of read_only.
func (f *Facts) Writable() bool { return !f.On("read_only") && !f.On("super_read_only") && !f.Closing }

// SemiSyncClients is the number of attached acknowledging replicas. It lags: it still counts
// receivers just stopped.
func (f *Facts) SemiSyncClients() int {
	n, err := strconv.Atoi(f.Status["rpl_semi_sync_source_clients"])
	if err != nil {
		return 0
	}
	return n
}

// BootsReadOnly tells that the next boot with this configuration comes up read-only and without
// replication, as far as the server's own persisted configuration says.
func (f *Facts) BootsReadOnly() bool {
	return f.On("persisted_globals_load") && f.Variables["init_file"] == "" &&
		isOn(f.Persisted["super_read_only"]) && isOn(f.Persisted["skip_replica_start"])
}

// Received is everything the server holds: executed, or received and not yet applied.
func (f *Facts) Received() gtid.Set {
	if f.Source == nil {
		return f.Executed
	}
	return f.Executed.Union(f.Source.Received)
}

// ReplicaAttached tells whether the server with that uuid is attached to this one.
func (f *Facts) ReplicaAttached(uuid string) bool {
	for _, r := range f.Replicas {
		if strings.EqualFold(r.UUID, uuid) {
			return true
		}
	}
	return false
}

func isOn(s string) bool {
	return s == "1" || strings.EqualFold(s, "ON") || strings.EqualFold(s, "TRUE") || strings.EqualFold(s, "YES")
}
