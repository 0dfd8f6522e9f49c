package mysqld

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// ErrDown says that the server has no process; start it first.
var ErrDown = errors.New("server is down")

// ErrExited says that mysqld ended before it answered.
var ErrExited = errors.New("mysqld ended")

// restartCode is the exit code by which mysqld asks its supervisor to start it
// again, after RESTART and CLONE (manual, "RESTART Statement").
const restartCode = 16

// readyPoll is how often a starting server is asked whether it answers.
const readyPoll = 25 * time.Millisecond

// State of an instance's process.
type State string

// The states of an instance.
const (
	Down    State = "down"
	Running State = "running"
	Paused  State = "paused"
)

// Hooks are what an instance takes from its surroundings.
type Hooks struct {
	// Launch starts a command, in the network where the instance belongs. The
	// process must be a child of the caller's. Nil starts it right here.
	Launch func(*exec.Cmd) error
	// Log receives starts and ends; nil discards them.
	Log *slog.Logger
}

// Server is an instance under supervision. Its methods may be called
// concurrently.
type Server struct {
	spec  Spec
	in    *Installation
	admin Account
	hooks Hooks
	extra []string

	mu      sync.Mutex
	process *process
}

// process is one supervised life of an instance, over any number of restarts
// that mysqld asked for.
type process struct {
	cmd    *exec.Cmd
	killed bool
	paused bool
	ended  chan struct{}
	err    error
}

// NewServer describes an instance that Spec.Create has made. Nothing runs yet.
func NewServer(in *Installation, admin Account, spec Spec, hooks Hooks) *Server {
	if hooks.Launch == nil {
		hooks.Launch = (*exec.Cmd).Start
	}
	if hooks.Log == nil {
		hooks.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{spec: spec, in: in, admin: admin, hooks: hooks}
}

// Spec is the instance's description.
func (s *Server) Spec() Spec { return s.spec }

// Start launches the instance and returns when it answers on its socket. A
// server that runs already is only waited for. The error wraps ErrExited and
// quotes the end of the error log when mysqld gave up.
func (s *Server) Start(ctx context.Context) error {
	p, err := s.begin()
	if err != nil {
		return err
	}
	db, err := s.Open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for db.PingContext(ctx) != nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("mysqld: start %s: %w; see %s", s.spec.Name, context.Cause(ctx), s.spec.ErrorLog())
		case <-p.ended:
			return fmt.Errorf("mysqld: start %s: %w: %w: %s", s.spec.Name, ErrExited, p.err, s.logTail())
		case <-ticker.C:
		}
	}
	return nil
}

// begin answers the running process or launches one with its supervisor.
func (s *Server) begin() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return s.process, nil
	}
	cmd, err := s.launch()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	s.process = p
	go s.supervise(p)
	return p, nil
}

// launch starts mysqld once. The variable tells it that its parent will start
// it again; without it RESTART is refused and CLONE leaves it down.
func (s *Server) launch() (*exec.Cmd, error) {
	command := s.in.ServerCommand(s.spec.defaults(), append(s.spec.flags(), s.extra...)...)
	console, err := os.OpenFile(s.spec.path("console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("mysqld: start %s: %w", s.spec.Name, err)
	}
	defer func() { _ = console.Close() }()
	//nolint:noctx // the process outlives the request that starts it; supervise and Kill end it.
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "MYSQLD_PARENT_PID="+strconv.Itoa(os.Getpid()))
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.hooks.Launch(cmd); err != nil {
		return nil, fmt.Errorf("mysqld: start %s: %w", s.spec.Name, err)
	}
	s.hooks.Log.Info("mysqld started", "server", s.spec.Name, "pid", cmd.Process.Pid)
	return cmd, nil
}

// supervise waits for mysqld and starts it again for as long as it asks.
func (s *Server) supervise(p *process) {
	defer close(p.ended)
	for {
		err := p.cmd.Wait()
		again := s.exited(p, err)
		if !again {
			return
		}
	}
}

// exited records the end of one run and reports whether mysqld runs again.
func (s *Server) exited(p *process, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var exit *exec.ExitError
	if !p.killed && errors.As(err, &exit) && exit.ExitCode() == restartCode {
		var cmd *exec.Cmd
		if cmd, err = s.launch(); err == nil {
			p.cmd = cmd
			return true
		}
	}
	s.hooks.Log.Info("mysqld ended", "server", s.spec.Name, "killed", p.killed, "result", fmt.Sprint(err))
	p.err = err
	s.process = nil
	return false
}

// Kill ends the instance with SIGKILL and returns when the process is gone.
// Killing a server that is down does nothing.
func (s *Server) Kill() error { return s.end(context.Background(), syscall.SIGKILL) }

// Stop shuts the instance down cleanly.
func (s *Server) Stop(ctx context.Context) error { return s.end(ctx, syscall.SIGTERM) }

// Close kills the instance if it runs; it is for cleaning up.
func (s *Server) Close() { _ = s.Kill() }

func (s *Server) end(ctx context.Context, signal syscall.Signal) error {
	s.mu.Lock()
	p := s.process
	if p == nil {
		s.mu.Unlock()
		return nil
	}
	p.killed = true
	err := p.cmd.Process.Signal(signal)
	s.mu.Unlock()
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("mysqld: end %s: %w", s.spec.Name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("mysqld: end %s: %w", s.spec.Name, context.Cause(ctx))
	}
}

// Pause stops the process with SIGSTOP: a hung host, whose kernel still
// accepts connections. The error wraps ErrDown when there is no process.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP, true) }

// Resume lets a paused process go on.
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT, false) }

func (s *Server) signal(signal syscall.Signal, paused bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return fmt.Errorf("mysqld: %s: %w", s.spec.Name, ErrDown)
	}
	if err := s.process.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("mysqld: signal %s: %w", s.spec.Name, err)
	}
	s.process.paused = paused
	return nil
}

// Status is the state of the process and its id, which is 0 when down.
func (s *Server) Status() (State, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.process == nil:
		return Down, 0
	case s.process.paused:
		return Paused, s.process.cmd.Process.Pid
	default:
		return Running, s.process.cmd.Process.Pid
	}
}

// Open answers a pool of the administrator's connections over the socket,
// which no cut of a network touches.
func (s *Server) Open() (*sql.DB, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr = "unix", s.spec.Socket
	config.User, config.Passwd = s.admin.User, s.admin.Password
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("mysqld: connect to %s: %w", s.spec.Name, err)
	}
	return sql.OpenDB(connector), nil
}

// logTail is the end of the error log, where mysqld says why it gave up.
func (s *Server) logTail() string {
	text, err := os.ReadFile(s.spec.ErrorLog())
	if err != nil {
		return err.Error()
	}
	return tail(string(text), 4)
}
