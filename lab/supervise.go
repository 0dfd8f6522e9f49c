package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/lab/mysqld"
)

// supervisor holds a lab and serves its control sockets.
type supervisor struct {
	layout layout
	log    *slog.Logger
	stop   context.CancelFunc

	mu      sync.Mutex
	lab     *Lab // nil until it is up.
	failure error
	lines   []string // of progress.
}

// Supervise makes the lab that is described in a directory and keeps it until
// ctx ends or somebody asks it to end over the control socket.
func Supervise(ctx context.Context, dir string, log *slog.Logger) error {
	where, err := openLayout(dir)
	if err != nil {
		return err
	}
	described, err := loadSpec(where)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &supervisor{layout: where, log: log, stop: stop}
	control, err := listen(ctx, where.control())
	if err != nil {
		return err
	}
	execs, err := listen(ctx, where.exec())
	if err != nil {
		return errors.Join(err, control.Close())
	}
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return ignoreClosed(server.Serve(control)) })
	work.Go(func() error { return s.serveExecs(ctx, execs) })
	work.Go(func() error { return s.hold(ctx, described) })
	work.Go(func() error {
		<-ctx.Done()
		return errors.Join(execs.Close(), server.Close())
	})
	return work.Wait()
}

func listen(ctx context.Context, path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("lab: %w: %w", ErrDirectory, err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("lab: control socket %s: %w; the path of a socket has room for 107 characters", path, err)
	}
	unix, ok := listener.(*net.UnixListener)
	if !ok {
		return nil, fmt.Errorf("lab: control socket %s: unexpected listener %T", path, listener)
	}
	return unix, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// hold makes the lab and keeps it until ctx ends. A lab that does not come up
// leaves the supervisor running, so that the reason can be asked for.
func (s *supervisor) hold(ctx context.Context, described spec) error {
	lab, err := build(ctx, Options{
		Dir: s.layout.dir, Topology: described.Topology, NoNodes: len(described.Topology.Nodes) == 0, Exe: described.Exe,
		MySQL: mysqld.FromEnvironment(s), Log: s.log, Progress: s,
	})
	s.mu.Lock()
	s.lab, s.failure = lab, err
	s.mu.Unlock()
	if err != nil {
		s.log.ErrorContext(ctx, "lab did not come up", "error", err)
	}
	<-ctx.Done()
	if lab == nil {
		return nil
	}
	return lab.halt()
}

// Write takes progress in, as an io.Writer of whole lines.
func (s *supervisor) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(string(text)) {
		s.lines = append(s.lines, strings.TrimSuffix(line, "\n"))
	}
	return len(text), nil
}

// errStarting says that the lab is not up yet.
var errStarting = errors.New("the lab is not up yet")

// up answers the lab, once it is up.
func (s *supervisor) up() (*Lab, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.lab != nil:
		return s.lab, nil
	case s.failure != nil:
		return nil, s.failure
	default:
		return nil, errStarting
	}
}
