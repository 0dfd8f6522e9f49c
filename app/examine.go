package app

import (
	"context"

	"github.com/regentdb/regent/config"
	"github.com/regentdb/regent/mysql"
	"github.com/regentdb/regent/topology"
)

// Examiner reads what a preflight looks at, with the accounts of a node file. Nothing is changed.
type Examiner struct{ accounts *accounts }

// NewExaminer reads the secrets of the node file; the error names the key whose file is at fault.
func NewExaminer(cfg config.NodeFile) (*Examiner, error) {
	a := &accounts{node: cfg.Node.ID, cfg: cfg.MySQL, timeout: cfg.Probe.Timeout}
	var err error
	if a.tls, err = clientTLS(cfg.MySQL.TLS); err != nil {
		return nil, err
	}
	if _, err = a.options(); err != nil {
		return nil, err
	}
	return &Examiner{accounts: a}, nil
}

// Examine reads a server's state and what the accounts on it may do.
func (e *Examiner) Examine(ctx context.Context, s topology.Server) (*topology.Facts, mysql.Privileges, error) {
	server, err := e.accounts.server(s)
	if err != nil {
		return nil, mysql.Privileges{}, err
	}
	prober := server.Prober()
	defer prober.Close()
	facts, err := prober.Observe(ctx)
	if err != nil {
		return nil, mysql.Privileges{}, err
	}
	rights, err := server.Privileges(ctx)
	return facts, rights, err
}

// Logging reads what decides whether a divergence of a server could be listed row by row.
func (e *Examiner) Logging(ctx context.Context, s topology.Server) (mysql.Logging, error) {
	server, err := e.accounts.server(s)
	if err != nil {
		return mysql.Logging{}, err
	}
	return server.Logging(ctx)
}
