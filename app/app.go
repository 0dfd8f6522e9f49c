package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/config"
	"github.com/regentdb/regent/controller"
	"github.com/regentdb/regent/executor"
	"github.com/regentdb/regent/guard"
	"github.com/regentdb/regent/metrics"
	"github.com/regentdb/regent/notify"
	"github.com/regentdb/regent/observer"
	"github.com/regentdb/regent/raftnode"
	"github.com/regentdb/regent/raftnode/fsm"
)

// Options are what a node is told besides its file. All may be left empty.
type Options struct {
	Logger *slog.Logger
	// Version is the release that runs.
	Version string
	// NotifySocket is where systemd wants to hear that the node is ready, the value of NOTIFY_SOCKET.
	NotifySocket string
	// Trap is for tests: it is called at the labelled points of a recovery, see controller.Config.
	Trap func(point string)
}

// App is one node. Its parts are made by New and run by Run.
type App struct {
	options  Options
	logger   *slog.Logger
	cfg      config.NodeFile
	accounts *accounts
	tokens   api.Tokens

	node       *raftnode.Node
	listener   net.Listener
	log        *agreement
	peers      *peers
	observer   *observer.Observer
	executor   *executor.Executor
	controller *controller.Controller
	reconciler *reconciler
	hook       *notify.Hook
	upkeep     *upkeep
	keptLogs   *keptLogs
	reports    *reports
	copies     *copies
	guard      *guard.Renewer
	metrics    *metrics.Metrics
	api        *api.Server
}

// New checks all that a node needs, opens its data directory and binds its addresses. Nothing is served
// and nobody is asked before Run. Errors name what is wrong and what to do.
func New(ctx context.Context, cfg config.NodeFile, options Options) (*App, error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	a := &App{cfg: cfg, options: options, logger: options.Logger}
	if err := a.loadSecrets(ctx); err != nil {
		return nil, err
	}
	encryption, err := serverTLS(cfg.API.TLS)
	if err != nil {
		return nil, err
	}
	moved := &bell{}
	m := machine{Machine: fsm.New(), moved: moved}
	if a.node, err = raftnode.Open(ctx, a.raftConfig(), m); err != nil {
		return nil, err
	}
	var listen net.ListenConfig
	if a.listener, err = listen.Listen(ctx, "tcp", cfg.API.Listen); err != nil {
		return nil, errors.Join(fmt.Errorf("app: api.listen: %w; free the address, or choose another", err), a.node.Close())
	}
	a.log = newAgreement(a.node, m)
	a.wireSight()
	a.wireDecision(moved)
	a.wireService(moved, encryption)
	return a, nil
}

// API is the address on which the API listens.
func (a *App) API() net.Addr { return a.listener.Addr() }

// loadSecrets reads what New can already know to be wrong.
func (a *App) loadSecrets(ctx context.Context) error {
	tokens, warnings, err := config.LoadTokens(a.cfg.API.TokensFile)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		a.logger.WarnContext(ctx, "tokens file", "warning", w.String())
	}
	for _, t := range tokens {
		known := api.Token{Name: t.Name, SHA256: t.SHA256}
		for _, r := range t.Roles {
			known.Roles = append(known.Roles, api.Role(r))
		}
		a.tokens = append(a.tokens, known)
	}
	a.accounts = &accounts{node: a.cfg.Node.ID, cfg: a.cfg.MySQL, timeout: a.cfg.Probe.Timeout}
	if a.accounts.tls, err = clientTLS(a.cfg.MySQL.TLS); err != nil {
		return err
	}
	_, err = a.accounts.options()
	return err
}

func (a *App) raftConfig() raftnode.Config {
	c := raftnode.Config{
		ID: a.cfg.Node.ID, Site: a.cfg.Node.Site, Region: a.cfg.Node.Region, Listen: a.cfg.Raft.Listen,
		DataDir: a.cfg.Node.DataDir, Logger: a.logger,
	}
	for _, p := range a.cfg.Raft.Peers {
		c.Peers = append(c.Peers, raftnode.Peer{ID: p.ID, Address: p.Address})
	}
	if t := a.cfg.Raft.TLS; t != nil {
		c.TLS = &raftnode.TLSFiles{Cert: t.Cert, Key: t.Key, CA: t.CA}
	}
	return c
}

// Run takes part in the group until ctx ends, and then stops in order. It returns nil after an orderly
// stop, and the error of the part that failed otherwise.
func (a *App) Run(ctx context.Context) error {
	return runStages(ctx, []stage{
		{"notify", a.hook.Run},
		{"observer", a.observer.Run},
		{"raft", a.node.Run},
		{"leadership", a.log.run},
		{"upkeep", a.upkeep.run},
		{"kept logs", a.keptLogs.run},
		{"copies", a.copies.run},
		{"guard", a.guard.Run},
		{"controller", a.controller.Run},
		{"watchdog", (&watchdog{hanging: a.controller.Hanging, stepDown: a.node.StepDown, logger: a.logger}).run},
		{"api", a.serve},
	})
}

// serve answers the API and tells systemd.
func (a *App) serve(ctx context.Context) error {
	a.tell(ctx, serviceReady)
	a.logger.InfoContext(ctx, "node is up", "node", a.cfg.Node.ID, "version", a.options.Version,
		"api", a.listener.Addr().String(), "raft", a.cfg.Raft.Listen, "data_dir", a.cfg.Node.DataDir)
	err := a.api.Serve(ctx, a.listener)
	a.tell(context.WithoutCancel(ctx), serviceStopping)
	return err
}

func (a *App) tell(ctx context.Context, state string) {
	if err := tellSystemd(ctx, a.options.NotifySocket, state); err != nil {
		a.logger.WarnContext(ctx, "systemd was not told", "state", state, "error", err)
	}
}
