package lab

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/regentdb/regent/lab/mysqld"
	"github.com/regentdb/regent/lab/workload"
)

// WriteOptions describe writers inside a region.
type WriteOptions struct {
	// From is the region of the writers.
	From string `json:"from"`
	// Ledger is the file for the attempts; a file that is there is replaced.
	Ledger string `json:"ledger"`

	Kind            workload.Kind `json:"kind"`
	Contend         float64       `json:"contend"`
	Seed            uint64        `json:"seed"`
	Connections     int           `json:"connections"`
	Rate            float64       `json:"rate"`
	Duration        time.Duration `json:"duration"`
	ConnectTimeout  time.Duration `json:"connect_timeout"`
	WriteTimeout    time.Duration `json:"write_timeout"`
	KeepConnections bool          `json:"keep_connections"`
}

// DefaultWrite are the options of `regent lab write` without flags.
func DefaultWrite() WriteOptions {
	d := workload.Default()
	return WriteOptions{
		Kind: d.Kind, Contend: d.Contend, Seed: d.Seed, Connections: d.Connections, Rate: d.Rate, Duration: d.Duration,
		ConnectTimeout: d.ConnectTimeout, WriteTimeout: d.WriteTimeout,
	}
}

// Write runs writers inside a region until their duration or ctx ends, and
// answers what they did. Exe is the regent binary, which runs there as
// `regent lab write --inside`.
func (c *Client) Write(ctx context.Context, exe string, options WriteOptions) (workload.Summary, error) {
	var err error
	if options.Ledger, err = filepath.Abs(options.Ledger); err != nil {
		return workload.Summary{}, fmt.Errorf("lab: ledger %s: %w", options.Ledger, err)
	}
	described, err := json.Marshal(options)
	if err != nil {
		return workload.Summary{}, fmt.Errorf("lab: write: %w", err)
	}
	answer, result, err := os.Pipe()
	if err != nil {
		return workload.Summary{}, fmt.Errorf("lab: write: %w", err)
	}
	defer func() { _ = answer.Close() }()
	code, err := c.Exec(ctx, Command{
		Region: options.From, Argv: []string{exe, "lab", "write", "--dir", c.layout.dir, "--inside", string(described)},
		Stdin: os.Stdin, Stdout: result, Stderr: os.Stderr,
	})
	_ = result.Close()
	if err != nil {
		return workload.Summary{}, err
	}
	var summary workload.Summary
	if err := json.NewDecoder(answer).Decode(&summary); err != nil || code != 0 {
		return summary, fmt.Errorf("lab: the writers in %s ended with status %d; standard error says why", options.From, code)
	}
	return summary, nil
}

// WriteInside is the part of Write that runs inside the region. The options
// are those that Write passed, as JSON; so is the answer.
func (c *Client) WriteInside(ctx context.Context, described string) (workload.Summary, error) {
	var o WriteOptions
	if err := json.Unmarshal([]byte(described), &o); err != nil {
		return workload.Summary{}, fmt.Errorf("lab: write: %w", err)
	}
	status, err := c.Status(ctx)
	if err != nil {
		return workload.Summary{}, err
	}
	ledger, err := os.Create(o.Ledger)
	if err != nil {
		return workload.Summary{}, fmt.Errorf("lab: ledger: %w", err)
	}
	defer func() { _ = ledger.Close() }()
	config := workload.Config{
		Run: strconv.FormatInt(time.Now().UnixMilli(), 36), Region: o.From,
		User: status.MySQL.AppUser, Password: status.MySQL.AppPassword, Ledger: ledger,
		Kind: o.Kind, Contend: o.Contend, Seed: o.Seed, Connections: o.Connections, Rate: o.Rate, Duration: o.Duration,
		ConnectTimeout: o.ConnectTimeout, WriteTimeout: o.WriteTimeout, KeepConnections: o.KeepConnections,
	}
	for _, s := range status.Servers {
		config.Servers = append(config.Servers, workload.Endpoint{Name: s.Name, Region: s.Region, Address: s.Address.String()})
	}
	summary, err := workload.Run(ctx, config)
	if closeErr := ledger.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("lab: ledger: %w", closeErr)
	}
	return summary, err
}

// Verification is a comparison of one server's rows with ledgers.
type Verification struct {
	Server   string             `json:"server"`
	Attempts int                `json:"attempts"`
	Rows     int                `json:"rows"`
	Findings []workload.Finding `json:"findings"`
}

// Verify compares the rows of a server with the ledgers of all writers. The
// error wraps ErrUnknown for a server that the lab does not have.
func (c *Client) Verify(ctx context.Context, server string, ledgers ...string) (Verification, error) {
	v := Verification{Server: server, Findings: []workload.Finding{}}
	attempts, err := workload.ReadLedger(ledgers...)
	if err != nil {
		return v, err
	}
	db, err := c.OpenServer(ctx, server)
	if err != nil {
		return v, err
	}
	defer func() { _ = db.Close() }()
	rows, err := workload.ReadRows(ctx, db)
	if err != nil {
		return v, fmt.Errorf("lab: verify %s: %w", server, err)
	}
	v.Attempts, v.Rows = len(attempts), len(rows)
	v.Findings = append(v.Findings, workload.Check(attempts, rows)...)
	return v, nil
}

// OpenServer answers a pool of the administrator's connections to a server, by
// its socket, which no cut touches. The caller closes it. The error wraps
// ErrUnknown for a server that the lab does not have.
func (c *Client) OpenServer(ctx context.Context, name string) (*sql.DB, error) {
	status, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range status.Servers {
		if s.Name == name {
			return mysqld.Dial(s.Socket, mysqld.Account{User: status.MySQL.AdminUser, Password: status.MySQL.AdminPassword})
		}
	}
	return nil, fmt.Errorf("lab: server %s: %w", name, ErrUnknown)
}
