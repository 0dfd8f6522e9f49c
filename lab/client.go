package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/regentdb/regent/lab/daemon"
)

// Client speaks to the supervisor of a lab.
type Client struct {
	layout layout
	http   *http.Client
}

// Open answers a client of the lab in a directory. The error wraps ErrNoLab
// when none runs there.
func Open(ctx context.Context, dir string) (*Client, error) {
	where, err := openLayout(dir)
	if err != nil {
		return nil, err
	}
	c := newClient(where)
	if _, err := c.progress(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func newClient(where layout) *Client {
	return &Client{layout: where, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", where.control())
		},
	}}}
}

// Dir is the lab's directory.
func (c *Client) Dir() string { return c.layout.dir }

// Status describes the lab as it is now.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return ask[Status](ctx, c, http.MethodGet, "/status", nil)
}

// Access answers how to call the nodes' APIs.
func (c *Client) Access(ctx context.Context) (Access, error) {
	return ask[Access](ctx, c, http.MethodGet, "/access", nil)
}

// Measure measures the round trips between the regions.
func (c *Client) Measure(ctx context.Context) ([]Way, error) {
	return ask[[]Way](ctx, c, http.MethodGet, "/ways", nil)
}

// Cut drops packets, as Lab.Cut does.
func (c *Client) Cut(ctx context.Context, request CutRequest) error {
	return c.do(ctx, "/cut", request)
}

// Heal takes cuts back, as Lab.Heal does, and answers how many there were.
func (c *Client) Heal(ctx context.Context, request CutRequest) (int, error) {
	return ask[int](ctx, c, http.MethodPost, "/heal", request)
}

// Delay sets the delay between two regions or at a member, as Lab.Delay does.
func (c *Client) Delay(ctx context.Context, request LinkRequest) error {
	return c.do(ctx, "/delay", request)
}

// Loss sets the loss between two regions or at a member, as Lab.Loss does.
func (c *Client) Loss(ctx context.Context, request LinkRequest) error {
	return c.do(ctx, "/loss", request)
}

// Kill ends a server or node with SIGKILL.
func (c *Client) Kill(ctx context.Context, name string) error {
	return c.do(ctx, "/kill", target{Name: name})
}

// Stop asks a server or node to end, as Lab.Stop does.
func (c *Client) Stop(ctx context.Context, name string) error {
	return c.do(ctx, "/stop", target{Name: name})
}

// Trap starts a node again with a trap, as Lab.Trap does.
func (c *Client) Trap(ctx context.Context, request TrapRequest) error {
	return c.do(ctx, "/trap", request)
}

// Clock sets a server's clock off, as Lab.Clock does.
func (c *Client) Clock(ctx context.Context, request ClockRequest) error {
	return c.do(ctx, "/clock", request)
}

// Disk says where a server keeps its data and how much room it has there, as Lab.Disk does.
func (c *Client) Disk(ctx context.Context, request DiskRequest) error {
	return c.do(ctx, "/disk", request)
}

// Log is the path of the log of a server or node.
func (c *Client) Log(name string) string { return c.layout.log(name) }

// Pause stops a server or node with SIGSTOP.
func (c *Client) Pause(ctx context.Context, name string) error {
	return c.do(ctx, "/pause", target{Name: name})
}

// Resume lets a paused server or node go on.
func (c *Client) Resume(ctx context.Context, name string) error {
	return c.do(ctx, "/resume", target{Name: name})
}

// Start starts a server or node that is down, as Lab.Start does.
func (c *Client) Start(ctx context.Context, name string) error {
	return c.do(ctx, "/start", target{Name: name})
}

func (c *Client) progress(ctx context.Context) (progress, error) {
	return ask[progress](ctx, c, http.MethodGet, "/progress", nil)
}

func (c *Client) do(ctx context.Context, path string, request any) error {
	_, err := ask[any](ctx, c, http.MethodPost, path, request)
	return err
}

// ask sends one request to the supervisor.
func ask[A any](ctx context.Context, c *Client, method, path string, request any) (A, error) {
	var answer A
	body, err := json.Marshal(request)
	if err != nil {
		return answer, fmt.Errorf("lab: %s: %w", path, err)
	}
	call, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, bytes.NewReader(body))
	if err != nil {
		return answer, fmt.Errorf("lab: %s: %w", path, err)
	}
	response, err := c.http.Do(call)
	if err != nil {
		return answer, c.unreachable(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		var f failure
		if err := json.NewDecoder(response.Body).Decode(&f); err != nil {
			return answer, fmt.Errorf("lab: %s: %s", path, response.Status)
		}
		return answer, f.err()
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return answer, fmt.Errorf("lab: %s: %w", path, err)
	}
	return answer, nil
}

// unreachable tells a lab that is not there from other failures.
func (c *Client) unreachable(err error) error {
	var call *net.OpError
	if errors.As(err, &call) && call.Op == "dial" {
		return fmt.Errorf("lab: %s: %w; make one with `regent lab up --dir %s`", c.layout.dir, ErrNoLab, c.layout.dir)
	}
	return fmt.Errorf("lab: %s: %w", c.layout.dir, err)
}

// err turns a failure back into an error that wraps what it wrapped.
func (f failure) err() error {
	switch f.Code {
	case codeUnknown:
		return relayed{message: f.Message, cause: ErrUnknown}
	case codeDown:
		return relayed{message: f.Message, cause: daemon.ErrDown}
	default:
		return errors.New(f.Message)
	}
}

// relayed is an error of the supervisor's, whose text names its cause already.
type relayed struct {
	message string
	cause   error
}

func (r relayed) Error() string { return r.message }
func (r relayed) Unwrap() error { return r.cause }

// Command is a command to be run inside a region.
type Command struct {
	Region string
	Argv   []string
	// The standard streams; the command gets these very files.
	Stdin, Stdout, Stderr *os.File
}

// Exec runs a command inside a region's network, in the caller's directory and
// environment, and answers its exit code, 128 and the signal's number if a
// signal ended it. When ctx ends the command gets SIGTERM, and is waited for.
// The error wraps ErrUnknown for a region that the lab does not have.
func (c *Client) Exec(ctx context.Context, command Command) (int, error) {
	dir, err := os.Getwd()
	if err != nil {
		return 0, fmt.Errorf("lab: exec: %w", err)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.layout.exec())
	if err != nil {
		return 0, c.unreachable(err)
	}
	defer func() { _ = conn.Close() }()
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("lab: exec: unexpected connection %T", conn)
	}
	if err := sendStreams(unix, [3]*os.File{command.Stdin, command.Stdout, command.Stderr}); err != nil {
		return 0, err
	}
	messages := json.NewEncoder(conn)
	request := execRequest{Region: command.Region, Argv: command.Argv, Dir: dir, Env: os.Environ()}
	if err := messages.Encode(request); err != nil {
		return 0, fmt.Errorf("lab: exec: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = messages.Encode(execSignal{Signal: 15}) })
	defer stop()
	var result execResult
	if err := json.NewDecoder(conn).Decode(&result); err != nil {
		return 0, fmt.Errorf("lab: exec: the supervisor ended: %w", err)
	}
	if result.Failure != nil {
		return 0, result.Failure.err()
	}
	return result.ExitCode, nil
}
