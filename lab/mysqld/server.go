package mysqld

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/regentdb/regent/lab/daemon"
)

// ErrExited says that mysqld ended before it answered.
var ErrExited = errors.New("mysqld ended")

// restartCode is the exit code by which mysqld asks its supervisor to start it
// again, after RESTART and CLONE (manual, "RESTART Statement").
const restartCode = 16

// readyPoll is how often a starting server is asked whether it answers.
const readyPoll = 25 * time.Millisecond

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
	*daemon.Daemon

	spec  Spec
	in    *Installation
	admin Account
	extra []string

	mu      sync.Mutex
	clock   fakeClock
	ownDisk bool // its data is on a disk of its own.
}

// NewServer describes an instance that Spec.Create has made. Nothing runs yet.
func NewServer(in *Installation, admin Account, spec Spec, hooks Hooks) *Server {
	s := &Server{spec: spec, in: in, admin: admin}
	s.Daemon = daemon.New(daemon.Config{
		Name: spec.Name, Command: s.command, Output: spec.ErrorLog(),
		Launch: hooks.Launch, RestartCode: restartCode, Log: hooks.Log,
	})
	return s
}

// Spec is the instance's description.
func (s *Server) Spec() Spec { return s.spec }

// With gives further flags to the next start, which win over all others.
func (s *Server) With(flags ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extra = flags
}

// Start launches the instance and returns when it answers on its socket. A
// server that runs already is only waited for. The error wraps ErrExited and
// quotes the end of the error log when mysqld gave up.
func (s *Server) Start(ctx context.Context) error {
	run, err := s.Daemon.Start()
	if err != nil {
		return fmt.Errorf("mysqld: %w", err)
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
		case <-run.Ended():
			return fmt.Errorf("mysqld: start %s: %w: %w: %s", s.spec.Name, ErrExited, run.Err(), s.logTail())
		case <-ticker.C:
		}
	}
	return nil
}

// command makes one run of mysqld. The variable tells it that its parent will
// start it again; without it RESTART is refused and CLONE leaves it down.
func (s *Server) command() *exec.Cmd {
	s.mu.Lock()
	defer s.mu.Unlock()
	command := s.in.ServerCommand(s.spec.defaults(), slices.Concat(s.spec.flags(), s.dataFlags(), s.extra)...)
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // the process outlives the request that starts it.
	cmd.Env = append(append(os.Environ(), "MYSQLD_PARENT_PID="+strconv.Itoa(os.Getpid())), s.clock.environment()...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// Close kills the instance if it runs; it is for cleaning up.
func (s *Server) Close() { _ = s.Kill() }

// Open answers a pool of the administrator's connections over the socket,
// which no cut of a network touches.
func (s *Server) Open() (*sql.DB, error) { return Dial(s.spec.Socket, s.admin) }

// Dial answers a pool of an account's connections over a server's socket. It
// does not connect yet; the caller closes it.
func Dial(socket string, account Account) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr = "unix", socket
	config.User, config.Passwd = account.User, account.Password
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("mysqld: connect over %s: %w", socket, err)
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
