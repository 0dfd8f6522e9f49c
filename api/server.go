package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config is what a server is given. Source, Orders, Reports, Settler, Peers, Tokens and Logger are required.
type Config struct {
	Source  Source
	Orders  Orders
	Reports Reports
	Settler Settler
	Peers   Peers
	// Lead hands the leadership of the group to a node.
	Lead   func(ctx context.Context, node string) error
	Tokens Tokens
	// Metrics answers GET /metrics, to viewers.
	Metrics http.Handler
	// TLS is the server's side of TLS; nil serves plain HTTP.
	TLS    *tls.Config
	Logger *slog.Logger
	// AwaitLimit is how long a confirmed change may take before the caller is told to look at the
	// history instead; 10 minutes when zero. A clone may take AwaitLimit as well.
	AwaitLimit time.Duration
	// ProbeInterval is how often the nodes probe each server; declarations that need more are refused.
	ProbeInterval time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Limits of one request and one connection.
const (
	bodyLimit      = 1 << 20
	headerLimit    = 64 << 10
	headerTimeout  = 5 * time.Second
	bodyTimeout    = 30 * time.Second
	answerTimeout  = time.Minute
	idleTimeout    = 2 * time.Minute
	stopTimeout    = 5 * time.Second
	awaitLimit     = 10 * time.Minute
	streamsAllowed = 64
)

// Server answers HTTP. It is made by [New] and changes nothing of its configuration.
type Server struct {
	cfg       Config
	confirmer *confirmer
	routes    *http.ServeMux
	streams   chan struct{} // one token per event stream under way
	stopping  chan struct{} // closed when Serve ends, so that streams end too
	public    http.Handler
	peer      http.Handler
}

// New returns a server that is ready to answer through its handlers.
func New(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.AwaitLimit == 0 {
		cfg.AwaitLimit = awaitLimit
	}
	s := &Server{
		cfg: cfg, confirmer: newConfirmer(), routes: http.NewServeMux(),
		streams: make(chan struct{}, streamsAllowed), stopping: make(chan struct{}),
	}
	for _, r := range s.table() {
		s.routes.Handle(r.method+" "+r.path, s.endpoint(r))
	}
	s.routes.Handle("/", http.HandlerFunc(s.notFound))
	s.public = s.logged(s.recovered(s.stamped(s.authenticated(s.routes))))
	s.peer = enveloped(s.logged(s.recovered(s.stamped(s.vouched(s.routes)))))
	return s
}

// Handler answers callers from outside the group.
func (s *Server) Handler() http.Handler { return s.public }

// ForwardHandler answers requests that another node forwards with its caller's identity. It believes
// that identity: it must be reachable over the peer transport only.
func (s *Server) ForwardHandler() http.Handler { return s.peer }

// Serve answers on the listener until the context ends, then lets requests under way finish for a
// few seconds. It returns nil after an orderly end.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.public,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerLimit,
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	if s.cfg.TLS != nil {
		server.TLSConfig = s.cfg.TLS.Clone()
		server.TLSConfig.NextProtos = []string{"h2", "http/1.1"}
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("api: serve on %s: %w", listener.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-groupCtx.Done()
		close(s.stopping)
		return s.stop(context.WithoutCancel(ctx), server)
	})
	return group.Wait()
}

func (s *Server) stop(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.cfg.Logger.WarnContext(ctx, "requests were still under way at the end; cutting them off")
		err = server.Close()
	}
	if err != nil {
		return fmt.Errorf("api: stop: %w", err)
	}
	return nil
}
