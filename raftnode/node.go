package raftnode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
	"golang.org/x/sync/errgroup"
)

// Node is one member of the group. Open it, register peer handlers, then Run it; every other method may be called from any goroutine at any time.
type Node struct {
	cfg      Config
	logger   *slog.Logger
	machine  Machine
	storage  *storage
	identity *identity
	hadState bool
	// storedIndex is the last entry on disk when the node was opened: until Raft runs it is what the node holds.
	storedIndex uint64
	conns       *conns
	mux         *mux
	dialer      *dialer
	client      *http.Transport
	requests    *http.ServeMux
	server      *http.Server
	contacts    contacts
	feed        feed

	raft    atomic.Pointer[raft.Raft] // nil until the node takes part
	formed  chan verdict
	hung    chan error // why the node must end; capacity one
	closing chan struct{}
	done    chan struct{} // closed when nothing of the node is left
	closed  sync.Once
	running atomic.Bool

	mu     sync.Mutex
	phase  Phase
	reason string
}

// Open checks the configuration, opens the data directory and binds the listener. Nothing is served and no peer is asked before Run.
// Errors match [ErrConfig] or [ErrDataDir] where retrying is useless.
func Open(ctx context.Context, cfg Config, machine Machine) (*Node, error) {
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	creds, err := loadCredentials(cfg.TLS, cfg.Peers)
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, logger: cfg.Logger, machine: machine, requests: http.NewServeMux(),
		conns: &conns{open: map[*conn]struct{}{}}, contacts: contacts{byID: map[string]contact{}}, phase: PhaseForming,
		formed: make(chan verdict, 1), hung: make(chan error, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
	n.dialer = &dialer{peers: cfg.Peers, credentials: creds, timeouts: cfg.Timeouts, conns: n.conns}
	n.client = newPeerTransport(n.dialer)
	n.server = newPeerServer(n.requests, cfg.Timeouts, cfg.Logger)
	n.requests.HandleFunc("GET /"+helloPath, n.serveHello)
	if err := n.openDataDir(); err != nil {
		return nil, err
	}
	if n.mux, err = newMux(ctx, cfg, creds, n.conns); err != nil {
		return nil, errors.Join(err, n.storage.bolt.Close())
	}
	return n, nil
}

// openDataDir opens what is on disk.
func (n *Node) openDataDir() error {
	if err := makeDataDir(n.cfg.DataDir); err != nil {
		return err
	}
	store, err := openStorage(n.cfg, newRaftLogger(n.logger.Handler()))
	if err != nil {
		return err
	}
	n.storage = store
	if n.identity, err = openIdentity(n.cfg.DataDir, n.cfg.ID); err == nil {
		n.hadState, n.storedIndex, err = store.state()
	}
	if err != nil {
		return errors.Join(err, store.bolt.Close())
	}
	return nil
}

// Run takes part in the group until ctx ends, and then leaves in order: a leader hands over first. It returns nil after an
// orderly stop, [ErrClosed] after Close, [ErrSteppedDown] after a StepDown that no peer took, and [ErrStorage] when the data directory failed; the process should then exit non-zero.
func (n *Node) Run(ctx context.Context) error {
	if !n.running.CompareAndSwap(false, true) {
		return fmt.Errorf("%w: Run was called before", ErrClosed)
	}
	services, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group, services := errgroup.WithContext(services)
	group.Go(func() error { return n.mux.serve(services) })
	group.Go(func() error { return n.servePeers(services) })
	group.Go(func() error { return n.meet(services) })

	cause := n.participate(ctx, services, group)
	if errors.Is(cause, ErrStorage) {
		n.setPhase(services, PhaseFailed, cause.Error())
	}
	stopped := n.leave(context.WithoutCancel(ctx), cause == nil && ctx.Err() != nil)
	n.feed.publish(n.leadership())
	end()
	err := errors.Join(n.disconnect(), group.Wait())
	if stopped {
		err = errors.Join(err, n.storage.bolt.Close())
	}
	close(n.done)
	return errors.Join(cause, err)
}

// disconnect ends the listener, the peer requests and every connection.
func (n *Node) disconnect() error {
	err := n.mux.close()
	n.client.CloseIdleConnections()
	return errors.Join(err, n.server.Close())
}

// Close ends the node at once, without handing over, and waits until Run has returned. It also ends a node that was never run.
func (n *Node) Close() error {
	n.closed.Do(func() { close(n.closing) })
	if n.running.CompareAndSwap(false, true) {
		defer close(n.done)
		return errors.Join(n.disconnect(), n.storage.bolt.Close())
	}
	n.conns.close()
	<-n.done
	return nil
}
