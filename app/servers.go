package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"github.com/regentdb/regent/config"
	"github.com/regentdb/regent/executor"
	"github.com/regentdb/regent/mysql"
	"github.com/regentdb/regent/observer"
	"github.com/regentdb/regent/topology"
)

// accounts give access to the managed servers.
type accounts struct {
	node string
	cfg  config.MySQL
	tls  *tls.Config
	// timeout bounds the opening of a connection.
	timeout time.Duration
}

// options reads the passwords, so that a rotated one is taken up by the next connection.
func (a *accounts) options() (mysql.Options, error) {
	o := mysql.Options{Node: a.node, TLS: a.tls, DialTimeout: a.timeout}
	o.Control.User, o.Replication.User = a.cfg.User, a.cfg.ReplicationUser
	var err error
	if o.Control.Password, err = config.ReadSecret(a.cfg.PasswordFile); err != nil {
		return mysql.Options{}, fmt.Errorf("app: mysql.password_file: %w", err)
	}
	if o.Replication.Password, err = config.ReadSecret(a.cfg.ReplicationPasswordFile); err != nil {
		return mysql.Options{}, fmt.Errorf("app: mysql.replication_password_file: %w", err)
	}
	return o, nil
}

// server describes a server with the passwords of now.
func (a *accounts) server(s topology.Server) (*mysql.Server, error) {
	o, err := a.options()
	if err != nil {
		return nil, err
	}
	return mysql.NewServer(s.Name, s.Address, o), nil
}

// lock opens a session that holds the lock of the cluster on a server.
func (a *accounts) lock(ctx context.Context, cluster string, s topology.Server, term uint64) (executor.Session, error) {
	server, err := a.server(s)
	if err != nil {
		return nil, err
	}
	session, err := server.Lock(ctx, mysql.Lease{Cluster: cluster, Term: term})
	if err != nil {
		return nil, err // Not a nil session in an interface that is not nil.
	}
	return session, nil
}

// observed is a server as the observer uses it.
type observed struct {
	accounts *accounts
	server   topology.Server

	mu     sync.Mutex
	prober *mysql.Prober // nil: the next probe opens a connection
}

func (a *accounts) observed(s topology.Server) observer.Server {
	return &observed{accounts: a, server: s}
}

// Observe reads the server's state on the persistent connection.
func (o *observed) Observe(ctx context.Context) (*topology.Facts, error) {
	prober, err := o.probing()
	if err != nil {
		return nil, err
	}
	return prober.Observe(ctx)
}

func (o *observed) probing() (*mysql.Prober, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.prober == nil {
		s, err := o.accounts.server(o.server)
		if err != nil {
			return nil, err
		}
		o.prober = s.Prober()
	}
	return o.prober, nil
}

// Watch blocks until another connection breaks.
func (o *observed) Watch(ctx context.Context) error {
	s, err := o.accounts.server(o.server)
	if err != nil {
		return err
	}
	return s.Watch(ctx)
}

// Close ends the persistent connection.
func (o *observed) Close() {
	o.mu.Lock()
	prober := o.prober
	o.prober = nil
	o.mu.Unlock()
	if prober != nil {
		prober.Close()
	}
}
