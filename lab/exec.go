package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// execRequest asks for a command inside a region. Its standard streams come
// before it as file descriptors, so that the command reads and writes them
// itself.
type execRequest struct {
	Region string   `json:"region"`
	Argv   []string `json:"argv"`
	Dir    string   `json:"dir"`
	Env    []string `json:"env"`
}

// execSignal asks for a signal to the command.
type execSignal struct {
	Signal int `json:"signal"`
}

// execResult is how a command ended.
type execResult struct {
	ExitCode int      `json:"exit_code"`
	Failure  *failure `json:"failure,omitempty"` // it could not be started.
}

// serveExecs runs commands until the listener is closed, and then waits for
// those that are under way.
func (s *supervisor) serveExecs(ctx context.Context, listener *net.UnixListener) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			return ignoreClosed(err)
		}
		running.Go(func() {
			defer func() { _ = conn.Close() }()
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			s.serveExec(conn)
		})
	}
}

func (s *supervisor) serveExec(conn *net.UnixConn) {
	code, err := s.exec(conn)
	result := execResult{ExitCode: code}
	if err != nil {
		result.Failure = &failure{Code: codeOther, Message: err.Error()}
		if errors.Is(err, ErrUnknown) {
			result.Failure.Code = codeUnknown
		}
	}
	// A client that is gone needs no answer.
	_ = json.NewEncoder(conn).Encode(result)
}

// exec runs one command to its end and answers its exit code. When the client
// goes away the command is killed.
func (s *supervisor) exec(conn *net.UnixConn) (int, error) {
	streams, err := receiveStreams(conn)
	if err != nil {
		return 0, err
	}
	defer closeAll(streams)
	messages := json.NewDecoder(conn)
	var request execRequest
	if err := messages.Decode(&request); err != nil || len(request.Argv) == 0 {
		return 0, errors.New("lab: a command is missing")
	}
	lab, err := s.up()
	if err != nil {
		return 0, err
	}
	if err := lab.region(request.Region); err != nil {
		return 0, err
	}
	cmd := exec.Command(request.Argv[0], request.Argv[1:]...) //nolint:noctx // the client's connection bounds it, below.
	cmd.Dir, cmd.Env = request.Dir, request.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = streams[0], streams[1], streams[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := lab.launcher(clientHost(request.Region))(cmd); err != nil {
		return 0, fmt.Errorf("lab: run %s in %s: %w", request.Argv[0], request.Region, err)
	}
	var ended atomic.Bool
	var forwarding sync.WaitGroup
	forwarding.Go(func() { forwardSignals(messages, cmd.Process.Pid, &ended) })
	err = cmd.Wait()
	ended.Store(true)
	// What the client has to say no longer matters; the forwarding ends with it.
	_ = conn.CloseRead()
	forwarding.Wait()
	return exitCode(err)
}

// forwardSignals passes the client's signals on to the command's process
// group, and kills it when the client goes away before the command has ended.
// It ends with the reading side of the connection, which the caller closes.
func forwardSignals(messages *json.Decoder, group int, ended *atomic.Bool) {
	for {
		message := execSignal{Signal: int(syscall.SIGKILL)}
		err := messages.Decode(&message)
		if !ended.Load() {
			_ = syscall.Kill(-group, syscall.Signal(message.Signal))
		}
		if err != nil {
			return
		}
	}
}

// exitCode is a command's exit code as a shell gives it.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// sendStreams passes three open files over a connection, with one byte, since
// rights do not travel alone (unix(7), SCM_RIGHTS).
func sendStreams(conn *net.UnixConn, streams [3]*os.File) error {
	rights := unix.UnixRights(int(streams[0].Fd()), int(streams[1].Fd()), int(streams[2].Fd()))
	if _, _, err := conn.WriteMsgUnix([]byte{0}, rights, nil); err != nil {
		return fmt.Errorf("lab: pass the standard streams: %w", err)
	}
	return nil
}

// receiveStreams takes in what sendStreams passed.
func receiveStreams(conn *net.UnixConn) ([]*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(3*4))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return nil, fmt.Errorf("lab: standard streams: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil, fmt.Errorf("lab: standard streams: %w", err)
	}
	var files []*os.File
	for _, message := range messages {
		descriptors, err := unix.ParseUnixRights(&message)
		if err != nil {
			closeAll(files)
			return nil, fmt.Errorf("lab: standard streams: %w", err)
		}
		for _, descriptor := range descriptors {
			unix.CloseOnExec(descriptor)
			files = append(files, os.NewFile(uintptr(descriptor), "stream"))
		}
	}
	if len(files) != 3 {
		closeAll(files)
		return nil, fmt.Errorf("lab: %d standard streams instead of 3: %w", len(files), io.ErrUnexpectedEOF)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, file := range files {
		_ = file.Close()
	}
}
