package workload

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrConfig says that a workload cannot be run as asked.
var ErrConfig = errors.New("bad workload")

// Config describes a run of writers from one region.
type Config struct {
	// Run names the run; keys and attempt ids begin with it, so it must differ
	// from that of every other run on the same cluster.
	Run string
	// Region is where the writers are.
	Region string
	// Servers are those of the cluster.
	Servers []Endpoint
	// User and Password are the application's account.
	User, Password string
	// Kind is InsertOnly or Mixed.
	Kind Kind
	// Contend is the share of row changes in the pool of keys that all writers
	// share, of the Mixed kind: between 0 and 1.
	Contend float64
	// Seed determines what is written.
	Seed uint64
	// Connections is the number of writers, one connection each.
	Connections int
	// Rate is the number of attempts per second of all writers together. A
	// writer whose attempts take longer than its share allows falls behind.
	Rate float64
	// Duration ends the run; 0 leaves that to the context.
	Duration time.Duration
	// ConnectTimeout bounds a connection attempt and a question to a server.
	ConnectTimeout time.Duration
	// WriteTimeout bounds an attempt; after it the outcome is unknown and the
	// writer looks for another server.
	WriteTimeout time.Duration
	// KeepConnections makes writers stay on their first connection whatever
	// happens, and wait for an answer as long as the run lasts.
	KeepConnections bool
	// Ledger receives one line per attempt.
	Ledger io.Writer
}

// Default is the Config of `regent lab write` without flags, less what only the
// lab knows: the run, the servers, the account and the ledger.
func Default() Config {
	return Config{
		Kind: InsertOnly, Contend: 0.2, Seed: 1, Connections: 8, Rate: 200, Duration: 10 * time.Second,
		ConnectTimeout: time.Second, WriteTimeout: time.Second,
	}
}

// validate reports the first thing that is wrong, wrapping ErrConfig.
func (c Config) validate() error {
	wrong := func(format string, arguments ...any) error {
		return fmt.Errorf("workload: %w: "+format, append([]any{ErrConfig}, arguments...)...)
	}
	switch {
	case c.Kind != InsertOnly && c.Kind != Mixed:
		return wrong("there is no workload %q; take insert or mixed", c.Kind)
	case c.Contend < 0 || c.Contend > 1:
		return wrong("a share of %v in the shared keys is not between 0 and 1", c.Contend)
	case c.Connections < 1:
		return wrong("%d connections; at least one is needed", c.Connections)
	case c.Rate <= 0:
		return wrong("%v writes per second; the rate must be positive", c.Rate)
	case c.Duration < 0 || c.ConnectTimeout <= 0 || c.WriteTimeout <= 0:
		return wrong("durations must be positive")
	case len(c.Servers) == 0:
		return wrong("there are no servers")
	case c.Run == "" || c.Region == "" || c.Ledger == nil:
		return wrong("the run, the region and the ledger must be given")
	}
	return nil
}
