package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// ErrDown says that the daemon has no process; start it first.
var ErrDown = errors.New("the process is down")

// State of a daemon's process.
type State string

// The states of a daemon.
const (
	Down    State = "down"
	Running State = "running"
	Paused  State = "paused"
)

// Config describes a daemon.
type Config struct {
	// Name is for people and logs.
	Name string
	// Command makes the command of one run. It must not be bound to a context:
	// the process outlives the request that starts it.
	Command func() *exec.Cmd
	// Output is the file to which the process's output is appended.
	Output string
	// Launch starts the command; the process must be a child of this one. Nil
	// starts it where the caller is.
	Launch func(*exec.Cmd) error
	// RestartCode is the exit code by which the process asks to be started
	// again; 0 means that none does.
	RestartCode int
	// Log receives starts and ends; nil discards them.
	Log *slog.Logger
}

// Daemon is a process under supervision. Its methods may be called concurrently.
type Daemon struct {
	config Config

	mu  sync.Mutex
	run *Run
}

// Run is one life of a daemon, over any number of restarts that the process
// asked for.
type Run struct {
	cmd    *exec.Cmd
	ending bool
	paused bool
	ended  chan struct{}
	err    error
}

// Ended is closed when the life is over.
func (r *Run) Ended() <-chan struct{} { return r.ended }

// Err says how the process ended; it may be asked once Ended is closed.
func (r *Run) Err() error { return r.err }

// New describes a daemon. Nothing runs yet.
func New(config Config) *Daemon {
	if config.Launch == nil {
		config.Launch = (*exec.Cmd).Start
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Daemon{config: config}
}

// Start launches the process, or answers the life that is under way.
func (d *Daemon) Start() (*Run, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.run != nil {
		return d.run, nil
	}
	cmd, err := d.launch()
	if err != nil {
		return nil, err
	}
	d.run = &Run{cmd: cmd, ended: make(chan struct{})}
	go d.supervise(d.run)
	return d.run, nil
}

// launch starts the process once.
func (d *Daemon) launch() (*exec.Cmd, error) {
	output, err := os.OpenFile(d.config.Output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("daemon: start %s: %w", d.config.Name, err)
	}
	defer func() { _ = output.Close() }()
	cmd := d.config.Command()
	cmd.Stdout, cmd.Stderr = output, output
	if err := d.config.Launch(cmd); err != nil {
		return nil, fmt.Errorf("daemon: start %s: %w", d.config.Name, err)
	}
	d.config.Log.Info("process started", "name", d.config.Name, "pid", cmd.Process.Pid)
	return cmd, nil
}

// supervise waits for the process and starts it again for as long as it asks.
// It ends with the process, for which End and Kill wait.
func (d *Daemon) supervise(r *Run) {
	defer close(r.ended)
	for d.again(r, r.cmd.Wait()) {
	}
}

// again records the end of a process and reports whether it runs again.
func (d *Daemon) again(r *Run, err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	var exit *exec.ExitError
	asked := errors.As(err, &exit) && d.config.RestartCode != 0 && exit.ExitCode() == d.config.RestartCode
	if asked && !r.ending {
		var cmd *exec.Cmd
		if cmd, err = d.launch(); err == nil {
			r.cmd = cmd
			return true
		}
	}
	d.config.Log.Info("process ended", "name", d.config.Name, "on_request", r.ending, "result", fmt.Sprint(err))
	r.err = err
	d.run = nil
	return false
}

// Kill ends the process with SIGKILL and returns when it is gone. Killing a
// daemon that is down does nothing.
func (d *Daemon) Kill() error { return d.end(context.Background(), syscall.SIGKILL) }

// Stop asks the process to end and waits until it has, or ctx ends.
func (d *Daemon) Stop(ctx context.Context) error { return d.end(ctx, syscall.SIGTERM) }

func (d *Daemon) end(ctx context.Context, signal syscall.Signal) error {
	d.mu.Lock()
	r := d.run
	if r == nil {
		d.mu.Unlock()
		return nil
	}
	r.ending = true
	err := r.cmd.Process.Signal(signal)
	d.mu.Unlock()
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("daemon: end %s: %w", d.config.Name, err)
	}
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("daemon: end %s: %w", d.config.Name, context.Cause(ctx))
	}
}

// Pause stops the process with SIGSTOP: a hung host, whose kernel still
// accepts connections. The error wraps ErrDown when there is no process.
func (d *Daemon) Pause() error { return d.signal(syscall.SIGSTOP, true) }

// Resume lets a paused process go on.
func (d *Daemon) Resume() error { return d.signal(syscall.SIGCONT, false) }

func (d *Daemon) signal(signal syscall.Signal, paused bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.run == nil {
		return fmt.Errorf("daemon: %s: %w", d.config.Name, ErrDown)
	}
	if err := d.run.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("daemon: signal %s: %w", d.config.Name, err)
	}
	d.run.paused = paused
	return nil
}

// Status is the state of the process and its id, which is 0 when down. A process
// that stopped itself is paused too.
func (d *Daemon) Status() (State, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.run == nil:
		return Down, 0
	case d.run.paused, stopped(d.run.cmd.Process.Pid):
		return Paused, d.run.cmd.Process.Pid
	default:
		return Running, d.run.cmd.Process.Pid
	}
}

// stopped tells whether a process is stopped by a signal, as proc_pid_stat(5)
// has it: the state follows the name, which stands in parentheses.
func stopped(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	return bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T"))
}
